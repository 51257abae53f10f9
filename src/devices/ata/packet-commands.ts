/** The PACKET commands of a CD-ROM drive: one row a command (MMC-5 chapter 6, SPC-3 chapter 6). Packets are big-endian. */
import { CD_SECTOR, type CdDrive } from './cd-drive.ts';
import { modePage } from './mode-pages.ts';
import { SENSE, type Sense, senseData } from './sense.ts';
import { tableOfContents } from './table-of-contents.ts';

/** What a command sends to the host. */
export interface PacketData {
  readonly bytes: number;
  /** Bytes that belong together in a DRQ block. */
  readonly block?: number;
  readonly read: (offset: number, piece: Uint8Array) => Sense | undefined;
}

export interface PacketCommand {
  readonly needsMedium: boolean;
  /** Data, nothing, or why not. */
  readonly run: (drive: CdDrive, packet: Uint8Array) => PacketData | Sense | undefined;
}

/** Profile numbers (MMC-5 §5.3.1). */
const PROFILE_CD = 0x0008;
const PROFILE_DVD = 0x0010;
/** Sectors of the longest CD, 80 minutes; a longer medium is a DVD. */
const CD_SECTORS_MAX = 80 * 60 * 75;
/** What READ CD with "all of the sector" gives: sync, header, data and error correction. */
const RAW_SECTOR = 2352;

function word(packet: Uint8Array, at: number): number {
  return (packet[at]! << 8) | packet[at + 1]!;
}

function long(packet: Uint8Array, at: number): number {
  return word(packet, at) * 0x1_0000 + word(packet, at + 2);
}

/** `bytes`, or as many of them as the host has room for. */
function answer(bytes: Uint8Array, room: number): PacketData {
  const sent = bytes.subarray(0, room);
  return {
    bytes: sent.length,
    read: (offset, piece) => {
      piece.set(sent.subarray(offset, offset + piece.length));
      return undefined;
    },
  };
}

function readSectors(drive: CdDrive, first: number, count: number): PacketData | Sense | undefined {
  if (count === 0) return undefined;
  if (first + count > drive.sectors) return SENSE.outOfRange;
  return {
    bytes: count * CD_SECTOR,
    block: CD_SECTOR,
    read: (offset, piece) => readMedium(drive, first * CD_SECTOR + offset, piece),
  };
}

/** The end of a medium that is no multiple of 2048 bytes reads as zeros. */
function readMedium(drive: CdDrive, at: number, piece: Uint8Array): Sense | undefined {
  const { medium } = drive;
  if (medium === undefined) return SENSE.mediumNotPresent;
  const there = Math.max(0, Math.min(piece.length, medium.size - at));
  piece.fill(0, there);
  if (there === 0) return undefined;
  return medium.read(at, piece.subarray(0, there)) === undefined ? undefined : SENSE.unrecoveredReadError;
}

/** READ CD: user data alone, or the raw sector rebuilt around it without its error correction codes. */
function readCd(drive: CdDrive, packet: Uint8Array): PacketData | Sense | undefined {
  const first = long(packet, 2);
  const count = packet[6]! * 0x1_0000 + word(packet, 7);
  const parts = packet[9]! & 0xf8;
  if (count === 0 || parts === 0) return undefined;
  if (parts === 0x10) return readSectors(drive, first, count);
  if (parts !== 0xf8) return SENSE.invalidField;
  if (first + count > drive.sectors) return SENSE.outOfRange;
  const sector = new Uint8Array(RAW_SECTOR);
  return {
    bytes: count * RAW_SECTOR,
    block: RAW_SECTOR,
    read: (offset, piece) => {
      for (let done = 0; done < piece.length; ) {
        const index = Math.floor((offset + done) / RAW_SECTOR);
        const start = (offset + done) % RAW_SECTOR;
        const sense = rawSector(drive, first + index, sector);
        if (sense !== undefined) return sense;
        const part = sector.subarray(start, start + piece.length - done);
        piece.set(part, done);
        done += part.length;
      }
      return undefined;
    },
  };
}

function rawSector(drive: CdDrive, lba: number, into: Uint8Array): Sense | undefined {
  into.fill(0);
  into.fill(0xff, 1, 11);
  const frame = lba + 150;
  const minute = Math.floor(frame / (60 * 75));
  into.set([bcd(minute), bcd(Math.floor(frame / 75) % 60), bcd(frame % 75), 1], 12);
  return readMedium(drive, lba * CD_SECTOR, into.subarray(16, 16 + CD_SECTOR));
}

function bcd(value: number): number {
  return ((Math.floor(value / 10) % 10) << 4) | (value % 10);
}

function inquiry(drive: CdDrive, packet: Uint8Array): PacketData | Sense {
  if ((packet[1]! & 1) !== 0 || packet[2] !== 0) return SENSE.invalidField;
  const bytes = new Uint8Array(36);
  // CD/DVD, removable; ATAPI 2 response format.
  bytes.set([0x05, 0x80, 0x00, 0x21, 31]);
  for (const [at, length, text] of [
    [8, 8, 'QEMU'],
    [16, 16, drive.identity.model],
    [32, 4, drive.identity.firmware],
  ] as const) {
    for (let index = 0; index < length; index += 1) bytes[at + index] = text.padEnd(length).charCodeAt(index);
  }
  return answer(bytes, word(packet, 3));
}

function readCapacity(drive: CdDrive): PacketData {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, Math.max(0, drive.sectors - 1));
  view.setUint32(4, CD_SECTOR);
  return answer(bytes, bytes.length);
}

function startStop(drive: CdDrive, packet: Uint8Array): Sense | undefined {
  // Load/Eject set: bit 0 closes (1) or opens (0) the tray.
  if ((packet[4]! & 2) === 0) return undefined;
  const open = (packet[4]! & 1) === 0;
  if (open && drive.trayLocked) return SENSE.removalPrevented;
  drive.trayOpen = open;
  return undefined;
}

