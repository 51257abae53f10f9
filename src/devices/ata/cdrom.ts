/**
 * A SATA CD/DVD-ROM drive, `ide-cd`: PACKET commands over a medium of 2048-byte sectors (ATA8-ACS §7.32, MMC-5).
 *
 * Does not implement: audio, writing, changing the medium while the machine runs (eject and close are).
 */
import type { StateValue } from '../../base/state.ts';
import type { BlockDevice } from '../block/block-device.ts';
import { CD_SECTOR, type CdDrive } from './cd-drive.ts';
import {
  type AtaCommand,
  type AtaDevice,
  type AtaTransfer,
  abort,
  freshTaskFile,
  reply,
  STATUS,
  succeed,
} from './device.ts';
import { type DiskIdentity, identifyPacketDevice, resetModes } from './identify.ts';
import { PACKET_COMMANDS, type PacketData } from './packet-commands.ts';
import { NO_SENSE, SENSE, type Sense } from './sense.ts';

/** LBA High, Mid and Low of a PACKET device's signature. */
const PACKET_SIGNATURE = 0xeb_1401;
const FEATURE_DMA = 1;
const FEATURE_OVERLAP = 2;
/** Longest DRQ block: an even number of bytes below 64 KiB. */
const BLOCK_MAX = 0xfffe;
/** Interrupt Reason: command or data, direction to the host. */
const REASON_COMMAND = 1;
const REASON_TO_HOST = 2;

export interface CdRomOptions {
  /** `undefined`: the drive is empty. */
  readonly medium: BlockDevice | undefined;
  readonly identity: DiskIdentity;
}

export class CdRom implements AtaDevice, CdDrive {
  readonly packet = true;
  readonly queueDepth = 0;
  readonly taskFile = freshTaskFile();
  readonly identity: DiskIdentity;
  sense: Sense = NO_SENSE;
  trayOpen = false;
  trayLocked = false;
  modes = resetModes();
  readonly #medium: BlockDevice | undefined;

  constructor({ medium, identity }: CdRomOptions) {
    this.#medium = medium;
    this.identity = identity;
    this.reset();
  }

  get medium(): BlockDevice | undefined {
    return this.trayOpen ? undefined : this.#medium;
  }

  get sectors(): number {
    return Math.ceil((this.medium?.size ?? 0) / CD_SECTOR);
  }

  reset(): void {
    this.sense = NO_SENSE;
    this.trayLocked = false;
    this.modes = resetModes();
    this.sign(STATUS.ready | STATUS.seekComplete | STATUS.fault);
  }

  sign(status: number): void {
    Object.assign(this.taskFile, { status, error: 1, device: 0, lba: PACKET_SIGNATURE, count: 1 });
  }

  execute(command: AtaCommand): AtaTransfer | undefined {
    const { taskFile } = this;
    const { lba, device, count } = command;
    Object.assign(taskFile, { status: STATUS.ready | STATUS.seekComplete, error: 0, lba, device, count });
    switch (command.command) {
      case 0x08: // DEVICE RESET
        this.reset();
        taskFile.status = 0;
        return undefined;
      case 0x90: // EXECUTE DEVICE DIAGNOSTIC
        this.sign(0);
        return undefined;
      case 0xa0:
        return this.#packet(command);
      case 0xa1:
        return reply(taskFile, identifyPacketDevice(this.identity, this.modes));
      case 0xef:
        return this.#setFeatures(command);
      case 0x00: // NOP always aborts
      case 0xec: // IDENTIFY DEVICE and READ SECTOR(S) abort with the signature of a PACKET device (§7.16.3)
      case 0x20:
        if (command.command !== 0) this.sign(taskFile.status);
        return abort(taskFile);
      case 0x94:
      case 0x95:
      case 0x96:
      case 0x97:
      case 0xe0:
      case 0xe1:
      case 0xe2:
      case 0xe3:
      case 0xe6:
        return succeed(taskFile);
      case 0x98:
      case 0xe5:
        taskFile.count = 0xff;
        return succeed(taskFile);
      default:
        return abort(taskFile);
    }
  }

