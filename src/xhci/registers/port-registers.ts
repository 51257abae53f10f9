/** Writes to a port register set (xHCI 1.2 §5.4.8-5.4.11). */
import type { XhciController } from '../controller.ts';
import type { RootPort } from '../ports/root-port.ts';

/** Returns false where no register stands. */
export function writePortRegister(controller: XhciController, port: RootPort, offset: number, value: number): boolean {
  const stored = controller.personality.registers.portPowerManagement;
  switch (offset) {
    case 0x0:
      port.write(value);
      return true;
    case 0x4:
      if (stored) port.portpmsc = value;
      else logWrite(controller, offset, value);
      return true;
    case 0x8:
      controller.logAsQemu('xhci_port_write', 'Write to read-only PORTLI register', 'guest_errors');
      return true;
    case 0xc:
      if (stored) port.porthlpmc = value & 0x3fff;
      else logWrite(controller, offset, value);
      return true;
    default: {
      const text = `write 0x${value.toString(16)} (4 bytes) to unknown port register at offset 0x${offset.toString(16)}`;
      controller.logAsQemu('xhci_port_write', text, 'guest_errors');
      return false;
    }
  }
}

function logWrite(controller: XhciController, offset: number, value: number): void {
  const text = `write 0x${value.toString(16)} (4 bytes) to port register at offset 0x${offset.toString(16)}`;
  controller.logAsQemu('xhci_port_write', text, 'unimp');
}
