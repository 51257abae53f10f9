/** The command set of a hard disk: one row a command (ATA8-ACS chapter 7). */
import { SECTOR_SIZE } from '../block/block-device.ts';
import { type AtaCommand, type AtaTransfer, abort, reply, STATUS_GOOD, succeed } from './device.ts';
import type { DiskUnit } from './disk-unit.ts';
import { MULTIPLE_SECTORS_MAX } from './identify.ts';
import { SMART_KEY, smartData, smartLog, smartThresholds } from './smart.ts';

export type DiskCommand = (disk: DiskUnit, command: AtaCommand) => AtaTransfer | undefined;

export const READ_FPDMA_QUEUED = 0x60;
export const WRITE_FPDMA_QUEUED = 0x61;

const succeedNow: DiskCommand = (disk) => succeed(disk.taskFile);
const flush: DiskCommand = (disk) => disk.flush();

type Protocol = 'pio' | 'dma';

function narrow(protocol: Protocol, toHost: boolean, block: (disk: DiskUnit) => number): DiskCommand {
  return (disk, command) => {
    const sectors = block(disk);
    if (sectors === 0) return abort(disk.taskFile);
    const count = command.count & 0xff || 0x100;
    return disk.transfer({ protocol, toHost, wide: false, block: sectors }, disk.address28(command), count);
  };
}

function wide(protocol: Protocol, toHost: boolean, block: (disk: DiskUnit) => number): DiskCommand {
  return (disk, command) => {
    const sectors = block(disk);
    if (sectors === 0) return abort(disk.taskFile);
    return disk.transfer({ protocol, toHost, wide: true, block: sectors }, command.lba, command.count || 0x1_0000);
  };
}

/** The count of a queued command stands in Features, its tag in Count (§7.25, Serial ATA 2.6 §13.6.4). */
function queued(toHost: boolean): DiskCommand {
  return (disk, command) =>
    disk.transfer({ protocol: 'dma', toHost, wide: true, block: 1 }, command.lba, command.features || 0x1_0000);
}

const one = (): number => 1;
const many = (disk: DiskUnit): number => disk.multiple;

function verify(address: (disk: DiskUnit, command: AtaCommand) => readonly [number | undefined, number]): DiskCommand {
  return (disk, command) => {
    const [first, count] = address(disk, command);
    return first === undefined || first + count > disk.sectors ? abort(disk.taskFile) : succeed(disk.taskFile);
  };
}

const setMultiple: DiskCommand = (disk, { count }) => {
  const sectors = count & 0xff;
  if (sectors !== 0 && (sectors > MULTIPLE_SECTORS_MAX || (sectors & (sectors - 1)) !== 0)) return abort(disk.taskFile);
  disk.multiple = sectors;
  return succeed(disk.taskFile);
};

const readNativeMax: DiskCommand = (disk, { device }) => {
  succeed(disk.taskFile);
  const last = disk.sectors - 1;
  const lba = Math.min(last, 0xfff_ffff);
  disk.taskFile.lba = lba % 0x100_0000;
  disk.taskFile.device = (device & 0xf0) | Math.floor(lba / 0x100_0000);
  return undefined;
};

const readNativeMaxExt: DiskCommand = (disk) => {
  succeed(disk.taskFile);
  disk.taskFile.lba = disk.sectors - 1;
  return undefined;
};

const setFeatures: DiskCommand = (disk, { features, count }) => {
  switch (features & 0xff) {
    case 0x02:
      disk.writeCache = true;
      return succeed(disk.taskFile);
    case 0x82:
      disk.writeCache = false;
      return disk.flush();
    case 0x03:
      return setTransferMode(disk, count & 0xff);
    // Look-ahead, power-on defaults, advanced power management, acoustic management: accepted, nothing to change.
    case 0x05:
    case 0x42:
    case 0x55:
    case 0x66:
    case 0x67:
    case 0x69:
    case 0x85:
    case 0x9a:
    case 0xaa:
    case 0xc2:
    case 0xcc:
      return succeed(disk.taskFile);
    default:
      return abort(disk.taskFile);
  }
};

/** Count bits 7-3 choose the kind of transfer, bits 2-0 the mode. */
function setTransferMode(disk: DiskUnit, count: number): undefined {
  const mode = count & 7;
  const chosen = 0x100 << mode;
  const { modes } = disk;
  switch (count >> 3) {
    case 0:
    case 1:
      Object.assign(modes, { single: 0x07, multi: 0x07, ultra: 0x3f });
      break;
    case 2:
      Object.assign(modes, { single: 0x07 | chosen, multi: 0x07, ultra: 0x3f });
      break;
    case 4:
      Object.assign(modes, { single: 0x07, multi: 0x07 | chosen, ultra: 0x3f });
      break;
    case 8:
      Object.assign(modes, { single: 0x07, multi: 0x07, ultra: 0x3f | chosen });
      break;
    default:
      return abort(disk.taskFile);
  }
  return succeed(disk.taskFile);
}

