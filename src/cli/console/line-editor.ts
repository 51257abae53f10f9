/** The monitor's input line: what is typed is echoed, and taken at Enter. */

const BACKSPACES = [0x08, 0x7f];
const CTRL_C = 0x03;
const CTRL_U = 0x15;
/** A longer line is nobody's command. */
const LINE_MAX = 4096;

export class LineEditor {
  readonly #echo: (text: string) => void;
  #line = '';
  #afterReturn = false;

  constructor(echo: (text: string) => void) {
    this.#echo = echo;
  }

  /** Returns the lines that are complete now. */
  read(bytes: Uint8Array): string[] {
    const lines: string[] = [];
    for (const byte of bytes) {
      const lineFeedOfPair = byte === 0x0a && this.#afterReturn;
      this.#afterReturn = byte === 0x0d;
      if (lineFeedOfPair) continue;
      if (byte === 0x0a || byte === 0x0d) {
        this.#echo('\n');
        lines.push(this.#line);
        this.#line = '';
      } else this.#edit(byte);
    }
    return lines;
  }

  #edit(byte: number): void {
    if (BACKSPACES.includes(byte)) this.#erase(1);
    else if (byte === CTRL_C || byte === CTRL_U) this.#erase(this.#line.length);
    else if (byte >= 0x20 && byte < 0x7f && this.#line.length < LINE_MAX) {
      this.#line += String.fromCharCode(byte);
      this.#echo(String.fromCharCode(byte));
    }
  }

  #erase(count: number): void {
    const letters = Math.min(count, this.#line.length);
    this.#line = this.#line.slice(0, this.#line.length - letters);
    this.#echo('\b \b'.repeat(letters));
  }
}
