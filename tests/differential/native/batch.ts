/** A batch: random instances of every row, run on both sides and compared. */
import type { Row } from '../../../src/cpu/isa/row.ts';
import { OPCODE_TABLE } from '../../../src/cpu/isa/table.ts';
import { Dice } from '../../fuzz/dice.ts';
import { AT, CASE_BYTES, CaseView } from './case-layout.ts';
import { differences } from './comparison.ts';
import type { Emulator } from './emulator.ts';
import { type Choices, type CodeBits, generate } from './generator.ts';
import type { Host } from './host.ts';
import { knownDifference } from './known-differences.ts';
import { hostHas, reasonToLeaveOut } from './left-out.ts';
import { codeBits } from './local-segments.ts';

/** Cases in one run of the host's program: 8 MiB. */
const FILE_CASES = 4096;

export interface Plan {
  readonly rows: readonly Row[];
  /** Rows that are not compared, by reason. */
  readonly leftOut: ReadonlyMap<string, readonly Row[]>;
}

export const rowName = (row: Row) => `${row.mnemonic} ${row.operands.join()}`.trim();

function missingFeature({ feature }: Row, emulator: Emulator, hostFlags: ReadonlySet<string>): string | undefined {
  if (feature === undefined) return undefined;
  if (!emulator.offers(feature)) return `our processor does not offer ${feature}`;
  return hostHas(feature, hostFlags) ? undefined : `the host has no ${feature}`;
}

/** Which rows a batch shows. `pattern` selects by mnemonic and operands. */
export function plan(emulator: Emulator, hostFlags: ReadonlySet<string>, pattern?: RegExp): Plan {
  const rows: Row[] = [];
  const leftOut = new Map<string, Row[]>();
  for (const row of OPCODE_TABLE) {
    const reason = reasonToLeaveOut(row) ?? missingFeature(row, emulator, hostFlags);
    if (reason !== undefined) leftOut.set(reason, [...(leftOut.get(reason) ?? []), row]);
    else if (pattern === undefined || pattern.test(rowName(row))) rows.push(row);
  }
  return { rows, leftOut };
}

export interface Failure {
  readonly row: Row;
  /** Number of the case in the batch. */
  readonly index: number;
  readonly code: string;
  readonly found: readonly string[];
}

export interface Result {
  cases: number;
  /** Cases that ended with a fault on both sides. */
  faults: number;
  readonly failures: Failure[];
  readonly known: Map<string, number>;
  /** Rows that end the run by name: their handlers are still to be written. */
  readonly unwritten: Set<Row>;
  /** How many cases each row had. */
  readonly perRow: Map<Row, number>;
  /** How many cases there were in code of each size. */
  readonly perBits: Map<CodeBits, number>;
}

const INT3 = 3;
const DEBUG = 1;

/** Makes one case of a batch. A choice that has no instance (an impossible length) is drawn again; false: none was found. */
export function makeCase(one: CaseView, row: Row, seed: number, index: number, choices: Choices): boolean {
  const dice = caseDice(seed, index);
  for (let attempt = 0; attempt < 8; attempt++) if (generate(one, row, dice, choices)) return true;
  return false;
}

/** Seed of one case: the batch's seed and its number give it. */
function caseDice(seed: number, index: number): Dice {
  return new Dice((Math.imul(seed, 0x85eb_ca6b) ^ Math.imul(index + 1, 0xc2b2_ae35)) >>> 0);
}

export function hexCode(one: CaseView): string {
  return Array.from(one.bytes.subarray(AT.code, AT.code + one.u32(AT.codeLength)), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('');
}

/** Runs `count` cases over the rows in turn, from case `first` on. */
export function runBatch(
  host: Host,
  emulator: Emulator,
  rows: readonly Row[],
  seed: number,
  first: number,
  count: number,
  bits?: Choices['bits'],
): Result {
  const result: Result = {
    cases: 0,
    faults: 0,
    failures: [],
    known: new Map(),
    unwritten: new Set(),
    perRow: new Map(),
    perBits: new Map(),
  };
  for (let start = first; start < first + count; start += FILE_CASES) {
    const size = Math.min(FILE_CASES, first + count - start);
    const before = new Uint8Array(size * CASE_BYTES);
    const made: { readonly row: Row; readonly index: number }[] = [];
    for (let index = start; index < start + size; index++) {
      const row = rows[index % rows.length]!;
      if (makeCase(new CaseView(before, made.length), row, seed, index, { locals: host.locals, bits }))
        made.push({ row, index });
    }
    compareFile(host, emulator, before.subarray(0, made.length * CASE_BYTES), made, result);
  }
  return result;
}

function compareFile(
  host: Host,
  emulator: Emulator,
  before: Uint8Array,
  made: readonly { row: Row; index: number }[],
  result: Result,
): void {
  const theirs = host.run(before);
  const ours = before.slice();
  for (const [position, { row, index }] of made.entries()) {
    const [start, our, their] = [
      new CaseView(before, position),
      new CaseView(ours, position),
      new CaseView(theirs, position),
    ];
    const ending = emulator.run(our);
    if (ending === 'unimplemented') {
      result.unwritten.add(row);
      continue;
    }
    result.cases += 1;
    result.perRow.set(row, (result.perRow.get(row) ?? 0) + 1);
    const bits = codeBits(start.segment(0));
    result.perBits.set(bits, (result.perBits.get(bits) ?? 0) + 1);
    const vector = their.u32(AT.vector);
    if (vector !== INT3 && vector !== DEBUG) result.faults += 1;
    const found = ending === 'ended' ? differences(row, start, our, their) : ['our processor did not end the case'];
    if (found.length === 0) continue;
    const known =
      knownDifference({ row, before: start, ours: our, theirs: their, found }) ??
      (ending === 'ended' ? unrepeated(host, row, start, our) : undefined);
    if (known !== undefined) result.known.set(known, (result.known.get(known) ?? 0) + 1);
    else result.failures.push({ row, index, code: hexCode(start), found });
  }
}

/** The reason, if the host's processor does as ours when it is asked once more. */
function unrepeated(host: Host, row: Row, before: CaseView, ours: CaseView): string | undefined {
  const again = new CaseView(host.run(before.bytes.slice()), 0);
  if (differences(row, before, ours, again).length > 0) return undefined;
  return 'an interrupt of the host came between: asked once more, it does as ours';
}
