/**
 * Runs every test and ends with one line made from the runner's own report: `N passed, N failed, N skipped`.
 * Fails if a test failed, a file could not be loaded, or nothing ran. Arguments are handed on to vitest
 * (`npm test -- src/memory`).
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

interface JsonReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

/** A test that never returns keeps its worker for ever; no run of all tests takes near this long. */
const LIMIT_MINUTES = 50;

const folder = mkdtempSync(join(tmpdir(), 'dmascope-tests-'));
const reportFile = join(folder, 'report.json');
const vitest = join('node_modules', 'vitest', 'vitest.mjs');
const run = spawnSync(
  process.execPath,
  [vitest, 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${reportFile}`, ...process.argv.slice(2)],
  { stdio: 'inherit', timeout: LIMIT_MINUTES * 60_000, killSignal: 'SIGKILL' },
);
if (run.signal !== null) {
  console.error(`killed after ${LIMIT_MINUTES} minutes: a file that no line above names does not end`);
}

let report: JsonReport | undefined;
try {
  report = JSON.parse(readFileSync(reportFile, 'utf8')) as JsonReport;
} catch (error) {
  console.error(`no report from the test runner: ${String(error)}`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

if (report === undefined) {
  console.log('0 passed, 1 failed, 0 skipped');
  process.exit(1);
}
const broken = report.testResults.filter((file) => file.status === 'failed' && file.assertionResults.length === 0);
for (const file of broken) console.error(`could not run: ${file.name}`);
for (const file of report.testResults) {
  for (const test of file.assertionResults) if (test.status === 'pending') console.log(`skipped: ${test.fullName}`);
}
const skipped = report.numPendingTests + report.numTodoTests;
const failed = report.numFailedTests + broken.length;
const passed = report.numPassedTests;
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
process.exit(failed > 0 || passed === 0 || run.status !== 0 ? 1 : 0);
