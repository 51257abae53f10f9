/**
 * Runs random instructions on the host's own processor and on ours, and compares all that they did. Ends with 1 on a
 * difference that tests/differential/native/known-differences.ts does not explain.
 *
 *   npm run test:cpu-native -- [--seed N] [--cases N] [--row PATTERN]     200 000 cases from a new seed
 *   npm run test:cpu-native -- --seed N --case N [--row PATTERN]          one case of a batch
 *   --bits 16|32|64     code of this size only      --locals N     as if the kernel allowed N local segments
 */
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { type Failure, plan, rowName, runBatch } from '../tests/differential/native/batch.ts';
import { Emulator } from '../tests/differential/native/emulator.ts';
import { Host, hostFlags, missingSegments, whyNoHost } from '../tests/differential/native/host.ts';

/** Lines printed for one row. */
const SHOWN_PER_ROW = 2;

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    cases: { type: 'string', default: '200000' },
    row: { type: 'string' },
    case: { type: 'string' },
    bits: { type: 'string' },
    all: { type: 'boolean', default: false },
    locals: { type: 'string' },
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
  const why = whyNoHost();
  if (why !== undefined) {
    console.log(`test:cpu-native: SKIPPED: ${why}`);
    process.exitCode = process.env.DMASCOPE_REQUIRE_ORACLES === '1' ? 1 : 0;
    return;
  }
  const seed = Number(values.seed ?? randomInt(2 ** 31));
  const started = performance.now();
  const host = new Host(values.locals === undefined ? undefined : Number(values.locals));
  const missing = missingSegments(host.locals);
  if (missing !== undefined) console.log(`test:cpu-native: REDUCED: ${missing}`);
  const emulator = new Emulator(host.locals);
  const { rows, leftOut } = plan(
    emulator,
    hostFlags(),
    values.row === undefined ? undefined : new RegExp(values.row, 'i'),
  );
  const one = values.case !== undefined;
  const bits = ([16, 32, 64] as const).find((size) => String(size) === values.bits);
  const result = runBatch(host, emulator, rows, seed, Number(values.case ?? 0), one ? 1 : Number(values.cases), bits);
  host.close();
  for (const [reason, list] of leftOut) console.log(`  left out, ${reason}: ${list.length} rows`);
  for (const [reason, count] of result.known) console.log(`  known, ${reason}: ${count}`);
  for (const row of result.unwritten) console.log(`  left out, handler to be written: ${rowName(row)}`);
  show(result.failures);
  const never = one ? [] : rows.filter((row) => !result.perRow.has(row) && !result.unwritten.has(row));
  for (const row of never) console.log(`NEVER COMPARED ${rowName(row)}`);
  const sizes = ([64, 32, 16] as const).map((size) => `${result.perBits.get(size) ?? 0} in ${size}-bit code`);
  const seconds = ((performance.now() - started) / 1000).toFixed(0);
  console.log(
    `test:cpu-native: --seed ${seed}: ${result.cases} cases of ${result.perRow.size} rows (${sizes.join(', ')}), ${result.faults} of them faults, ` +
      `${result.failures.length} unexplained differences, ${never.length} rows never compared, ${seconds} s`,
  );
  process.exitCode = result.failures.length + never.length === 0 ? 0 : 1;
}

main();
