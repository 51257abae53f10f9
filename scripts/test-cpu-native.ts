/**
 * Runs random instructions on the host's own processor and on ours, and compares all that they did. Ends with 1 on a
 * difference that tests/differential/native/known-differences.ts does not explain.
 *
 *   npm run test:cpu-native -- [--seed N] [--cases N] [--row PATTERN]     200 000 cases from a new seed
 *   npm run test:cpu-native -- --seed N --case N [--row PATTERN]          one case of a batch, with its state
 */
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { type Failure, plan, rowName, runBatch } from '../tests/differential/native/batch.ts';
import { Emulator } from '../tests/differential/native/emulator.ts';
import { Host, hostFlags, whyNoHost } from '../tests/differential/native/host.ts';

/** Lines printed for one row. */
const SHOWN_PER_ROW = 2;

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    cases: { type: 'string', default: '200000' },
    row: { type: 'string' },
    case: { type: 'string' },
    all: { type: 'boolean', default: false },
  },
});

function show(failures: readonly Failure[]): void {
  const shown = new Map<string, number>();
  for (const { row, index, code, found } of failures) {
    const name = rowName(row);
    const count = (shown.get(name) ?? 0) + 1;
    shown.set(name, count);
    if (count <= SHOWN_PER_ROW || values.all)
      console.log(`DIFFERENT ${name}, --case ${index}, ${code}: ${found.slice(0, 6).join('; ')}`);
  }
  for (const [name, count] of shown) console.log(`  ${String(count).padStart(6)} different: ${name}`);
}

function main(): void {
  const missing = whyNoHost();
  if (missing !== undefined) {
    console.log(`test:cpu-native: SKIPPED: ${missing}`);
    process.exitCode = process.env.DMASCOPE_REQUIRE_ORACLES === '1' ? 1 : 0;
    return;
  }
  const seed = Number(values.seed ?? randomInt(2 ** 31));
  const started = performance.now();
  const emulator = new Emulator();
  const { rows, leftOut } = plan(
    emulator,
    hostFlags(),
    values.row === undefined ? undefined : new RegExp(values.row, 'i'),
  );
  const host = new Host();
  const one = values.case !== undefined;
  const result = runBatch(host, emulator, rows, seed, Number(values.case ?? 0), one ? 1 : Number(values.cases));
  host.close();
  for (const [reason, list] of leftOut) console.log(`  left out, ${reason}: ${list.length} rows`);
  for (const [reason, count] of result.known) console.log(`  known, ${reason}: ${count}`);
  for (const row of result.unwritten) console.log(`  left out, handler to be written: ${rowName(row)}`);
  show(result.failures);
  const never = one ? [] : rows.filter((row) => !result.perRow.has(row) && !result.unwritten.has(row));
  for (const row of never) console.log(`NEVER COMPARED ${rowName(row)}`);
  const seconds = ((performance.now() - started) / 1000).toFixed(0);
  console.log(
    `test:cpu-native: --seed ${seed}: ${result.cases} cases of ${result.perRow.size} rows, ${result.faults} of them faults, ` +
      `${result.failures.length} unexplained differences, ${never.length} rows never compared, ${seconds} s`,
  );
  process.exitCode = result.failures.length + never.length === 0 ? 0 : 1;
}

main();
