/** Random encodings of the opcode table's rows, for comparison with a real processor. */
import { sizingOf } from '../isa/decode-source.ts';
import type { Row } from '../isa/row.ts';
import { OPCODE_TABLE } from '../isa/table.ts';
import { SIZE_V } from '../isa/uop.ts';
import { CASE_DATA, type Random } from './instruction-cases.ts';

/** Rows that a single instruction in user mode cannot show: system, control flow, ports, what is not implemented. */
const LEFT_OUT =
  /^(sys_|jcc|call|jmp|ret$|loop|jrcxz|unimplemented|ud$|bound|fwait|clflush|popf|pushf|push_segment|ins$|outs$|mov_from_segment|nop|fxsave|fxrstor)/;

/** VEX rows are for the comparison in tests/differential/native, which has the upper halves of the ymm registers. */
export const COMPARED_ROWS = OPCODE_TABLE.filter(
  (row) => !LEFT_OUT.test(row.handler) && (row.modes & 2) !== 0 && row.vex === undefined,
);

/** True when x87 or MMX registers are among what the row reads or writes. */
export function usesX87(row: Row): boolean {
  return row.options.includes('x87') || row.options.includes('mmx');
}

export interface Encoding {
  readonly code: readonly number[];
  readonly set: Map<number, bigint>;
}

function immediateBytes(operand: string, size: number): number {
  if (operand === 'Ib' || operand === 'Ibs') return 1;
  if (operand === 'Iw') return 2;
  if (operand === 'Iz') return size === 1 ? 2 : 4;
  return operand === 'Iv' ? 2 ** size : 0;
}

/** One encoding of a row in 64-bit mode. Memory operands are [rbx + disp8], inside the case's data. */
export function encode(row: Row, random: Random): Encoding {
  const operands = row.operands.join();
  const set = new Map<number, bigint>();
  const isString = /[XY]/.test(operands) || row.handler === 'lods';
  const sized = sizingOf(row) === SIZE_V && /v|z|rAX/.test(operands);
  const narrow = row.prefixes === 15 && sized && random.below(4) === 0;
  const wide = !narrow && /v|y|rAX|Mx/.test(operands) && random.below(2) === 0;
  const code: number[] = [];
  if (narrow || row.prefixes === 2) code.push(0x66);
  if (row.prefixes === 4) code.push(0xf3);
  if (row.prefixes === 8) code.push(0xf2);
  if (isString) {
    set.set(1, BigInt(random.below(9)));
    if (random.below(2) === 1) code.push(random.below(2) === 1 ? 0xf3 : 0xf2);
  }
  let rex = wide ? 0x48 : 0;
  let modrm: number | undefined;
  const memory = row.hasModrm && (row.mod === 2 || (row.mod === 3 && random.below(2) === 0));
  if (row.hasModrm) {
    let reg = row.ext ?? random.below(8);
    let rm = row.rm ?? random.below(8);
    // rSP as a destination would leave the case without a stack.
    if (row.ext === undefined && reg === 4 && /G[vyw]/.test(operands)) reg = 5;
    if (!memory && rm === 4 && /E[vyw]/.test(operands)) rm = 0;
    if (random.below(3) === 0) {
      if (row.ext === undefined) rex |= 0x44;
      if (!memory) rex |= 0x41;
    }
    if (/[EGZ]b/.test(operands) && random.below(2) === 1) rex |= 0x40;
    if (/^bt/.test(row.handler) && memory && row.operands[1] === 'Gv') {
      if (reg === 3) reg = 0;
      set.set(reg | ((rex & 4) << 1), BigInt.asUintN(64, BigInt(random.below(400) - 200)));
    }
    modrm = memory ? 0x43 | (reg << 3) : 0xc0 | (reg << 3) | rm;
  }
  // An arbitrary frame pointer may be mapped here and not there.
  if (row.handler === 'enter' || row.handler === 'leave') set.set(5, BigInt(CASE_DATA + 0x1c0));
  if (row.handler === 'xlat') set.set(3, BigInt(CASE_DATA));
  if (rex !== 0) code.push(rex);
  if (row.map > 0) code.push(0x0f);
  if (row.map > 1) code.push(row.map === 2 ? 0x38 : 0x3a);
  let opcode = row.opcode + random.below(row.span);
  if (row.span > 1 && (opcode & 7) === 4) opcode ^= 1;
  code.push(opcode);
  if (modrm !== undefined) code.push(modrm);
  if (memory) code.push(/[MVW]/.test(operands) && random.below(4) !== 0 ? 16 * random.below(4) : random.below(60));
  const size = narrow ? 1 : wide ? 3 : 2;
  for (const operand of row.operands) {
    // ENTER's frame stays within the data.
    let value =
      operand === 'Iw'
        ? BigInt(random.below(64))
        : operand.startsWith('O')
          ? BigInt(CASE_DATA + 0x40)
          : random.integer();
    const bytes = operand.startsWith('O') ? 8 : immediateBytes(operand, size);
    for (let index = 0; index < bytes; index++, value >>= 8n) code.push(Number(value & 0xffn));
  }
  return { code, set };
}
