/** x87 and MMX state for single-instruction tests, and the FXSAVE image in which the native runner takes it. */

/** What the generator of states draws from. */
interface Source {
  next(): number;
  below(limit: number): number;
  integer(): bigint;
  floating(): bigint;
}

export interface X87State {
  readonly control: number;
  readonly status: number;
  /** Abridged: a bit per physical register, set when it is not empty. */
  readonly tags: number;
  /** ST0-ST7, two 64-bit words each: significand; sign and exponent in the low 16 bits. */
  readonly registers: readonly bigint[];
}

/** As FNINIT leaves it. */
export const X87_PLAIN: X87State = {
  control: 0x37f,
  status: 0,
  tags: 0,
  registers: Array.from({ length: 16 }, () => 0n),
};

const INTEGER_BIT = 1n << 63n;
const ALL = 0xffff_ffff_ffff_ffffn;
/** Sign-less exponent and significand of values at which instructions change their minds. */
const EDGES: readonly (readonly [number, bigint])[] = [
  [0, 0n],
  [0x3fff, INTEGER_BIT],
  // 1 and its neighbours, 1.5, 2, 0.5, 3, 2.5
  [0x3fff, INTEGER_BIT + 1n],
  [0x3ffe, ALL],
  [0x3fff, 3n << 62n],
  [0x4000, INTEGER_BIT],
  [0x3ffe, INTEGER_BIT],
  [0x4000, 3n << 62n],
  [0x4000, 5n << 61n],
  // Infinity, quiet and signalling NaNs, indefinite.
  [0x7fff, INTEGER_BIT],
  [0x7fff, 3n << 62n],
  [0x7fff, 0xc123_4567_89ab_cdefn],
  [0x7fff, 0xffff_0000_0000_0001n],
  [0x7fff, 0x8000_0000_0000_0001n],
  [0x7fff, 0xbfff_ffff_ffff_ffffn],
  // Pseudo-infinity, pseudo-NaNs, unnormals, pseudo-denormal.
  [0x7fff, 0n],
  [0x7fff, 0x4000_0000_0000_0000n],
  [0x3fff, 0x7fff_ffff_ffff_ffffn],
  [1, 0n],
  [0, INTEGER_BIT],
  [0, ALL],
  // Denormals, smallest and largest normal.
  [0, 1n],
  [0, 0x7fff_ffff_ffff_ffffn],
  [0, 0x0000_0001_0000_0000n],
  [1, INTEGER_BIT],
  [0x7ffe, ALL],
  [0x7ffe, INTEGER_BIT],
  // 2^15, 2^31, 2^63 and what rounds to them; 10^18 and its predecessor.
  [0x400e, INTEGER_BIT],
  [0x400d, ALL],
  [0x400d, 0xfffe_ffff_ffff_ffffn],
  [0x400d, 0xffff_0000_0000_0000n],
  [0x401e, INTEGER_BIT],
  [0x401d, 0xffff_ffff_0000_0000n],
  [0x403e, INTEGER_BIT],
  [0x403d, ALL],
  [0x403d, 0xffff_ffff_ffff_fffen],
  [0x403a, 0xde0b_6b3a_7640_0000n],
  [0x403a, 0xde0b_6b3a_763f_fff0n],
  [0x403a, 0xde0b_6b3a_763f_fff8n],
  // Limits of double and float, and just beyond.
  [0x43fe, 0xffff_ffff_ffff_f800n],
  [0x43fe, 0xffff_ffff_ffff_fc00n],
  [0x407e, 0xffff_ff00_0000_0000n],
  [0x407e, 0xffff_ff80_0000_0000n],
  [0x3c01, INTEGER_BIT],
  [0x3c00, ALL],
  [0x3bcc, INTEGER_BIT],
  [0x3bcb, INTEGER_BIT],
  [0x3f81, INTEGER_BIT],
  [0x3f80, ALL],
  [0x3f69, INTEGER_BIT],
  // pi, pi/2, pi/4, 1 - sqrt(2)/2, ln 2.
  [0x4000, 0xc90f_daa2_2168_c235n],
  [0x3fff, 0xc90f_daa2_2168_c235n],
  [0x3ffe, 0xc90f_daa2_2168_c234n],
  [0x3ffd, 0x95f6_1998_0c43_36f7n],
  [0x3ffe, 0xb172_17f7_d1cf_79acn],
];

