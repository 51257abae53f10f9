/** Frame Information Structures: what host and device send each other (Serial ATA 2.6 §10.3). */
import type { AtaCommand, TaskFile } from '../ata/device.ts';

export const FIS_HOST_TO_DEVICE = 0x27;
const FIS_DEVICE_TO_HOST = 0x34;
const FIS_PIO_SETUP = 0x5f;
const FIS_SET_DEVICE_BITS = 0xa1;
const INTERRUPT = 0x40;
const DIRECTION_TO_HOST = 0x20;

/** Where the HBA stores each kind in the received FIS area (AHCI 1.3.1 §4.2.1), in bytes. */
export const RECEIVED = { pioSetup: 0x20, register: 0x40, setDeviceBits: 0x58 } as const;

/** A command table's bytes in front of the PRD table, as far as they mean something: FIS and packet. */
export const PACKET_OFFSET = 0x40;
export const PACKET_BYTES = 16;

/** Byte 1: port multiplier port, and bit 7, "this is a command". */
export const FIS_PORT_MASK = 0x0f;
export const FIS_COMMAND = 0x80;
/** Byte 15 is Device Control; bit 2 resets. */
export const CONTROL_SOFT_RESET = 0x04;

const BYTE = 0x100;

/** The command in a Register Host to Device FIS; `table` also holds the packet. */
export function decodeCommand(table: Uint8Array): AtaCommand {
  const at = (index: number): number => table[index]!;
  const low = at(4) + at(5) * BYTE + at(6) * BYTE * BYTE;
  const high = at(8) + at(9) * BYTE + at(10) * BYTE * BYTE;
  return {
    command: at(2),
    features: at(3) | (at(11) << 8),
    lba: low + high * 2 ** 24,
    device: at(7),
    count: at(12) | (at(13) << 8),
    packet: table.subarray(PACKET_OFFSET, PACKET_OFFSET + PACKET_BYTES),
  };
}

export function registerFis(taskFile: TaskFile, interrupt: boolean): Uint8Array {
  const fis = new Uint8Array(20);
  fis[0] = FIS_DEVICE_TO_HOST;
  fis[1] = interrupt ? INTERRUPT : 0;
  fillTaskFile(fis, taskFile, taskFile.status);
  return fis;
}

export interface PioSetup {
  readonly taskFile: TaskFile;
  readonly toHost: boolean;
  readonly interrupt: boolean;
  /** Status while the block moves, and after it. */
  readonly status: number;
  readonly endStatus: number;
  /** Bytes of the block. */
  readonly bytes: number;
}

export function pioSetupFis(setup: PioSetup): Uint8Array {
  const fis = new Uint8Array(20);
  fis[0] = FIS_PIO_SETUP;
  fis[1] = (setup.interrupt ? INTERRUPT : 0) | (setup.toHost ? DIRECTION_TO_HOST : 0);
  fillTaskFile(fis, setup.taskFile, setup.status);
  fis[15] = setup.endStatus;
  fis[16] = setup.bytes & 0xff;
  fis[17] = setup.bytes >>> 8;
  return fis;
}

/** Tells which queued commands ended: one bit for each tag. */
export function setDeviceBitsFis(taskFile: TaskFile, finished: number): Uint8Array {
  const fis = new Uint8Array(8);
  fis[0] = FIS_SET_DEVICE_BITS;
  fis[1] = INTERRUPT;
  fis[2] = taskFile.status & 0x77;
  fis[3] = taskFile.error;
  new DataView(fis.buffer).setUint32(4, finished >>> 0, true);
  return fis;
}

function fillTaskFile(fis: Uint8Array, taskFile: TaskFile, status: number): void {
  const { lba, count } = taskFile;
  fis[2] = status;
  fis[3] = taskFile.error;
  const high = Math.floor(lba / 2 ** 24);
  fis.set([lba & 0xff, (lba >>> 8) & 0xff, (lba >>> 16) & 0xff, taskFile.device], 4);
  fis.set([high & 0xff, (high >>> 8) & 0xff, (high >>> 16) & 0xff], 8);
  fis.set([count & 0xff, (count >>> 8) & 0xff], 12);
}

/** PxSIG of a device that shows `taskFile` after a reset: LBA High, Mid, Low, Count. */
export function signatureOf(taskFile: TaskFile): number {
  return ((taskFile.lba % 2 ** 24) * BYTE + (taskFile.count & 0xff)) >>> 0;
}
