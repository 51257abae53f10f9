import { type BusAddress, hex } from '../../../base/address.ts';
import { xhci } from '../../../base/registers.ts';
import type { DevicePointer } from '../../../xhci/events.ts';
import { fact } from '../../finding.ts';
import type { Site } from '../../guest-view.ts';
import { formatBytes, storeRole, whenFact } from '../../pointers/describe.ts';
import { nextTrb, ringKey, ringLabel } from '../../rings.ts';
import { defineRule, type RuleContext } from '../../rule.ts';
import { isLinkTrb } from '../dma/virtual-pointer.ts';

/** xHCI 1.2 Table 6-1: no ring segment may cross a multiple of this. */
const SEGMENT_BOUNDARY = 0x1_0000;
/** A segment is at most 64 KiB long, so that one which crosses ends less than that further. */
const SEGMENT_BYTES_MAX = 0x1_0000;
const RINGS_MAX = 256;

/** The first multiple of `boundary` inside the range, or `undefined` when it holds none. */
export function crossing(start: number | bigint, size: number, boundary: number): bigint | undefined {
  if (boundary <= 0 || size <= 0) return undefined;
  const from = BigInt(start);
  const step = BigInt(boundary);
  const next = (from / step + 1n) * step;
  return next < from + BigInt(size) ? next : undefined;
}

/** A Link TRB that leads back to the start of its own segment shows how long the segment is. */
function segmentBytes(pointer: DevicePointer): number {
  if (pointer.storedAt === undefined || !isLinkTrb(pointer.holder)) return pointer.size;
  const bytes = BigInt(pointer.storedAt) + 16n - BigInt(pointer.value);
  return bytes > 0n && bytes <= BigInt(SEGMENT_BYTES_MAX) ? Number(bytes) : pointer.size;
}

interface Crossing {
  readonly device: string;
  readonly where: string;
  readonly start: BusAddress;
  readonly end: bigint;
  readonly boundary: bigint;
  readonly site: Site | undefined;
  readonly role: string;
}

function report(context: RuleContext, found: Crossing): void {
  context.report({
    device: found.device,
    where: found.where,
    title: `the ${found.where} crosses a 64 KiB boundary`,
    address: found.start,
    site: found.site,
    role: found.role,
    key: `${found.where} ${hex(found.boundary)}`,
    facts: [
      whenFact(context.view, undefined),
      fact('why', `The segment ${hex(found.start)} to ${hex(found.end - 1n)} crosses ${hex(found.boundary)}.`),
      fact(
        'help',
        'align each ring segment to its size rounded up to a power of two, or allocate it inside one 64 KiB block',
      ),
    ],
  });
}

export default defineRule({
  id: 'xhci/segment-crosses-boundary',
  code: 'RING-08',
  catalogue: ['RING-08'],
  summary: 'a ring segment crosses a 64 KiB boundary',
  severity: 'error',
  certainty: 'portability',
  spec: [xhci('6'), xhci('4.9')],
  what: 'A segment of a ring spans a multiple of 64 KiB (xHCI Table 6-1 forbids it).',
  why: 'Controllers may compute addresses inside a segment with 16 bits; past the boundary they wrap to its beginning.',
  fix: 'Allocate segments so that they do not cross: align them to their size, or to 64 KiB.',
  example: {
    bad: `ring = alloc_dma(8192, 4096);                  /* may start at 0x...f000 */`,
    good: `ring = alloc_dma(8192, 8192);                  /* never crosses 64 KiB */`,
  },
  behaviour: {
    qemu: 'does not care',
    hardware: 'may wrap to the start of the 64 KiB block and read or write there',
  },
  start: () => ({ last: new Map<string, BusAddress>() }),
  on: {
    'diagnosis.pointer-judged': (_state, { record }, context) => {
      const { pointer, verdict } = record;
      if (verdict?.kind !== 'ok' || pointer.boundary !== SEGMENT_BOUNDARY || !/ring/i.test(pointer.target)) return;
      const size = segmentBytes(pointer);
      const boundary = crossing(pointer.value, size, SEGMENT_BOUNDARY);
      if (boundary === undefined) return;
      const ofCommandRing = isLinkTrb(pointer.holder) && pointer.holder.includes('command ring');
      report(context, {
        device: pointer.controller,
        where: ofCommandRing ? 'command ring' : `${pointer.target} of ${pointer.holder}`,
        start: pointer.value,
        end: BigInt(pointer.value) + BigInt(size),
        boundary,
        // The Link TRB only shows it; where the ring stands was said in CRCR.
        site: ofCommandRing ? context.known.controller(pointer.controller).writerOf('CRCR') : record.site,
        role: ofCommandRing ? 'sets the ring up' : `${storeRole(pointer)} (${formatBytes(size)})`,
      });
    },
    'diagnosis.trb-consumed': (state, event, context) => {
      const key = `${event.controller} ${ringKey(event)}`;
      const last = state.last.get(key);
      if (last === undefined && state.last.size >= RINGS_MAX) state.last.clear();
      state.last.set(key, event.address);
      if (last === undefined || nextTrb(last) !== event.address) return;
      if (BigInt(event.address) % BigInt(SEGMENT_BOUNDARY) !== 0n) return;
      const known = context.known.controller(event.controller);
      report(context, {
        device: event.controller,
        where: ringLabel(event),
        start: known.rings.get(event).segmentStart ?? last,
        end: BigInt(event.address) + 16n,
        boundary: BigInt(event.address),
        site: event.kind === 'command' ? known.writerOf('CRCR') : undefined,
        role: 'sets the ring up',
      });
    },
    'xhci.ring-wrapped': (state, event) => void state.last.delete(`${event.controller} ${ringKey(event)}`),
  },
});
