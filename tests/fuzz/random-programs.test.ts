/**
 * Random programs on the whole PC, diagnosis included: nothing throws, each run ends within its instructions, and a
 * second run, also one cut into other slices, gives the same trace, report and state. `FUZZ_SEED` repeats a run, `FUZZ_STEPS` is the number of programs.
 */
import { describe, expect, it } from 'vitest';
import type { BusAddress } from '../../src/base/address.ts';
import type { Outcome } from '../../src/machine/outcome.ts';
import { DmaView } from '../../src/memory/index.ts';
import { Dice, FuzzFailure, SEED, steps } from './dice.ts';
import { MachineBench, RAM_BYTES } from './machine-bench.ts';
import { longModeImage, multibootImage, randomCode } from './random-program.ts';

const PROGRAMS = steps(16);
const INSTRUCTIONS_MAX = 4_000;
const TIMEOUT = 300_000;

const MODES = [
  { mode: '32-bit protected mode', image: multibootImage },
  { mode: '64-bit mode', image: longModeImage },
] as const;

interface Played {
  readonly digest: string;
  readonly kind: string;
  readonly instructions: number;
}

/** Instructions that are not there yet are passed over, so that a program goes on behind them. */
const PASSED_OVER_MAX = 400;
const NOP = 0x90;

function run(bench: MachineBench, slice: () => number): Outcome {
  const { machine } = bench;
  const patch = new DmaView(machine.addressSpace, 'fuzz');
  for (let passed = 0; ; ) {
    const maxInstructions = Math.min(INSTRUCTIONS_MAX, machine.processor.instructions + slice());
    const outcome = bench.run({ maxInstructions });
    if (outcome.kind === 'instruction-limit' && maxInstructions < INSTRUCTIONS_MAX) continue;
    passed += 1;
    if (outcome.kind !== 'unimplemented' || passed > PASSED_OVER_MAX || outcome.pc >= RAM_BYTES) return outcome;
    patch.write(Number(outcome.pc) as BusAddress, Uint8Array.of(NOP, NOP));
  }
}

function play(image: Uint8Array, seed: number, slice = () => INSTRUCTIONS_MAX): Played {
  const personality = seed % 2 === 0 ? 'spec' : 'qemu';
  try {
    // Where a block of decoded code ends depends on the slices, and with it which stores have a number among writers.
    const bench = new MachineBench({
      personality,
      ignored: ['cpu.block-decoded'],
      ignoredState: ['cpu-writers.sites'],
    });
    expect(bench.load(image)).toBeUndefined();
    const outcome = run(bench, slice);
    const { digest } = bench.conclude(outcome);
    const { instructions } = bench.machine.processor;
    expect(instructions).toBeLessThanOrEqual(INSTRUCTIONS_MAX);
    return { digest, kind: outcome.kind, instructions };
  } catch (error) {
    throw new FuzzFailure(seed, `random program, ${personality}`, error);
  }
}

describe(`random programs (FUZZ_SEED=${SEED})`, { timeout: TIMEOUT }, () => {
  it.each(MODES)('$mode: end, and never by an error of ours', ({ image }) => {
    const kinds = new Map<string, number>();
    let instructions = 0;
    for (let index = 0; index < PROGRAMS; index += 1) {
      const seed = SEED + index;
      const dice = new Dice(seed);
      const sliced = (seed & 2) !== 0;
      const program = image(randomCode(dice));
      const played = play(program, seed);
      const slice = sliced ? () => 1 + dice.below(dice.pick([20, 3_000])) : undefined;
      expect(play(program, seed, slice), `FUZZ_SEED=${seed}`).toEqual(played);
      kinds.set(played.kind, (kinds.get(played.kind) ?? 0) + 1);
      instructions += played.instructions;
    }
    // Programs that all died at once would have tested nothing; one alone, seen again, may.
    if (PROGRAMS > 1)
      expect(instructions / PROGRAMS, JSON.stringify([...kinds])).toBeGreaterThan(INSTRUCTIONS_MAX / 10);
  });
});