/** EXECUTE DEVICE DIAGNOSTIC leaves the signature. */
const diagnose: DiskCommand = (disk) => {
  disk.sign(STATUS_GOOD);
  return undefined;
};

const checkPowerMode: DiskCommand = (disk) => {
  succeed(disk.taskFile);
  disk.taskFile.count = 0xff; // active or idle
  return undefined;
};

/** TRIM: ranges of eight bytes, 48 bits of address and 16 of count. */
const dataSetManagement: DiskCommand = (disk, { features, count }) => {
  if ((features & 1) === 0 || disk.medium.readOnly) return abort(disk.taskFile);
  const bytes = new Uint8Array((count || 1) * SECTOR_SIZE);
  return {
    protocol: 'dma',
    toHost: false,
    bytes: bytes.length,
    blockBytes: SECTOR_SIZE,
    move: (offset, piece) => {
      bytes.set(piece, offset);
      return true;
    },
    finish: () => trim(disk, bytes),
  };
};

/**
 * What a trimmed range reads as is the disk's choice as long as it stays the same (IDENTIFY word 69 bit 14): the data
 * stay. Ranges outside of the disk are refused.
 */
function trim(disk: DiskUnit, bytes: Uint8Array): boolean {
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < bytes.length; at += 8) {
    const count = view.getUint16(at + 6, true);
    const first = view.getUint32(at, true) + view.getUint16(at + 4, true) * 2 ** 32;
    if (count === 0) continue;
    if (first + count <= disk.sectors) continue;
    abort(disk.taskFile);
    return false;
  }
  succeed(disk.taskFile);
  return true;
}

const smart: DiskCommand = (disk, { features, lba, count }) => {
  const { taskFile } = disk;
  if ((Math.floor(lba / 0x100) & 0xffff) !== SMART_KEY) return abort(taskFile);
  const what = features & 0xff;
  if (what === 0xd8) disk.smart = true;
  if (!disk.smart) return abort(taskFile);
  switch (what) {
    case 0xd0:
      return reply(taskFile, smartData());
    case 0xd1:
      return reply(taskFile, smartThresholds());
    case 0xd5: {
      const log = smartLog(lba & 0xff);
      return log === undefined ? abort(taskFile) : reply(taskFile, log);
    }
    case 0xd9:
      disk.smart = false;
      return succeed(taskFile);
    case 0xd2:
      return count === 0xf1 || count === 0 ? succeed(taskFile) : abort(taskFile);
    case 0xd4: // self-test: ends at once, without error
    case 0xd8:
    case 0xda: // RETURN STATUS: the key comes back unchanged when no threshold is exceeded
      return succeed(taskFile);
    default:
      return abort(taskFile);
  }
};

function all(codes: readonly number[], run: DiskCommand): readonly (readonly [number, DiskCommand])[] {
  return codes.map((code) => [code, run]);
}

export const COMMANDS: ReadonlyMap<number, DiskCommand> = new Map([
  ...all([0x06], dataSetManagement),
  ...all([0x20, 0x21], narrow('pio', true, one)),
  ...all([0x24], wide('pio', true, one)),
  ...all([0x25], wide('dma', true, one)),
  ...all([0x27], readNativeMaxExt),
  ...all([0x29], wide('pio', true, many)),
  ...all([0x30, 0x31], narrow('pio', false, one)),
  ...all([0x34], wide('pio', false, one)),
  // WRITE DMA EXT, and with FUA.
  ...all([0x35], wide('dma', false, one)),
  ...all([0x39], wide('pio', false, many)),
  ...all([0x3c], narrow('pio', false, one)),
  ...all(
    [0x40, 0x41],
    verify((disk, command) => [disk.address28(command), command.count & 0xff || 0x100]),
  ),
  ...all(
    [0x42],
    verify((_disk, { lba, count }) => [lba, count || 0x1_0000]),
  ),
  ...all([READ_FPDMA_QUEUED], queued(true)),
  ...all([WRITE_FPDMA_QUEUED], queued(false)),
  ...all([0x90], diagnose),
  ...all([0xb0], smart),
  ...all([0xc4], narrow('pio', true, many)),
  ...all([0xc5], narrow('pio', false, many)),
  ...all([0xc6], setMultiple),
  ...all([0xc8, 0xc9], narrow('dma', true, one)),
  ...all([0xca, 0xcb], narrow('dma', false, one)),
  ...all([0x98, 0xe5], checkPowerMode),
  ...all([0xe7, 0xea], flush),
  ...all([0xec], (disk) => disk.identify()),
  ...all([0xef], setFeatures),
  ...all([0xf8], readNativeMax),
  // Seek, recalibrate, set parameters, standby, idle and sleep change nothing that a host can see.
  ...all([0x10, 0x70, 0x91, 0x94, 0x95, 0x96, 0x97, 0x99, 0xe0, 0xe1, 0xe2, 0xe3, 0xe6], succeedNow),
]);
