/** Stdin on its way to the guest's serial port or to the monitor (docs/adr/0007). */
import { FileProblem, type Host } from '../host.ts';
import type { Session } from '../session.ts';
import { ESCAPE_HELP, EscapeKeys, type KeyAction, type KeyMode } from './escape-keys.ts';
import { LineEditor } from './line-editor.ts';

export interface ConsoleOptions {
  /**
   * `auto`: a terminal is read, and keeps a guest that listens from being called stuck; anything else is not read.
   * `pipe-too`: as a QEMU with `-serial stdio`, a pipe or a file is read, but does not keep the guest.
   * `stdin`: whatever stdin is, it is read, and keeps the guest until it ends.
   */
  readonly input: 'auto' | 'pipe-too' | 'stdin' | 'none';
  readonly keys: KeyMode;
  /** Where the keys go first; `monitor-only` leaves the serial port without input. */
  readonly focus: 'serial' | 'monitor-only';
}

const PROMPT = '(dmascope) ';
const BANNER = "dmascope monitor - type 'help' for more information\n";

export class GuestConsole {
  readonly #host: Host;
  readonly #session: Session;
  readonly #options: ConsoleOptions;
  readonly #keys: EscapeKeys;
  readonly #editor: LineEditor;
  readonly #reading: boolean;
  #monitor: boolean;
  #greeted = false;
  /** How the person ended the run. */
  ending: 'quit' | 'interrupt' | undefined;
  /** `stop` was given: the guest stands until `cont`. */
  stopped = false;

  /** `before` is called before anything of ours is written between the guest's bytes. */
  constructor(
    host: Host,
    session: Session,
    options: ConsoleOptions,
    readonly before: () => void,
  ) {
    this.#host = host;
    this.#session = session;
    this.#options = options;
    this.#keys = new EscapeKeys(options.keys);
    this.#editor = new LineEditor((text) => host.out.write(text));
    const { kind } = host.input;
    const { input } = options;
    this.#reading = input !== 'none' && (input !== 'auto' || kind === 'terminal');
    this.#monitor = options.focus === 'monitor-only';
    if (!this.#reading) return;
    host.input.open(true);
    if (this.#monitor) this.#greet();
  }

  /** Something may still be typed for the serial port. */
  get inputOpen(): boolean {
    const { input } = this.#host;
    return this.#reading && !input.ended && (input.kind === 'terminal' || this.#options.input === 'stdin');
  }

  /** Takes what came since the last call to where it belongs, between two slices. False: nothing came. */
  deliver(): boolean {
    if (!this.#reading) return false;
    const bytes = this.#host.input.take();
    for (const action of this.#keys.read(bytes)) this.#act(action);
    return bytes.length > 0;
  }

  close(): void {
    if (this.#reading) this.#host.input.close();
  }

  #act(action: KeyAction): void {
    switch (action.kind) {
      case 'bytes':
        if (this.#monitor) for (const line of this.#editor.read(action.bytes)) this.#command(line);
        else this.#session.receive(action.bytes);
        break;
      case 'switch':
        if (this.#options.focus === 'monitor-only') break;
        this.#monitor = !this.#monitor;
        this.before();
        if (this.#monitor) this.#greet();
        else this.#host.out.write('\n');
        break;
      case 'help':
        this.before();
        this.#host.out.write(ESCAPE_HELP);
        break;
      default:
        this.ending ??= action.kind;
    }
  }

  #greet(): void {
    this.#host.out.write(`${this.#greeted ? '\n' : `\n${BANNER}`}${PROMPT}`);
    this.#greeted = true;
  }

  #command(line: string): void {
    this.before();
    const { text, request, file } = this.#session.monitor(line, this.stopped);
    this.#host.out.write(text);
    if (file !== undefined) this.#write(file);
    if (request === 'quit') this.ending ??= 'quit';
    if (request === 'stop') this.stopped = true;
    if (request === 'cont') this.stopped = false;
    if (this.ending === undefined) this.#host.out.write(PROMPT);
  }

  #write({ path, bytes }: { readonly path: string; readonly bytes: Uint8Array }): void {
    try {
      const file = this.#host.createFile(path);
      file.write(bytes);
      file.close();
    } catch (error) {
      if (!(error instanceof FileProblem)) throw error;
      this.#host.out.write(`failed to open file '${path}': ${error.reason}\n`);
    }
  }
}
