/** A USB mass storage device (Bulk-Only Transport 1.0, SCSI) with the identity of QEMU's `usb-storage`. */
import type { StateSource, StateValue } from '../../base/state.ts';
import type { BlockDevice } from '../../devices/block/block-device.ts';
import { ScsiDisk } from '../../devices/scsi/disk.ts';
import { DONE, type SetupPacket, STALLED, type UsbDevice, type UsbResult } from '../bus.ts';
import { answer, Request, StandardDevice } from '../standard-requests.ts';
import { type BulkOnlyManner, BulkOnlyTransport, MAX_LUN } from './bulk-only.ts';
import {
  BULK_IN,
  BULK_OUT,
  CONFIGURATION_NAMES,
  type StorageSpeed,
  StorageStrings,
  storageAt,
} from './storage-descriptors.ts';

/** bRequest of the class, in the low byte bmRequestType's place (Bulk-Only §3). */
const GET_MAX_LUN = 0xa1fe;
const BULK_ONLY_RESET = 0x21ff;
const CLEAR_ENDPOINT_FEATURE = 0x0200 | Request.ClearFeature;
const ENDPOINT_HALT = 0;

export interface StorageOptions {
  readonly disk: BlockDevice;
  /** Default: `high`. A socket with a USB 3 port takes it at SuperSpeed. */
  readonly speed?: StorageSpeed;
  /** iSerialNumber. */
  readonly usbSerial?: string;
  /** The disk's serial number (INQUIRY page 80h); none by default. */
  readonly serial?: string | undefined;
  /** QEMU's name of the drive, for the Device Identification page. */
  readonly driveId?: string | undefined;
  /** RMB of INQUIRY: a stick that can be ejected. Default false. */
  readonly removable?: boolean;
  /** Default: `standard`. */
  readonly manner?: BulkOnlyManner;
}

export class UsbStorage implements UsbDevice {
  readonly product = 'QEMU USB HARDDRIVE';
  readonly speed: StorageSpeed;
  readonly stateSources: readonly StateSource[];
  onReady: ((endpoint: number) => void) | undefined;
  readonly #standard: StandardDevice;
  readonly #disk: ScsiDisk;
  readonly #transport: BulkOnlyTransport;

  constructor(options: StorageOptions) {
    const { disk, speed = 'high', usbSerial = '1', manner = 'standard', serial, driveId, removable = false } = options;
    this.speed = speed;
    this.stateSources = disk.stateSource === undefined ? [] : [disk.stateSource];
    const strings = new Map<number, string>([
      [StorageStrings.manufacturer, 'QEMU'],
      [StorageStrings.product, this.product],
      [StorageStrings.serial, usbSerial],
      ...(['full', 'high', 'super'] as const).map((each) => [StorageStrings[each], CONFIGURATION_NAMES[each]] as const),
    ]);
    const other = speed === 'super' ? undefined : storageAt(speed === 'high' ? 'full' : 'high');
    this.#standard = new StandardDevice(storageAt(speed), other, strings, speed !== 'super');
    this.#disk = new ScsiDisk({
      disk,
      identity: { vendor: 'QEMU', product: 'QEMU HARDDISK', revision: '2.5+', serial, deviceId: driveId, removable },
      fillsAllocation: manner === 'qemu',
    });
    this.#transport = new BulkOnlyTransport(this.#disk, manner, (direction) =>
      this.#standard.halted.add(direction === 'in' ? BULK_IN : BULK_OUT),
    );
  }

  get address(): number {
    return this.#standard.address;
  }

  reset(): void {
    this.#standard.reset();
    this.#transport.reset();
  }

  /** The machine's reset: the disk forgets what it would forget without power. */
  powerCycle(): void {
    this.reset();
    this.#disk.reset();
  }

  control(setup: SetupPacket, data: Uint8Array): UsbResult {
    const code = (setup.bmRequestType << 8) | setup.bRequest;
    if (code === CLEAR_ENDPOINT_FEATURE && this.#staysHalted(setup)) return DONE;
    const standard = this.#standard.control(setup, data);
    if (standard !== undefined) return standard;
    if (code === GET_MAX_LUN) return answer(MAX_LUN, data);
    if (code !== BULK_ONLY_RESET) return STALLED;
    this.#transport.reset();
    return DONE;
  }

  /** Bulk-Only §6.6.1: after a bad wrapper a cleared halt comes back until the reset of Reset Recovery. */
  #staysHalted({ wValue, wIndex }: SetupPacket): boolean {
    const endpoint = wIndex & 0xff;
    return (
      this.#transport.phase === 'broken' && wValue === ENDPOINT_HALT && (endpoint === BULK_IN || endpoint === BULK_OUT)
    );
  }

  transfer(endpoint: number, data: Uint8Array): UsbResult {
    if (this.#standard.configuration === 0 || this.#standard.halted.has(endpoint)) return STALLED;
    if (endpoint === BULK_IN) return this.#transport.in(data);
    return endpoint === BULK_OUT ? this.#transport.out(data) : STALLED;
  }

  save(): { readonly [field: string]: StateValue } {
    return { standard: this.#standard.save(), transport: this.#transport.save(), disk: this.#disk.save() };
  }

  load(fields: { readonly [field: string]: StateValue }): void {
    this.#standard.load(fields.standard as { readonly [field: string]: StateValue });
    this.#transport.load(fields.transport as StateValue);
    this.#disk.load(fields.disk as { readonly [field: string]: StateValue });
  }
}
