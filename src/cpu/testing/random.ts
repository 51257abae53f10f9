/** Seeded values for single-instruction tests: the same seed gives the same ones, for ever. */

/** Values at which integer instructions change their minds. */
const EDGES = [
  0n,
  1n,
  0x7fn,
  0x80n,
  0xffn,
  0x7fffn,
  0x8000n,
  0xffffn,
  0x7fff_ffffn,
  0x8000_0000n,
  0xffff_ffffn,
  0x1_0000_0000n,
  0x7fff_ffff_ffff_ffffn,
  0x8000_0000_0000_0000n,
  0xffff_ffff_ffff_fffen,
  0xffff_ffff_ffff_ffffn,
] as const;
const FLOATS = [0, -0, 1, -1, 0.5, 1.5, 2.5, -2.5, 3, 1e10, 1e20, 2 ** 31, -(2 ** 31) - 1, 2 ** 63, 123.456];
const ODD_FLOATS = [
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  Number.NaN,
  1e-310,
  1e-40,
  3.4e38,
  1e308,
  5e-324,
];

/** xorshift32: small, and fixed by its seed alone. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = (Math.imul(seed, 0x9e37_79b1) ^ 0x5bd1_e995) >>> 0 || 1;
  }

  next(): number {
    let state = this.#state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#state = state >>> 0;
    return this.#state;
  }

  below(limit: number): number {
    return this.next() % limit;
  }

  integer(): bigint {
    const full = (BigInt(this.next()) << 32n) | BigInt(this.next());
    const kind = this.below(8);
    if (kind < 3) return EDGES[this.below(EDGES.length)]!;
    if (kind === 3) return full & 0x7fn;
    return kind === 4 ? full >> BigInt(this.below(64)) : full;
  }

  /** 64 bits that mean something as a double or as two floats. */
  floating(): bigint {
    const view = new DataView(new ArrayBuffer(8));
    const pick = () => {
      const list = this.below(3) === 0 ? ODD_FLOATS : FLOATS;
      return list[this.below(list.length)]!;
    };
    switch (this.below(4)) {
      case 0:
        view.setFloat64(0, pick(), true);
        break;
      case 1:
        view.setFloat32(0, pick(), true);
        view.setFloat32(4, pick(), true);
        break;
      case 2:
        view.setFloat64(0, (this.below(4001) - 2000) / 7, true);
        break;
      default:
        return this.integer();
    }
    return view.getBigUint64(0, true);
  }
}
