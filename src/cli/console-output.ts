/** The guest's bytes on their way out: collected a slice, written at once. */
import type { OutputFile, OutputStream } from './host.ts';

/** Bytes held back at most; a guest that floods its serial port is written out in between. */
const BUFFER_BYTES = 64 * 1024;

export class ConsoleOutput {
  readonly #target: Pick<OutputStream | OutputFile, 'write'>;
  readonly #buffer = new Uint8Array(BUFFER_BYTES);
  #length = 0;

  constructor(
    target: Pick<OutputStream | OutputFile, 'write'>,
    readonly before?: (byte: number) => void,
  ) {
    this.#target = target;
  }

  readonly put = (byte: number): void => {
    if (this.#length === BUFFER_BYTES) this.flush();
    this.#buffer[this.#length] = byte;
    this.#length += 1;
  };

  flush(): void {
    if (this.#length === 0) return;
    const bytes = this.#buffer.slice(0, this.#length);
    this.#length = 0;
    this.before?.(bytes[bytes.length - 1]!);
    this.#target.write(bytes);
  }
}
