/** Folds findings: one root cause, and under it everything that merely follows from it. */
import { type Finding, heavier } from './finding.ts';

function sameDevice(a: Finding, b: Finding): boolean {
  return a.device === undefined || b.device === undefined || a.device === b.device;
}

/** True when `cause` makes `effect` a mere consequence. */
function causes(cause: Finding, effect: Finding, leaders: ReadonlyMap<string, Finding>): boolean {
  if (!sameDevice(cause, effect)) return false;
  if (effect.family !== undefined && leaders.get(familyKey(effect)) === cause) return true;
  if (cause.rule.garbles === true && effect.parent === cause.where) return true;
  // Rules explain each other in one direction only (a test holds that), so no order is needed.
  if (cause.rule.explains?.includes(effect.rule.code) === true) return true;
  return effect.rule.consequential === true && cause.blocking && cause.order < effect.order;
}

function familyKey(finding: Finding): string {
  return `${finding.device ?? ''} ${finding.family}`;
}

/** The member of each family that the device ran into first; if it ran into none, the one found first. */
function familyLeaders(findings: readonly Finding[]): Map<string, Finding> {
  const leaders = new Map<string, Finding>();
  for (const finding of findings) {
    if (finding.family === undefined) continue;
    const leader = leaders.get(familyKey(finding));
    if (leader === undefined || (finding.failed && !leader.failed)) leaders.set(familyKey(finding), finding);
  }
  return leaders;
}

/** The root at the end of a chain of causes. */
export function rootOf(finding: Finding): Finding {
  let root = finding;
  // A finding's cause was found among at most `findings` others, and chains cannot close: see `fold`.
  while (root.causedBy !== undefined) root = root.causedBy;
  return root;
}

/** Sets `causedBy`, `symptoms` and the roots' severities of `findings` afresh; returns the roots in order of discovery. */
export function fold(findings: readonly Finding[]): Finding[] {
  for (const finding of findings) {
    finding.causedBy = undefined;
    finding.symptoms = [];
  }
  const leaders = familyLeaders(findings);
  for (const effect of findings) {
    const cause = findings.find((candidate) => candidate !== effect && causes(candidate, effect, leaders));
    if (cause !== undefined && rootOf(cause) !== effect) effect.causedBy = cause;
  }
  for (const finding of findings) {
    if (finding.causedBy === undefined) continue;
    const root = rootOf(finding);
    finding.causedBy = root;
    root.symptoms.push(finding);
    // What breaks the guest is an error, however harmless its cause looks on paper.
    root.severity = heavier(root.severity, finding.severity);
    root.blocking ||= finding.blocking;
  }
  return findings.filter((finding) => finding.causedBy === undefined);
}
