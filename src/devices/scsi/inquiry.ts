/** INQUIRY: what a disk says of itself (SPC-4 §6.6, §7.8; SBC-3 §6.6), with the identity of QEMU's `scsi-hd`. */
import { writeBig } from './big-endian.ts';

export interface DiskIdentity {
  /** Up to 8 characters. */
  readonly vendor: string;
  /** Up to 16 characters. */
  readonly product: string;
  /** Up to 4 characters. */
  readonly revision: string;
  /** Up to 36 characters; `undefined`: the disk has none, and no Unit Serial Number page. */
  readonly serial?: string | undefined;
  /** Up to 20 characters, of the Device Identification page when there is no serial number: QEMU's name of the drive. */
  readonly deviceId?: string | undefined;
  readonly removable: boolean;
}

const STANDARD_BYTES = 36;
const INQUIRY_BYTES_MAX = 256;
const VERSION_SPC3 = 5;
/** HISUP, response data format 2. */
const RESPONSE_FORMAT = 0x12;
/** SYNC. */
const SYNCHRONOUS = 0x10;
const REMOVABLE = 0x80;
const DEVICE_ID_BYTES_MAX = 20;
const SERIAL_BYTES_MAX = 36;
const BLOCK_PAGE_BYTES = 64;

export const VitalPage = {
  Supported: 0x00,
  UnitSerialNumber: 0x80,
  DeviceIdentification: 0x83,
  BlockLimits: 0xb0,
  BlockDeviceCharacteristics: 0xb1,
  LogicalBlockProvisioning: 0xb2,
} as const;

function putText(bytes: Uint8Array, at: number, text: string, width = text.length): void {
  for (let index = 0; index < width; index += 1) {
    const code = index < text.length ? text.charCodeAt(index) : 0x20;
    bytes[at + index] = code < 0x80 ? code : 0x3f;
  }
}

/** Standard INQUIRY data: as long as the host has room for, at least 36 bytes and at most 256. */
export function standardInquiry(identity: DiskIdentity, allocation: number): Uint8Array {
  const length = Math.min(Math.max(allocation, STANDARD_BYTES), INQUIRY_BYTES_MAX);
  const bytes = new Uint8Array(length);
  bytes[1] = identity.removable ? REMOVABLE : 0;
  bytes[2] = VERSION_SPC3;
  bytes[3] = RESPONSE_FORMAT;
  bytes[4] = length - 5;
  bytes[7] = SYNCHRONOUS;
  putText(bytes, 8, identity.vendor, 8);
  putText(bytes, 16, identity.product, 16);
  putText(bytes, 32, identity.revision, 4);
  return bytes;
}

/** A Vital Product Data page, or `undefined` where the disk has none of that number. */
export function vitalPage(identity: DiskIdentity, page: number): Uint8Array | undefined {
  const body = pageBody(identity, page);
  if (body === undefined) return undefined;
  const bytes = new Uint8Array(4 + body.length);
  bytes[1] = page;
  writeBig(bytes, 2, 2, body.length);
  bytes.set(body, 4);
  return bytes;
}

function pageBody(identity: DiskIdentity, page: number): Uint8Array | undefined {
  switch (page) {
    case VitalPage.Supported:
      return Uint8Array.from(Object.values(VitalPage)).filter(
        (known) => known !== VitalPage.UnitSerialNumber || identity.serial !== undefined,
      );
    case VitalPage.UnitSerialNumber: {
      if (identity.serial === undefined) return undefined;
      const body = new Uint8Array(Math.min(identity.serial.length, SERIAL_BYTES_MAX));
      putText(body, 0, identity.serial, body.length);
      return body;
    }
    case VitalPage.DeviceIdentification:
      return deviceIdentification(identity);
    // SBC-3 §6.6.3: nothing is limited; §6.6.2: the rotation rate is not told; §6.6.4: every block is there.
    case VitalPage.BlockLimits:
    case VitalPage.BlockDeviceCharacteristics:
      return new Uint8Array(BLOCK_PAGE_BYTES - 4);
    case VitalPage.LogicalBlockProvisioning:
      return new Uint8Array(4);
    default:
      return undefined;
  }
}

/** SPC-4 §7.8.6: one designator in ASCII of the logical unit, if the disk has a name. */
function deviceIdentification({ serial, deviceId }: DiskIdentity): Uint8Array {
  const text = (serial ?? deviceId ?? '').slice(0, DEVICE_ID_BYTES_MAX);
  if (text === '') return new Uint8Array(0);
  const body = new Uint8Array(4 + text.length);
  body[0] = 0x02;
  body[3] = text.length;
  putText(body, 4, text);
  return body;
}
