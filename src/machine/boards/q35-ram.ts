/** RAM of the board, in the processors' own memory, below and above the PCI hole. */
import type { Processor } from '../../cpu/processor.ts';
import { AliasRegion, RamRegion } from '../../memory/index.ts';
import type { Backplane } from './q35-backplane.ts';
import { FOUR_GIB } from './q35-memory-map.ts';

export function addRam(board: Backplane, processor: Processor): RamRegion {
  const { memory, system, options } = board;
  const { below4g, above4g } = board.ram;
  const ram = new RamRegion(memory, 'pc.ram', processor.allocate(options.ramBytes));
  memory.transaction(() => {
    system.addSubregion(0, new AliasRegion(memory, 'ram-below-4g', ram, 0, below4g));
    if (above4g > 0) system.addSubregion(FOUR_GIB, new AliasRegion(memory, 'ram-above-4g', ram, below4g, above4g));
  });
  return ram;
}
