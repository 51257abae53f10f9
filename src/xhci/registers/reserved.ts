/** Which reserved bits a write touched (xHCI 1.2 §5.1.1): undeclared bits set, or RsvdP bits not written back. */
import type { Register32 } from '../../base/registers.ts';
import type { XhciController } from '../controller.ts';
import type { RegisterAccess } from '../events.ts';
import { INTERRUPTER_SET_BYTES } from '../spec/bar.ts';
import {
  CONFIG,
  CRCR_LO,
  DCBAAP_LO,
  DNCTRL,
  DOORBELL,
  ERSTBA_LO,
  ERSTSZ,
  IMAN,
  PORTSC,
  USBCMD,
  USBSTS,
} from '../spec/registers.ts';

const OPERATIONAL: Readonly<Record<number, Register32>> = {
  0: USBCMD,
  4: USBSTS,
  20: DNCTRL,
  24: CRCR_LO,
  48: DCBAAP_LO,
  56: CONFIG,
};
const INTERRUPTER: Readonly<Record<number, Register32>> = { 0: IMAN, 8: ERSTSZ, 16: ERSTBA_LO };

/** The offending bits, 0 when the write was clean. */
export function reservedMisuse(controller: XhciController, access: RegisterAccess): number {
  const { space, offset, value } = access;
  if (space === 'operational') {
    const register = OPERATIONAL[offset];
    return register?.reservedBits(controller.operational.read(offset) ?? 0, value) ?? 0;
  }
  if (space === 'port') return offset === 0 ? PORTSC.reservedBits(0, value) : 0;
  if (space === 'doorbell') return DOORBELL.reservedBits(0, value);
  if (space === 'runtime' && offset >= INTERRUPTER_SET_BYTES) {
    const register = INTERRUPTER[offset % INTERRUPTER_SET_BYTES];
    return register?.reservedBits(controller.readRuntime(offset) ?? 0, value) ?? 0;
  }
  return 0;
}
