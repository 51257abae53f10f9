/** A place where a cable plugs in. One USB2 and one USB3 port share it; the device's speed decides which of them sees it. */
import type { UsbDevice } from '../../usb/bus.ts';

export class UsbSocket {
  device: UsbDevice | undefined;

  constructor(
    /** 0-based. */
    readonly index: number,
  ) {}

  /** QEMU's port path: `1` for the first. */
  get path(): string {
    return String(this.index + 1);
  }
}
