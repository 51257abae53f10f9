/** Line number programs: from an address to file, line and column (DWARF 5 section 6.2, DWARF 2 to 4 alike). */
import { ByteReader } from '../bytes.ts';
import { lastNotAbove } from '../search.ts';
import { AT } from './constants.ts';
import { readAddress } from './forms.ts';
import { type LineHeader, readLineHeader } from './line-header.ts';
import type { Unit } from './units.ts';

/** Consecutive machine code that one run of the program describes; rows are sorted by offset. */
export interface LineSequence {
  readonly low: bigint;
  readonly high: bigint;
  /** Bytes from `low`. */
  readonly offsets: readonly number[];
  readonly files: readonly number[];
  readonly lines: readonly number[];
  readonly columns: readonly number[];
}

export interface LineTable {
  /** Full path of the file with the number that rows, DW_AT_decl_file and DW_AT_call_file use. */
  readonly files: readonly (string | undefined)[];
  readonly sequences: readonly LineSequence[];
}

export interface LineRow {
  readonly file: string;
  readonly line: number;
  /** 1-based; 0 when the table has none. */
  readonly column: number;
}

const NO_LINES: LineTable = { files: [], sequences: [] };

/** Runs the line program of `unit`. Empty when it has none; a damaged one is noted and keeps what came before. */
export function readLineTable(unit: Unit): LineTable {
  const root = unit.sections.guard(() => unit.root);
  const offset = root?.number(AT.stmtList);
  if (root === undefined || offset === undefined) return NO_LINES;
  const directory = root.string(AT.compDir) ?? '';
  const bytes = unit.sections.get('.debug_line');
  const sequences: LineSequence[] = [];
  let files: readonly (string | undefined)[] = [];
  unit.sections.guard(() => {
    const reader = new ByteReader(bytes, '.debug_line', unit.sections.littleEndian, offset);
    const header = readLineHeader(reader, unit, directory);
    files = header.files;
    new LineMachine(reader, header, unit.addressSize, sequences).run();
  });
  return { files, sequences };
}

/** Offsets within a sequence beyond this are damage: no function is 64 GiB long. */
const SEQUENCE_BYTES_MAX = 2 ** 36;

/** The state machine of section 6.2.2. It emits at most one row a byte of program, which bounds its memory. */
class LineMachine {
  #base = 0n;
  #offset = 0;
  #operation = 0;
  #file = 1;
  #line = 1;
  #column = 0;
  #rows = newRows();

  constructor(
    readonly reader: ByteReader,
    readonly header: LineHeader,
    readonly addressSize: number,
    readonly sequences: LineSequence[],
  ) {}

  run(): void {
    const { reader, header } = this;
    while (!reader.atEnd) {
      const opcode = reader.u8('opcode');
      if (opcode >= header.opcodeBase) this.#special(opcode - header.opcodeBase);
      else if (opcode === 0) this.#extended();
      else this.#standard(opcode);
    }
  }

