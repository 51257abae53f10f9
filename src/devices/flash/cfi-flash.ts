/**
 * A NOR flash with Intel's command set, 8 bits wide, as the PC's firmware hub: read array, status, identifier, CFI
 * query, byte program, buffered program, block erase (Intel StrataFlash J3 datasheet §9; JESD68.01).
 *
 * Read array mode is direct memory, so code runs from it at full speed; every other mode answers through callbacks.
 * Programming and erasing take no time. Does not implement block locks, suspend, protection registers, wider buses.
 *
 * DEVIATION: Clear Status Register clears the ready bit too and returns to read array mode, as on QEMU in every
 * personality: OVMF tells by it that it stands on a flash.
 */
import { assert } from '../../base/assert.ts';
import type { StateSource, StateValue } from '../../base/state.ts';
import type { TraceBus, TraceChannel } from '../../base/trace.ts';
import type { MemorySystem } from '../../memory/memory-system.ts';
import type { MmioOps } from '../../memory/mmio-ops.ts';
import { RomDeviceRegion } from '../../memory/ram-region.ts';
import { type BlockDevice, SECTOR_SIZE } from '../block/block-device.ts';
import './events.ts';
import { BLOCK_BYTES, queryTable, WRITE_BUFFER_BYTES } from './query-table.ts';

/** Commands (StrataFlash J3 table 21); 0 stands for read array after a reset, as in QEMU's saved state. */
const ARRAY = 0x00;
const PROGRAM_ALTERNATE = 0x10;
const BLOCK_ERASE = 0x20;
const PROGRAM = 0x40;
const CLEAR_STATUS = 0x50;
const LOCK = 0x60;
const READ_STATUS = 0x70;
const READ_IDENTIFIER = 0x90;
const QUERY = 0x98;
const BUFFERED_PROGRAM = 0xe8;
/** AMD's reset, by which software looks for the other command set. */
const AMD_RESET = 0xf0;
const READ_ARRAY = 0xff;
const CONFIRM = 0xd0;
const LOCK_BLOCK = 0x01;

/** Status register (StrataFlash J3 table 28). */
const READY = 0x80;
const ERASE_FAILED = 0x20;
const PROGRAM_FAILED = 0x10;

const ERASED = 0xff;

export interface CfiFlashOptions {
  readonly system: MemorySystem;
  readonly trace: TraceBus;
  /** Unique in the machine: `system.flash0`. */
  readonly name: string;
  /** The contents, a whole number of blocks, where the processors can read them directly. */
  readonly bytes: Uint8Array;
  /** First address, for telling the processors what changed. */
  readonly address: number;
  /** Takes what is written, unless it is read-only. */
  readonly medium?: BlockDevice | undefined;
  /** Programming and erasing fail. */
  readonly readOnly: boolean;
  /**
   * QEMU's shortcuts: programming overwrites, an erase happens at its first cycle, only read array ends query mode, a
   * broken sequence is forgotten, and an access of several bytes is one cycle.
   */
  readonly asQemu: boolean;
}

export class CfiFlash implements StateSource {
  readonly name: string;
  readonly version = 1;
  readonly region: RomDeviceRegion;
  readonly #options: CfiFlashOptions;
  readonly #bytes: Uint8Array;
  readonly #query: Uint8Array;
  readonly #refused: TraceChannel<'flash.command-refused'>;
  readonly #notErased: TraceChannel<'flash.not-erased'>;
  readonly #imageFailed: TraceChannel<'flash.image-failed'>;
  #command = ARRAY;
  /** Write cycles of the command so far; 0: the next write is a command. */
  #cycle = 0;
  #status = READY;
  /** What is still to come of a buffered write, less one. */
  #count = 0;
  /** What a buffered write makes of its part of the array. */
  #buffer: { readonly start: number; readonly bytes: Uint8Array; failed: boolean } | undefined;
  /** What changed since read array mode was left, `end` exclusive. */
  #changed = { start: Number.POSITIVE_INFINITY, end: 0 };

  constructor(options: CfiFlashOptions) {
    const { system, trace, name, bytes, asQemu } = options;
    this.#options = options;
    this.name = name;
    this.#bytes = bytes;
    this.#query = queryTable(bytes.length);
    this.#refused = trace.channel('flash.command-refused');
    this.#notErased = trace.channel('flash.not-erased');
    this.#imageFailed = trace.channel('flash.image-failed');
    const ops: MmioOps = {
      read: (offset, size) => this.#read(offset, size),
      write: (offset, size, value) => this.#write(offset, size, value),
      impl: { minimum: 1, maximum: asQemu ? 4 : 1 },
    };
    this.region = new RomDeviceRegion(system, name, bytes, ops);
  }

