/** What QEMU's `usb-storage` says of itself at each speed (USB Mass Storage Bulk-Only 1.0 §4). */
import type { UsbSpeed } from '../bus.ts';
import type { DeviceDescriptor, EndpointDescriptor } from '../descriptors.ts';

export const BULK_IN = 0x81;
export const BULK_OUT = 0x02;

export type StorageSpeed = Exclude<UsbSpeed, 'low'>;

export const StorageStrings = { manufacturer: 1, product: 2, serial: 3, full: 4, high: 5, super: 6 } as const;

export const CONFIGURATION_NAMES: Readonly<Record<StorageSpeed, string>> = {
  full: 'Full speed config (usb 1.1)',
  high: 'High speed config (usb 2.0)',
  super: 'Super speed config (usb 3.0)',
};

interface SpeedSetting {
  readonly usbVersion: number;
  /** bMaxPacketSize0: bytes, at SuperSpeed the exponent. */
  readonly control: number;
  readonly bulk: number;
  readonly companion?: EndpointDescriptor['companion'];
}

const SETTINGS: Readonly<Record<StorageSpeed, SpeedSetting>> = {
  full: { usbVersion: 0x0200, control: 8, bulk: 64 },
  high: { usbVersion: 0x0200, control: 64, bulk: 512 },
  super: {
    usbVersion: 0x0300,
    control: 9,
    bulk: 1024,
    companion: { maxBurst: 15, attributes: 0, bytesPerInterval: 0 },
  },
};

/** Self powered. */
const ATTRIBUTES = 0xc0;
/** Mass storage, SCSI transparent command set, bulk-only transport. */
const INTERFACE = { interfaceClass: 8, interfaceSubClass: 6, interfaceProtocol: 0x50 } as const;

export function storageAt(speed: StorageSpeed): DeviceDescriptor {
  const { usbVersion, control, bulk, companion } = SETTINGS[speed];
  const endpoint = (address: number): EndpointDescriptor => ({
    address,
    attributes: 2,
    maxPacketSize: bulk,
    interval: 0,
    ...(companion === undefined ? {} : { companion }),
  });
  return {
    usbVersion,
    deviceClass: 0,
    deviceSubClass: 0,
    deviceProtocol: 0,
    maxPacketSize0: control,
    vendorId: 0x46f4,
    productId: 0x0001,
    deviceVersion: 0,
    manufacturerString: StorageStrings.manufacturer,
    productString: StorageStrings.product,
    serialString: StorageStrings.serial,
    configurations: [
      {
        value: 1,
        stringIndex: StorageStrings[speed],
        attributes: ATTRIBUTES,
        maxPower: 0,
        interfaces: [
          {
            number: 0,
            alternateSetting: 0,
            ...INTERFACE,
            classDescriptors: [],
            endpoints: [endpoint(BULK_IN), endpoint(BULK_OUT)],
          },
        ],
      },
    ],
  };
}
