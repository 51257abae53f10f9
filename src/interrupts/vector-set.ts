/** 256 bits, one per vector, as the IRR, ISR and TMR of a local APIC are (Intel SDM Vol. 3A 10.8.4). */
export class VectorSet {
  readonly words = new Uint32Array(8);

  has(vector: number): boolean {
    return (this.words[vector >> 5]! & (1 << (vector & 31))) !== 0;
  }

  add(vector: number): void {
    this.words[vector >> 5]! |= 1 << (vector & 31);
  }

  delete(vector: number): void {
    this.words[vector >> 5]! &= ~(1 << (vector & 31));
  }

  clear(): void {
    this.words.fill(0);
  }

  /** The highest vector in the set, or -1. */
  get highest(): number {
    for (let word = 7; word >= 0; word -= 1) {
      const bits = this.words[word]!;
      if (bits !== 0) return word * 32 + 31 - Math.clz32(bits);
    }
    return -1;
  }

  /** All vectors, ascending: what `info lapic` lists. */
  list(): number[] {
    const vectors: number[] = [];
    for (let vector = 0; vector < 256; vector += 1) if (this.has(vector)) vectors.push(vector);
    return vectors;
  }
}
