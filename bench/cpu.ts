/**
 * The processor against QEMU's TCG, on the same guest in the same run: `npm run bench:cpu`. Prints for each workload our
 * instructions per second and our time over QEMU's, and what "who wrote this byte" costs.
 */
import { parseArgs } from 'node:util';
import { hasQemu, runHere, runOnQemu } from './guest.ts';
import { median } from './harness.ts';

const GUEST = 'guests/built/bench.elf';
/** Rounds that take QEMU about half a second. */
const WORKLOADS: Readonly<Record<string, number>> = {
  sieve: 400,
  matrix: 600,
  sort: 600,
  crc: 600,
  sha256: 400,
  copy: 2000,
  fill: 2000,
  calls: 3000,
  arithmetic: 3000,
  chase: 3000,
  'page-faults': 600,
  'system-calls': 1500,
};
/** Our time over QEMU's, geometric mean: the target of the interpreter. */
const TARGET_RATIO = 6;
const TARGET_WHO_WROTE = 0.1;
/** String instructions: one bulk copy or fill here. */
const TARGET_STRINGS = 1;

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '3' }, scale: { type: 'string', default: '1' } },
});
const rounds = Number(values.rounds);
const scale = Number(values.scale);

interface Figure {
  readonly mips: number;
  readonly ratio: number | undefined;
  readonly whoWrote: number;
}

function geometricMean(numbers: readonly number[]): number {
  return Math.exp(numbers.reduce((sum, value) => sum + Math.log(value), 0) / numbers.length);
}

function measure(name: string, count: number, peer: boolean): Figure {
  const short = `${name} 1`;
  const long = `${name} ${count}`;
  const mips: number[] = [];
  const ratios: number[] = [];
  const costs: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const on = runHere(GUEST, { commandLine: long });
    const off = runHere(GUEST, { commandLine: long, trackWriters: false });
    mips.push(on.instructions / on.seconds / 1e6);
    costs.push(on.seconds / off.seconds - 1);
    if (!peer) continue;
    const theirs = runOnQemu(GUEST, { commandLine: long });
    if (theirs.serial.trim().split('\n').at(-2) !== on.serial.trim().split('\n').at(-2)) {
      throw new Error(`${name}: QEMU and dmascope disagree\n${theirs.serial}\n${on.serial}`);
    }
    ratios.push(on.seconds / Math.max(theirs.seconds - runOnQemu(GUEST, { commandLine: short }).seconds, 1e-3));
  }
  return { mips: median(mips), ratio: peer ? median(ratios) : undefined, whoWrote: median(costs) };
}

const peer = hasQemu();
if (!peer) console.log('QEMU is not installed: only our own figures (apt-get install qemu-system-x86)');
console.log('workload      million instr/s   time over QEMU TCG   who-wrote');
const figures = Object.entries(WORKLOADS).map(([name, count]) => {
  const figure = measure(name, Math.max(1, Math.round(count * scale)), peer);
  const ratio = figure.ratio === undefined ? 'not measured' : `${figure.ratio.toFixed(2)}x`;
  const cost = `${(figure.whoWrote * 100).toFixed(1)} %`;
  console.log(`${name.padEnd(12)} ${figure.mips.toFixed(0).padStart(16)} ${ratio.padStart(20)} ${cost.padStart(11)}`);
  return figure;
});
const whoWrote = median(figures.map((figure) => figure.whoWrote));
console.log(`who-wrote: median ${(whoWrote * 100).toFixed(1)} % (target <= ${TARGET_WHO_WROTE * 100} %)`);
if (peer) {
  const mean = geometricMean(figures.map((figure) => figure.ratio!));
  const names = Object.keys(WORKLOADS);
  const strings = figures.filter((_, index) => /^(copy|fill)$/.test(names[index]!)).map((figure) => figure.ratio!);
  console.log(
    `REP MOVS, REP STOS: ${strings.map((ratio) => ratio.toFixed(2)).join(', ')}x (target < ${TARGET_STRINGS}x)`,
  );
  console.log(`geometric mean: ${mean.toFixed(2)}x of QEMU TCG's time (target <= ${TARGET_RATIO}x)`);
}
