/** Whether a processor would execute its next instruction if it were its turn. */
import type { CoreInstance } from './core-instance.ts';
import {
  EFLAGS,
  EVENT_EXIT,
  EVENT_HALTED,
  EVENT_INIT,
  EVENT_INTERRUPT_LINE,
  EVENT_LIMIT,
  EVENT_NMI,
  EVENT_SMI,
  EVENT_STARTUP,
  EVENTS,
  HALTED,
  NMI_BLOCKED,
  SMM_ACTIVE,
} from './layout.ts';

/** `interruptible` and `masked` are HLT with IF set and clear; `not-started` waits for the start-up IPI. */
export type Sleep = 'awake' | 'interruptible' | 'masked' | 'not-started';

/** Values of HALTED: after a triple fault; before the start-up IPI. */
const SHUTDOWN = 2;
export const WAIT_FOR_STARTUP = 3;
/** Events that need not wake a processor that sleeps; any other does. */
const PASSIVE_EVENTS = EVENT_HALTED | EVENT_INTERRUPT_LINE | EVENT_NMI | EVENT_EXIT | EVENT_LIMIT;
/** They wait for the end of system management mode (Intel SDM Vol. 3A 31.3, 31.4.1). */
const WAIT_FOR_RSM = EVENT_SMI | EVENT_INIT | EVENT_STARTUP;
const FLAG_IF = 0x200;

/** The sleep of the processor whose state block lies `state` bytes after the active one's. */
export function sleepOf(core: CoreInstance, state: number): Sleep {
  const halted = core.word(HALTED + state);
  const events = core.word(EVENTS + state);
  const passive = core.word(SMM_ACTIVE + state) === 0 ? PASSIVE_EVENTS : PASSIVE_EVENTS | WAIT_FOR_RSM;
  // A processor that has shut down says so when it runs.
  if (halted === 0 || halted === SHUTDOWN || (events & ~passive) !== 0) return 'awake';
  if (halted === WAIT_FOR_STARTUP) return 'not-started';
  if ((events & EVENT_NMI) !== 0 && core.word(NMI_BLOCKED + state) === 0) return 'awake';
  if ((core.word(EFLAGS + state) & FLAG_IF) === 0) return 'masked';
  return (events & EVENT_INTERRUPT_LINE) === 0 ? 'interruptible' : 'awake';
}
