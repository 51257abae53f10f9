/** The Event Ring Segment Table (xHCI 1.2 §6.5): read whole, and judged before a ring is made of it. */
import type { BusAddress } from '../../base/address.ts';
import type { DmaPurpose } from '../../memory/events.ts';
import { MEMTX_OK } from '../../memory/memtx.ts';
import type { XhciFacts } from '../facts.ts';
import type { Host } from '../host.ts';
import { ERST_ENTRY_BYTES, EVENT_SEGMENT_TRBS_MAX, EVENT_SEGMENT_TRBS_MIN } from '../spec/structures.ts';
import { alignPointer, isNull, pointerFromWords } from '../wire/pointer.ts';
import type { EventSegment } from './event-ring.ts';

export type TableOutcome = Parameters<XhciFacts['xhci.event-ring-reset']['emit']>[0]['outcome'];

export interface EventTable {
  readonly outcome: TableOutcome;
  /** As they stand in the table; empty when it was not read. */
  readonly segments: readonly EventSegment[];
}

/** Bits of a segment's base that the controller takes (Table 6-42): 64-byte aligned. */
const SEGMENT_ALIGNMENT = 64;

/**
 * Reads `entries` segments at `table`. A memory that does not answer is reported to the host as a failed access; every
 * other fault is the outcome's alone.
 */
export function readEventTable(host: Host, table: BusAddress, entries: number, purpose: DmaPurpose): EventTable {
  if (entries === 0 || isNull(table)) return { outcome: 'size-zero', segments: [] };
  if (entries > 2 ** host.personality.erstMaxExponent) return { outcome: 'too-many-segments', segments: [] };
  const words = new Uint32Array((entries * ERST_ENTRY_BYTES) / 4);
  const result = host.dma.readWords(table, words, purpose);
  if (result !== MEMTX_OK) {
    host.memoryFailed(result, `ERST of ${purpose.ring ?? 'an event ring'}`, 'xhci_er_reset');
    return { outcome: 'dma', segments: [] };
  }
  const qemu = host.personality.erstRead === 'at-high-half';
  const segments: EventSegment[] = [];
  for (let entry = 0; entry < entries; entry += 1) {
    const pointer = pointerFromWords(host.personality, words[entry * 4]!, words[entry * 4 + 1]!);
    // QEMU takes all 64 bits of the base and all 32 of the size.
    const size = qemu ? words[entry * 4 + 2]! : words[entry * 4 + 2]! & 0xffff;
    segments.push({ base: qemu ? pointer : alignPointer(pointer, SEGMENT_ALIGNMENT), size });
  }
  const bad = segments.some(({ size }) => size < EVENT_SEGMENT_TRBS_MIN || size > EVENT_SEGMENT_TRBS_MAX);
  return { outcome: bad ? 'segment-size' : 'ok', segments };
}
