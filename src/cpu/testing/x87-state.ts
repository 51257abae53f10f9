/** The x87 state of a core, set and compared as {@link X87State}. */
import type { CoreInstance } from '../core-instance.ts';
import { X87, X87_CONTROL, X87_IGNORE_ERROR, X87_LAST_OPCODE, X87_STATUS, X87_TAG } from '../layout.ts';
import type { X87State } from './x87-cases.ts';

const topOf = (status: number): number => (status >>> 11) & 7;

/** Physical slots hold R0-R7; the state counts from the top of the stack. */
const slotOf = (word: number, top: number): number => X87 + (((word >> 1) + top) & 7) * 16 + (word & 1) * 8;

export function setX87(core: CoreInstance, state: X87State): void {
  core.setWord(X87_CONTROL, state.control);
  core.setWord(X87_STATUS, state.status);
  core.setWord(X87_TAG, state.tags);
  // The last pointers as FNINIT leaves them: the native runner ends each case with one.
  for (let at = X87_LAST_OPCODE; at <= X87_IGNORE_ERROR; at += 4) core.setWord(at, 0);
  const top = topOf(state.status);
  for (const [index, value] of state.registers.entries()) core.setQuad(slotOf(index, top), value);
}

export function x87StateOf(core: CoreInstance): X87State {
  const status = core.word(X87_STATUS);
  const top = topOf(status);
  const registers = Array.from({ length: 16 }, (_, index) => core.quad(slotOf(index, top)));
  return { control: core.word(X87_CONTROL), status, tags: core.word(X87_TAG), registers };
}
