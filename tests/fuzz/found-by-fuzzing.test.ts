/** Bugs that fuzzing found, each as small as it gets. */
import { describe, expect, it } from 'vitest';
import { MachineBench } from './machine-bench.ts';
import { longModeImage } from './random-program.ts';

/** mov ecx, 64; add esi, 0x1000 (the controller's MFINDEX); rep lodsd; hlt. */
const READ_MFINDEX_REPEATEDLY = Uint8Array.of(
  ...[0xb9, 0x40, 0x00, 0x00, 0x00, 0x81, 0xc6, 0x00, 0x10, 0x00, 0x00],
  ...[0xf3, 0xad, 0xf4],
);

function instructionsOfReads(slice: number): number[] {
  const bench = new MachineBench({ hashTrace: false });
  const { machine } = bench;
  const seen: number[] = [];
  machine.trace.on('xhci.register-read', () => seen.push(machine.processor.instructions));
  expect(bench.load(longModeImage(READ_MFINDEX_REPEATEDLY))).toBeUndefined();
  while (bench.run({ maxInstructions: machine.processor.instructions + slice }).kind === 'instruction-limit');
  expect(seen).toHaveLength(64);
  return seen;
}

describe('found by fuzzing', () => {
  // Random program, FUZZ_SEED=20241034: the iterations were charged only when the loop had ended, so that device time
  // stood still within the REP, and a guest could see where slices end.
  it('each iteration of REP on a device register has its own instruction count, whatever the slices', () => {
    const seen = instructionsOfReads(1_000);
    expect(seen).toEqual(seen.map((_count, index) => seen[0]! + index));
    expect(instructionsOfReads(7)).toEqual(seen);
  });

  it('and in slices of one instruction it has', () => {
    const seen = instructionsOfReads(1);
    expect(seen).toEqual(seen.map((_count, index) => seen[0]! + index));
  });
});
