/** What a person, or a script in their place, does while the guest runs. */
import type { ConsoleOptions } from './guest-console.ts';
import type { Pace } from './pace.ts';
import type { TypedText } from './scripted-input.ts';

export interface Interaction {
  readonly console: ConsoleOptions;
  readonly pace: Pace;
  /** Typed at the serial console by itself. */
  readonly typed: readonly TypedText[];
  /** The run ends when the serial console has printed this. */
  readonly expect: Uint8Array | undefined;
  /** The guest stands until the monitor's `cont`. */
  readonly startStopped?: boolean;
}

/** Nobody is there. */
export const ALONE: Interaction = {
  console: { input: 'none', keys: 'interrupt', focus: 'serial' },
  pace: 'fast',
  typed: [],
  expect: undefined,
};
