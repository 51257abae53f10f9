/** QEMU's log, in whatever pieces it comes, as a sequence of register dumps and of the exceptions between them. */
import { RegisterDump } from './register-dump.ts';

/** One line of `-d int`: an exception or interrupt that QEMU delivers in protected or long mode. */
export interface Delivery {
  readonly vector: number;
  readonly error: number;
  /** INT n, INT3, INTO. */
  readonly software: boolean;
}

export interface StreamListener {
  /** The registers before an instruction. */
  dump(dump: RegisterDump): void;
  delivery(delivery: Delivery): void;
}

const LINE_END = 0x0a;
const LETTER_E = 0x45;
const LETTER_R = 0x52;
const LETTER_X = 0x58;

export class DumpStream {
  readonly #listener: StreamListener;
  /** What has come and is not used up: complete lines of a dump, and perhaps a piece of one. */
  #bytes: Buffer = Buffer.alloc(0);
  /** Where the next line begins. */
  #line = 0;
  /** Where the dump begins that is being read; -1: none. */
  #start = -1;
  /** The registers that follow a delivery are printed in the middle of it. */
  #afterDelivery = false;
  #lastVector = '';

  constructor(listener: StreamListener) {
    this.#listener = listener;
  }

  feed(piece: Buffer): void {
    this.#bytes = this.#bytes.length === 0 ? piece : Buffer.concat([this.#bytes, piece]);
    for (;;) {
      const end = this.#bytes.indexOf(LINE_END, this.#line);
      if (end < 0) break;
      const line = this.#line;
      this.#line = end + 1;
      this.#take(line, end);
    }
    const used = this.#start < 0 ? this.#line : this.#start;
    if (used > 0) {
      this.#bytes = this.#bytes.subarray(used);
      this.#line -= used;
      if (this.#start >= 0) this.#start = 0;
    }
  }

  #take(line: number, end: number): void {
    const bytes = this.#bytes;
    const first = bytes[line]!;
    if ((first === LETTER_E || first === LETTER_R) && bytes.toString('latin1', line + 1, line + 4) === 'AX=') {
      this.#start = line;
      this.#lastVector = first === LETTER_R ? 'XMM14' : 'XMM06';
    } else if (first === LETTER_X && this.#start >= 0) {
      if (bytes.toString('latin1', line, line + 5) !== this.#lastVector) return;
      const dump = new RegisterDump(bytes.subarray(this.#start, end + 1));
      this.#start = -1;
      this.#listener.dump(dump);
    } else if (first === LETTER_E && this.#afterDelivery && bytes.toString('latin1', line, line + 5) === 'EFER=') {
      this.#start = -1;
      this.#afterDelivery = false;
    } else if (first === 0x20) this.#delivery(bytes.toString('latin1', line, end));
  }

  #delivery(line: string): void {
    const found = /^ *\d+: v=(\w+) e=(\w+) i=(\d)/.exec(line);
    if (found === null) return;
    this.#afterDelivery = true;
    const [, vector, error, software] = found;
    this.#listener.delivery({
      vector: Number.parseInt(vector!, 16),
      error: Number.parseInt(error!, 16),
      software: software === '1',
    });
  }
}
