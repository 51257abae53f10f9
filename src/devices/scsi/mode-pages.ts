/** MODE SENSE: the pages of a disk (SPC-4 §7.5, SBC-3 §6.5). */
import { writeBig } from './big-endian.ts';

export interface ModeSetting {
  readonly blocks: number;
  readonly blockSize: number;
  readonly writeProtected: boolean;
  readonly writeCache: boolean;
}

export const ModePage = { ErrorRecovery: 0x01, RigidGeometry: 0x04, FlexibleGeometry: 0x05, Caching: 0x08 } as const;
const ALL_PAGES = 0x3f;
/** PC field: what is asked for (SPC-4 Table 110). */
const CHANGEABLE = 1;
export const SAVED = 3;

const WRITE_PROTECT = 0x80;
const WRITE_CACHE_ENABLE = 0x04;
/** Automatic Write Reallocation Enabled. */
const AWRE = 0x80;
const HEADS = 16;
const SECTORS = 63;
const CYLINDERS_MAX = 16383;
/** 5400 rpm. */
const ROTATION_RATE = 5400;
const SHORT_LBA_MAX = 0xff_ffff;

export function cylindersOf(blocks: number): number {
  return Math.min(Math.max(Math.floor(blocks / (HEADS * SECTORS)), 2), CYLINDERS_MAX);
}

export interface ModeRequest {
  readonly page: number;
  /** PC. */
  readonly control: number;
  /** DBD = 0. */
  readonly blockDescriptor: boolean;
  /** MODE SENSE(10) has a header of 8 bytes. */
  readonly long: boolean;
}

/** The whole parameter list, or `undefined` when the disk has no such page. */
export function modeSense(setting: ModeSetting, request: ModeRequest): Uint8Array | undefined {
  const wanted = request.page === ALL_PAGES ? Object.values(ModePage) : [request.page];
  const pages: number[] = [];
  for (const page of wanted) {
    const body = pageBody(setting, page, request.control === CHANGEABLE);
    if (body === undefined) return undefined;
    pages.push(page, body.length, ...body);
  }
  const descriptor = request.blockDescriptor ? blockDescriptor(setting) : new Uint8Array(0);
  const deviceSpecific = setting.writeProtected ? WRITE_PROTECT : 0;
  const length = (request.long ? 8 : 4) + descriptor.length + pages.length;
  const header = request.long
    ? [(length - 2) >> 8, (length - 2) & 0xff, 0, deviceSpecific, 0, 0, 0, descriptor.length]
    : [length - 1, 0, deviceSpecific, descriptor.length];
  return Uint8Array.of(...header, ...descriptor, ...pages);
}

/** SBC-3 §6.5.2: the short LBA block descriptor; 0 blocks where the number does not fit. */
function blockDescriptor({ blocks, blockSize }: ModeSetting): Uint8Array {
  const bytes = new Uint8Array(8);
  writeBig(bytes, 1, 3, blocks > SHORT_LBA_MAX ? 0 : blocks);
  writeBig(bytes, 5, 3, blockSize);
  return bytes;
}

function pageBody(setting: ModeSetting, page: number, changeable: boolean): Uint8Array | undefined {
  const body = emptyPage(page);
  if (body === undefined) return undefined;
  if (page === ModePage.Caching) {
    // The only thing that MODE SELECT may change.
    if (changeable || setting.writeCache) body[0] = WRITE_CACHE_ENABLE;
    return body;
  }
  if (changeable) return body;
  const cylinders = cylindersOf(setting.blocks);
  switch (page) {
    case ModePage.ErrorRecovery:
      body[0] = AWRE;
      break;
    case ModePage.RigidGeometry:
      rigidGeometry(body, cylinders);
      break;
    default:
      flexibleGeometry(body, cylinders, setting.blockSize);
  }
  return body;
}

function emptyPage(page: number): Uint8Array | undefined {
  switch (page) {
    case ModePage.ErrorRecovery:
      return new Uint8Array(10);
    case ModePage.RigidGeometry:
      return new Uint8Array(0x16);
    case ModePage.FlexibleGeometry:
      return new Uint8Array(0x1e);
    case ModePage.Caching:
      return new Uint8Array(0x12);
    default:
      return undefined;
  }
}

function rigidGeometry(body: Uint8Array, cylinders: number): void {
  writeBig(body, 0, 3, cylinders);
  body[3] = HEADS;
  // Write precompensation and reduced current start where the disk ends: never.
  writeBig(body, 4, 3, cylinders);
  writeBig(body, 7, 3, cylinders);
  // Step rate, 100 ns.
  writeBig(body, 10, 2, 200);
  // Landing zone: -1.
  writeBig(body, 12, 3, 0xff_ffff);
  writeBig(body, 18, 2, ROTATION_RATE);
}

function flexibleGeometry(body: Uint8Array, cylinders: number, blockSize: number): void {
  // Transfer rate, kbit/s.
  writeBig(body, 0, 2, 5000);
  body[2] = HEADS;
  body[3] = SECTORS;
  writeBig(body, 4, 2, blockSize);
  writeBig(body, 6, 2, cylinders);
  writeBig(body, 8, 2, cylinders);
  writeBig(body, 10, 2, cylinders);
  // Step rate 100 ns, step width 1 us, head settle 100 us, motor on and off 100 ms.
  writeBig(body, 12, 2, 1);
  body[14] = 1;
  writeBig(body, 15, 2, 1);
  body[17] = 1;
  body[18] = 1;
  writeBig(body, 26, 2, ROTATION_RATE);
}
