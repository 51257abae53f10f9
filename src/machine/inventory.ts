/** What is attached to a machine, for whoever looks at it: the monitor's `info block` and `info usb`. */
import type { BlockDevice } from '../devices/block/block-device.ts';
import type { UsbDevice } from '../usb/bus.ts';

export interface AttachedBlock {
  /** The drive's id; that of an empty drive is its place. */
  readonly id: string;
  /** `undefined`: no medium. */
  readonly medium: BlockDevice | undefined;
  /** `ide-hd on ide.0`. */
  readonly place: string;
  /** The medium can be taken out. */
  readonly removable: boolean;
}

export interface AttachedUsb {
  readonly device: UsbDevice;
  /** Controllers in their order, from 0. */
  readonly bus: number;
  /** The connector, from 1. */
  readonly port: number;
  readonly id: string | undefined;
}

export class Inventory {
  readonly blocks: AttachedBlock[] = [];
  readonly usb: AttachedUsb[] = [];
}
