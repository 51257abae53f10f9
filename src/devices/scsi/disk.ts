/**
 * A SCSI disk (SPC-4, SBC-3) over an image: what answers behind a USB stick's bulk-only transport.
 *
 * Implemented: INQUIRY with vital product data, TEST UNIT READY, REQUEST SENSE, READ CAPACITY (10, 16), READ, WRITE,
 * VERIFY and WRITE AND VERIFY, SYNCHRONIZE CACHE, MODE SENSE and MODE SELECT of the write cache, START STOP UNIT,
 * PREVENT ALLOW MEDIUM REMOVAL, RESERVE, RELEASE, SEEK, REPORT LUNS.
 * Not implemented: UNMAP and WRITE SAME (the disk says that it has no thin provisioning), persistent reservations,
 * tagged queues.
 */
import type { StateValue } from '../../base/state.ts';
import { type BlockDevice, SECTOR_SIZE } from '../block/block-device.ts';
import { readBig, writeBig } from './big-endian.ts';
import { type Extent, extentOf, Operation, READ_CAPACITY_16 } from './commands.ts';
import { type DiskIdentity, standardInquiry, vitalPage } from './inquiry.ts';
import { ModePage, modeSense, SAVED } from './mode-pages.ts';
import { fixedSense, Sense, type SenseCode } from './sense.ts';
import { emptyTask, replyTask, ScsiStatus, type ScsiTask } from './task.ts';

export interface ScsiDiskOptions {
  readonly disk: BlockDevice;
  readonly identity: DiskIdentity;
  /** Answers are as long as the host's allocation length, zeros at their end, as QEMU has them. Default false. */
  readonly fillsAllocation?: boolean;
}

