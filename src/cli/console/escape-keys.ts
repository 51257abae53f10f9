/** The keys that talk to us and not to the guest: QEMU's Ctrl-A prefix (chardev/char-mux.c of 7.2), or Ctrl-C alone. */

const CTRL_A = 0x01;
const CTRL_C = 0x03;

/**
 * `prefix`: Ctrl-A x, c, h and so on, and Ctrl-C is the guest's. `prefix-and-interrupt`: Ctrl-C ends the run too.
 * `interrupt`: Ctrl-A is the guest's.
 */
export type KeyMode = 'prefix' | 'prefix-and-interrupt' | 'interrupt';

export type KeyAction =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  /** Ctrl-A x. */
  | { readonly kind: 'quit' }
  | { readonly kind: 'interrupt' }
  /** Ctrl-A c: to the monitor, or back. */
  | { readonly kind: 'switch' }
  | { readonly kind: 'help' };

/** Ctrl-A h prints it. */
export const ESCAPE_HELP = `
C-a h    print this help
C-a x    end the run
C-a c    switch between console and monitor
C-a C-a  sends C-a
`;

/** Takes the keys apart. Remembers a prefix until the next byte comes. */
export class EscapeKeys {
  readonly #mode: KeyMode;
  #prefixed = false;

  constructor(mode: KeyMode) {
    this.#mode = mode;
  }

  read(bytes: Uint8Array): KeyAction[] {
    const actions: KeyAction[] = [];
    let plain: number[] = [];
    const act = (action: KeyAction): void => {
      if (plain.length > 0) actions.push({ kind: 'bytes', bytes: Uint8Array.from(plain) });
      plain = [];
      actions.push(action);
    };
    for (const byte of bytes) {
      if (this.#prefixed) {
        this.#prefixed = false;
        const action = afterPrefix(byte);
        if (action !== undefined) act(action);
        else if (byte === CTRL_A) plain.push(byte);
      } else if (byte === CTRL_A && this.#mode !== 'interrupt') this.#prefixed = true;
      else if (byte === CTRL_C && this.#mode !== 'prefix') act({ kind: 'interrupt' });
      else plain.push(byte);
    }
    if (plain.length > 0) actions.push({ kind: 'bytes', bytes: Uint8Array.from(plain) });
    return actions;
  }
}

/** Any other key after the prefix does nothing, as on QEMU. */
function afterPrefix(byte: number): KeyAction | undefined {
  switch (String.fromCharCode(byte)) {
    case 'x':
      return { kind: 'quit' };
    case 'c':
      return { kind: 'switch' };
    case 'h':
    case '?':
      return { kind: 'help' };
    default:
      return undefined;
  }
}
