/** What a boot test is made of: a machine, a kernel or firmware, what is typed when, and how it must end. */
import type { Q35Options } from '../../src/machine/boards/q35-options.ts';
import type { Machine } from '../../src/machine/machine.ts';
import type { Outcome } from '../../src/machine/outcome.ts';

export interface BootScenario {
  readonly name: string;
  readonly about: string;
  /** Of the host, for one run, about three times what a quiet machine needs. A run that takes longer is killed and fails. */
  readonly budgetSeconds: number;
  /** A run that has not ended by then fails. */
  readonly maxInstructions: number;
  /** Of virtual time, which an idle guest passes in no time. Default: 600. */
  readonly maxSeconds?: number;
  /** Throws a `MissingPart` when a file is not here and cannot be fetched. Called once for each run. */
  readonly build: () => BootPlan;
}

export interface BootPlan {
  readonly options: Pick<Q35Options, 'ramBytes'> & Partial<Omit<Q35Options, 'trace' | 'serialOutput' | 'debugOutput'>>;
  /** Entered directly; absent with firmware. */
  readonly kernel?: {
    readonly name: string;
    readonly bytes: Uint8Array;
    readonly commandLine: string;
    readonly initrd?: Uint8Array;
  };
  /** Done in this order, each once. A step that is never reached fails the run. */
  readonly steps: readonly BootStep[];
  readonly ends: BootEnding;
  /** Complaints about a run that ended as it should; none: it passed. */
  readonly check?: (guest: BootGuest) => readonly string[] | Promise<readonly string[]>;
}

/** How a run may end: by power-off, by reset, or because a step stopped it. */
export type BootEnding = 'power-off' | 'reset' | 'stopped';

export type BootStep = {
  /** For the progress lines; default: what it waits for. */
  readonly name?: string;
  readonly act?: (guest: BootGuest) => void;
} & (
  | {
      /** Waits for this text, after the one that the step before it waited for. */
      readonly printed: string;
      /** Where: COM1, or the debug console (ports 0xe9 and 0x402). Default: `serial`. */
      readonly on?: 'serial' | 'debug';
    }
  | {
      /** Asked at multiples of a virtual time; must not change the machine. */
      readonly until: (guest: BootGuest) => boolean;
      readonly everyMilliseconds: number;
    }
);

/** The running machine, as steps and checks see it. */
export interface BootGuest {
  readonly machine: Machine;
  /** Counts the runs of the scenario from 1. What is compared with QEMU need be compared once. */
  readonly round: number;
  /** All that it printed so far. */
  serial(): string;
  debug(): string;
  /** Bytes for COM1. */
  send(text: string): void;
  /** A text or QEMU's `sendkey` names (`['f12'], ['shift', 'a']`), for the keyboard; `milliseconds` from now. */
  type(keys: string | readonly (readonly string[])[], milliseconds?: number): void;
  stop(): void;
  /** Leaves a file beside the run's logs, for a person to look at (a screen's PNG). */
  leave(name: string, bytes: Uint8Array): void;
}

/** What one run leaves for the comparison with the next. */
export interface BootResult {
  readonly outcome: string;
  readonly instructions: number;
  /** Nanoseconds of virtual time. */
  readonly time: number;
  /** SHA-256 of what it printed. */
  readonly serial: string;
  readonly debug: string;
  readonly report: string;
  readonly findings: readonly { readonly severity: string; readonly rule: string }[];
  readonly complaints: readonly string[];
  readonly seconds: number;
  readonly peakMegabytes: number;
}

/** `exited by power-off`, `instruction-limit`. */
export function describeOutcome(outcome: Outcome): string {
  if (outcome.kind === 'exited') return outcome.by;
  if ('pc' in outcome) return `${outcome.kind} at 0x${outcome.pc.toString(16)}`;
  return outcome.kind;
}
