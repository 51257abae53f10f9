/**
 * Boots what people have, unmodified, each twice: `npm run test:boot`. A scenario passes when both runs end as they should,
 * print the same bytes after the same number of instructions, and nothing is found wrong with a driver that is right.
 * Ends with `N passed, N failed, N skipped`; status 1 for a failure, 2 for a mistake in the call. See docs/testing.md.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { BootResult, BootScenario } from '../tests/boot/scenario.ts';
import { SCENARIOS } from '../tests/boot/scenarios/index.ts';

const USAGE = `npm run test:boot -- [--only NAME]... [--runs N] [--jobs N] [--patience N] [--keep FOLDER] [--list]

  --only NAME      a scenario, or what its name begins with; may be repeated; all when absent
  --runs N         runs of each, compared with each other (2)
  --jobs N         processes at once, 1 or 2 (2)
  --patience N     multiplies every scenario's time budget (1); for a busy machine
  --minutes N      begin no run after so long (40); what is not run has failed
  --keep FOLDER    leave the logs there
  --list           the scenarios`;

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true },
    runs: { type: 'string', default: '2' },
    jobs: { type: 'string', default: '2' },
    patience: { type: 'string', default: '1' },
    minutes: { type: 'string', default: '40' },
    keep: { type: 'string' },
    list: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

/** What became of one run: its result, or why there is none. */
type Run = { readonly result: BootResult } | { readonly missing: string } | { readonly died: string };

const REQUIRED = process.env.DMASCOPE_REQUIRE_ORACLES === '1';
const folder = values.keep ?? mkdtempSync(join(tmpdir(), 'dmascope-boot-'));

function number(name: 'runs' | 'jobs' | 'patience' | 'minutes', maximum: number): number {
  const value = Number(values[name]);
  if (value >= 1 && value <= maximum) return value;
  console.error(`--${name} takes a number from 1 to ${maximum}, not "${values[name]}"`);
  process.exit(2);
}

function chosen(): readonly BootScenario[] {
  const { only } = values;
  if (only === undefined) return SCENARIOS;
  return only.flatMap((name) => {
    const found = SCENARIOS.filter((scenario) => scenario.name.startsWith(name));
    if (found.length > 0) return found;
    console.error(`There is no scenario "${name}".\n\n${USAGE}`);
    return process.exit(2);
  });
}

function runOnce(scenario: BootScenario, round: number): Promise<Run> {
  const place = join(folder, scenario.name, String(round));
  rmSync(place, { recursive: true, force: true });
  const limit = scenario.budgetSeconds * number('patience', 100);
  const words = ['--import', 'tsx', 'tests/boot/child.ts', scenario.name, String(round), place];
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'pipe'] });
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill('SIGKILL');
  }, limit * 1000);
  let errors = '';
  child.stderr.on('data', (bytes: Buffer) => {
    errors += bytes.toString('utf8');
  });
  const say = (line: string): void => console.log(`  ${scenario.name} #${round}: ${line}`);
  let rest = '';
  child.stdout.on('data', (bytes: Buffer) => {
    const lines = (rest + bytes.toString('utf8')).split('\n');
    rest = lines.pop()!;
    for (const line of lines) say(line);
  });
  return new Promise((resolve) => {
    child.on('close', (status, signal) => {
      clearTimeout(timer);
      const file = (name: string): string => join(place, name);
      if (late) resolve({ died: `killed: it took longer than ${limit} s` });
      else if (status !== 0) resolve({ died: `ended with ${signal ?? status}: ${errors.trim()}` });
      else if (existsSync(file('missing.txt'))) resolve({ missing: readFileSync(file('missing.txt'), 'utf8') });
      else {
        const result: BootResult = JSON.parse(readFileSync(file('result.json'), 'utf8'));
        const millions = (result.instructions / 1e6).toFixed(0);
        const memory = `${result.peakMegabytes.toFixed(0)} MiB at most`;
        say(`${result.outcome} after ${millions} million instructions, ${result.seconds.toFixed(1)} s, ${memory}`);
        resolve({ result });
      }
    });
  });
}

/** What is wrong with a scenario's runs; none: it passed. */
function complaints(runs: readonly Run[]): readonly string[] {
  const results: BootResult[] = [];
  for (const [index, run] of runs.entries()) {
    if ('died' in run) return [`run ${index + 1} ${run.died}`];
    if ('result' in run) results.push(run.result);
  }
  const [first, ...others] = results;
  const errors = first!.findings.filter(({ severity }) => severity === 'error');
  const found = errors.map(({ rule }) => `a false alarm, or a mistake of ours: ${rule} (report.txt)`);
  const unlike = others.flatMap((other, index) =>
    (['outcome', 'instructions', 'time', 'serial', 'debug', 'report'] as const)
      .filter((what) => other[what] !== first![what])
      .map((what) => `run ${index + 2} differs from run 1 in ${what}: ${other[what]}, not ${first![what]}`),
  );
  return [...first!.complaints, ...found, ...unlike];
}

type Verdict = 'passed' | 'failed' | 'skipped';

function judge(scenario: BootScenario, runs: readonly Run[]): Verdict {
  const missing = runs.find((run) => 'missing' in run);
  if (missing !== undefined && 'missing' in missing) {
    console.log(`${REQUIRED ? 'FAILED' : 'SKIPPED'}: ${scenario.name}: ${missing.missing}`);
    return REQUIRED ? 'failed' : 'skipped';
  }
  const wrong = complaints(runs);
  console.log(`${wrong.length === 0 ? 'passed' : 'FAILED'}: ${scenario.name}: ${scenario.about}`);
  for (const line of wrong) console.log(`  ${line}`);
  return wrong.length === 0 ? 'passed' : 'failed';
}

async function main(): Promise<boolean> {
  const scenarios = chosen();
  const rounds = number('runs', 10);
  const queue = scenarios.flatMap((scenario) => Array.from({ length: rounds }, (_, index) => ({ scenario, index })));
  const runs = new Map<BootScenario, Run[]>();
  const deadline = performance.now() + number('minutes', 1000) * 60_000;
  const counts = { passed: 0, failed: 0, skipped: 0 };
  const work = async (): Promise<void> => {
    for (let job = queue.shift(); job !== undefined; job = queue.shift()) {
      const { scenario, index } = job;
      const run: Run =
        performance.now() < deadline
          ? await runOnce(scenario, index + 1)
          : { died: `was not begun: the others took ${values.minutes} minutes` };
      const done = runs.get(scenario) ?? [];
      runs.set(scenario, done);
      done[index] = run;
      if (Object.keys(done).length === rounds) counts[judge(scenario, done)] += 1;
    }
  };
  await Promise.all(Array.from({ length: number('jobs', 2) }, work));
  const keep = values.keep !== undefined || counts.failed > 0;
  if (keep) console.log(`logs: ${folder}`);
  else rmSync(folder, { recursive: true, force: true });
  console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
  return counts.failed === 0 && counts.passed + counts.skipped > 0;
}

if (values.help) console.log(USAGE);
else if (values.list) for (const { name, about } of SCENARIOS) console.log(`${name.padEnd(28)} ${about}`);
else process.exitCode = (await main()) ? 0 : 1;
