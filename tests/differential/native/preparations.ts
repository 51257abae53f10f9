/** What particular instructions need in registers and memory so that they do something: targets, counts, selectors. */
import { linearTarget, segmentBase } from './addressing.ts';
import { integer } from './base-state.ts';
import * as at from './case-layout.ts';
import { AT, FLAT_DATA } from './case-layout.ts';
import type { Draft } from './generator.ts';
import {
  baseOf,
  CODE_SEGMENTS_16,
  CODE_SEGMENTS_32,
  LOCAL_SEGMENTS,
  localSegment,
  selectorOf,
} from './local-segments.ts';

/** Bytes of the operand (log2 says less here). */
function operandBytes({ row, is64, operand16, rexW }: Draft): number {
  if (row.operands.some((operand) => /^(.b|AL)$/.test(operand))) return 1;
  if (is64 && (rexW || row.options.includes('f64'))) return 8;
  if (is64 && row.options.includes('d64')) return operand16 ? 2 : 8;
  return operand16 ? 2 : 4;
}

/** Offset in the data of a linear address, or -1 when so many bytes are not all in it. */
function inWindow({ one }: Draft, address: bigint, bytes: number): number {
  const offset = address - BigInt(one.u32(AT.window));
  return offset >= 0n && offset + BigInt(bytes) <= BigInt(at.WINDOW_BYTES) ? Number(offset) : -1;
}

function poke(draft: Draft, address: bigint, value: bigint, bytes: number): void {
  const offset = inWindow(draft, address, bytes);
  for (let index = 0; index < bytes && offset >= 0; index++) {
    draft.one.bytes[AT.data + offset + index] = Number((value >> BigInt(index * 8)) & 0xffn);
  }
}

function peek(draft: Draft, address: bigint, bytes: number): bigint | undefined {
  const offset = inWindow(draft, address, bytes);
  if (offset < 0) return undefined;
  let value = 0n;
  for (let index = bytes - 1; index >= 0; index--)
    value = (value << 8n) | BigInt(draft.one.bytes[AT.data + offset + index]!);
  return value;
}

/** Linear address of the top of the stack. */
function stackTop({ one }: Draft): bigint {
  const stack = localSegment(one.segment(1));
  const pointer = one.gpr(4) & (stack?.bits === 16 ? 0xffffn : -1n);
  return (pointer + BigInt(stack?.base ?? 0)) & (one.is64 ? -1n : 0xffff_ffffn);
}

/** Linear address of somewhere to go: a breakpoint in the code most often; nowhere, or not in code, now and then. */
function codeTarget({ one, dice, is64 }: Draft): bigint {
  const kind = dice.below(16);
  if (kind === 0) return 0x6_0000n;
  if (kind === 1) return BigInt(at.DATA + 0x40);
  if (kind === 2) return is64 ? 0x8000_0000_0000n : 0x7000_0000n;
  // Never into the instruction itself.
  const rip = one.linearRip;
  const far = rip < BigInt(at.CODE + 0x700) ? 0xc00 : 0x300;
  return BigInt(at.CODE + far + dice.below(0x80));
}

/** Offset in the running code segment of somewhere to go. */
const nearTarget = (draft: Draft) => codeTarget(draft) - BigInt(draft.one.u32(AT.codeBase));

function setOperand(draft: Draft, value: bigint, bytes: number): void {
  if (draft.target !== undefined) poke(draft, draft.target, value, bytes);
  else draft.one.setGpr(draft.rm, draft.is64 ? value : value & 0xffff_ffffn);
}

/** Selectors that Linux and ours have alike, local ones with other privileges, and some that nobody has. */
const SELECTORS = [
  0, 1, 3, 0x2b, 0x2b, 0x2b, 0x28, 0x23, 0x33, 0x07, 0x07, 0x04, 0x0e, 0x10, 0x18, 0x2a, 0xfff8, 0xff,
] as const;

function anySelector({ dice }: Draft): number {
  return dice.chance(3) ? selectorOf(dice.below(LOCAL_SEGMENTS.length)) : dice.pick(SELECTORS);
}

/** The selector that a far branch names: mostly one of code, of any size. */
function codeSelector(draft: Draft): number {
  const selector = anyCodeSelector(draft);
  // IRET to a 16-bit stack leaves the kernel's bits above ESP, and AMD's processors call 64-bit code with all of RSP.
  const kernelStack = draft.row.handler.startsWith('sys_call_far') && localSegment(draft.one.segment(1))?.bits === 16;
  return kernelStack && (selector | 3) === at.CODE_64 ? at.CODE_32 : selector;
}

function anyCodeSelector(draft: Draft): number {
  const { dice } = draft;
  const kind = dice.below(8);
  if (kind === 0) return anySelector(draft);
  if (kind < 4) return at.CODE_64;
  return dice.pick(kind < 6 ? CODE_SEGMENTS_32 : CODE_SEGMENTS_16);
}

