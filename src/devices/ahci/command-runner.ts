/** What happens to one command slot: fetch, transfer, completion (AHCI 1.3.1 §5.4, §5.6). */

import type { BusAddress } from '../../base/address.ts';
import type { DmaPort } from '../../memory/dma-port.ts';
import { MEMTX_OK } from '../../memory/memtx.ts';
import {
  type AtaCommand,
  type AtaDevice,
  type AtaTransfer,
  STATUS,
  STATUS_GOOD,
  type TaskFile,
} from '../ata/device.ts';
import { type CommandHeader, type Moved, PrdCursor, readHeader, TABLE_PURPOSE, writeByteCount } from './descriptors.ts';
import {
  CONTROL_SOFT_RESET,
  decodeCommand,
  FIS_COMMAND,
  FIS_HOST_TO_DEVICE,
  FIS_PORT_MASK,
  PACKET_BYTES,
  PACKET_OFFSET,
  pioSetupFis,
  RECEIVED,
  registerFis,
  setDeviceBitsFis,
} from './frames.ts';
import type { AhciPersonality } from './personality.ts';
import { PXIS } from './registers.ts';

/** DMA moves through a buffer of this size at most. */
const CHUNK_BYTES = 64 * 1024;
const READ_FPDMA_QUEUED = 0x60;
const WRITE_FPDMA_QUEUED = 0x61;
const PACKET = 0xa0;
const CDB_BYTES = 12;

/** What a command needs of its port. */
export interface CommandPort {
  readonly dma: DmaPort;
  readonly device: AtaDevice | undefined;
  readonly personality: AhciPersonality;
  readonly list: BusAddress;
  receiveRegisters(taskFile: TaskFile): boolean;
  receive(offset: number, fis: Uint8Array, taskFile: { readonly status: number; readonly error: number }): boolean;
  setTaskFile(taskFile: { readonly status: number; readonly error: number }): void;
  setDeviceBits(taskFile: TaskFile, finished: number): void;
  raise(bits: number): void;
  fail(bits: number): void;
  complete(slot: number): void;
  restartDevice(): void;
}

/** How a transfer ended: `stopped` when the port met an error of its own and is halted. */
type Ending = 'done' | 'device-error' | 'stopped';

export class CommandRunner {
  /** A FIS set SRST; the next one clears it. */
  resetting = false;
  readonly #port: CommandPort;

  constructor(port: CommandPort) {
    this.#port = port;
  }

  reset(): void {
    this.resetting = false;
  }

  run(slot: number): void {
    const port = this.#port;
    const { device } = port;
    if (device === undefined) return;
    const header = readHeader(port.dma, port.list, slot);
    const table = new Uint8Array(PACKET_OFFSET + PACKET_BYTES);
    if (header === undefined || port.dma.read(header.table, table, TABLE_PURPOSE) !== MEMTX_OK) {
      port.fail(PXIS.mask('HBFS'));
      return;
    }
    // No device sits behind another FIS type, nor behind a port multiplier's port.
    if (table[0] !== FIS_HOST_TO_DEVICE || (table[1]! & FIS_PORT_MASK) !== 0) port.complete(slot);
    else if ((table[1]! & FIS_COMMAND) === 0) this.#control(table[15]!, slot);
    else this.#command(device, decodeCommand(table), header, slot);
  }

