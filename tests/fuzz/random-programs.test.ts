/**
 * Random programs on the whole PC, diagnosis included: nothing throws, each run ends within its instructions, and the
 * same seed gives the same trace, report and state. `FUZZ_SEED` repeats a run, `FUZZ_STEPS` is the number of programs.
 */
import { describe, expect, it } from 'vitest';
import { Dice, FuzzFailure, SEED, steps } from './dice.ts';
import { MachineBench } from './machine-bench.ts';
import { longModeImage, multibootImage, randomCode } from './random-program.ts';

const PROGRAMS = steps(40);
const INSTRUCTIONS_MAX = 50_000;
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

function play(image: Uint8Array, personality: string, seed: number): Played {
  try {
    const bench = new MachineBench({ personality });
    expect(bench.load(image)).toBeUndefined();
    const outcome = bench.run({ maxInstructions: INSTRUCTIONS_MAX });
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
      const program = image(randomCode(new Dice(seed)));
      const played = play(program, index % 2 === 0 ? 'spec' : 'qemu', seed);
      if (index % 8 === 0) expect(play(program, 'spec', seed), `FUZZ_SEED=${seed}`).toEqual(played);
      kinds.set(played.kind, (kinds.get(played.kind) ?? 0) + 1);
      instructions += played.instructions;
    }
    // Programs that all died at once would have tested nothing.
    expect(instructions / PROGRAMS, JSON.stringify([...kinds])).toBeGreaterThan(INSTRUCTIONS_MAX / 100);
  });
});
