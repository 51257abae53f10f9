/** The meaning of a memory write to 0xfeexxxxx: an interrupt message (Intel SDM Vol. 3A 10.11). */
import type { ApicMessage } from './apic-bus.ts';

/** First byte of the megabyte that the chipset decodes as interrupt messages. */
export const MSI_BASE = 0xfee0_0000;

/**
 * Address bits 19-12 are the destination id, bit 2 the destination mode (bit 3, the redirection hint, selects lowest
 * priority on real bridges only together with the data's delivery mode); data bits 10-8 are the delivery mode, bits 7-0
 * the vector, bit 15 the trigger mode.
 */
export function decodeMessage(address: number, data: number): ApicMessage {
  return {
    source: 'msi',
    destination: (address >>> 12) & 0xff,
    logical: (address & 0x4) !== 0,
    deliveryMode: (data >>> 8) & 7,
    vector: data & 0xff,
    levelTriggered: (data & 0x8000) !== 0,
  };
}
