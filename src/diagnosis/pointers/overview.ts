/** The `checked` line: every pointer that a controller holds, each with its verdict. */
import { hex } from '../../base/address.ts';
import type { Finding } from '../finding.ts';
import type { GuestView } from '../guest-view.ts';
import type { ControllerKnowledge, PointerRecord } from '../knowledge.ts';
import { classify } from './classify.ts';

/** More would not fit a screen; the rest is counted. */
const LISTED_MAX = 12;

function word(view: GuestView, known: ControllerKnowledge, record: PointerRecord): string {
  const { pointer, site } = record;
  const verdict = record.verdict ?? classify({ view, known, pointer, site });
  switch (verdict.kind) {
    case 'ok':
    case 'null':
      return 'ok';
    case 'virtual':
      return `BAD (virtual, pa ${hex(verdict.physical)})`;
    case 'double-translated':
      return `BAD (translated twice, pa ${hex(verdict.physical)})`;
    case 'truncated':
      return `BAD (upper half lost, pa ${hex(verdict.physical)})`;
    case 'outside':
      return 'BAD (nothing there)';
    case 'rom':
      return 'BAD (ROM)';
    default:
      return 'BAD (device registers)';
  }
}

function isGood(record: PointerRecord | undefined): boolean {
  return record === undefined || record.verdict?.kind === 'ok';
}

/** `undefined` when there is nothing to compare with. Registers first, then what stands in memory. */
export function describePointers(view: GuestView, known: ControllerKnowledge, root: Finding): string | undefined {
  // Of the pointers that one place held in turn (the buffers of a ring's TRBs), the latest that is wrong, else the latest.
  const byHolder = new Map<string, PointerRecord>();
  for (const record of known.pointers.values()) {
    const { value, holder } = record.pointer;
    if (value === 0 || holder === root.where || (isGood(record) && !isGood(byHolder.get(holder)))) continue;
    byHolder.set(holder, record);
  }
  const records = [...byHolder.values()];
  if (records.length === 0) return undefined;
  const bad = (record: PointerRecord): number => (isGood(record) ? 1 : 0);
  const inRegister = (record: PointerRecord): number => (record.pointer.storedAt === undefined ? 0 : 1);
  const sorted = [...records].sort((a, b) => inRegister(a) - inRegister(b) || bad(a) - bad(b));
  const listed = sorted
    .slice(0, LISTED_MAX)
    .map((record) => `${record.pointer.holder} ${hex(record.pointer.value)} ${word(view, known, record)}`);
  if (sorted.length > LISTED_MAX) listed.push(`and ${sorted.length - LISTED_MAX} more`);
  return listed.join(', ');
}
