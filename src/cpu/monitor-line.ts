/** MWAIT's wait ends when somebody else writes to the line that MONITOR named (Intel SDM Vol. 2, MWAIT). */
import type { CoreInstance } from './core-instance.ts';
import { EVENT_HALTED, EVENTS, HALTED, MWAIT_BREAKS, MWAIT_LINE } from './layout.ts';

const LINE_BYTES = 64;

/** A device wrote `bytes` bytes at `pointer`, an address in the core's memory. */
export function wakeMonitor(core: CoreInstance, pointer: number, bytes: number): void {
  const line = core.word(MWAIT_LINE);
  if (line === 0 || pointer >= line + LINE_BYTES || pointer + bytes <= line) return;
  core.setWord(MWAIT_LINE, 0);
  core.setWord(MWAIT_BREAKS, 0);
  core.setWord(HALTED, 0);
  core.setWord(EVENTS, core.word(EVENTS) & ~EVENT_HALTED);
}