function readToc(drive: CdDrive, packet: Uint8Array): PacketData | Sense {
  const format = packet[9]! >> 6 || packet[2]! & 0xf;
  const toc = tableOfContents(format, (packet[1]! & 2) !== 0, packet[6]!, drive.sectors);
  return toc === undefined ? SENSE.invalidField : answer(toc, word(packet, 7));
}

/** Only the media class can be polled; asynchronous notification does not exist (MMC-5 §6.7). */
function getEventStatus(drive: CdDrive, packet: Uint8Array): PacketData | Sense {
  if ((packet[1]! & 1) === 0) return SENSE.invalidField;
  const wantsMedia = (packet[4]! & 0x10) !== 0;
  const state = (drive.trayOpen ? 1 : 0) | (drive.medium === undefined ? 0 : 2);
  const bytes = wantsMedia ? Uint8Array.of(0, 4, 4, 0x10, 0, state, 0, 0) : Uint8Array.of(0, 0, 0x80, 0x10);
  return answer(bytes, word(packet, 7));
}

/** Feature header, Profile List, Core and Removable Medium (MMC-5 §5.3). */
function getConfiguration(drive: CdDrive, packet: Uint8Array): PacketData | Sense {
  if (word(packet, 2) !== 0) return SENSE.invalidField;
  const current = drive.medium === undefined ? 0 : drive.sectors > CD_SECTORS_MAX ? PROFILE_DVD : PROFILE_CD;
  const profile = (number: number): number[] => [number >> 8, number & 0xff, number === current ? 1 : 0, 0];
  const rows = [
    ...[0, 0, 0x03, 8, ...profile(PROFILE_DVD), ...profile(PROFILE_CD)],
    ...[0, 1, 0x0b, 8, 0, 0, 0, 1, 1, 0, 0, 0],
    ...[0, 3, 0x03, 4, 0x29, 0, 0, 0],
  ];
  const bytes = Uint8Array.of(0, 0, 0, rows.length + 4, 0, 0, current >> 8, current & 0xff, ...rows);
  return answer(bytes, word(packet, 7));
}

function readDiscInformation(packet: Uint8Array): PacketData | Sense {
  if ((packet[1]! & 7) !== 0) return SENSE.invalidField;
  const bytes = new Uint8Array(34);
  // A complete disc with a complete last session: one session, one track, unrestricted use.
  bytes.set([0, 32, 0x0e, 1, 1, 1, 1, 0x20]);
  return answer(bytes, word(packet, 7));
}

/** DVD physical format information, copyright and manufacturer's data; a CD has none of them. */
function readDvdStructure(drive: CdDrive, packet: Uint8Array): PacketData | Sense {
  const format = packet[7]!;
  if (drive.sectors <= CD_SECTORS_MAX) return { key: 5, code: 0x30, qualifier: 0x02 };
  if (format === 0x01) return answer(Uint8Array.of(0, 6, 0, 0, 0, 0, 0, 0), word(packet, 8));
  if (format !== 0x00 || packet[6] !== 0) return SENSE.invalidField;
  const bytes = new Uint8Array(2052);
  bytes.set([0x08, 0x02, 0, 0, 0x02, 0x0f, 0x01, 0x00, 0x00, 0x03, 0, 0]);
  const view = new DataView(bytes.buffer);
  view.setUint32(4 + 8, 0x3_0000 + drive.sectors - 1);
  return answer(bytes, word(packet, 8));
}

function row(needsMedium: boolean, run: PacketCommand['run']): PacketCommand {
  return { needsMedium, run };
}

export const PACKET_COMMANDS: ReadonlyMap<number, PacketCommand> = new Map([
  [0x00, row(true, () => undefined)], // TEST UNIT READY
  [
    0x03, // REQUEST SENSE: told once
    row(false, (drive, packet) => {
      const bytes = senseData(drive.sense);
      drive.sense = { key: 0, code: 0, qualifier: 0 };
      return answer(bytes, packet[4]!);
    }),
  ],
  [0x12, row(false, inquiry)],
  [0x1b, row(false, startStop)],
  [
    0x1e, // PREVENT ALLOW MEDIUM REMOVAL
    row(false, (drive, packet) => {
      drive.trayLocked = (packet[4]! & 1) !== 0;
      return undefined;
    }),
  ],
  [0x25, row(true, readCapacity)],
  [0x28, row(true, (drive, packet) => readSectors(drive, long(packet, 2), word(packet, 7)))],
  [0x2b, row(true, (drive, packet) => (long(packet, 2) < drive.sectors ? undefined : SENSE.outOfRange))], // SEEK
  [0x43, row(true, readToc)],
  [0x46, row(false, getConfiguration)],
  [0x4a, row(false, getEventStatus)],
  [0x51, row(true, (_drive, packet) => readDiscInformation(packet))],
  [
    0x5a, // MODE SENSE(10)
    row(false, (drive, packet) => {
      const page = modePage(packet[2]!, drive);
      return 'key' in page ? page : answer(page.bytes, word(packet, 7));
    }),
  ],
  [0xa8, row(true, (drive, packet) => readSectors(drive, long(packet, 2), long(packet, 6)))],
  [0xad, row(true, readDvdStructure)],
  [0xbb, row(false, () => undefined)], // SET CD SPEED
  [
    0xbd, // MECHANISM STATUS: idle, no changer slots
    row(false, (_drive, packet) => answer(Uint8Array.of(0, 0, 0, 0, 0, 1, 0, 0), word(packet, 8))),
  ],
  [0xbe, row(true, readCd)],
]);
