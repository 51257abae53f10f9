/** Small helpers for benchmarks: two things timed in turns in one run, so that their ratio survives a busy machine. */
import { performance } from 'node:perf_hooks';

/** Keeps results alive, so that the compiler cannot drop the work. */
export const sink = { value: 0 };

export interface Pair {
  /** Nanoseconds for one call, medians over all rounds. */
  readonly ours: number;
  readonly peer: number;
  /** The fastest round of ours: what an absolute target is held against, because other work only ever adds time. */
  readonly best: number;
  /** Median of the rounds' own ratios peer / ours: 1 is as fast as the peer, 2 twice as fast. */
  readonly ratio: number;
}

export interface Rounds {
  /** Calls of each in one round. */
  readonly calls: number;
  readonly rounds?: number;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >>> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Nanoseconds for one call of `work` when it is called `calls` times in a row. `work` gets the call's index. */
export function time(work: (index: number) => void, calls: number): number {
  const start = performance.now();
  for (let i = 0; i < calls; i += 1) work(i);
  return ((performance.now() - start) * 1e6) / calls;
}

/** Times `ours` and `peer` in turns, the first of each round alternating, after one round to warm up. */
export function pair(
  ours: (index: number) => void,
  peer: (index: number) => void,
  { calls, rounds = 15 }: Rounds,
): Pair {
  time(ours, calls);
  time(peer, calls);
  const mine: number[] = [];
  const theirs: number[] = [];
  const ratios: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const peerFirst = round % 2 === 1 ? time(peer, calls) : undefined;
    const a = time(ours, calls);
    const b = peerFirst ?? time(peer, calls);
    mine.push(a);
    theirs.push(b);
    ratios.push(b / a);
  }
  return { ours: median(mine), peer: median(theirs), best: Math.min(...mine), ratio: median(ratios) };
}

/** "812.3 ns", "4.1 us", "2.30 ms". */
export function duration(nanoseconds: number): string {
  if (nanoseconds < 1e3) return `${nanoseconds.toFixed(1)} ns`;
  if (nanoseconds < 1e6) return `${(nanoseconds / 1e3).toFixed(1)} us`;
  return `${(nanoseconds / 1e6).toFixed(2)} ms`;
}

/** One line a figure: name, ours, the peer's, the ratio and, with a target, whether it holds. */
export function printFigure(name: string, ours: string, peer: string, ratio: number, target?: boolean): void {
  const verdict = target === undefined ? '' : target ? '  target met' : '  TARGET MISSED';
  console.log(`${name.padEnd(28)} ${ours.padStart(10)}   ${peer.padStart(22)}   ${ratio.toFixed(2)}x${verdict}`);
}
