/** What followed from a root cause, and the guest's endless wait as the last link of the chain. */
import type { TraceEvents } from '../base/trace.ts';
import type { Damage } from './damage.ts';
import { type Finding, type FindingDraft, fact } from './finding.ts';
import type { GuestView } from './guest-view.ts';
import { HANG_CODE } from './hang-code.ts';
import { formatPlace } from './provenance.ts';

type Idle = TraceEvents['machine.idle'];

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

function lostEvents(damage: Damage): string | undefined {
  if (damage.eventsLost.size === 0) return undefined;
  const kinds = [...damage.eventsLost].map(([type, count]) => `${count} x ${type}`);
  const total = [...damage.eventsLost.values()].reduce((sum, count) => sum + count, 0);
  return `${plural(total, 'event')} never reached the driver: ${kinds.join(', ')}.`;
}

/** Sentences for the `effect` of a root; empty when nothing is known to have followed. */
export function describeEffects(
  root: Finding,
  damage: Damage | undefined,
  hang: Idle | undefined,
  view: GuestView,
): string[] {
  const lines: string[] = [];
  if (damage !== undefined && damage.owner === root) {
    const bits = [...new Set(damage.hostErrors.map((error) => error.bit))];
    for (const bit of bits) {
      lines.push(
        bit === 'HSE'
          ? 'The controller set USBSTS.HSE (Host System Error) and stopped.'
          : 'The controller set USBSTS.HCE (Host Controller Error).',
      );
    }
    const lost = lostEvents(damage);
    if (lost !== undefined) lines.push(lost);
    if (damage.doorbellsIgnored > 0) {
      lines.push(`${plural(damage.doorbellsIgnored, 'doorbell')} rung since then had no effect.`);
    }
  }
  if (hang !== undefined && root.symptoms.some((symptom) => symptom.rule.code === HANG_CODE)) {
    lines.push(`${waitSentence(hang, view)}.`);
  }
  return lines;
}

function waitSentence(hang: Idle, view: GuestView): string {
  const place = formatPlace(view, hang.pc);
  return hang.kind === 'spin'
    ? `The driver waits at ${place} for an event that cannot arrive`
    : `The guest stands in HLT at ${place}; nothing is left that could wake it`;
}

/** The hang that follows from `root`, as a finding of its own to be folded under it. */
export function hangDraft(hang: Idle, root: Finding, view: GuestView): FindingDraft {
  return {
    device: root.device,
    where: 'processor',
    title:
      hang.kind === 'spin'
        ? 'the driver waits for an event that cannot arrive'
        : 'the guest is halted and nothing can wake it',
    address: hang.pc,
    site: { pc: hang.pc, pageTables: undefined, instruction: hang.instruction },
    role: hang.kind === 'spin' ? 'repeats here for ever' : 'halts here for ever',
    facts: [fact('why', `${waitSentence(hang, view)}: see ${root.rule.code}, ${root.title}.`)],
    key: 'hang',
  };
}