const LBA32_MAX = 0xffff_ffff;
const PROTECTION = 0xe0;
const BYTE_CHECK = 0x02;
const START = 1 << 0;
const LOAD_EJECT = 1 << 1;
/** LUN 0 alone: SPC-4 §6.33. */
const LUN_LIST = Uint8Array.of(0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
/** The longest parameter list of a MODE SELECT that is read. */
const PARAMETERS_MAX = 4096;
/** Allocation lengths beyond this are filled no more. */
const FILLED_MAX = 0x1_0000;

export class ScsiDisk {
  readonly #disk: BlockDevice;
  readonly #identity: DiskIdentity;
  readonly #fillsAllocation: boolean;
  readonly blocks: number;
  #sense: SenseCode = Sense.None;
  /** Reported once, by the next command that is not INQUIRY, REPORT LUNS or REQUEST SENSE (SPC-4 §5.14). */
  #attention: SenseCode | undefined = Sense.Reset;
  #writeCache = true;
  #removalPrevented = false;
  #ejected = false;

  constructor({ disk, identity, fillsAllocation = false }: ScsiDiskOptions) {
    this.#disk = disk;
    this.#fillsAllocation = fillsAllocation;
    this.#identity = identity;
    this.blocks = Math.floor(disk.size / SECTOR_SIZE);
  }

  /** Power-on. */
  reset(): void {
    this.#sense = Sense.None;
    this.#attention = Sense.Reset;
    this.#writeCache = true;
    this.#removalPrevented = false;
    this.#ejected = false;
  }

  /** Starts a command for a logical unit. Its data moves by {@link read} and {@link write}. */
  start(cdb: Uint8Array, lun: number): ScsiTask {
    const operation = cdb[0]!;
    if (lun !== 0 && operation !== Operation.RequestSense && operation !== Operation.Inquiry) {
      return this.#fail(Sense.LunNotSupported);
    }
    switch (operation) {
      case Operation.Inquiry:
        return this.#inquiry(cdb, lun);
      case Operation.ReportLuns:
        return replyTask(LUN_LIST, readBig(cdb, 6, 4));
      case Operation.RequestSense:
        return this.#requestSense(cdb, lun);
      default:
    }
    if (this.#attention !== undefined) {
      const attention = this.#attention;
      this.#attention = undefined;
      return this.#fail(attention);
    }
    return this.#unitCommand(operation, cdb);
  }

  #unitCommand(operation: number, cdb: Uint8Array): ScsiTask {
    switch (operation) {
      case Operation.StartStopUnit:
        return this.#startStop(cdb);
      case Operation.PreventAllowMediumRemoval:
        this.#removalPrevented = (cdb[4]! & 1) !== 0;
        return emptyTask();
      case Operation.Reserve6:
      case Operation.Release6:
      case Operation.Reserve10:
      case Operation.Release10:
        return emptyTask();
      case Operation.ModeSense6:
        return this.#modeSense(cdb, false, cdb[4]!);
      case Operation.ModeSense10:
        return this.#modeSense(cdb, true, readBig(cdb, 7, 2));
      case Operation.ModeSelect6:
        return this.#parameters('mode-select-6', cdb, cdb[4]!);
      case Operation.ModeSelect10:
        return this.#parameters('mode-select-10', cdb, readBig(cdb, 7, 2));
      default:
        return this.#ejected ? this.#fail(Sense.NoMedium) : this.#mediumCommand(operation, cdb);
    }
  }

  #mediumCommand(operation: number, cdb: Uint8Array): ScsiTask {
    switch (operation) {
      case Operation.TestUnitReady:
        return emptyTask();
      case Operation.ReadCapacity10:
        return this.#readCapacity10(cdb);
      case Operation.ServiceActionIn16:
        return (cdb[1]! & 0x1f) === READ_CAPACITY_16 ? this.#readCapacity16(cdb) : this.#fail(Sense.InvalidField);
      case Operation.Read6:
      case Operation.Read10:
      case Operation.Read12:
      case Operation.Read16:
        return this.#transfer('read', cdb);
      case Operation.Write6:
      case Operation.Write10:
      case Operation.Write12:
      case Operation.Write16:
      case Operation.WriteAndVerify10:
      case Operation.WriteAndVerify12:
      case Operation.WriteAndVerify16:
        return this.#transfer('write', cdb);
      case Operation.Verify10:
      case Operation.Verify12:
      case Operation.Verify16:
        return this.#verify(cdb);
      case Operation.Seek6:
        return this.#inside({ lba: readBig(cdb, 1, 3) & 0x1f_ffff, blocks: 1 });
      case Operation.Seek10:
        return this.#inside({ lba: readBig(cdb, 2, 4), blocks: 1 });
      case Operation.SynchronizeCache10:
      case Operation.SynchronizeCache16:
        return this.#disk.flush() === undefined ? emptyTask() : this.#fail(Sense.WriteError);
      default:
        return this.#fail(Sense.InvalidOpcode);
    }
  }

  // ---- data ------------------------------------------------------------------------------------------------------

  /** Moves data of a `read` or `reply` task into a buffer. Returns how many bytes; fewer only at the task's end. */
  read(task: ScsiTask, into: Uint8Array): number {
    const length = Math.min(into.length, task.left);
    if (length === 0) return 0;
    const part = into.subarray(0, length);
    if (task.kind === 'reply') part.set(task.bytes.subarray(task.position, task.position + length));
    else if (this.#disk.read(task.position, part) !== undefined) {
      // Nothing of this part is good (SBC-3 §4.18); what went before has been sent.
      this.#end(task, Sense.UnrecoveredReadError);
      part.fill(0);
      return 0;
    }
    task.position += length;
    task.left -= length;
    return length;
  }

  /** Takes data for a `write`, `verify` or mode-select task. Returns how many bytes it took. */
  write(task: ScsiTask, from: Uint8Array): number {
    const length = Math.min(from.length, task.left);
    if (length === 0) return 0;
    const part = from.subarray(0, length);
    const problem = this.#take(task, part);
    if (problem !== undefined) {
      this.#end(task, problem);
      return 0;
    }
    task.position += length;
    task.left -= length;
    if (task.left === 0 && task.kind.startsWith('mode-select')) this.#modeSelected(task);
    return length;
  }

  #take(task: ScsiTask, part: Uint8Array): SenseCode | undefined {
    switch (task.kind) {
      case 'write':
        return this.#disk.write(task.position, part) === undefined ? undefined : Sense.WriteError;
      case 'verify': {
        const stored = new Uint8Array(part.length);
        if (this.#disk.read(task.position, stored) !== undefined) return Sense.UnrecoveredReadError;
        return stored.every((byte, index) => byte === part[index]) ? undefined : Sense.Miscompare;
      }
      default:
        task.bytes.set(part, task.position);
        return undefined;
    }
  }

  #end(task: ScsiTask, sense: SenseCode): void {
    task.left = 0;
    task.status = ScsiStatus.CheckCondition;
    this.#sense = sense;
  }

  // ---- commands --------------------------------------------------------------------------------------------------

  #fail(sense: SenseCode): ScsiTask {
    this.#sense = sense;
    return emptyTask(ScsiStatus.CheckCondition);
  }

  #reply(bytes: Uint8Array, allocation: number): ScsiTask {
    if (!this.#fillsAllocation || allocation <= bytes.length || allocation > FILLED_MAX) {
      return replyTask(bytes, allocation);
    }
    const filled = new Uint8Array(allocation);
    filled.set(bytes);
    return replyTask(filled, allocation);
  }

  #inquiry(cdb: Uint8Array, lun: number): ScsiTask {
    const allocation = readBig(cdb, 3, 2);
    const page = cdb[2]!;
    if (lun !== 0) {
      // SPC-4 §6.6.2: qualifier 3, type 1Fh: no such logical unit here.
      const absent = standardInquiry(this.#identity, allocation);
      absent[0] = 0x7f;
      return replyTask(absent, allocation);
    }
    if ((cdb[1]! & 1) === 0) {
      if (page !== 0) return this.#fail(Sense.InvalidField);
      return this.#reply(standardInquiry(this.#identity, allocation), allocation);
    }
    const vital = vitalPage(this.#identity, page);
    return vital === undefined ? this.#fail(Sense.InvalidField) : this.#reply(vital, allocation);
  }

  #requestSense(cdb: Uint8Array, lun: number): ScsiTask {
    // DESC: descriptor format is not offered.
    if ((cdb[1]! & 1) !== 0) return this.#fail(Sense.InvalidField);
    let sense = this.#sense;
    if (lun !== 0) {
      sense = Sense.LunNotSupported;
    } else if (sense.key === 0 && this.#attention !== undefined) {
      sense = this.#attention;
      this.#attention = undefined;
    }
    if (lun === 0) this.#sense = Sense.None;
    return replyTask(fixedSense(sense), cdb[4]!);
  }

  #startStop(cdb: Uint8Array): ScsiTask {
    const { removable } = this.#identity;
    // Power conditions are accepted and mean nothing; a disk that cannot be removed ignores LOEJ (SBC-3 §5.25).
    if (cdb[4]! >> 4 !== 0 || (cdb[4]! & LOAD_EJECT) === 0 || !removable) return emptyTask();
    const eject = (cdb[4]! & START) === 0;
    if (eject && this.#removalPrevented) return this.#fail(Sense.MediumRemovalPrevented);
    this.#ejected = eject;
    return emptyTask();
  }

  #modeSense(cdb: Uint8Array, long: boolean, allocation: number): ScsiTask {
    const control = cdb[2]! >> 6;
    if (control === SAVED) return this.#fail(Sense.SavingNotSupported);
    const { blocks } = this;
    const { readOnly } = this.#disk;
    const list = modeSense(
      { blocks, blockSize: SECTOR_SIZE, writeProtected: readOnly, writeCache: this.#writeCache },
      { page: cdb[2]! & 0x3f, control, blockDescriptor: (cdb[1]! & 8) === 0, long },
    );
    return list === undefined ? this.#fail(Sense.InvalidField) : this.#reply(list, allocation);
  }

  #parameters(kind: 'mode-select-6' | 'mode-select-10', cdb: Uint8Array, length: number): ScsiTask {
    // PF = 1, SP = 0 (SPC-4 §6.11).
    if ((cdb[1]! & 0x11) !== 0x10 || length > PARAMETERS_MAX) return this.#fail(Sense.InvalidField);
    if (length === 0) return emptyTask();
    return { kind, status: ScsiStatus.Good, position: 0, left: length, bytes: new Uint8Array(length) };
  }

  /** Only the write cache may change; every other bit must be as MODE SENSE tells it. */
  #modeSelected(task: ScsiTask): void {
    const { bytes } = task;
    const long = task.kind === 'mode-select-10';
    const descriptors = long ? readBig(bytes, 6, 2) : (bytes[3] ?? 0);
    let at = (long ? 8 : 4) + descriptors;
    let writeCache = this.#writeCache;
    // Bounded: every turn moves by at least two bytes of a list of at most PARAMETERS_MAX.
    while (at + 2 <= bytes.length) {
      const page = bytes[at]! & 0x3f;
      const length = bytes[at + 1]!;
      if (page !== ModePage.Caching || at + 2 + length > bytes.length) {
        this.#end(task, Sense.InvalidParameter);
        return;
      }
      writeCache = (bytes[at + 2]! & 4) !== 0;
      at += 2 + length;
    }
    this.#writeCache = writeCache;
    if (!writeCache && this.#disk.flush() !== undefined) this.#end(task, Sense.WriteError);
  }

  #readCapacity10(cdb: Uint8Array): ScsiTask {
    if ((cdb[8]! & 1) === 0 && readBig(cdb, 2, 4) !== 0) return this.#fail(Sense.InvalidField);
    const reply = new Uint8Array(8);
    writeBig(reply, 0, 4, Math.min(this.blocks - 1, LBA32_MAX));
    writeBig(reply, 4, 4, SECTOR_SIZE);
    return replyTask(reply, reply.length);
  }

  #readCapacity16(cdb: Uint8Array): ScsiTask {
    const reply = new Uint8Array(32);
    writeBig(reply, 0, 8, this.blocks - 1);
    writeBig(reply, 8, 4, SECTOR_SIZE);
    return this.#reply(reply, readBig(cdb, 10, 4));
  }

  #inside({ lba, blocks }: Extent): ScsiTask {
    return lba + blocks > this.blocks ? this.#fail(Sense.LbaOutOfRange) : emptyTask();
  }

  #transfer(kind: 'read' | 'write', cdb: Uint8Array): ScsiTask {
    const extent = extentOf(cdb);
    if (kind === 'write' && this.#disk.readOnly) return this.#fail(Sense.WriteProtected);
    // RDPROTECT, WRPROTECT: the disk is not formatted with protection information.
    if (cdb[0]! >> 5 !== 0 && (cdb[1]! & PROTECTION) !== 0) return this.#fail(Sense.InvalidField);
    const outside = this.#inside(extent);
    if (outside.status !== ScsiStatus.Good) return outside;
    return this.#blockTask(kind, extent);
  }

  #blockTask(kind: 'read' | 'write' | 'verify', { lba, blocks }: Extent): ScsiTask {
    if (blocks === 0) return emptyTask();
    return {
      kind,
      status: ScsiStatus.Good,
      position: lba * SECTOR_SIZE,
      left: blocks * SECTOR_SIZE,
      bytes: new Uint8Array(0),
    };
  }

  #verify(cdb: Uint8Array): ScsiTask {
    const extent = extentOf(cdb);
    if ((cdb[1]! & PROTECTION) !== 0) return this.#fail(Sense.InvalidField);
    const outside = this.#inside(extent);
    if (outside.status !== ScsiStatus.Good) return outside;
    // BYTCHK = 0: the medium is checked against itself, and an image cannot have gone bad.
    return (cdb[1]! & BYTE_CHECK) === 0 ? emptyTask() : this.#blockTask('verify', extent);
  }

  // ---- state -----------------------------------------------------------------------------------------------------

  save(): { readonly [field: string]: StateValue } {
    const senses = [this.#sense, this.#attention ?? Sense.None].flatMap(({ key, asc, ascq }) => [key, asc, ascq]);
    return { senses, flags: [this.#attention !== undefined, this.#writeCache, this.#removalPrevented, this.#ejected] };
  }

  load(fields: { readonly [field: string]: StateValue }): void {
    const [key, asc, ascq, attentionKey, attentionAsc, attentionAscq] = fields.senses as number[];
    const [attention, writeCache, removalPrevented, ejected] = fields.flags as boolean[];
    this.#sense = { key: key!, asc: asc!, ascq: ascq! };
    const pending = { key: attentionKey!, asc: attentionAsc!, ascq: attentionAscq! };
    this.#attention = attention === true ? pending : undefined;
    this.#writeCache = writeCache!;
    this.#removalPrevented = removalPrevented!;
    this.#ejected = ejected!;
  }
}
