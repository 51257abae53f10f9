// What the core exports to the facade (src/cpu/processor.ts).

export { executed, position, run } from './interpreter';
export { probe } from './decode-probe';
export { flushBlocks, arenaFlushes, blockCount, siteOf } from './blocks';
export {
  flags, initialise, invalidate, observe, rangesChanged, setFlags, stateChanged, switchTo,
} from './host-interface';
export { resetActive } from './init';
