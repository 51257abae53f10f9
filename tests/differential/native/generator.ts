/** Random instances of a row of the opcode table, with a state in which they have something to do. */
import type { Row } from '../../../src/cpu/isa/row.ts';
import { DecodeProbe } from '../../../src/cpu/testing/decode-probe.ts';
import { Dice } from '../../fuzz/dice.ts';
import { type Addressing, linearTarget, memoryOperand, type Operand, OVERRIDES } from './addressing.ts';
import { baseState, in64BitCode, inLegacyCode, integer, startsWithX87 } from './base-state.ts';
import * as at from './case-layout.ts';
import { AT, type CaseView } from './case-layout.ts';
import { baseOf, LOCAL_SEGMENTS, localSegment, WRAPPED_CODE } from './local-segments.ts';
import { prepareOperands } from './preparations.ts';
import { chooseSegments, spoilUpperHalves } from './surroundings.ts';

const LENGTH_MAX = 15;

/** An instance in the making. */
export interface Draft {
  readonly one: CaseView;
  readonly dice: Dice;
  readonly row: Row;
  readonly is64: boolean;
  /** Bits of operands and addresses without a prefix, but for 64-bit code's operands. */
  readonly bits: CodeBits;
  operand16: boolean;
  rexW: boolean;
  /** Bits of an address. */
  addressBits: number;
  /** Segment override, as an index of OVERRIDES; -1 for none. */
  override: number;
  /** Linear address of the memory operand, if there is one; its register otherwise. */
  target: bigint | undefined;
  rm: number;
  reg: number;
  code: number[];
}

export type CodeBits = 16 | 32 | 64;

export interface Choices {
  /** How many of the local segments the host has. */
  readonly locals: number;
  /** Code of this size only, where a row has it. */
  readonly bits?: CodeBits | undefined;
}

const is = (row: Row, pattern: RegExp) => pattern.test(row.operands.join());
const isString = (row: Row) => /^(movs|cmps|stos|lods|scas|ins|outs)$/.test(row.handler);

/** Half of what there is in 64-bit code, the rest in 16- and 32-bit code. */
function chooseMode(row: Row, dice: Dice, { locals, bits }: Choices): CodeBits {
  if ((row.modes & 1) === 0) return 64;
  const legacy = locals === LOCAL_SEGMENTS.length && dice.chance(2) ? 16 : 32;
  const sizes: CodeBits = (row.modes & 2) === 0 || dice.chance(2) ? legacy : 64;
  return bits === undefined || (bits === 64 && (row.modes & 2) === 0) ? sizes : bits;
}

/**
 * Linear address of the instruction: in the middle of the code, across its pages, at the end of all that is mapped or that
 * the segment has, or where a branch backwards leaves its beginning.
 */
function codeAddress(one: CaseView, dice: Dice, length: number): number {
  const kind = dice.below(16);
  const segment = localSegment(one.segment(0));
  const end = Math.min(at.CODE + at.CODE_BYTES, segment === undefined ? Infinity : segment.base + segment.limit + 1);
  const page = at.CODE + 0x1000;
  if (kind === 0 && page < end) return page - dice.below(length + 1);
  if (kind <= 1) return end - length + (dice.chance(2) ? dice.below(length) : 0);
  if (kind === 2 && segment?.bits === 16) return WRAPPED_CODE + dice.below(64);
  return at.CODE + 0x800 + dice.below(64);
}

interface Prefixes {
  readonly legacy: number[];
  rex: number;
}

