/** What rules need to know about a TRB: type, cycle bit, and who stored it (xHCI 1.2 §6.4). */
import { type BusAddress, busToGpa, gpa } from '../../../base/address.ts';
import type { RingKind, TrbWords } from '../../../xhci/events.ts';
import type { GuestView } from '../../guest-view.ts';
import { formatPlace } from '../../provenance.ts';

/** xHCI 1.2 Table 6-91: the types that software puts on rings. */
const NAMES: Readonly<Record<number, string>> = {
  0: 'Reserved (0)',
  1: 'Normal',
  2: 'Setup Stage',
  3: 'Data Stage',
  4: 'Status Stage',
  5: 'Isoch',
  6: 'Link',
  7: 'Event Data',
  8: 'No Op (transfer)',
  9: 'Enable Slot Command',
  10: 'Disable Slot Command',
  11: 'Address Device Command',
  12: 'Configure Endpoint Command',
  13: 'Evaluate Context Command',
  14: 'Reset Endpoint Command',
  15: 'Stop Endpoint Command',
  16: 'Set TR Dequeue Pointer Command',
  17: 'Reset Device Command',
  18: 'Force Event Command',
  19: 'Negotiate Bandwidth Command',
  20: 'Set Latency Tolerance Value Command',
  21: 'Get Port Bandwidth Command',
  22: 'Force Header Command',
  23: 'No Op Command',
  24: 'Get Extended Property Command',
  25: 'Set Extended Property Command',
  32: 'Transfer Event',
  33: 'Command Completion Event',
  34: 'Port Status Change Event',
  35: 'Bandwidth Request Event',
  36: 'Doorbell Event',
  37: 'Host Controller Event',
  38: 'Device Notification Event',
  39: 'MFINDEX Wrap Event',
};
/** Types 48 to 63 belong to the vendor. */
const VENDOR_FIRST = 48;

export const LINK = 6;
export const NO_OP_TRANSFER = 8;
export const NO_OP_COMMAND = 23;
export const ADDRESS_DEVICE = 11;

export function trbType(trb: TrbWords): number {
  return (trb.control >>> 10) & 0x3f;
}

export function trbCycle(trb: TrbWords): 0 | 1 {
  return (trb.control & 1) === 1 ? 1 : 0;
}

export function trbTypeName(type: number): string {
  return NAMES[type] ?? (type >= VENDOR_FIRST ? `vendor-defined (${type})` : `Reserved (${type})`);
}

export function trbName(trb: TrbWords): string {
  return trbTypeName(trbType(trb));
}

/** True when the type may stand on such a ring. Link TRBs may stand on both. */
export function isTypeOf(kind: RingKind, trb: TrbWords): boolean {
  const type = trbType(trb);
  if (type === 6 || type >= VENDOR_FIRST) return true;
  return kind === 'command' ? type >= 9 && type <= 25 : type >= 1 && type <= 8;
}

export function isZero(trb: TrbWords): boolean {
  return trb.parameterLow === 0 && trb.parameterHigh === 0 && trb.status === 0 && trb.control === 0;
}

/** One sentence on who stored the TRB's control word, or none when that is not known. */
export function storedBy(view: GuestView, address: BusAddress): string[] {
  const at = busToGpa(address);
  const writer = at === undefined ? undefined : view.whoWrote(gpa(at + 8));
  return writer === undefined ? [] : [`The TRB was stored at ${formatPlace(view, writer.pc)}.`];
}