/** Significand and 16 bits of sign and exponent. */
export function extended(random: Source): readonly [bigint, bigint] {
  const full = (BigInt(random.next()) << 32n) | BigInt(random.next());
  const sign = random.below(2) * 0x8000;
  const kind = random.below(8);
  if (kind < 2) {
    const [exponent, significand] = EDGES[random.below(EDGES.length)]!;
    return [significand, BigInt(exponent | sign)];
  }
  if (kind === 2) return [full | INTEGER_BIT, BigInt(random.below(0x7fff) | sign)];
  if (kind === 3)
    return [INTEGER_BIT | ((full << BigInt(random.below(64))) & ALL), BigInt((0x3fff - 4 + random.below(8)) | sign)];
  // A small integer or fraction: exact results, ties.
  if (kind === 4) {
    const small = BigInt(1 + random.below(255));
    const shift = 64 - small.toString(2).length;
    return [small << BigInt(shift), BigInt((0x403e - shift - random.below(12)) | sign)];
  }
  // Exponents near those of one another, and near integers.
  if (kind === 5) return [full | INTEGER_BIT, BigInt((0x3fff + random.below(66)) | sign)];
  return [full | INTEGER_BIT, BigInt((0x3fff - 66 + random.below(132)) | sign)];
}

/** Exceptions are masked in most states; some have one pending (ES and B follow from flags and masks). */
export function x87Of(random: Source): X87State {
  const masks = random.below(4) === 0 ? random.below(64) : 0x3f;
  const precision = [3, 3, 2, 0][random.below(4)]!;
  const control = 0x40 | masks | (precision << 8) | (random.below(4) << 10);
  let flags = random.below(3) === 0 ? random.below(64) : 0;
  if (random.below(16) !== 0) flags &= masks;
  if (random.below(8) === 0) flags |= 0x40;
  const pending = (flags & ~masks & 0x3f) !== 0 ? 0x8080 : 0;
  const status = flags | pending | (random.below(8) << 11) | (random.next() & 0x4700);
  const tags = random.below(4) === 0 ? random.below(256) : 0xff;
  const registers = Array.from({ length: 8 }, () => {
    if (random.below(16) === 0) return [random.floating(), 0xffffn];
    return extended(random);
  }).flat();
  return { control, status, tags, registers };
}

/** Operands from the 64-bit word `first` on: four slots of 16 bytes, each an extended real, a double, floats, integers or BCD. */
export function x87Memory(random: Source, memory: bigint[], first: number): void {
  for (let slot = 0; slot < 4; slot++) {
    const at = first + slot * 2;
    const kind = random.below(4);
    if (kind === 0) {
      [memory[at], memory[at + 1]] = extended(random) as [bigint, bigint];
    } else if (kind === 1) {
      let digits = 0n;
      for (let digit = 0; digit < 18; digit++) digits = (digits << 4n) | BigInt(random.below(10));
      memory[at] = digits & ALL;
      memory[at + 1] = (digits >> 64n) | BigInt(random.below(2) << 15);
    } else memory[at] = random.floating();
  }
}

/** The FXSAVE image (Intel SDM Vol. 1 table 10-2) with no xmm registers; 64 words. */
export function fxImage(state: X87State): bigint[] {
  const image = Array.from({ length: 64 }, () => 0n);
  image[0] = BigInt(state.control) | (BigInt(state.status) << 16n) | (BigInt(state.tags) << 32n);
  image[3] = 0x1f80n;
  for (const [index, word] of state.registers.entries()) image[4 + index] = word;
  return image;
}

/** The x87 part of an image. */
export function fromFxImage(image: readonly bigint[]): X87State {
  const head = image[0] ?? 0n;
  return {
    control: Number(head & 0xffffn),
    status: Number((head >> 16n) & 0xffffn),
    tags: Number((head >> 32n) & 0xffn),
    registers: image.slice(4, 20).map((word, index) => (index % 2 === 0 ? word : word & 0xffffn)),
  };
}