/** Offset of somewhere to go in a code segment. */
const codeOffset = (draft: Draft, selector: number) => codeTarget(draft) - BigInt(baseOf(selector));

/** Displacement of a branch: the last bytes of the instruction. */
function branch(draft: Draft, bytes: number): void {
  const { one, code } = draft;
  const next = one.linearRip + BigInt(code.length);
  let value = codeTarget(draft) - next;
  if (bytes === 1) {
    // What a byte reaches beside the instruction: breakpoints.
    value = BigInt(draft.dice.chance(2) ? 1 + draft.dice.below(100) : -17 - draft.dice.below(100));
  }
  for (let index = 0; index < bytes; index++)
    code[code.length - bytes + index] = Number((value >> BigInt(index * 8)) & 0xffn);
}

/** Segment overrides that name what rDI of string instructions and the stack pointer always use. */
const [ES, SS] = [0, 2];

/** Lets a register point to where operands of ModRM do: now and then, as the state's own pointers all end well. */
function pointElsewhere({ one, dice, is64 }: Draft, register: number, override: number, bits: number, oneIn = 4): void {
  if (!dice.chance(oneIn)) return;
  const offset = linearTarget(one, dice, override) - segmentBase(one, override, false);
  const mask = (1n << BigInt(bits)) - 1n;
  one.setGpr(register, ((one.gpr(register) & ~mask) | (offset & mask)) & (is64 ? -1n : 0xffff_ffffn));
}

function stackPointer(draft: Draft): void {
  const narrow = localSegment(draft.one.segment(1))?.bits === 16;
  pointElsewhere(draft, 4, SS, draft.is64 ? 64 : narrow ? 16 : 32, 16);
}

function stringOperands(draft: Draft): void {
  const { one, dice } = draft;
  pointElsewhere(draft, 6, draft.override, draft.addressBits);
  pointElsewhere(draft, 7, ES, draft.addressBits);
  const rest = draft.addressBits === 16 && dice.chance(2) ? one.gpr(1) & 0xffff_0000n : 0n;
  one.setGpr(1, rest | BigInt(dice.below(9)));
}

/** A far return or IRET: offset, selector and, for IRET, flags, stack pointer and stack segment. */
function farFrame(draft: Draft, interrupt: boolean): void {
  const { one, dice } = draft;
  const bytes = draft.is64 && draft.rexW ? 8 : draft.operand16 ? 2 : 4;
  const top = stackTop(draft);
  const selector = codeSelector(draft);
  const values = [codeOffset(draft, selector), BigInt(selector)];
  if (interrupt) {
    const stack = dice.chance(2) ? anySelector(draft) : FLAT_DATA;
    const pointer = BigInt(one.u32(AT.window) + 0x240 - baseOf(stack));
    values.push((integer(dice) & ~0x2_0000n) | 2n, pointer, BigInt(stack));
  }
  for (const [index, value] of values.entries()) poke(draft, top + BigInt(index * bytes), value, bytes);
}

/** EAX or its kin: what CMPXCHG compares, or half of a dividend that does not overflow. */
function accumulator(draft: Draft): void {
  const { one, dice, row } = draft;
  const bytes = operandBytes(draft);
  if (/^i?div$/.test(row.handler)) {
    if (!dice.chance(3)) {
      const sign = row.handler === 'idiv' && dice.chance(2);
      if (bytes === 1) one.setGpr(0, (one.gpr(0) & ~0xff00n) | (sign ? 0xff00n : 0n));
      else one.setGpr(2, sign ? (draft.is64 ? 0xffff_ffff_ffff_ffffn : 0xffff_ffffn) : 0n);
    }
    return;
  }
  if (dice.chance(2)) return;
  const value = draft.target === undefined ? one.gpr(draft.rm) : peek(draft, draft.target, bytes);
  if (value !== undefined && row.handler === 'cmpxchg') one.setGpr(0, value);
  if (row.handler !== 'cmpxchg_pair' || draft.target === undefined) return;
  const half = draft.rexW ? 8 : 4;
  const low = peek(draft, draft.target, half);
  const high = peek(draft, draft.target + BigInt(half), half);
  if (low === undefined || high === undefined) return;
  one.setGpr(0, low);
  one.setGpr(2, high);
}

/** Bit offset in a register: within the data. */
function bitOffset(draft: Draft): void {
  if (draft.row.operands[1] !== 'Gv' || draft.target === undefined) return;
  const reach = draft.dice.below(800) - 400;
  draft.one.setGpr(draft.reg, draft.is64 ? BigInt.asUintN(64, BigInt(reach)) : BigInt(reach >>> 0));
}

