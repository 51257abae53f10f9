/** The USB devices of the command line, with the serial numbers that QEMU gives them. */
import type { VirtualClock } from '../../base/clock.ts';
import type { UsbDevice } from '../../usb/bus.ts';
import { UsbKeyboard } from '../../usb/devices/keyboard.ts';
import { UsbStorage } from '../../usb/devices/storage.ts';
import type { DeviceOption } from './q35-options.ts';

export type UsbDeviceOption = Extract<DeviceOption, { kind: 'usb-kbd' | 'usb-storage' }>;

const KINDS: ReadonlySet<DeviceOption['kind']> = new Set<UsbDeviceOption['kind']>(['usb-kbd', 'usb-storage']);

export function isUsbDevice(option: DeviceOption): option is UsbDeviceOption {
  return KINDS.has(option.kind);
}

/** Where a device is plugged in. */
export interface UsbPlace {
  /** The controller's place and the port: `0000:00:03.0-1`. */
  readonly path: string;
  /** The socket has a USB 3 port. */
  readonly superSpeed: boolean;
  /** QEMU's manners where the specification leaves a choice, or QEMU takes one. */
  readonly qemu: boolean;
  readonly clock: VirtualClock;
}

/** iSerialNumber is a number of the model's, the controller's place and the port: `68284-0000:00:03.0-1`. */
const KEYBOARD_SERIAL = '68284';
const STORAGE_SERIAL = '1';

export function createUsbDevice(option: UsbDeviceOption, place: UsbPlace): UsbDevice {
  switch (option.kind) {
    case 'usb-kbd':
      return new UsbKeyboard({ serial: `${KEYBOARD_SERIAL}-${place.path}`, clock: place.clock });
    case 'usb-storage': {
      const { disk, serial, driveId, removable = false } = option;
      return new UsbStorage({
        disk,
        serial,
        driveId,
        removable,
        speed: place.superSpeed ? 'super' : 'high',
        usbSerial: serial ?? `${STORAGE_SERIAL}-${place.path}`,
        manner: place.qemu ? 'qemu' : 'standard',
      });
    }
    default:
      return option satisfies never;
  }
}
