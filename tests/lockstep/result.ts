/** What a run of the tool is asked for, and what it ends with. */
import type { History } from './history.ts';
import type { RegisterDump } from './register-dump.ts';
import type { Difference } from './registers.ts';

export interface LockstepOptions {
  /** Instructions to compare. */
  readonly steps: number;
  /** Instructions of QEMU to let pass before the comparison begins. */
  readonly from: number;
  /** Instructions between two comparisons of RAM. */
  readonly memoryEvery: number;
  /** The guest stands somewhere else than at the reset vector: begin with QEMU's registers and RAM. */
  readonly adoptStart: boolean;
  readonly progress?: (step: number) => void;
}

/** The first byte of RAM that differs. */
export interface MemoryDifference {
  readonly address: number;
  readonly ours: Uint8Array;
  readonly theirs: Uint8Array;
  readonly writer: string;
}

export type Ending =
  /** All steps compared. */
  | { readonly kind: 'done' }
  /** QEMU ended: the guest switched the machine off, or reset it. */
  | { readonly kind: 'guest-ended'; readonly how: string }
  | { readonly kind: 'divergence'; readonly differences: readonly Difference[]; readonly note: string }
  | { readonly kind: 'memory'; readonly difference: MemoryDifference };

export interface LockstepResult {
  readonly ending: Ending;
  /** Instructions compared. */
  readonly steps: number;
  /** How many different addresses they stood at. */
  readonly places: number;
  readonly history: History;
  /** QEMU's registers at the end. */
  readonly dump: RegisterDump | undefined;
  /** What was taken over from QEMU, and how often: device reads, interrupts, undefined flags, known differences. */
  readonly adopted: ReadonlyMap<string, number>;
  readonly memoryComparisons: number;
}
