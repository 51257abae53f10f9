/** A rule: one mistake, how it is recognised in the stream of facts, and how it is explained. */
import type { SpecRef } from '../base/registers.ts';
import type { TraceEvents, TraceName } from '../base/trace.ts';
import type { Certainty, FindingDraft, Severity } from './finding.ts';
import type { GuestView, Site } from './guest-view.ts';
import type { Knowledge } from './knowledge.ts';

/** What a rule may do while it looks at a fact. */
export interface RuleContext {
  readonly view: GuestView;
  /** What the engine has learned so far: registers, pointers, rings. */
  readonly known: Knowledge;
  report(draft: FindingDraft, options?: ReportOptions): void;
  /** Takes back a provisional finding: the guest mended it in time. */
  withdraw(provisional: string): void;
  /** Makes a provisional finding final. */
  confirm(provisional: string): void;
}

export interface ReportOptions {
  /** The finding counts only once it is confirmed, or when the run ends and it was not withdrawn. */
  readonly provisional?: string;
  /** Only says more about a finding that stands already: it was not seen once more. */
  readonly update?: boolean;
  /** An access of the device has failed because of it. */
  readonly failed?: boolean;
  /** The place to blame; the default is the draft's own. */
  readonly site?: Site;
}

export type RuleHandlers<S> = {
  readonly [N in TraceName]?: (state: S, event: TraceEvents[N], context: RuleContext) => void;
};

/** A piece of driver code, in C unless it says otherwise. */
export interface CodeExample {
  readonly bad: string;
  readonly good: string;
}

export interface RuleDefinition<S> {
  /** `area/noun-problem`. */
  readonly id: string;
  /** Stable code for reports and `explain`: `DMA-01`. */
  readonly code: string;
  /** Classes of the catalogue that it covers; usually its own code. */
  readonly catalogue: readonly string[];
  /** One line for lists. */
  readonly summary: string;
  readonly severity: Severity;
  readonly certainty: Certainty;
  readonly spec: readonly SpecRef[];
  readonly what: string;
  readonly why: string;
  readonly fix: string;
  readonly example: CodeExample;
  /** What QEMU does there, and what a controller on a board does. */
  readonly behaviour: { readonly qemu: string; readonly hardware: string };
  /** Codes of rules whose findings on the same device are mere consequences of this one. */
  readonly explains?: readonly string[];
  /** True when what the device reads through such a pointer is not what the driver put where it meant. */
  readonly garbles?: boolean;
  /** True when the mistake follows from a controller that has already failed. */
  readonly consequential?: boolean;
  readonly start: () => S;
  readonly on: RuleHandlers<S>;
}

/** A rule with its state type forgotten, as lists hold it. */
export type Rule = RuleDefinition<unknown>;

/** Declares a rule. The state type is inferred from `start`. */
export function defineRule<S>(definition: RuleDefinition<S>): Rule {
  return definition as unknown as Rule;
}
