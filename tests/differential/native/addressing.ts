/** Memory operands: every form of ModRM and SIB, made to name the linear address that the case wants. */
import type { Dice } from '../../fuzz/dice.ts';
import { integer } from './base-state.ts';
import * as at from './case-layout.ts';
import { AT, type CaseView } from './case-layout.ts';
import { baseOf, localSegment } from './local-segments.ts';

/** Segment override bytes, in the order es cs ss ds fs gs. */
export const OVERRIDES = [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65] as const;

export interface Operand {
  /** mod and rm; reg is the caller's. */
  readonly modrm: number;
  /** REX.X and REX.B. */
  readonly rex: number;
  /** SIB and displacement. */
  readonly bytes: readonly number[];
  /** The displacement is relative to the end of the instruction: its last four bytes, to be written when that is known. */
  readonly ripRelative: boolean;
}

/** What the addresses of a case depend on. */
export interface Addressing {
  /** Bits of an address: 16, 32 or 64. */
  readonly size: number;
  /** Segment override, as an index of {@link OVERRIDES}; -1 for none. */
  readonly override: number;
  /** Registers that hold something else. */
  readonly taken: Set<number>;
}

/** Addresses of nothing, most of them near to an end of something: 64 KiB, 2 GiB, 4 GiB. */
const FAR_ENDS = [0xffffn, 0x1_0000n, 0x7000_0000n, 0x7fff_fffdn, 0xffff_fff8n, 0xffff_fffdn] as const;
/** Those of 64-bit code: both ends of canonical addresses, and in between. */
const LONG_FAR_ENDS = [
  0x7fff_ffff_fff8n,
  0x7fff_ffff_fffdn,
  0x8000_0000_0000n,
  0x1234_5678_9abc_def0n,
  0xffff_7fff_ffff_fffdn,
  0xffff_ffff_ffff_fffdn,
] as const;

/** Around the limit of a segment that ends, or begins, in the data. */
function limitTarget(one: CaseView, dice: Dice, override: number): bigint | undefined {
  const segment = one.is64 ? undefined : localSegment(one.segment(overridden(override, false)));
  if (segment === undefined) return undefined;
  const edge = segment.base + segment.limit;
  return edge >= at.DATA && edge < at.DATA + at.DATA_BYTES ? BigInt(edge + 4 - dice.below(24)) : undefined;
}

/** Where the operand shall lie: mostly in the window; at its ends, where pages end; now and then where nothing is. */
export function linearTarget(one: CaseView, dice: Dice, override: number): bigint {
  const limit = dice.chance(6) ? limitTarget(one, dice, override) : undefined;
  if (limit !== undefined) return limit;
  // Code segments have no data in them.
  if (override === 1 && localSegment(one.segment(0)) && dice.chance(2)) return BigInt(at.CODE + dice.below(0x1100));
  const window = BigInt(one.u32(AT.window));
  const kind = dice.below(32);
  if (kind < 12) return window + BigInt(16 * (4 + dice.below(24)));
  if (kind < 22) return window + BigInt(64 + dice.below(512));
  // The second page of a window across two; the end; the page in front.
  if (kind < 25) return (window & ~0xfffn) + 0x1000n - BigInt(dice.below(20));
  if (kind < 27) return window + BigInt(at.WINDOW_BYTES - dice.below(20));
  if (kind < 28) return window - BigInt(dice.below(20));
  if (kind === 28) return BigInt(at.READ_ONLY + dice.below(0x1000));
  if (kind === 29) return 0x6_0000n + BigInt(dice.below(0x1_0000));
  if (kind === 30) return BigInt(at.CODE + 0x100 + dice.below(64));
  return dice.pick(one.is64 ? [...FAR_ENDS, ...LONG_FAR_ENDS] : FAR_ENDS);
}

/** The segment that an operand is in, as an index of a case's segments. `stack`: SS without an override. */
function overridden(override: number, stack: boolean): number {
  return override === -1 ? (stack ? 1 : 2) : [3, 0, 1, 2, 4, 5][override]!;
}

/** Base of the segment that the operand is in. */
export function segmentBase(one: CaseView, override: number, stack: boolean): bigint {
  if (one.is64) return override === 4 ? one.u64(AT.fsBase) : override === 5 ? one.u64(AT.gsBase) : 0n;
  return BigInt(baseOf(one.segment(overridden(override, stack))));
}

function little(value: bigint, bytes: number): number[] {
  return Array.from({ length: bytes }, (_, index) => Number((value >> BigInt(index * 8)) & 0xffn));
}