  reset(): void {
    this.#status = READY;
    this.#toArray();
  }

  save(): { readonly [field: string]: StateValue } {
    return {
      bytes: this.#bytes.slice(),
      command: this.#command,
      cycle: this.#cycle,
      status: this.#status,
      count: this.#count,
      buffer: this.#buffer === undefined ? undefined : { ...this.#buffer, bytes: this.#buffer.bytes.slice() },
    };
  }

  load(fields: { readonly [field: string]: StateValue }): void {
    const bytes = fields.bytes as Uint8Array;
    assert(bytes.length === this.#bytes.length, `${this.name}: the saved bytes fit`);
    const last = bytes.findLastIndex((byte, index) => byte !== this.#bytes[index]);
    const first = bytes.findIndex((byte, index) => byte !== this.#bytes[index]);
    this.#bytes.set(bytes);
    if (last >= 0) this.#stored(first, last + 1 - first);
    this.#command = fields.command as number;
    this.#cycle = fields.cycle as number;
    this.#status = fields.status as number;
    this.#count = fields.count as number;
    const buffer = fields.buffer as { start: number; bytes: Uint8Array; failed: boolean } | undefined;
    this.#buffer = buffer === undefined ? undefined : { ...buffer, bytes: buffer.bytes.slice() };
    if (this.#command === ARRAY) this.#toArray();
    else this.region.setRomMode(false);
  }

  #read(offset: number, size: number): number {
    switch (this.#command) {
      case ARRAY:
        return this.#arrayValue(offset, size);
      case READ_IDENTIFIER:
        // QEMU's PC part has no maker and no number.
        return 0;
      case QUERY:
        return this.#query[offset & 0xff] ?? 0;
      default:
        // Beyond 16 bits the status of a second part would stand; QEMU answers for two.
        return size > 2 ? (this.#status | (this.#status << 16)) >>> 0 : this.#status;
    }
  }

  #arrayValue(offset: number, size: number): number {
    let value = 0;
    for (let index = size - 1; index >= 0; index -= 1) value = (value << 8) | this.#bytes[offset + index]!;
    return value >>> 0;
  }

  #write(offset: number, size: number, value: number): void {
    if (this.#cycle === 0) {
      this.region.setRomMode(false);
      this.#begin(offset, value & 0xff);
      return;
    }
    switch (this.#command) {
      case PROGRAM:
      case PROGRAM_ALTERNATE:
        this.#program(offset, size, value);
        this.#end();
        break;
      case BLOCK_ERASE:
        this.#confirmErase(offset, value & 0xff);
        break;
      case LOCK:
        this.#lock(offset, value & 0xff);
        break;
      case QUERY:
        if ((value & 0xff) === READ_ARRAY) this.#toArray();
        break;
      default:
        this.#buffered(offset, size, value);
    }
  }

  /** The first cycle of a command. */
  #begin(offset: number, command: number): void {
    switch (command) {
      case ARRAY:
      case AMD_RESET:
      case READ_ARRAY:
        this.#toArray();
        return;
      case CLEAR_STATUS:
        this.#status = 0;
        this.#toArray();
        return;
      case READ_STATUS:
      case READ_IDENTIFIER:
        this.#command = command;
        return;
      case QUERY:
        this.#command = command;
        // QEMU leaves query mode by read array only.
        this.#cycle = this.#options.asQemu ? 1 : 0;
        return;
      case BLOCK_ERASE:
        if (this.#options.asQemu) this.#erase(offset);
        break;
      case BUFFERED_PROGRAM:
        this.#status |= READY;
        break;
      case PROGRAM:
      case PROGRAM_ALTERNATE:
      case LOCK:
        break;
      default:
        this.#refuse(offset, command);
        return;
    }
    this.#command = command;
    this.#cycle = 1;
  }

  #confirmErase(offset: number, value: number): void {
    if (value === CONFIRM) {
      if (!this.#options.asQemu) this.#erase(offset);
      this.#end();
    } else if (this.#options.asQemu && value === READ_ARRAY) this.#toArray();
    else this.#breakSequence(offset, value);
  }

  /** Block locks are taken and not kept: whether the unit may be written is the board's choice. */
  #lock(offset: number, value: number): void {
    if (value === CONFIRM || value === LOCK_BLOCK) this.#end();
    else if (value === READ_ARRAY) this.#toArray();
    else this.#breakSequence(offset, value);
  }

  #buffered(offset: number, size: number, value: number): void {
    switch (this.#cycle) {
      case 1: {
        this.#count = value & 0xff;
        const start = offset - (offset % WRITE_BUFFER_BYTES);
        this.#buffer = { start, bytes: this.#bytes.slice(start, start + WRITE_BUFFER_BYTES), failed: false };
        this.#cycle = 2;
        return;
      }
      case 2:
        this.#fillBuffer(offset, size, value);
        if (this.#count === 0) this.#cycle = 3;
        else this.#count -= 1;
        return;
      default:
        this.#confirmBuffer(offset, value & 0xff);
    }
  }

  #fillBuffer(offset: number, size: number, value: number): void {
    const { start, bytes } = this.#buffer!;
    this.#status |= READY;
    if (this.#options.readOnly || offset < start || offset + size > start + WRITE_BUFFER_BYTES) {
      this.#status |= PROGRAM_FAILED;
      this.#buffer!.failed = true;
      return;
    }
    for (let index = 0; index < size; index += 1) bytes[offset - start + index] = value >>> (8 * index);
  }

  #confirmBuffer(offset: number, value: number): void {
    const { start, bytes, failed } = this.#buffer!;
    const { asQemu } = this.#options;
    this.#buffer = undefined;
    if (value !== CONFIRM) this.#breakSequence(offset, value);
    // QEMU forgets the data also for a failure that was not cleared since.
    else if (asQemu && (this.#status & PROGRAM_FAILED) !== 0) this.#toArray();
    else {
      if (!failed) this.#store(start, bytes);
      this.#end();
    }
  }

  /** A command is complete: the part shows its status. */
  #end(): void {
    this.#status |= READY;
    this.#cycle = 0;
  }

  #refuse(offset: number, value: number): void {
    if (this.#refused.active) {
      const { name: device } = this;
      this.#refused.emit({ device, offset, cycle: this.#cycle, command: this.#command, value });
    }
    this.#toArray();
  }

