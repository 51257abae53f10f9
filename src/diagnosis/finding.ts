/** What the diagnosis says: one finding is one mistake of the guest, with its evidence. */
import type { Frame, Site, SourceLocation, SymbolAddress } from './guest-view.ts';
import type { Rule } from './rule.ts';

/** `error`: it breaks something. `warning`: it is wrong but may go unpunished. `note`: worth knowing. */
export type Severity = 'error' | 'warning' | 'note';

/**
 * `certain`: every fact was observed. `portability`: allowed or harmless here, fails on other hardware.
 * `suspected`: that something is wrong was observed, what it is was inferred.
 */
export type Certainty = 'certain' | 'portability' | 'suspected';

/** A line of evidence under a heading: `why`, `help`. Several paragraphs are several strings. */
export interface Fact {
  readonly label: string;
  readonly text: readonly string[];
}

/** The labels that the report knows, in the order in which it prints them; others follow. */
export const FACT_ORDER = [
  'what failed',
  'found',
  'when',
  'why',
  'effect',
  'follows',
  'help',
  'next',
  'checked',
  'elsewhere',
  'confidence',
] as const;

/** Where in the guest's program the mistake stands. */
export interface SiteReport {
  readonly site: Site;
  readonly symbol: SymbolAddress | undefined;
  readonly location: SourceLocation | undefined;
  /** Source lines around the location, the located one included. */
  readonly excerpt: readonly { readonly line: number; readonly text: string }[];
  /** Callers, innermost first, without the blamed frame. */
  readonly callers: readonly Frame[];
  /** Accessor functions (`mmio_write32`) between the blamed frame and the instruction, innermost first. */
  readonly through: readonly Frame[];
  /** What the line did, printed under its underline. */
  readonly role: string;
}

/** A rule's words for one mistake. */
export interface FindingDraft {
  /** `00:03.0`; `undefined` for a mistake that concerns no device. */
  readonly device: string | undefined;
  /** The register, field or structure: `ERSTBA`, `DCBAA[1]`. */
  readonly where: string;
  /** One line, no full stop. */
  readonly title: string;
  readonly address?: number | bigint | undefined;
  /** What should stand there instead. */
  readonly expected?: number | bigint | undefined;
  readonly site?: Site | undefined;
  /** What the line at `site` did, for the underline. */
  readonly role?: string;
  readonly facts: readonly Fact[];
  readonly severity?: Severity;
  readonly certainty?: Certainty;
  /** Findings of one family on one device have one cause: the first is the root of the others. */
  readonly family?: string;
  /** Holder of the pointer through which the device came to this one. */
  readonly parent?: string | undefined;
  /** True when the device cannot go on because of it, so that the guest may wait for ever. */
  readonly blocking?: boolean;
  /** What makes two reports the same finding, beside rule and device. Default: `where` and `address`. */
  readonly key?: string;
}

/** One finding as kept by the engine. Consumers read it; only the engine and the folding write it. */
export interface Finding {
  /** In order of discovery, from 0. */
  readonly order: number;
  readonly rule: Rule;
  readonly device: string | undefined;
  readonly where: string;
  readonly title: string;
  readonly address: number | bigint | undefined;
  readonly expected: number | bigint | undefined;
  readonly certainty: Certainty;
  readonly family: string | undefined;
  readonly parent: string | undefined;
  /** Nanoseconds and instructions at discovery. */
  readonly time: number;
  readonly instruction: number;
  readonly site: SiteReport | undefined;
  severity: Severity;
  facts: readonly Fact[];
  blocking: boolean;
  /** How often it was seen. */
  count: number;
  /** The device's reaction to it was seen: an access that failed. */
  failed: boolean;
  causedBy: Finding | undefined;
  /** Findings folded under this one; only roots have any. */
  symptoms: Finding[];
}

/** How a run ended, in the words of the machine. */
export interface Outcome {
  /** `exited`, `idle`, `crashed`, `limit`, `unimplemented`, `stopped`. */
  readonly kind: string;
  /** One line for a person. */
  readonly text: string;
  readonly exitCode?: number;
  /** Nanoseconds of guest time and instructions. */
  readonly time: number;
  readonly instruction: number;
}

/** Everything that was found, roots first in order of discovery. */
export interface Diagnosis {
  readonly outcome: Outcome;
  readonly roots: readonly Finding[];
  /** Roots and symptoms; `findings[i].causedBy` is one of them. */
  readonly findings: readonly Finding[];
  /** Findings that no longer fitted into the engine's bound. */
  readonly dropped: number;
  readonly hasSymbols: boolean;
  /** Our own faults: a rule that threw is switched off and named here. */
  readonly problems: readonly string[];
}

const SEVERITY_RANK: Record<Severity, number> = { note: 0, warning: 1, error: 2 };

/** The heavier of two severities. */
export function heavier(a: Severity, b: Severity): Severity {
  return SEVERITY_RANK[a] >= SEVERITY_RANK[b] ? a : b;
}

export function fact(label: string, ...text: readonly string[]): Fact {
  return { label, text };
}
