/** Decodes random strings with our decoder and with iced-x86, and sorts what differs. */
import type { Row } from '../../../src/cpu/isa/row.ts';
import { OPCODE_TABLE } from '../../../src/cpu/isa/table.ts';
import { CODE_SIZES, type CodeSize, DecodeProbe } from '../../../src/cpu/testing/decode-probe.ts';
import { Dice } from '../../fuzz/dice.ts';
import { byteString, type Kind, STRING_BYTES } from './byte-strings.ts';
import { DIFFERENCES, type Seen, sameName } from './differences.ts';
import { Judge, mnemonicName } from './iced.ts';

/** Strings in memory at a time. */
const BATCH = 0x4000;
/** Half of the strings start from a row: most others are the same few one-byte instructions. */
const KINDS: readonly Kind[] = ['row', 'opcode', 'row', 'uniform'];

export interface Report {
  strings: number;
  /** Strings that both take for the same instruction. */
  valid: number;
  /** How many differences each class of the list explained. */
  readonly listed: Map<string, number>;
  /** Differences that nothing explains, as lines to print; the first of each pair of names. */
  readonly unlisted: Map<string, string>;
  /** Rows of the table that decoded something which iced-x86 calls the same. */
  readonly rows: Set<Row>;
}

const hex = (bytes: Uint8Array) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

function ourSide({ row, length }: Seen): string {
  return row === undefined ? 'refused' : `${row.mnemonic} ${row.operands.join()} (${length} bytes)`.replace('  ', ' ');
}

/** One line: how to see it again, what each side says. */
export function describe(seen: Seen, bytes: Uint8Array): string {
  const theirs = seen.judged.valid ? `${seen.judged.text} (${seen.judged.length} bytes)` : 'refused';
  return `--bits ${seen.codeSize} --bytes ${hex(bytes)}: ours ${ourSide(seen)}, iced-x86 ${theirs}`;
}

/** Whether both sides take a string for the same: length and name, or nothing. */
export function agree({ row, length, judged }: Seen): boolean {
  if (row === undefined) return !judged.valid;
  // UD2 and its like raise #UD in any case.
  if (!judged.valid) return row.handler === 'ud';
  return length === judged.length && row.handler !== 'unimplemented' && sameName(row, judged.mnemonic);
}

/** Both sides of the string at `at`, as far as a quick look goes: `undefined` when they agree. */
function difference(probe: DecodeProbe, judge: Judge, at: number, codeSize: CodeSize, report: Report) {
  const ours = probe.decode(at, codeSize);
  const theirs = judge.decode(at);
  if (ours.row === undefined && theirs.length === 0) return undefined;
  if (ours.row !== undefined && ours.length === theirs.length && sameName(ours.row, mnemonicName(theirs.mnemonic))) {
    report.valid += 1;
    report.rows.add(ours.row);
    return undefined;
  }
  const seen: Seen = { codeSize, ...ours, judged: judge.describe() };
  return agree(seen) ? undefined : seen;
}

function sort(seen: Seen, bytes: Uint8Array, report: Report): void {
  const known = DIFFERENCES.find(({ explains }) => explains(seen));
  if (known) {
    report.listed.set(known.name, (report.listed.get(known.name) ?? 0) + 1);
    if (seen.row && seen.length === seen.judged.length) report.rows.add(seen.row);
    return;
  }
  const key = `${seen.row?.mnemonic} ${seen.judged.mnemonic}`;
  if (!report.unlisted.has(key)) report.unlisted.set(key, describe(seen, bytes));
}

/** Compares `count` strings for each code size. The same seed gives the same strings. */
export function compare(seed: number, count: number): Report {
  const report: Report = { strings: 0, valid: 0, listed: new Map(), unlisted: new Map(), rows: new Set() };
  const probe = new DecodeProbe((BATCH + 1) * STRING_BYTES);
  for (const codeSize of CODE_SIZES) {
    const dice = new Dice(seed ^ codeSize);
    for (let done = 0; done < count; done += BATCH) {
      const batch = Math.min(BATCH, count - done);
      for (let index = 0; index < batch; index++) {
        probe.bytes.set(byteString(dice, KINDS[index % KINDS.length]!), index * STRING_BYTES);
      }
      const judge = new Judge(probe.bytes, codeSize);
      for (let at = 0; at < batch * STRING_BYTES; at += STRING_BYTES) {
        const seen = difference(probe, judge, at, codeSize, report);
        if (seen) sort(seen, probe.bytes.subarray(at, at + STRING_BYTES), report);
      }
      judge.free();
      report.strings += batch;
    }
  }
  return report;
}

/** One string as both see it; bytes behind its end are zeros. */
export function look(bytes: Uint8Array, codeSize: CodeSize): Seen {
  const probe = new DecodeProbe(2 * STRING_BYTES);
  probe.bytes.set(bytes.subarray(0, STRING_BYTES));
  const judge = new Judge(probe.bytes, codeSize);
  judge.decode(0);
  const judged = judge.describe();
  judge.free();
  return { codeSize, ...probe.decode(0, codeSize), judged };
}

/** Rows that no string was an instance of: shadowed by another row, or refused. */
export function rowsNotMet({ rows }: Report): Row[] {
  return OPCODE_TABLE.filter((row) => row.handler !== 'unimplemented' && !rows.has(row));
}
