/** The programs of call frame information (DWARF 5 section 6.4.2): how one row of their table comes about. */
import type { ByteReader } from '../bytes.ts';

/** Units that a program counts in. */
export interface Alignment {
  readonly codeAlignment: number;
  readonly dataAlignment: number;
}

/** Registers by their DWARF numbers, distances in bytes. */
export interface CallFrameRow {
  /** The register of the canonical frame address; `undefined`: it takes an expression. */
  base: number | undefined;
  offset: number;
  readonly saved: Map<number, number>;
  readonly lost: Set<number>;
}

/** States that a program may remember; compilers need one or two. */
const REMEMBERED_MAX = 64;

const CFA = {
  advance: 1,
  offset: 2,
  restore: 3,
  nop: 0x00,
  setLoc: 0x01,
  advance1: 0x02,
  advance2: 0x03,
  advance4: 0x04,
  offsetExtended: 0x05,
  restoreExtended: 0x06,
  undefined: 0x07,
  sameValue: 0x08,
  register: 0x09,
  rememberState: 0x0a,
  restoreState: 0x0b,
  defCfa: 0x0c,
  defCfaRegister: 0x0d,
  defCfaOffset: 0x0e,
  defCfaExpression: 0x0f,
  expression: 0x10,
  offsetExtendedSf: 0x11,
  defCfaSf: 0x12,
  defCfaOffsetSf: 0x13,
  valOffset: 0x14,
  valOffsetSf: 0x15,
  valExpression: 0x16,
  gnuArgsSize: 0x2e,
} as const;

type Step = (program: CallFrameProgram, reader: ByteReader) => void;

const EXPRESSION: Step = (program, reader) => {
  program.lose(reader.uleb('register'));
  reader.skip(reader.uleb('expression size'), 'expression');
};
const VALUE: Step = (program, reader) => {
  program.lose(reader.uleb('register'));
  reader.skipLeb('offset');
};

/** What an instruction does whose operands follow it. */
const STEPS: ReadonlyMap<number, Step> = new Map<number, Step>([
  [CFA.nop, () => undefined],
  [CFA.setLoc, (program, reader) => program.goTo(reader)],
  [CFA.advance1, (program, reader) => program.advance(reader.u8('delta'))],
  [CFA.advance2, (program, reader) => program.advance(reader.u16('delta'))],
  [CFA.advance4, (program, reader) => program.advance(reader.u32('delta'))],
  [CFA.offsetExtended, (program, reader) => program.save(reader.uleb('register'), reader.uleb('offset'))],
  [CFA.offsetExtendedSf, (program, reader) => program.save(reader.uleb('register'), reader.sleb('offset'))],
  [CFA.restoreExtended, (program, reader) => program.restore(reader.uleb('register'))],
  [CFA.undefined, (program, reader) => program.lose(reader.uleb('register'))],
  [CFA.sameValue, (program, reader) => program.keep(reader.uleb('register'))],
  [CFA.register, VALUE],
  [CFA.rememberState, (program, reader) => program.remember(reader)],
  [CFA.restoreState, (program, reader) => program.recall(reader)],
  [CFA.defCfa, (program, reader) => program.define(reader.uleb('register'), reader.uleb('offset'))],
  [
    CFA.defCfaSf,
    (program, reader) => program.define(reader.uleb('register'), reader.sleb('offset') * program.dataAlignment),
  ],
  [CFA.defCfaRegister, (program, reader) => program.define(reader.uleb('register'), program.row.offset)],
  [CFA.defCfaOffset, (program, reader) => program.define(program.row.base, reader.uleb('offset'))],
  [
    CFA.defCfaOffsetSf,
    (program, reader) => program.define(program.row.base, reader.sleb('offset') * program.dataAlignment),
  ],
  [
    CFA.defCfaExpression,
    (program, reader) => {
      program.define(undefined, 0);
      reader.skip(reader.uleb('expression size'), 'expression');
    },
  ],
  [CFA.expression, EXPRESSION],
  [CFA.valExpression, EXPRESSION],
  [CFA.valOffset, VALUE],
  [CFA.valOffsetSf, VALUE],
  [CFA.gnuArgsSize, (_program, reader) => reader.skipLeb('size')],
]);

const copyOf = ({ base, offset, saved, lost }: CallFrameRow): CallFrameRow => ({
  base,
  offset,
  saved: new Map(saved),
  lost: new Set(lost),
});

export class CallFrameProgram {
  row: CallFrameRow = { base: undefined, offset: 0, saved: new Map(), lost: new Set() };
  readonly dataAlignment: number;
  readonly #codeAlignment: number;
  readonly #readAddress: (reader: ByteReader) => bigint;
  #initial: CallFrameRow | undefined;
  readonly #remembered: CallFrameRow[] = [];
  #at: bigint;

  /** `low`: the first address of the code; `readAddress` reads one as the section has them. */
  constructor(alignment: Alignment, low: bigint, readAddress: (reader: ByteReader) => bigint) {
    this.dataAlignment = alignment.dataAlignment;
    this.#codeAlignment = alignment.codeAlignment;
    this.#readAddress = readAddress;
    this.#at = low;
  }

  /** Runs the reader's instructions up to those for code behind `address`. */
  run(reader: ByteReader, address: bigint): void {
    while (!reader.atEnd && this.#at <= address) {
      const code = reader.u8('instruction');
      const low = code & 0x3f;
      if (code >> 6 === CFA.advance) this.advance(low);
      else if (code >> 6 === CFA.offset) this.save(low, reader.uleb('offset'));
      else if (code >> 6 === CFA.restore) this.restore(low);
      else {
        const step = STEPS.get(code) ?? reader.fail('instruction', `0x${code.toString(16)} is not known`);
        step(this, reader);
      }
    }
  }

  /** The row so far is what DW_CFA_restore goes back to. */
  setInitial(): void {
    this.#initial = copyOf(this.row);
  }

  advance(units: number): void {
    this.#at += BigInt(units) * BigInt(this.#codeAlignment);
  }

  goTo(reader: ByteReader): void {
    this.#at = this.#readAddress(reader);
  }

  define(base: number | undefined, offset: number): void {
    this.row.base = base;
    this.row.offset = offset;
  }

  save(register: number, units: number): void {
    this.keep(register);
    this.row.saved.set(register, units * this.dataAlignment);
  }

  lose(register: number): void {
    this.keep(register);
    this.row.lost.add(register);
  }

  /** The register still has the caller's value. */
  keep(register: number): void {
    this.row.saved.delete(register);
    this.row.lost.delete(register);
  }

  restore(register: number): void {
    this.keep(register);
    const offset = this.#initial?.saved.get(register);
    if (offset !== undefined) this.row.saved.set(register, offset);
    else if (this.#initial?.lost.has(register)) this.row.lost.add(register);
  }

  remember(reader: ByteReader): void {
    if (this.#remembered.length >= REMEMBERED_MAX) reader.fail('remember_state', 'nests too deep');
    this.#remembered.push(copyOf(this.row));
  }

  recall(reader: ByteReader): void {
    this.row = this.#remembered.pop() ?? reader.fail('restore_state', 'has nothing to restore');
  }
}
