/** The decoder's tables as AssemblyScript: rows by opcode, and what may be exchanged for what in a decoded block. */
import { knownFeature } from './features.ts';
import { CONDITIONS, type Handler, handlerOf } from './handlers.ts';
import { BANNER } from './layout-source.ts';
import { type OperationFacts, operationFacts } from './operation-facts.ts';
import type { Operations } from './operations.ts';
import { ALL_FLAGS, OPTIONS, type Row } from './row.ts';
import { OPCODE_TABLE } from './table.ts';
import * as uop from './uop.ts';

const OPERAND_KINDS: readonly (readonly [RegExp, number])[] = [
  [/^(E|R|M|N)b$/, uop.OPERAND_E8],
  [/^(E|R|M)/, uop.OPERAND_E],
  [/^B/, uop.OPERAND_B],
  [/^H/, uop.OPERAND_H],
  [/^STi$/, uop.OPERAND_E],
  [/^ST0$/, uop.OPERAND_IMPLIED],
  [/^AX$/, uop.OPERAND_IMPLIED],
  [/^T/, uop.OPERAND_T],
  [/^L/, uop.OPERAND_I8],
  [/^Gb$/, uop.OPERAND_G8],
  [/^G/, uop.OPERAND_G],
  [/^Zb$/, uop.OPERAND_Z8],
  [/^Z/, uop.OPERAND_Z],
  [/^(AL|rAX|eAX)$/, uop.OPERAND_ACCUMULATOR],
  [/^Ibs$/, uop.OPERAND_I8S],
  [/^Ib$/, uop.OPERAND_I8],
  [/^Iw$/, uop.OPERAND_I16],
  [/^Iz$/, uop.OPERAND_IZ],
  [/^Iv$/, uop.OPERAND_IV],
  [/^1$/, uop.OPERAND_ONE],
  [/^Jb$/, uop.OPERAND_J8],
  [/^Jz$/, uop.OPERAND_JZ],
  [/^O/, uop.OPERAND_O],
  [/^Ap$/, uop.OPERAND_A],
  [/^(Sw|Cy|Dy)$/, uop.OPERAND_REGISTER_NUMBER],
  [/^(V|P)/, uop.OPERAND_V],
  [/^(W|U|Q|N)/, uop.OPERAND_W],
  [/^(CL|DX|ES|CS|SS|DS|FS|GS|X.|Y.)$/, uop.OPERAND_IMPLIED],
];

function operandKind(text: string): number {
  const found = OPERAND_KINDS.find(([pattern]) => pattern.test(text));
  if (!found) throw new Error(`opcode table: no operand '${text}'`);
  return found[1];
}

/** The size class: that of the first operand which is a general register, memory or the accumulator. */
export function sizingOf(row: Row): number {
  if (row.operands.some((text) => /^[CD]y$/.test(text))) return uop.SIZE_NATIVE;
  for (const text of row.operands) {
    if (/^[ILTVHWUPQNSDJ1]/.test(text) || text === 'CL') continue;
    if (/^(AL|.b)$/.test(text)) return uop.SIZE_BYTE;
    if (/^(.y|Mx)$/.test(text)) return uop.SIZE_Y;
    if (/^.w$/.test(text)) return uop.SIZE_WORD;
    if (/^(.z|eAX)$/.test(text)) return uop.SIZE_Z;
    return uop.SIZE_V;
  }
  return uop.SIZE_V;
}

function optionMask(row: Row): number {
  return row.options.reduce((mask, name) => mask | OPTIONS[name as keyof typeof OPTIONS], 0);
}

function vexBits(row: Row): number {
  if (row.vex === undefined) return 0;
  const usesRegister = row.operands.some((text) => /^[BH]/.test(text));
  return (
    (row.vex.lengths << uop.MATCH_VEX_L_SHIFT) |
    (row.vex.wide << uop.MATCH_VEX_W_SHIFT) |
    (usesRegister ? 0 : uop.MATCH_VEX_NO_REGISTER)
  );
}

function matchWord(row: Row): number {
  return (
    vexBits(row) |
    row.prefixes |
    (row.mod << uop.MATCH_MOD_SHIFT) |
    (row.modes << uop.MATCH_MODES_SHIFT) |
    ((row.ext ?? 8) << uop.MATCH_EXT_SHIFT) |
    ((row.rm ?? 8) << uop.MATCH_RM_SHIFT)
  );
}

/** Constant that a row gives its handler: the segment register of PUSH/POP or of LES, LDS, LSS, LFS, LGS; a branch's condition; or 0. */
function subOf(row: Row): number {
  const branch = /^jcc(\d+)$/.exec(row.handler);
  if (branch) return Number(branch[1]);
  const far = /^L([EDSFG]S)$/.exec(row.mnemonic);
  return Math.max(0, ['ES', 'CS', 'SS', 'DS', 'FS', 'GS'].indexOf(far?.[1] ?? row.operands[0] ?? ''));
}

