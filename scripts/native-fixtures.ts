/**
 * Runs random instances of every row of the opcode table on this machine's processor and stores what it did as
 * tests/differential/native/native-fixtures.bin. Instances in which it differs from ours for a known reason are drawn
 * again; one that differs without a reason ends it with 1 and no file. Needs what test:cpu-native needs.
 *
 *   npm run native-fixtures -- [--seed N] [--cases N]     8 cases of each row
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { Row } from '../src/cpu/isa/row.ts';
import { hexCode, makeCase, plan, rowName } from '../tests/differential/native/batch.ts';
import { CASE_BYTES, CaseView } from '../tests/differential/native/case-layout.ts';
import { differences } from '../tests/differential/native/comparison.ts';
import { Emulator } from '../tests/differential/native/emulator.ts';
import { encodeFixtures, FIXTURES } from '../tests/differential/native/fixtures.ts';
import { Host, hostFlags, missingSegments, whyNoHost } from '../tests/differential/native/host.ts';
import { knownDifference } from '../tests/differential/native/known-differences.ts';

const { values } = parseArgs({
  options: { seed: { type: 'string', default: '1' }, cases: { type: 'string', default: '8' } },
});
const seed = Number(values.seed);
const wanted = Number(values.cases);
/** Instances of a row in one run of the host's program, of which {@link wanted} are kept. */
const drawn = wanted * 3;
/** How often a row is drawn for of which no instance is kept: nearly all of its instances have a known difference. */
const ROUNDS_MAX = 32;

interface Kept {
  readonly row: Row;
  readonly before: CaseView;
  readonly after: CaseView;
}

const emulator = new Emulator();
const host = new Host();

/** The first instances of a row that are the same on both sides; more are drawn until there is one. */
function casesOf(row: Row, number: number): Kept[] {
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const kept = casesOfRound(row, number, seed + round);
    if (kept.length > 0) return kept;
  }
  return [];
}

function casesOfRound(row: Row, number: number, seed: number): Kept[] {
  const before = new Uint8Array(drawn * CASE_BYTES);
  let made = 0;
  for (let index = 0; index < drawn; index++) {
    if (makeCase(new CaseView(before, made), row, seed, number * drawn + index, { locals: host.locals })) made++;
  }
  const theirs = host.run(before.subarray(0, made * CASE_BYTES));
  const kept: Kept[] = [];
  for (let index = 0; index < made && kept.length < wanted; index++) {
    const start = new CaseView(before, index);
    const their = new CaseView(theirs, index);
    const our = new CaseView(start.bytes.slice(), 0);
    const ending = emulator.run(our);
    const found = ending === 'ended' ? differences(row, start, our, their) : [ending];
    if (found.length === 0) kept.push({ row, before: start, after: their });
    else if (knownDifference({ row, before: start, ours: our, theirs: their, found }) === undefined)
      throw new Error(`${rowName(row)} ${hexCode(start)}: ${found.join('; ')}`);
  }
  return kept;
}

function main(): void {
  const missing = whyNoHost() ?? missingSegments(host.locals);
  if (missing !== undefined) throw new Error(missing);
  const { rows, leftOut } = plan(emulator, hostFlags());
  const cases = rows.flatMap((row, number) => casesOf(row, number));
  host.close();
  const present = new Set(cases.map(({ row }) => row));
  for (const [reason, list] of leftOut) console.log(`  left out, ${reason}: ${list.length} rows`);
  for (const row of rows) if (!present.has(row)) console.log(`  no case kept: ${rowName(row)}`);
  const processor = /^model name\s*: (.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? 'unknown';
  const file = encodeFixtures(processor, cases);
  writeFileSync(FIXTURES, file);
  console.log(`native-fixtures: ${cases.length} cases of ${present.size} rows, ${file.length} bytes, ${processor}`);
}

main();