function choosePrefixes(draft: Draft): Prefixes {
  const { row, dice, is64 } = draft;
  const legacy: number[] = [];
  const free = row.prefixes === 15;
  const otherSize = free && dice.chance(is(row, /[vzp]|rAX/) ? 4 : 32);
  draft.operand16 = otherSize !== (draft.bits === 16);
  if (otherSize || row.prefixes === 2) legacy.push(0x66);
  if (row.prefixes === 3 && dice.chance(2)) legacy.push(0x66);
  if (row.prefixes === 4) legacy.push(0xf3);
  if (row.prefixes === 8) legacy.push(0xf2);
  const narrow = dice.chance(10);
  if (narrow && canBe16(draft)) legacy.push(0x67);
  const override = dice.chance(8) ? dice.below(6) : -1;
  if (override >= 0) legacy.push(OVERRIDES[override]!);
  draft.override = override;
  if (isString(row) ? dice.chance(2) : free && row.map === 0 && dice.chance(32))
    legacy.push(dice.chance(2) ? 0xf2 : 0xf3);
  const wide = is(row, /[EGZ][vy]|rAX|Iv|Mx|Mp|Yv|Xv|M$|Rv|Ry/) && is64 && dice.chance(2);
  draft.rexW = wide;
  let rex = wide ? 0x48 : 0;
  if (is64 && dice.chance(6)) rex |= 0x40;
  const addressOverridden = legacy.includes(0x67);
  draft.addressBits = is64 ? (addressOverridden ? 32 : 64) : addressOverridden === (draft.bits === 16) ? 32 : 16;
  shuffle(legacy, dice);
  return { legacy, rex };
}

/** 16-bit addresses reach data only through a segment with a base. */
function canBe16({ one, is64 }: Draft): boolean {
  return is64 || baseOf(one.segment(2)) > 0;
}

function shuffle(list: number[], dice: Dice): void {
  for (let index = list.length - 1; index > 0; index--) {
    const other = dice.below(index + 1);
    [list[index], list[other]] = [list[other]!, list[index]!];
  }
}

/** ModRM and what follows; sets `target`, `reg` and `rm`. */
function chooseModrm(draft: Draft, prefixes: Prefixes): Operand | undefined {
  const { row, dice, one } = draft;
  if (!row.hasModrm) {
    draft.reg = dice.below(8);
    return undefined;
  }
  const high = draft.is64 && dice.chance(3) ? 8 : 0;
  draft.reg = row.ext ?? dice.below(8) | high;
  if (row.ext === undefined && high) prefixes.rex |= 0x44;
  // A destination that is the stack pointer is fine; one that a relative address needs is not chosen again below.
  const memory = row.mod === 2 || (row.mod === 3 && dice.chance(2));
  if (!memory) {
    const extended = draft.is64 && dice.chance(3) ? 8 : 0;
    if (extended) prefixes.rex |= 0x41;
    draft.rm = row.rm ?? dice.below(8) | extended;
    return { modrm: 0xc0 | (draft.rm & 7), rex: 0, bytes: [], ripRelative: false };
  }
  draft.target = linearTarget(one, dice, draft.override);
  const taken = new Set<number>(takenRegisters(row));
  const how: Addressing = { size: draft.addressBits, override: draft.override, taken };
  const operand = memoryOperand(one, dice, how, draft.target);
  if (operand.rex) prefixes.rex |= 0x40 | operand.rex;
  return operand;
}

/** Registers whose value means something else to the row: the address must not be made of them. */
function takenRegisters(row: Row): readonly number[] {
  if (/^(mul|imul1|div|idiv|cmpxchg)/.test(row.handler))
    return row.handler === 'cmpxchg_pair' ? [0, 1, 2, 3, 4] : [0, 2, 4];
  if (/_cl$/.test(row.handler)) return [1, 4];
  // The stack pointer moves before the address is made, or the stack is elsewhere.
  return /^(push|pop|call|jmp|sys_)/.test(row.handler) ? [4] : [];
}

const ESCAPES: readonly (readonly number[])[] = [[], [0x0f], [0x0f, 0x38], [0x0f, 0x3a]];

function vexBytes(draft: Draft, rex: number): number[] {
  const { row, dice } = draft;
  const vex = row.vex!;
  const long = vex.lengths === 2 ? 1 : vex.lengths === 3 ? dice.below(2) : 0;
  const wide = vex.wide === 2 ? 1 : vex.wide === 3 ? dice.below(2) : 0;
  draft.rexW = wide === 1 && draft.is64;
  const register = is(row, /[BH]/) ? dice.below(draft.is64 ? 16 : 8) : 0;
  const mandatory = [1, 2, 4, 8].indexOf(row.prefixes & -row.prefixes);
  const last = ((~register & 15) << 3) | (long << 2) | mandatory;
  const inverted = (~rex & 7) << 5;
  if (row.map === 1 && wide === 0 && (rex & 3) === 0 && dice.chance(2)) return [0xc5, (inverted & 0x80) | last];
  return [0xc4, inverted | row.map, (wide << 7) | last];
}