/** The immediates of ENTER, INT and RET, and the address of a moffs operand. */
function immediates(draft: Draft): boolean {
  const { code, dice, row, one, is64 } = draft;
  const last = code.length - 1;
  if (row.handler === 'enter')
    [code[last - 2], code[last - 1], code[last]] = [
      dice.below(64),
      0,
      dice.chance(2) ? dice.below(4) : dice.below(32) | (dice.below(8) << 5),
    ];
  if (/^(ret|sys_ret_far)$/.test(row.handler) && row.operands[0] === 'Iw')
    [code[last - 1], code[last]] = [dice.below(64), 0];
  // The kernel's own call gate is no case.
  if (row.handler === 'sys_int' && code[last] === 0x80) code[last] = 3;
  const moffs = row.operands.some((operand) => operand.startsWith('O'));
  if (!moffs) return true;
  const bytes = draft.addressBits / 8;
  const base = is64 ? 0n : BigInt(baseOf(one.segment(2)));
  const offset = BigInt(one.u32(AT.window) + 0x40 + dice.below(256)) - base;
  for (let index = 0; index < bytes; index++)
    code[last + 1 - bytes + index] = Number((offset >> BigInt(index * 8)) & 0xffn);
  return true;
}

const PREPARATIONS: readonly (readonly [RegExp, (draft: Draft) => void])[] = [
  [/^(movs|cmps|stos|lods|scas|ins|outs)$/, stringOperands],
  [/^maskmov(q|dqu)$/, (draft) => pointElsewhere(draft, 7, draft.override, draft.addressBits)],
  [/^(push|pop|call|ret$|enter|leave|sys_(push|pop|call|ret_far|iret))/, stackPointer],
  [/^(call|jmp)_indirect$/, (draft) => setOperand(draft, nearTarget(draft), operandBytes(draft))],
  [/^ret$/, (draft) => poke(draft, stackTop(draft), nearTarget(draft), operandBytes(draft))],
  [/^sys_ret_far$/, (draft) => farFrame(draft, false)],
  [/^sys_iret$/, (draft) => farFrame(draft, true)],
  [/^popf$/, (draft) => poke(draft, stackTop(draft), integer(draft.dice), operandBytes(draft))],
  [/^sys_(mov_segment|verr|verw|lar|lsl)$/, (draft) => setOperand(draft, BigInt(anySelector(draft)), 2)],
  [/^sys_pop_segment$/, (draft) => poke(draft, stackTop(draft), BigInt(anySelector(draft)), 2)],
  [/^sys_arpl$/, (draft) => setOperand(draft, integer(draft.dice) & 0xffffn, 2)],
  [/^(idiv|div|cmpxchg|cmpxchg_pair)$/, accumulator],
  [/^bt[src]?$/, bitOffset],
  [/^(loop|loope|loopne|jrcxz)$/, ({ one, dice }) => dice.chance(2) && one.setGpr(1, BigInt(dice.below(3)))],
  [/^(leave)$/, () => {}],
];

/** Far pointers in memory: an offset and a selector behind it. */
function farPointer(draft: Draft): void {
  if (!/^sys_(call_far_indirect|jmp_far_indirect|load_far)$/.test(draft.row.handler) || draft.target === undefined)
    return;
  const code = draft.row.handler !== 'sys_load_far';
  const bytes = draft.is64 && draft.rexW ? 8 : draft.operand16 ? 2 : 4;
  const selector = code ? codeSelector(draft) : anySelector(draft);
  poke(draft, draft.target, code ? codeOffset(draft, selector) : integer(draft.dice), bytes);
  poke(draft, draft.target + BigInt(bytes), BigInt(selector), 2);
}

/** A far pointer in the instruction. */
function farImmediate(draft: Draft): void {
  if (draft.row.operands[0] !== 'Ap') return;
  const { code } = draft;
  const selector = codeSelector(draft);
  const offset = codeOffset(draft, selector);
  const bytes = draft.operand16 ? 2 : 4;
  const start = code.length - 2 - bytes;
  for (let index = 0; index < bytes; index++) code[start + index] = Number((offset >> BigInt(index * 8)) & 0xffn);
  [code[code.length - 2], code[code.length - 1]] = [selector & 0xff, selector >> 8];
}

/** False: the instance cannot be run. */
export function prepareOperands(draft: Draft): boolean {
  const { row, is64, operand16 } = draft;
  if (row.operands.includes('Jb')) branch(draft, 1);
  if (row.operands.includes('Jz')) branch(draft, !is64 && operand16 ? 2 : 4);
  for (const [handlers, prepare] of PREPARATIONS) if (handlers.test(row.handler)) prepare(draft);
  farPointer(draft);
  farImmediate(draft);
  return immediates(draft);
}