  #control(control: number, slot: number): void {
    this.#port.complete(slot);
    const resetting = (control & CONTROL_SOFT_RESET) !== 0;
    if (this.resetting && !resetting) this.#port.restartDevice();
    this.resetting = resetting;
  }

  #command(device: AtaDevice, command: AtaCommand, header: CommandHeader, slot: number): void {
    const port = this.#port;
    const { taskFile } = device;
    const isQueued =
      device.queueDepth > 0 && (command.command === READ_FPDMA_QUEUED || command.command === WRITE_FPDMA_QUEUED);
    if (device.packet && command.command === PACKET && !this.#packetSetup(command)) return;
    const before = { ...taskFile };
    const transfer = device.execute(command);
    const cursor = new PrdCursor(port.dma, header);
    if (isQueued) restoreAddress(taskFile, before);
    if (isQueued && !this.#takeQueued(taskFile, slot)) return;
    let ending: Ending = (taskFile.status & STATUS.error) === 0 ? 'done' : 'device-error';
    if (transfer !== undefined) {
      ending = transfer.protocol === 'pio' ? this.#pio(transfer, cursor, taskFile) : this.#dma(transfer, cursor);
      if (ending === 'done' && !transfer.finish()) ending = 'device-error';
    }
    if (ending === 'stopped') return;
    // Software does not rely on the byte count of a queued command (§5.4.2).
    if (transfer !== undefined && !isQueued && !writeByteCount(port.dma, header, cursor.moved)) {
      port.fail(PXIS.mask('HBFS'));
      return;
    }
    if (isQueued) restoreAddress(taskFile, before);
    if (isQueued) this.#endQueued(taskFile, command, ending);
    else this.#end(taskFile, slot, ending, transfer);
  }

  #end(taskFile: TaskFile, slot: number, ending: Ending, transfer: AtaTransfer | undefined): void {
    const port = this.#port;
    // After an error PxCI shows the command that failed (§6.2.2.1).
    if (ending === 'done') port.complete(slot);
    const quiet = transfer?.protocol === 'pio' && transfer.toHost && ending === 'done' && !port.device?.packet;
    if (quiet && !port.personality.registerFisAfterPioIn) port.setTaskFile(taskFile);
    else port.receiveRegisters(taskFile);
    if (ending === 'device-error') port.fail(0);
  }

  /** A queued command leaves PxCI when the device takes it: a Register FIS that does not interrupt says so. */
  #takeQueued(taskFile: TaskFile, slot: number): boolean {
    this.#port.complete(slot);
    return this.#port.receive(RECEIVED.register, registerFis(taskFile, false), taskFile);
  }

  /** It leaves PxSACT when it ends. */
  #endQueued(taskFile: TaskFile, command: AtaCommand, ending: Ending): void {
    const port = this.#port;
    const tag = (command.count >>> 3) & 31;
    const finished = ending === 'done' ? 1 << tag : 0;
    if (!port.receive(RECEIVED.setDeviceBits, setDeviceBitsFis(taskFile, finished), taskFile)) return;
    port.setDeviceBits(taskFile, finished);
    port.raise(PXIS.mask('SDBS') | (ending === 'done' ? 0 : PXIS.mask('TFES')));
    if (ending === 'device-error') port.fail(0);
  }

  /** A PACKET device asks for the packet first. */
  #packetSetup(command: AtaCommand): boolean {
    const { lba, device } = command;
    const taskFile = { status: STATUS_GOOD, error: 0, device, lba, count: 1 };
    return this.#sendPioSetup(taskFile, false, false, CDB_BYTES, STATUS_GOOD | STATUS.busy);
  }

  #sendPioSetup(taskFile: TaskFile, toHost: boolean, interrupt: boolean, bytes: number, end: number): boolean {
    const { personality } = this.#port;
    const status = STATUS_GOOD | STATUS.dataRequest;
    const fis = pioSetupFis({
      taskFile,
      toHost: toHost && personality.completePioSetup,
      interrupt,
      status,
      endStatus: personality.completePioSetup ? end : status,
      bytes,
    });
    return this.#port.receive(RECEIVED.pioSetup, fis, { status, error: taskFile.error });
  }

  /** Block by block, each announced by a PIO Setup FIS; the host's first block comes without an interrupt. */
  #pio(transfer: AtaTransfer, cursor: PrdCursor, taskFile: TaskFile): Ending {
    const port = this.#port;
    const { bytes, blockBytes, toHost } = transfer;
    const buffer = new Uint8Array(Math.min(blockBytes, bytes));
    for (let offset = 0; offset < bytes; offset += blockBytes) {
      const block = buffer.subarray(0, Math.min(blockBytes, bytes - offset));
      if (toHost && !transfer.move(offset, block)) return 'device-error';
      const interrupt = toHost || offset > 0;
      const more = offset + blockBytes < bytes || !toHost || port.device?.packet === true;
      const end = more ? STATUS_GOOD | STATUS.busy : STATUS_GOOD;
      if (!this.#sendPioSetup(taskFile, toHost, interrupt, block.length, end)) return 'stopped';
      const moved = cursor.move(block, toHost);
      if (moved !== 'all') return this.#cutShort(moved);
      if (!toHost && !transfer.move(offset, block)) return 'device-error';
      if (interrupt) port.raise(PXIS.mask('PSS'));
    }
    return 'done';
  }

  #dma(transfer: AtaTransfer, cursor: PrdCursor): Ending {
    const { bytes, toHost } = transfer;
    const buffer = new Uint8Array(Math.min(CHUNK_BYTES, bytes));
    for (let offset = 0; offset < bytes; offset += CHUNK_BYTES) {
      const piece = buffer.subarray(0, Math.min(CHUNK_BYTES, bytes - offset));
      if (toHost && !transfer.move(offset, piece)) return 'device-error';
      const moved = cursor.move(piece, toHost);
      if (moved !== 'all') return this.#cutShort(moved);
      if (!toHost && !transfer.move(offset, piece)) return 'device-error';
    }
    return 'done';
  }

  #cutShort(moved: Moved): Ending {
    const { personality } = this.#port;
    if (moved === 'table-ended' && !personality.overflow) return 'done';
    this.#port.fail(PXIS.mask(moved === 'table-ended' ? 'OFS' : 'HBFS'));
    return 'stopped';
  }
}

/** Queued commands leave the address and count registers as they were. */
function restoreAddress(taskFile: TaskFile, { device, lba, count }: TaskFile): void {
  Object.assign(taskFile, { device, lba, count });
}
