/** A guest with RAM at 0 and one storage function, and drivers for it that know the layouts on their own. */
import { gpa } from '../../base/address.ts';
import { VirtualClock } from '../../base/clock.ts';
import type { PciFunction } from '../../pci/function.ts';
import { TestBus } from '../../pci/testing/test-bus.ts';

/** What a driver needs of the machine it runs on. */
export interface GuestBus {
  read(address: number, size?: number): number;
  write(address: number, value: number, size?: number): void;
  in(port: number, size?: number): number;
  out(port: number, value: number, size?: number): void;
  /** Long enough for every command that was issued. */
  wait(): void;
}

export class StorageGuest implements GuestBus {
  readonly bus = new TestBus();
  readonly clock = new VirtualClock();

  read(address: number, size = 4): number {
    return this.bus.cpu.read(gpa(address), size) >>> 0;
  }

  write(address: number, value: number, size = 4): void {
    this.bus.cpu.write(gpa(address), size, value >>> 0, 0);
  }

  in(port: number, size = 4): number {
    return this.bus.io.read(port, size) >>> 0;
  }

  out(port: number, value: number, size = 4): void {
    this.bus.io.write(port, size, value >>> 0);
  }

  wait(): void {
    this.clock.advanceTo(this.clock.now() + 10_000_000);
  }

  /** Puts `entry` on the bus with its BARs assigned and everything enabled. */
  plug(entry: PciFunction, device: number, functionNumber: number, bars: Readonly<Record<number, number>>): void {
    entry.plug(this.bus.bus, device, functionNumber);
    entry.reset();
    for (const [index, address] of Object.entries(bars)) this.bus.configWrite(entry, 0x10 + 4 * Number(index), address);
    this.bus.configWrite(entry, 0x04, 7);
  }
}

const LIST = 0x1000;
const RECEIVED = 0x2000;
const TABLE = 0x3000;

export interface AhciRequest {
  readonly command: number;
  readonly lba?: number;
  readonly count?: number;
  readonly features?: number;
  readonly device?: number;
  /** The host sends data. */
  readonly write?: boolean;
  readonly packet?: readonly number[];
  /** PRD table: address and bytes each. */
  readonly regions?: readonly (readonly [address: number, bytes: number])[];
  readonly slot?: number;
}

/** A driver of one AHCI port: lists at 1000h, received FISes at 2000h, one table a slot from 3000h. */
export class AhciDriver {
  constructor(
    readonly guest: GuestBus,
    readonly base: number,
    readonly port = 0,
  ) {}

  register(offset: number): number {
    return this.base + 0x100 + 0x80 * this.port + offset;
  }

  read(offset: number): number {
    return this.guest.read(this.register(offset));
  }

  write(offset: number, value: number): void {
    this.guest.write(this.register(offset), value);
  }

  start(): void {
    this.write(0x00, LIST);
    this.write(0x04, 0);
    this.write(0x08, RECEIVED);
    this.write(0x0c, 0);
    this.write(0x18, 0x16);
    this.write(0x18, 0x17);
  }

  /** Stops and starts the port, with errors and interrupts cleared. */
  restart(): void {
    this.write(0x18, 0x16);
    this.write(0x30, 0xffff_ffff);
    this.write(0x10, 0xffff_ffff);
    this.write(0x18, 0x17);
  }

  prepare(request: AhciRequest): void {
    const {
      command,
      lba = 0,
      count = 0,
      features = 0,
      device = 0x40,
      write = false,
      packet,
      regions = [],
      slot = 0,
    } = request;
    const { guest } = this;
    const table = TABLE + slot * 0x200;
    const header = LIST + slot * 32;
    guest.write(header, 5 | (packet === undefined ? 0 : 0x20) | (write ? 0x40 : 0) | (regions.length << 16));
    guest.write(header + 4, 0);
    guest.write(header + 8, table);
    guest.write(header + 12, 0);
    const high = Math.floor(lba / 2 ** 24);
    guest.write(table, 0x8027 | (command << 16) | ((features & 0xff) << 24));
    guest.write(table + 4, (lba & 0xff_ffff) | (device << 24));
    guest.write(table + 8, (high & 0xff_ffff) | ((features >> 8) << 24));
    guest.write(table + 12, count);
    for (let at = 0; at < 16; at += 4) {
      const byte = (index: number): number => packet?.[at + index] ?? 0;
      guest.write(table + 0x40 + at, byte(0) | (byte(1) << 8) | (byte(2) << 16) | (byte(3) << 24));
    }
    for (const [index, [address, bytes]] of regions.entries()) {
      const entry = table + 0x80 + 16 * index;
      guest.write(entry, address);
      guest.write(entry + 4, 0);
      guest.write(entry + 8, 0);
      guest.write(entry + 12, bytes - 1);
    }
  }

  /** Issues a command in its slot and waits for it. */
  run(request: AhciRequest): void {
    const { slot = 0, command, count = 0 } = request;
    this.prepare(request);
    if (command === 0x60 || command === 0x61) this.write(0x34, 1 << (count >> 3));
    this.write(0x38, 1 << slot);
    this.guest.wait();
  }

  /** What a driver looks at after a command: PxCI, PxSACT, PxIS, PxTFD, PRDBC. */
  outcome(slot = 0): { ci: number; sact: number; is: number; tfd: number; bytes: number } {
    return {
      ci: this.read(0x38),
      sact: this.read(0x34),
      is: this.read(0x10),
      tfd: this.read(0x20),
      bytes: this.guest.read(LIST + slot * 32 + 4),
    };
  }

  /** The received Register (40h), PIO Setup (20h) or Set Device Bits (58h) FIS. */
  received(offset: number, words = 5): number[] {
    return Array.from({ length: words }, (_, index) => this.guest.read(RECEIVED + offset + 4 * index));
  }
}