  /** A later cycle that does not belong to the command: a sequence error (both failure bits); QEMU forgets the command. */
  #breakSequence(offset: number, value: number): void {
    const command = this.#command;
    this.#refuse(offset, value);
    if (this.#options.asQemu) return;
    this.#status |= READY | ERASE_FAILED | PROGRAM_FAILED;
    this.#command = command;
    this.region.setRomMode(false);
  }

  #program(offset: number, size: number, value: number): void {
    this.#status |= READY;
    if (this.#options.readOnly) {
      this.#status |= PROGRAM_FAILED;
      return;
    }
    const bytes = Uint8Array.from({ length: size }, (_, index) => value >>> (8 * index));
    this.#store(offset, bytes);
  }

  /** Programs `wanted`: an erased bit can be made 0, never the other way. */
  #store(offset: number, wanted: Uint8Array): void {
    for (const [index, byte] of wanted.entries()) {
      const at = offset + index;
      const before = this.#bytes[at]!;
      const stored = this.#options.asQemu ? byte : before & byte;
      this.#bytes[at] = stored;
      if ((byte & ~before) !== 0 && this.#notErased.active) {
        this.#notErased.emit({ device: this.name, offset: at, wanted: byte, stored });
      }
    }
    this.#stored(offset, wanted.length);
  }

  #erase(offset: number): void {
    this.#status |= READY;
    if (this.#options.readOnly) {
      this.#status |= ERASE_FAILED;
      return;
    }
    const start = offset - (offset % BLOCK_BYTES);
    this.#bytes.fill(ERASED, start, start + BLOCK_BYTES);
    this.#stored(start, BLOCK_BYTES);
  }

  /** Bytes changed: the image gets them in whole sectors. */
  #stored(offset: number, size: number): void {
    const changed = this.#changed;
    changed.start = Math.min(changed.start, offset);
    changed.end = Math.max(changed.end, offset + size);
    const { medium } = this.#options;
    if (medium === undefined || medium.readOnly) return;
    const start = offset - (offset % SECTOR_SIZE);
    const end = Math.ceil((offset + size) / SECTOR_SIZE) * SECTOR_SIZE;
    const problem = medium.write(start, this.#bytes.subarray(start, end));
    if (problem !== undefined && this.#imageFailed.active) {
      this.#imageFailed.emit({ device: this.name, image: medium.name, problem });
    }
  }

  #toArray(): void {
    this.#command = ARRAY;
    this.#cycle = 0;
    this.#buffer = undefined;
    this.region.setRomMode(true);
    const { start, end } = this.#changed;
    if (start >= end) return;
    // Only now do the processors see the bytes directly again: what they decoded before is stale.
    this.region.flush(start, end - start, this.#options.address + start);
    this.#changed = { start: Number.POSITIVE_INFINITY, end: 0 };
  }
}