function rowBytes(row: Row, operations: Operations): number[] {
  const bytes = new Uint8Array(uop.ROW_SIZE);
  const view = new DataView(bytes.buffer);
  view.setUint32(uop.ROW_MATCH, matchWord(row), true);
  const register = operations.numberOf(row, false);
  view.setUint16(uop.ROW_OP_REGISTER, register, true);
  const memory = operations.numberOf(row, true);
  view.setUint16(uop.ROW_OP_MEMORY, memory, true);
  for (const [index, text] of row.operands.entries()) view.setUint8(uop.ROW_OPERANDS + index, operandKind(text));
  view.setUint8(uop.ROW_SIZING, sizingOf(row));
  view.setUint16(uop.ROW_OPTIONS, optionMask(row), true);
  // A row for memory operands only has no register form.
  const number = (row.mod & 1) === 0 ? memory : register;
  const implemented = number !== operations.unimplemented || row.handler === 'unimplemented';
  view.setUint8(uop.ROW_SIZED, implemented && handlerOf(row.handler).sized ? 1 : 0);
  view.setUint8(uop.ROW_SUB, subOf(row));
  view.setUint8(uop.ROW_FLAGS_READ, row.reads);
  view.setUint8(uop.ROW_FLAGS_WRITTEN, row.writes);
  view.setUint8(uop.ROW_FLAGS_UNDEFINED, row.undefinedFlags);
  view.setUint16(uop.ROW_FEATURE, row.feature === undefined ? uop.FEATURE_NONE : knownFeature(row.feature), true);
  return [...bytes];
}

/** Opcode maps of the core: 0 to 3 as in {@link Row.map}, then 1 to 3 with a VEX prefix. */
const MAPS = 7;
function mapNumber(row: Row): number {
  return row.vex === undefined ? row.map : row.map + 3;
}

/** Rows by map << 8 | opcode, in the order in which they are tried. */
function rowsOfSlots(rows: readonly Row[]): Row[][] {
  return Array.from({ length: MAPS * 256 }, (_, slot) =>
    rows.filter((row) => {
      const opcode = slot & 255;
      return mapNumber(row) === slot >> 8 && opcode >= row.opcode && opcode < row.opcode + row.span;
    }),
  );
}

/** The rows as the core's table has them, one for each opcode that they span: `CoreExports.probe` counts in it. */
export function rowsInTableOrder(rows: readonly Row[] = OPCODE_TABLE): readonly Row[] {
  return rowsOfSlots(rows).flat();
}

/** `ROWS` and `ROW_INDEX` as static data of the core. */
export function decodeTablesSource(operations: Operations, rows: readonly Row[] = OPCODE_TABLE): string {
  const data: number[] = [];
  const index: number[] = [];
  let count = 0;
  for (const here of rowsOfSlots(rows)) {
    const hasModrm = here.some((row) => row.hasModrm);
    index.push(count & 255, count >> 8, here.length, hasModrm ? 1 : 0);
    for (const row of here) data.push(...rowBytes(row, operations));
    count += here.length;
  }
  return `${BANNER}
export const ROW_INDEX: u32 = <u32>memory.data<u8>([${index.join(',')}]);
export const ROWS: u32 = <u32>memory.data<u8>([${data.join(',')}]);
${variantTables(operations, operationFacts(operations, rows))}`;
}

/** Of an operation that cannot fault: 1 leaves the flags alone, 2 overwrites all of them, 0 anything else. */
function flagEffect(facts: OperationFacts | undefined, handler: Handler): number {
  if (facts === undefined || facts.endsBlock || facts.reads !== 0) return 0;
  if (facts.memory !== 'none' && facts.memory !== 'address') return 0;
  if (facts.writes === 0) return 1;
  return facts.overwrites === ALL_FLAGS && handler.hotCall === 'hotArithmetic' ? 2 : 0;
}

/** What happens to the flags at each hot number, for the passes over a decoded block. */
function variantTables(operations: Operations, facts: ReadonlyMap<number, OperationFacts>): string {
  const count = Math.max(...operations.hot.map(({ number }) => number)) + 1;
  const fused = new Array<number>(count * 8).fill(0);
  const quiet = new Array<number>(count).fill(0);
  const effect = new Array<number>(count).fill(0);
  const plain = new Map<string, number>();
  for (const { handler, form, type, number, variant } of operations.hot) {
    const key = `${handler.call} ${handler.args} ${form} ${type}`;
    if (variant === undefined) {
      plain.set(key, number);
      effect[number] = flagEffect(facts.get(number), handler);
      continue;
    }
    const first = plain.get(key) ?? 0;
    if (variant === 'quiet') quiet[first] = number;
    else fused[first * 8 + CONDITIONS[variant]] = number;
  }
  return `
/** Numbers from here on have no entry in the tables below. */
export const HOT_OPERATIONS: u32 = ${count};
/** u16 [number][condition >> 1]: number of the pair with a branch, or 0. */
export const FUSED_OPERATIONS: u32 = <u32>memory.data<u16>([${fused.join(',')}]);
/** u16 [number]: the same without flags, or 0. */
export const QUIET_OPERATIONS: u32 = <u32>memory.data<u16>([${quiet.join(',')}]);
/** u8 [number]: 1 cannot fault and keeps the flags, 2 cannot fault and overwrites them all, 0 anything else. */
export const FLAG_EFFECTS: u32 = <u32>memory.data<u8>([${effect.join(',')}]);
`;
}
