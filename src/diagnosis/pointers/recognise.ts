/** Recognises the structures of xHCI in guest memory, so that a report can say what stands at an address. */
import { type BusAddress, busFromWords, type Gpa, gpa, hex } from '../../base/address.ts';
import type { GuestView } from '../guest-view.ts';

/** A ring segment holds at most 4096 TRBs (xHCI 1.2 §6.5); a page of them is enough to know a ring when we see one. */
const RING_SCAN_TRBS = 4096;
const TRB_BYTES = 16;
const LINK_TYPE = 6;

const COMMAND_TRB_NAMES: Readonly<Record<number, string>> = {
  9: 'Enable Slot',
  10: 'Disable Slot',
  11: 'Address Device',
  12: 'Configure Endpoint',
  13: 'Evaluate Context',
  14: 'Reset Endpoint',
  15: 'Stop Endpoint',
  16: 'Set TR Dequeue Pointer',
  17: 'Reset Device',
  23: 'No Op Command',
};
const TRANSFER_TRB_NAMES: Readonly<Record<number, string>> = {
  1: 'Normal',
  2: 'Setup Stage',
  3: 'Data Stage',
  4: 'Status Stage',
  5: 'Isoch',
  7: 'Event Data',
  8: 'No Op',
};

function word(bytes: Uint8Array, offset: number): number {
  return (
    ((bytes[offset] ?? 0) |
      ((bytes[offset + 1] ?? 0) << 8) |
      ((bytes[offset + 2] ?? 0) << 16) |
      ((bytes[offset + 3] ?? 0) << 24)) >>>
    0
  );
}

/** A little-endian 64-bit value of guest memory, or `undefined` where no memory answers. */
export function readPointer(view: GuestView, address: Gpa): BusAddress | undefined {
  const bytes = view.readPhysical(address, 8);
  return bytes === undefined ? undefined : busFromWords(word(bytes, 0), word(bytes, 4));
}

function recogniseSegmentTable(view: GuestView, address: Gpa): string | undefined {
  const bytes = view.readPhysical(address, TRB_BYTES);
  if (bytes === undefined) return undefined;
  const size = word(bytes, 8);
  const base = busFromWords(word(bytes, 0), word(bytes, 4));
  // xHCI 1.2 §6.5: 16 to 4096 TRBs, base 64-byte aligned, the last word reserved.
  if (size < 16 || size > 4096 || word(bytes, 12) !== 0 || base === 0 || (word(bytes, 0) & 0x3f) !== 0)
    return undefined;
  return `an event ring segment table entry (base ${hex(base)}, ${size} TRBs)`;
}

function recogniseRing(view: GuestView, address: Gpa, names: Readonly<Record<number, string>>): string | undefined {
  const first = view.readPhysical(address, TRB_BYTES);
  if (first === undefined) return undefined;
  const trbs = linkIndex(view, address);
  if (trbs !== undefined) return `a TRB ring of ${trbs + 1} TRBs, the last one a Link TRB back to its start`;
  const name = names[(word(first, 12) >>> 10) & 0x3f];
  return name === undefined ? undefined : `a TRB ring whose first TRB is ${name}`;
}

/** Index of the Link TRB that leads back to `start`, whatever offset its pointer carries. */
export function linkIndex(view: GuestView, start: Gpa): number | undefined {
  // The whole segment if it is readable, else what one page of it holds.
  const bytes = view.readPhysical(start, RING_SCAN_TRBS * TRB_BYTES) ?? view.readPhysical(start, 4096 - (start % 4096));
  if (bytes === undefined) return undefined;
  for (let at = TRB_BYTES; at + TRB_BYTES <= bytes.length; at += TRB_BYTES) {
    const type = (word(bytes, at + 12) >>> 10) & 0x3f;
    // A right, a virtual and a truncated pointer agree at least in the bits below a 2 MiB page.
    if (type === LINK_TYPE && ((word(bytes, at) ^ start) & 0x1f_fff0) === 0) return at / TRB_BYTES;
  }
  return undefined;
}

function recognisePointers(view: GuestView, address: Gpa): string | undefined {
  for (let index = 0; index < 32; index += 1) {
    const value = readPointer(view, gpa(address + index * 8));
    if (value === undefined) return undefined;
    if (value !== 0) {
      return (busLow6(value) & 0x3f) === 0 ? `an array of pointers (entry ${index} holds ${hex(value)})` : undefined;
    }
  }
  return undefined;
}

function busLow6(value: BusAddress): number {
  return typeof value === 'number' ? value % 64 : Number(value & 0x3fn);
}

function recogniseInputContext(view: GuestView, address: Gpa): string | undefined {
  const bytes = view.readPhysical(address, 32);
  if (bytes === undefined) return undefined;
  const drop = word(bytes, 0);
  const add = word(bytes, 4);
  if (add === 0 || (add & drop & ~3) !== 0 || word(bytes, 8) !== 0) return undefined;
  return `an Input Context (add flags ${hex(add)})`;
}

/** Says in words what of the kind `target` stands at `address`, or `undefined` when it does not look like one. */
export function recognise(view: GuestView, address: Gpa, target: string): string | undefined {
  const kind = target.toLowerCase();
  if (kind.includes('segment table') || kind.includes('erst')) return recogniseSegmentTable(view, address);
  if (kind.includes('command')) return recogniseRing(view, address, COMMAND_TRB_NAMES);
  if (kind.includes('transfer ring') || kind.includes('tr dequeue')) {
    return recogniseRing(view, address, TRANSFER_TRB_NAMES);
  }
  if (kind.includes('ring segment') && !kind.includes('event')) {
    return recogniseRing(view, address, { ...COMMAND_TRB_NAMES, ...TRANSFER_TRB_NAMES });
  }
  if (kind.includes('dcbaa') || kind.includes('scratchpad buffer array') || kind.includes('context base')) {
    return recognisePointers(view, address);
  }
  if (kind.includes('input context')) return recogniseInputContext(view, address);
  return undefined;
}

/**
 * True when `address` holds something that can hardly be chance: a segment table entry, or a ring that links back to its
 * own start. Weaker likenesses (an array of pointers) explain a pointer that is known bad, but never accuse a good one.
 */
export function recogniseSurely(view: GuestView, address: Gpa, target: string): string | undefined {
  const found = recognise(view, address, target);
  return found !== undefined && (found.includes('segment table') || found.includes('Link TRB')) ? found : undefined;
}
