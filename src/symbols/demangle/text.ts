/** Bounds that all demanglers share. A mangled name can repeat parts of itself, so a short one can mean a huge text. */

/** Characters of a demangled name; beyond, the mangled name is shorter than what it says. */
export const OUTPUT_MAX = 1 << 16;
/** Parts nested in one another. */
export const DEPTH_MAX = 192;
/** Parts read in all, repeated ones counted each time. */
export const STEPS_MAX = 100_000;

/** Thrown inside a demangler when the name does not follow the grammar; the caller then shows the mangled name. */
export class NotMangled extends Error {
  override readonly name = 'NotMangled';
}

/** A cursor over a mangled name with the shared bounds. */
export class MangledReader {
  position = 0;
  #steps = 0;
  #depth = 0;

  constructor(readonly text: string) {}

  get atEnd(): boolean {
    return this.position >= this.text.length;
  }

  /** The next character without taking it; empty at the end. */
  peek(ahead = 0): string {
    return this.text.charAt(this.position + ahead);
  }

  next(): string {
    const character = this.text.charAt(this.position);
    if (character === '') this.fail();
    this.position += 1;
    return character;
  }

  /** Takes `wanted` if it stands here. */
  eat(wanted: string): boolean {
    if (!this.text.startsWith(wanted, this.position)) return false;
    this.position += wanted.length;
    return true;
  }

  expect(wanted: string): void {
    if (!this.eat(wanted)) this.fail();
  }

  fail(): never {
    throw new NotMangled();
  }

  /** A decimal number; fails when there is none or it is beyond any name. */
  decimal(): number {
    const start = this.position;
    let value = 0;
    for (let digit = this.peek(); digit >= '0' && digit <= '9'; digit = this.peek()) {
      value = value * 10 + Number(digit);
      this.position += 1;
      if (value > 1e9) this.fail();
    }
    if (this.position === start) this.fail();
    return value;
  }

  take(length: number): string {
    const end = this.position + length;
    if (end > this.text.length) this.fail();
    const part = this.text.slice(this.position, end);
    this.position = end;
    return part;
  }

  /** Runs one nested part under the shared bounds. */
  nested<T>(part: () => T): T {
    this.#steps += 1;
    this.#depth += 1;
    if (this.#steps > STEPS_MAX || this.#depth > DEPTH_MAX) this.fail();
    try {
      return part();
    } finally {
      this.#depth -= 1;
    }
  }

  /** Passes text on, unless it has grown beyond what anyone could read. */
  bounded(text: string): string {
    if (text.length > OUTPUT_MAX) this.fail();
    return text;
  }
}