  save(): { readonly [field: string]: StateValue } {
    const { trayOpen, trayLocked } = this;
    return { taskFile: { ...this.taskFile }, modes: { ...this.modes }, sense: { ...this.sense }, trayOpen, trayLocked };
  }

  load(fields: { readonly [field: string]: StateValue }): void {
    Object.assign(this.taskFile, fields.taskFile);
    Object.assign(this.modes, fields.modes);
    this.sense = fields.sense as unknown as Sense;
    this.trayOpen = fields.trayOpen as boolean;
    this.trayLocked = fields.trayLocked as boolean;
  }

  #setFeatures({ features, count }: AtaCommand): undefined {
    if ((features & 0xff) !== 0x03) return abort(this.taskFile);
    const mode = 0x100 << (count & 7);
    const kind = (count & 0xff) >> 3;
    if (![0, 1, 2, 4, 8].includes(kind)) return abort(this.taskFile);
    this.modes.single = kind === 2 ? 0x07 | mode : 0x07;
    this.modes.multi = kind === 4 ? 0x07 | mode : 0x07;
    this.modes.ultra = kind === 8 ? 0x3f | mode : 0x3f;
    return succeed(this.taskFile);
  }

  #packet(command: AtaCommand): AtaTransfer | undefined {
    const { taskFile } = this;
    if ((command.features & FEATURE_OVERLAP) !== 0) return abort(taskFile);
    const code = command.packet[0]!;
    const entry = PACKET_COMMANDS.get(code);
    if (entry === undefined) return this.#fail(SENSE.illegalOpcode);
    if (entry.needsMedium && this.medium === undefined) return this.#fail(SENSE.mediumNotPresent);
    const result = entry.run(this, command.packet);
    if (result !== undefined && 'key' in result) return this.#fail(result);
    if (code !== 0x03) this.sense = NO_SENSE;
    if (result === undefined || result.bytes === 0) return this.#end();
    return this.#dataIn(command, result);
  }

  #dataIn(command: AtaCommand, data: PacketData): AtaTransfer {
    const { taskFile } = this;
    const dma = (command.features & FEATURE_DMA) !== 0;
    const limit = Math.floor(command.lba / 0x100) & 0xffff;
    const evenLimit = limit === 0xffff || limit === 0 ? BLOCK_MAX : Math.max(2, limit & ~1);
    return {
      protocol: dma ? 'dma' : 'pio',
      toHost: true,
      bytes: data.bytes,
      blockBytes: Math.min(data.bytes, data.block === undefined ? evenLimit : wholeBlocks(evenLimit, data.block)),
      move: (offset, piece) => {
        const sense = data.read(offset, piece);
        if (sense === undefined) {
          // By PIO, LBA Mid and High tell how long the block is.
          if (!dma) taskFile.lba = (taskFile.lba & 0xff) | (piece.length << 8);
          return true;
        }
        this.#fail(sense);
        return false;
      },
      finish: () => {
        this.#end();
        return true;
      },
    };
  }

  /** Status phase: Interrupt Reason says "command, to the host". */
  #end(): undefined {
    succeed(this.taskFile);
    this.taskFile.count = (this.taskFile.count & ~7) | REASON_COMMAND | REASON_TO_HOST;
    return undefined;
  }

  /** CHECK CONDITION: the sense key stands in Error bits 7-4; REQUEST SENSE tells the rest. */
  #fail(sense: Sense): undefined {
    this.sense = sense;
    const { taskFile } = this;
    taskFile.status = STATUS.ready | STATUS.error;
    taskFile.error = sense.key << 4;
    taskFile.count = (taskFile.count & ~7) | REASON_COMMAND | REASON_TO_HOST;
    return undefined;
  }
}

/** A DRQ block of a read holds whole sectors where the host allows at least one. */
function wholeBlocks(limit: number, block: number): number {
  return limit < block ? limit : limit - (limit % block);
}
