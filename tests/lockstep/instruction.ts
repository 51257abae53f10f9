/** What the tool needs to know of one instruction: its text, its row in the opcode table, and what it touches. */
import { createRequire } from 'node:module';
import type { Row } from '../../src/cpu/isa/row.ts';
import { OPCODE_TABLE } from '../../src/cpu/isa/table.ts';

type Iced = typeof import('iced-x86');

const iced = createRequire(import.meta.url)('iced-x86') as Iced;
const formatter = new iced.Formatter(iced.FormatterSyntax.Intel);
formatter.hexPrefix = '0x';
formatter.hexSuffix = '';
formatter.uppercaseHex = false;
formatter.spaceAfterOperandSeparator = true;
formatter.branchLeadingZeros = false;
formatter.ripRelativeAddresses = true;

const LEGACY_PREFIXES = new Set([0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3]);
/** EFLAGS bits of a row's flag letters `cpazso`. */
const FLAG_BITS = [0x1, 0x4, 0x10, 0x40, 0x80, 0x800];

export interface Instruction {
  readonly text: string;
  readonly mnemonic: string;
  readonly length: number;
}

export function disassemble(bytes: Uint8Array, ip: bigint, bits: 16 | 32 | 64): Instruction {
  const decoder = new iced.Decoder(bits, bytes, iced.DecoderOptions.None);
  decoder.ip = ip;
  const instruction = decoder.decode();
  const text = bytes.length === 0 ? '(no memory there)' : formatter.format(instruction);
  const { length } = instruction;
  instruction.free();
  decoder.free();
  return { text, mnemonic: text.replace(/^(lock|repn?e?|xacquire|xrelease) /, '').split(' ')[0]!, length };
}

interface Opcode {
  readonly map: number;
  readonly opcode: number;
  readonly modrm: number;
  /** As {@link Row.prefixes}. */
  readonly prefix: number;
}

function opcodeOf(bytes: Uint8Array, bits: 16 | 32 | 64): Opcode {
  let at = 0;
  let prefix = 1;
  for (; LEGACY_PREFIXES.has(bytes[at] ?? -1); at++) {
    if (bytes[at] === 0x66 && prefix === 1) prefix = 2;
    if (bytes[at] === 0xf3) prefix = 4;
    if (bytes[at] === 0xf2) prefix = 8;
  }
  if (bits === 64 && (bytes[at]! & 0xf0) === 0x40) at++;
  let map = 0;
  if (bytes[at] === 0x0f) {
    map = 1;
    at++;
    if (bytes[at] === 0x38 || bytes[at] === 0x3a) map = bytes[at++] === 0x38 ? 2 : 3;
  }
  return { map, opcode: bytes[at] ?? 0, modrm: bytes[at + 1] ?? 0, prefix };
}

const INS = [0x6c, 0x6d];
const MOVS = [0xa4, 0xa5];

/** What one iteration of INS or MOVS stores at ES:rDI; `undefined` for other instructions. */
export function stringStore(
  bytes: Uint8Array,
  bits: 16 | 32 | 64,
): { readonly size: number; readonly addressBits: 16 | 32 | 64 } | undefined {
  let at = 0;
  let operand = false;
  let address = false;
  for (; LEGACY_PREFIXES.has(bytes[at] ?? -1); at++) {
    if (bytes[at] === 0x66) operand = true;
    if (bytes[at] === 0x67) address = true;
  }
  const rex = bits === 64 && (bytes[at]! & 0xf0) === 0x40 ? bytes[at++]! : 0;
  const opcode = bytes[at] ?? 0;
  if (!INS.includes(opcode) && !MOVS.includes(opcode)) return undefined;
  const wide = rex & 8 && MOVS.includes(opcode) ? 8 : operand === (bits === 16) ? 4 : 2;
  return {
    size: opcode & 1 ? wide : 1,
    addressBits: bits === 64 ? (address ? 32 : 64) : address === (bits === 16) ? 32 : 16,
  };
}

function matches(row: Row, { map, opcode, modrm, prefix }: Opcode, bits: 16 | 32 | 64): boolean {
  return (
    row.map === map &&
    opcode >= row.opcode &&
    opcode < row.opcode + row.span &&
    (row.prefixes & prefix) !== 0 &&
    (row.modes & (bits === 64 ? 2 : 1)) !== 0 &&
    (row.ext === undefined || row.ext === ((modrm >>> 3) & 7)) &&
    (row.rm === undefined || row.rm === (modrm & 7)) &&
    (row.mod & (modrm >= 0xc0 ? 1 : 2) || !row.hasModrm) !== 0
  );
}

/** EFLAGS bits that the opcode table says the instruction leaves undefined. */
export function undefinedFlags(bytes: Uint8Array, bits: 16 | 32 | 64): number {
  const opcode = opcodeOf(bytes, bits);
  const row = OPCODE_TABLE.find((candidate) => matches(candidate, opcode, bits));
  let mask = 0;
  for (const [letter, bit] of FLAG_BITS.entries()) if ((row?.undefinedFlags ?? 0) & (1 << letter)) mask |= bit;
  return mask;
}
