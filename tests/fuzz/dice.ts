/** Seeded chance and digests for the machine's fuzz tests: nothing here knows the clock or `Math.random`. */

/** `FUZZ_SEED=n` repeats a run; the tests' names and failures say n. */
export const SEED = Number(process.env.FUZZ_SEED ?? 20241028);

/** `FUZZ_STEPS=n` lengthens or shortens a run. */
export function steps(usual: number): number {
  return Number(process.env.FUZZ_STEPS ?? usual);
}

/** xorshift32. */
export class Dice {
  #state: number;

  constructor(seed: number) {
    // Seeds that differ by one must not begin alike.
    this.#state = (Math.imul(seed, 0x9e37_79b1) ^ 0x85eb_ca6b) >>> 0 || 1;
  }

  next(): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x >>> 0;
    return this.#state;
  }

  /** 0 to `limit` - 1. */
  below(limit: number): number {
    return this.next() % limit;
  }

  chance(one: number): boolean {
    return this.below(one) === 0;
  }

  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)]!;
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.next() >>> 24);
  }
}

/** FNV-1a. */
export class Digest {
  value = 0x811c_9dc5;
  count = 0;

  add(text: string): void {
    this.count += 1;
    for (let index = 0; index < text.length; index += 1) {
      this.value = Math.imul(this.value ^ text.charCodeAt(index), 0x0100_0193) >>> 0;
    }
  }

  /** By 32-bit words: whole memories go through here. */
  addBytes(bytes: Uint8Array): void {
    const words = bytes.byteOffset % 4 === 0 ? bytes.length >>> 2 : 0;
    let { value } = this;
    for (const word of new Uint32Array(bytes.buffer, words === 0 ? 0 : bytes.byteOffset, words)) {
      value = Math.imul(value ^ word, 0x0100_0193);
      value ^= value >>> 15;
    }
    for (let index = 4 * words; index < bytes.length; index += 1) {
      value = Math.imul(value ^ bytes[index]!, 0x0100_0193);
    }
    this.value = value >>> 0;
  }
}

/** A failure that says how to see it again. */
export class FuzzFailure extends Error {
  override readonly name = 'FuzzFailure';

  constructor(seed: number, what: string, cause: unknown) {
    super(`FUZZ_SEED=${seed}: ${what}: ${cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)}`, {
      cause,
    });
  }
}
