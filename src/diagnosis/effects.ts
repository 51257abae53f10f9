/** What followed from a root cause, and the guest's endless wait as the last link of the chain. */
import type { TraceEvents } from '../base/trace.ts';
import type { Damage } from './damage.ts';
import { type Finding, type FindingDraft, fact } from './finding.ts';
import type { Frame, GuestView } from './guest-view.ts';
import { HANG_CODE } from './hang-code.ts';
import { formatCount } from './pointers/describe.ts';
import { formatFrame } from './provenance.ts';

/** How the guest came to rest, with the callers of the place where it did. */
export type Hang = TraceEvents['machine.idle'] & { readonly frames: readonly Frame[] };

/** Frames named in the sentence on a hang: the loop is often a delay, below the wait, below what it waits for. */
const HANG_FRAMES_MAX = 3;

function lostEvents(damage: Damage): string | undefined {
  if (damage.eventsLost.size === 0) return undefined;
  const kinds = [...damage.eventsLost].map(([type, count]) => `${count} x ${type}`);
  const total = [...damage.eventsLost.values()].reduce((sum, count) => sum + count, 0);
  return `${formatCount(total, 'event')} never reached the driver: ${kinds.join(', ')}.`;
}

/** Sentences for the `effect` of a root; empty when nothing is known to have followed. */
export function describeEffects(
  root: Finding,
  damage: Damage | undefined,
  hang: Hang | undefined,
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
    // A finding about a doorbell is not its own effect.
    const ignored = damage.doorbellsIgnored - (root.where.startsWith('doorbell') ? root.count : 0);
    if (ignored > 0) lines.push(`${formatCount(ignored, 'doorbell')} rung since then had no effect.`);
  }
  if (hang !== undefined && root.symptoms.some((symptom) => symptom.rule.code === HANG_CODE)) {
    lines.push(`${waitSentence(hang, view)}.`);
  }
  return lines;
}

function placesOf(hang: Hang, view: GuestView): string {
  const frames = hang.frames[0]?.pc === hang.pc ? hang.frames : view.framesAt(hang.pc);
  const known = frames.slice(1).filter((frame) => !frame.guessed && frame.location !== undefined);
  return [frames[0]!, ...known.slice(0, HANG_FRAMES_MAX - 1)].map(formatFrame).join(', called from ');
}

function waitSentence(hang: Hang, view: GuestView): string {
  const place = placesOf(hang, view);
  return hang.kind === 'spin'
    ? `The driver waits for an event that cannot arrive: it repeats ${place}`
    : `The guest stands in HLT at ${place}; nothing is left that could wake it`;
}

/** The hang that follows from `root`, as a finding of its own to be folded under it. */
export function hangDraft(hang: Hang, root: Finding, view: GuestView): FindingDraft {
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