  #advance(operations: number): void {
    const { minimumInstructionLength, maximumOperations } = this.header;
    const total = this.#operation + operations;
    this.#operation = total % maximumOperations;
    this.#move(minimumInstructionLength * Math.floor(total / maximumOperations));
  }

  #move(bytes: number): void {
    this.#offset += bytes;
    if (Math.abs(this.#offset) > SEQUENCE_BYTES_MAX) this.reader.fail('advance_pc', 'leaves the sequence');
  }

  #special(adjusted: number): void {
    this.#advance(Math.floor(adjusted / this.header.lineRange));
    this.#line += this.header.lineBase + (adjusted % this.header.lineRange);
    this.#emit();
  }

  #standard(opcode: number): void {
    const { reader, header } = this;
    switch (opcode) {
      case 1: // DW_LNS_copy
        this.#emit();
        return;
      case 2: // DW_LNS_advance_pc
        this.#advance(reader.uleb('advance_pc'));
        return;
      case 3: // DW_LNS_advance_line
        this.#line += reader.sleb('advance_line');
        return;
      case 4: // DW_LNS_set_file
        this.#file = reader.uleb('set_file');
        return;
      case 5: // DW_LNS_set_column
        this.#column = reader.uleb('set_column');
        return;
      case 8: // DW_LNS_const_add_pc
        this.#advance(Math.floor((255 - header.opcodeBase) / header.lineRange));
        return;
      case 9: // DW_LNS_fixed_advance_pc
        this.#operation = 0;
        this.#move(reader.u16('fixed_advance_pc'));
        return;
      default: // negate_stmt, basic_block, prologue_end, epilogue_begin, set_isa and opcodes of later versions
        for (let operand = header.operandCounts[opcode - 1] ?? 0; operand > 0; operand -= 1) {
          reader.skipLeb('operand');
        }
    }
  }

  #extended(): void {
    const { reader } = this;
    const length = reader.uleb('extended opcode length');
    if (length === 0) return;
    const end = reader.offset + length;
    if (end > reader.end) reader.fail('extended opcode length', `${length} bytes reach beyond the program`);
    const opcode = reader.u8('extended opcode');
    if (opcode === 1) this.#endSequence();
    else if (opcode === 2) this.#setAddress(length - 1 === 4 ? 4 : this.addressSize);
    reader.offset = end;
  }

  #setAddress(size: number): void {
    const address = readAddress(this.reader, size, 'set_address');
    this.#operation = 0;
    if (this.#rows.offsets.length === 0) {
      this.#base = address;
      this.#offset = 0;
      return;
    }
    const difference = address - this.#base;
    const limit = BigInt(SEQUENCE_BYTES_MAX);
    if (difference > limit || difference < -limit) this.reader.fail('set_address', 'leaves the sequence');
    this.#offset = Number(difference);
  }

  #emit(): void {
    const rows = this.#rows;
    const last = rows.offsets.at(-1);
    if (last !== undefined && this.#offset < last) rows.sorted = false;
    rows.offsets.push(this.#offset);
    rows.files.push(this.#file);
    rows.lines.push(this.#line);
    rows.columns.push(this.#column);
  }

  #endSequence(): void {
    const rows = this.#rows.sorted ? this.#rows : sortRows(this.#rows);
    const first = rows.offsets[0];
    if (first !== undefined && this.#offset > first) {
      const { offsets, files, lines, columns } = rows;
      // Offsets count from the first row, which set_address within the sequence may have put below the base.
      const low = this.#base + BigInt(first);
      const relative = first === 0 ? offsets : offsets.map((offset) => offset - first);
      this.sequences.push({ low, high: this.#base + BigInt(this.#offset), offsets: relative, files, lines, columns });
    }
    this.#rows = newRows();
    this.#offset = 0;
    this.#operation = 0;
    this.#file = 1;
    this.#line = 1;
    this.#column = 0;
  }
}

interface Rows {
  offsets: number[];
  files: number[];
  lines: number[];
  columns: number[];
  sorted: boolean;
}

function newRows(): Rows {
  return { offsets: [], files: [], lines: [], columns: [], sorted: true };
}

function sortRows(rows: Rows): Rows {
  const order = rows.offsets.map((_, index) => index).sort((a, b) => rows.offsets[a]! - rows.offsets[b]! || a - b);
  const pick = (values: number[]) => order.map((index) => values[index]!);
  return {
    offsets: pick(rows.offsets),
    files: pick(rows.files),
    lines: pick(rows.lines),
    columns: pick(rows.columns),
    sorted: true,
  };
}

/** The row in force at `address`; `undefined` outside, and where the compiler said that no line stands (line 0). */
export function rowAt(table: LineTable, sequence: LineSequence, address: bigint): LineRow | undefined {
  if (address < sequence.low || address >= sequence.high) return undefined;
  const offset = Number(address - sequence.low);
  const index = lastNotAbove(sequence.offsets, offset);
  const line = sequence.lines[index] ?? 0;
  if (line <= 0) return undefined;
  const file = table.files[sequence.files[index]!];
  return { file: file ?? '??', line, column: sequence.columns[index]! };
}
