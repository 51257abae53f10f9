/** Where a pointer leads that a device was given. */
import type { Gpa } from '../../base/address.ts';
import type { Certainty } from '../finding.ts';
import type { PageWalk, PhysicalTarget } from '../guest-view.ts';

type Hole = Extract<PhysicalTarget, { kind: 'nothing' }>;

export type Verdict =
  /** Memory answers over the whole length. */
  | { readonly kind: 'ok' }
  /** Zero: judged by the rules that know whether zero is allowed. */
  | { readonly kind: 'null' }
  /** A linear address of the guest's CPU. */
  | {
      readonly kind: 'virtual';
      readonly physical: Gpa;
      readonly walk: PageWalk | undefined;
      /** Linear minus physical, when no page walk shows it but a known direct map does. */
      readonly offset: bigint;
      readonly recognised: string | undefined;
      readonly certainty: Certainty;
    }
  /** A physical address from which a direct map's offset was subtracted once more. */
  | {
      readonly kind: 'double-translated';
      readonly physical: Gpa;
      readonly offset: bigint;
      /** The good pointer whose object it meets, or what stands there. */
      readonly evidence: string | undefined;
      readonly certainty: Certainty;
    }
  /** The upper half is missing. */
  | {
      readonly kind: 'truncated';
      /** The 64 bits that were meant, before translation. */
      readonly full: bigint;
      readonly physical: Gpa;
      readonly virtual: boolean;
      readonly evidence: string;
      readonly certainty: Certainty;
    }
  /** Nothing answers there, and it is not known what was meant. */
  | { readonly kind: 'outside'; readonly hole: Hole; readonly firstMissing: number | bigint }
  | { readonly kind: 'rom'; readonly region: string }
  | { readonly kind: 'mmio'; readonly region: string; readonly start: number; readonly last: number };