/** A displacement of 0, 1 or 4 (or 2) bytes and its mod. */
function displacement(dice: Dice, wide: number): { mod: number; value: bigint; bytes: number } {
  const kind = dice.below(3);
  if (kind === 0) return { mod: 0, value: 0n, bytes: 0 };
  if (kind === 1) return { mod: 1, value: BigInt(dice.below(256) - 128), bytes: 1 };
  const value = dice.chance(4) ? BigInt.asIntN(wide * 8, integer(dice)) : BigInt(dice.below(0x4000) - 0x2000);
  return { mod: 2, value, bytes: wide };
}

const FORMS_16 = [[3, 6], [3, 7], [5, 6], [5, 7], [6], [7], [5], [3]] as const;

function operand16(one: CaseView, dice: Dice, { override, taken }: Addressing, target: bigint): Operand {
  let rm = dice.below(8);
  while (FORMS_16[rm]!.some((register) => taken.has(register))) rm = (rm + 1) % 8;
  const disp = displacement(dice, 2);
  const absolute = rm === 6 && disp.mod === 0;
  const stack = !absolute && FORMS_16[rm]![0] === 5;
  const offset = target - segmentBase(one, override, stack);
  if (absolute) return { modrm: 6, rex: 0, bytes: little(offset, 2), ripRelative: false };
  const registers = FORMS_16[rm]!;
  let rest = offset - disp.value;
  if (registers.length === 2) rest -= one.gpr(registers[1]!) & 0xffffn;
  const register = registers[0]!;
  one.setGpr(register, (one.gpr(register) & 0xffff_0000n) | (rest & 0xffffn));
  return { modrm: (disp.mod << 6) | rm, rex: 0, bytes: little(disp.value, disp.bytes), ripRelative: false };
}

function free(dice: Dice, one: CaseView, taken: ReadonlySet<number>, not: number): number {
  for (;;) {
    const register = dice.below(one.is64 ? 16 : 8);
    if (!taken.has(register) && register !== not) return register;
  }
}

/** ModRM, SIB and displacement for an operand at `target`; sets the registers that it is made of. */
export function memoryOperand(one: CaseView, dice: Dice, how: Addressing, target: bigint): Operand {
  if (how.size === 16) return operand16(one, dice, how, target);
  const mask = how.size === 64 ? 0xffff_ffff_ffff_ffffn : 0xffff_ffffn;
  const plain = target - segmentBase(one, how.override, false);
  const near = plain >= 0n && plain < 0x7fff_0000n;
  const kind = dice.below(8);
  if (kind === 0 && near && one.is64) {
    return { modrm: 5, rex: 0, bytes: little(plain, 4), ripRelative: true };
  }
  const index = dice.chance(2) ? free(dice, one, how.taken, 4) : -1;
  const scale = dice.below(4);
  if (index >= 0 && dice.chance(2))
    one.setGpr(index, BigInt(dice.below(256) - 128) & (one.is64 ? 0xffff_ffff_ffff_ffffn : mask));
  const scaled = index < 0 ? 0n : (one.gpr(index) & mask) << BigInt(scale);
  if (kind === 1 && near) {
    // No base: SIB with base 5, or the short form of 32-bit code.
    if (!one.is64 && index < 0 && dice.chance(2))
      return { modrm: 5, rex: 0, bytes: little(plain, 4), ripRelative: false };
    const value = BigInt.asIntN(32, plain - scaled);
    const reaches = ((value + scaled) & mask) === (plain & mask);
    if (reaches || index < 0) {
      const sib = (scale << 6) | ((index < 0 ? 4 : index & 7) << 3) | 5;
      return { modrm: 4, rex: index >= 8 ? 2 : 0, bytes: [sib, ...little(value, 4)], ripRelative: false };
    }
  }
  const base = free(dice, one, how.taken, index);
  const disp = displacement(dice, 4);
  // rBP and r13 have no form without displacement.
  if ((base & 7) === 5 && disp.mod === 0) Object.assign(disp, { mod: 1, bytes: 1 });
  const stack = base === 4 || base === 5;
  const offset = target - segmentBase(one, how.override, stack);
  const high = how.size === 32 && one.is64 ? one.gpr(base) & ~mask : 0n;
  one.setGpr(base, high | ((offset - disp.value - scaled) & mask));
  const rex = (base >> 3) | (index >= 8 ? 2 : 0);
  const rest = little(disp.value, disp.bytes);
  if (index >= 0 || (base & 7) === 4 || dice.chance(8)) {
    const sib = ((index < 0 ? 0 : scale) << 6) | ((index < 0 ? 4 : index & 7) << 3) | (base & 7);
    return { modrm: (disp.mod << 6) | 4, rex, bytes: [sib, ...rest], ripRelative: false };
  }
  return { modrm: (disp.mod << 6) | (base & 7), rex, bytes: rest, ripRelative: false };
}
