/** Writes to a port register set (xHCI 1.2 §5.4.8-5.4.11). */
import type { XhciPersonality } from '../personality.ts';
import type { RootPort } from '../ports/root-port.ts';

/** Returns false where no register stands, which in QEMU is everywhere but at PORTSC. */
export function writePortRegister(
  personality: XhciPersonality,
  port: RootPort,
  offset: number,
  value: number,
): boolean {
  const stored = personality.registers.portPowerManagement;
  switch (offset) {
    case 0x0:
      port.write(value);
      return true;
    case 0x4:
      port.portpmsc = stored ? value : 0;
      return stored;
    case 0x8:
      // PORTLI is read-only.
      return stored;
    case 0xc:
      port.porthlpmc = stored ? value & 0x3fff : 0;
      return stored;
    default:
      return false;
  }
}
