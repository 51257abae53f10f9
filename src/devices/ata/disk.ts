/**
 * A SATA hard disk, `ide-hd`: 512-byte sectors, 48-bit addresses, Native Command Queuing, SMART, TRIM (ATA8-ACS).
 *
 * Does not implement: security, host protected areas, read log (NCQ error log), power-up in standby.
 */
import type { StateValue } from '../../base/state.ts';
import type { BlockDevice } from '../block/block-device.ts';
import { SECTOR_SIZE } from '../block/block-device.ts';
import {
  type AtaCommand,
  type AtaDevice,
  type AtaTransfer,
  abort,
  ERROR,
  freshTaskFile,
  reply,
  STATUS,
  STATUS_GOOD,
  succeed,
} from './device.ts';
import { COMMANDS } from './disk-commands.ts';
import type { DiskUnit, TransferWay } from './disk-unit.ts';
import {
  type DiskIdentity,
  type Geometry,
  geometryOf,
  identifyDisk,
  MULTIPLE_SECTORS_MAX,
  resetModes,
} from './identify.ts';

const LBA_MODE = 0x40;
const QUEUE_DEPTH = 32;
/** A whole 32-bit LBA field of a 28-bit command: 24 bits in the LBA registers, four in Device. */
const LBA_24 = 0x100_0000;

export interface AtaDiskOptions {
  readonly medium: BlockDevice;
  readonly identity: DiskIdentity;
}

export class AtaDisk implements AtaDevice, DiskUnit {
  readonly packet = false;
  readonly queueDepth = QUEUE_DEPTH;
  readonly taskFile = freshTaskFile();
  readonly medium: BlockDevice;
  readonly sectors: number;
  readonly geometry: Geometry;
  readonly identity: DiskIdentity;
  multiple = MULTIPLE_SECTORS_MAX;
  modes = resetModes();
  writeCache = true;
  smart = true;

  constructor({ medium, identity }: AtaDiskOptions) {
    this.medium = medium;
    this.identity = identity;
    this.sectors = medium.size / SECTOR_SIZE;
    this.geometry = geometryOf(this.sectors);
    this.reset();
  }

  reset(): void {
    this.multiple = MULTIPLE_SECTORS_MAX;
    this.modes = resetModes();
    // Not ready yet, "device fault" for a moment, diagnostics passed: what QEMU's disks show first.
    this.sign(STATUS.seekComplete | STATUS.fault);
  }

  sign(status: number): void {
    Object.assign(this.taskFile, { status, error: 1, device: 0, lba: 1, count: 1 });
  }

  execute(command: AtaCommand): AtaTransfer | undefined {
    const { taskFile } = this;
    const { lba, device, count } = command;
    Object.assign(taskFile, { status: STATUS_GOOD, error: 0, lba, device, count });
    const run = COMMANDS.get(command.command);
    return run === undefined ? abort(taskFile) : run(this, command);
  }

  identify(): AtaTransfer {
    const { sectors, geometry, multiple, modes, writeCache, smart } = this;
    return reply(
      this.taskFile,
      identifyDisk({ ...this.identity, sectors, geometry, multiple, modes, writeCache, smart }),
    );
  }

  address28({ lba, device }: AtaCommand): number | undefined {
    const low = lba % LBA_24;
    if ((device & LBA_MODE) !== 0) return (device & 0xf) * LBA_24 + low;
    const sector = low & 0xff;
    if (sector === 0) return undefined;
    return ((low >> 8) * this.geometry.heads + (device & 0xf)) * this.geometry.sectors + sector - 1;
  }

  transfer(way: TransferWay, first: number | undefined, count: number): AtaTransfer | undefined {
    if (first === undefined || first + count > this.sectors) return abort(this.taskFile, ERROR.aborted);
    if (!way.toHost && this.medium.readOnly) return abort(this.taskFile);
    const { medium, taskFile } = this;
    return {
      protocol: way.protocol,
      toHost: way.toHost,
      bytes: count * SECTOR_SIZE,
      blockBytes: way.block * SECTOR_SIZE,
      move: (offset, piece) => {
        const at = first * SECTOR_SIZE + offset;
        const problem = way.toHost ? medium.read(at, piece) : medium.write(at, piece);
        if (problem === undefined) return true;
        abort(taskFile, way.toHost ? ERROR.uncorrectable : ERROR.aborted);
        this.#leaveAt(first + Math.floor(offset / SECTOR_SIZE), way.wide);
        return false;
      },
      finish: () => {
        // A write is on the host's disk before its end is told while the write cache is off.
        const problem = way.toHost || this.writeCache ? undefined : medium.flush();
        if (problem !== undefined) {
          abort(taskFile);
          return false;
        }
        succeed(taskFile);
        taskFile.count = 0;
        this.#leaveAt(first + count, way.wide);
        return true;
      },
    };
  }

  flush(): undefined {
    return this.medium.flush() === undefined ? succeed(this.taskFile) : abort(this.taskFile);
  }

  save(): { readonly [field: string]: StateValue } {
    const { multiple, writeCache, smart } = this;
    return { taskFile: { ...this.taskFile }, modes: { ...this.modes }, multiple, writeCache, smart };
  }

  load(fields: { readonly [field: string]: StateValue }): void {
    Object.assign(this.taskFile, fields.taskFile);
    Object.assign(this.modes, fields.modes);
    this.multiple = fields.multiple as number;
    this.writeCache = fields.writeCache as boolean;
    this.smart = fields.smart as boolean;
  }

  /** The address registers after a transfer show the sector that comes next, or the one that failed. */
  #leaveAt(sector: number, wide: boolean): void {
    const { taskFile } = this;
    if (wide) taskFile.lba = sector;
    else if ((taskFile.device & LBA_MODE) !== 0) {
      taskFile.lba = sector % LBA_24;
      taskFile.device = (taskFile.device & 0xf0) | (Math.floor(sector / LBA_24) & 0xf);
    } else {
      const { heads, sectors } = this.geometry;
      const cylinder = Math.floor(sector / (heads * sectors)) & 0xffff;
      taskFile.lba = cylinder * 0x100 + (sector % sectors) + 1;
      taskFile.device = (taskFile.device & 0xf0) | (Math.floor(sector / sectors) % heads);
    }
  }
}