const probe = new DecodeProbe(64);

/** Length of the instruction that the bytes begin with. */
function lengthOf(code: readonly number[], bits: CodeBits): number {
  probe.bytes.fill(0);
  probe.bytes.set(code.slice(0, 32));
  return probe.decode(0, bits).length;
}

/** Immediates that are anything: more bytes than any instruction has. */
function randomTail(dice: Dice): number[] {
  const value = integer(dice);
  const second = integer(dice);
  return Array.from({ length: 10 }, (_, index) =>
    Number(((index < 8 ? value : second) >> BigInt((index & 7) * 8)) & 0xffn),
  );
}

/** Makes one instance of `row` in `one`. False: the row cannot be shown with these choices. */
export function generate(one: CaseView, row: Row, dice: Dice, choices: Choices): boolean {
  const bits = chooseMode(row, dice, choices);
  const is64 = bits === 64;
  const seed = dice.next();
  baseState(one, new Dice(seed), startsWithX87(row));
  one.setU32(AT.seed, seed);
  if (bits === 64) in64BitCode(one);
  else {
    inLegacyCode(one, chooseSegments(one, dice, bits, choices.locals));
    spoilUpperHalves(one, dice, bits);
  }
  const draft: Draft = {
    one,
    dice,
    row,
    is64,
    bits,
    operand16: false,
    rexW: false,
    addressBits: 0,
    override: -1,
    target: undefined,
    rm: 0,
    reg: 0,
    code: [],
  };
  const prefixes = choosePrefixes(draft);
  if (is64) {
    one.setU64(AT.fsBase, BigInt(dice.below(0x8000)));
    one.setU64(AT.gsBase, dice.chance(2) ? 0x7000_0000_0000n + BigInt(dice.below(0x1000)) : BigInt(dice.below(0x8000)));
  }
  const operand = chooseModrm(draft, prefixes);
  let opcode = row.opcode;
  if (row.span > 1) {
    const low = dice.below(row.span);
    opcode = (opcode + low) & 0xff;
    draft.reg = low;
    if (is64 && row.span === 8 && dice.chance(4)) {
      prefixes.rex |= 0x41;
      draft.reg = low | 8;
    }
  }
  if (lockable(draft)) prefixes.legacy.push(0xf0);
  const rex = is64 ? prefixes.rex : 0;
  if (row.vex) {
    const kept = prefixes.legacy.filter((byte) => ![0x66, 0xf0, 0xf2, 0xf3].includes(byte));
    draft.operand16 = false;
    draft.code = [...kept, ...vexBytes(draft, rex), opcode];
  } else draft.code = [...prefixes.legacy, ...(rex ? [rex] : []), ...ESCAPES[row.map]!, opcode];
  if (operand) draft.code.push(operand.modrm | ((draft.reg & 7) << 3), ...operand.bytes);
  const behindOperand = draft.code.length;
  draft.code.push(...randomTail(dice));
  const length = lengthOf(draft.code, bits);
  if (length === 0) return false;
  draft.code.length = Math.min(length, LENGTH_MAX);
  const rip = codeAddress(one, dice, draft.code.length);
  one.setU64(AT.rip, BigInt(rip - one.u32(AT.codeBase)));
  if (operand?.ripRelative && draft.target !== undefined) relate(draft, behindOperand, draft.override);
  if (!prepareOperands(draft)) return false;
  one.setU32(AT.codeLength, draft.code.length);
  one.bytes.set(draft.code, AT.code);
  return true;
}

/** Writes the displacement of a RIP-relative operand, `end` being the first byte behind it. */
function relate(draft: Draft, end: number, override: number): void {
  const { one, code } = draft;
  const base = override === 4 ? one.u64(AT.fsBase) : override === 5 ? one.u64(AT.gsBase) : 0n;
  const value = draft.target! - base - one.u64(AT.rip) - BigInt(code.length);
  for (let index = 0; index < 4; index++) code[end - 4 + index] = Number((value >> BigInt(index * 8)) & 0xffn);
}

/** LOCK where it is allowed, and rarely where it is not (#UD). */
function lockable(draft: Draft): boolean {
  const { row, dice } = draft;
  if (row.options.includes('lock') && draft.target !== undefined) return dice.chance(4);
  return dice.chance(64);
}
