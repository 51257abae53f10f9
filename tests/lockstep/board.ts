/**
 * The processor under test in as much of a q35 board as shapes memory: RAM, the firmware's ROM at the top and below
 * 1 MiB, and the PAM registers that switch between them. Everything else is "a device": what it would answer is taken
 * from QEMU afterwards, so that processors are compared and not boards.
 */
import { gpa } from '../../src/base/address.ts';
import { VirtualClock } from '../../src/base/clock.ts';
import { TraceBus } from '../../src/base/trace.ts';
import { Processor } from '../../src/cpu/processor.ts';
import type { DirectRange } from '../../src/cpu/types.ts';

export interface BoardOptions {
  readonly ramBytes: number;
  readonly model: string;
  /** The firmware, a multiple of 64 KiB. */
  readonly firmware: Uint8Array;
}

/** What devices had to do with the instruction that ran last. */
export interface DeviceTraffic {
  /** Something was read whose value is not known here. */
  portRead: boolean;
  memoryRead: boolean;
  msrRead: boolean;
  clockRead: boolean;
}

/** RAM that a device changes: {@link BoardOptions} has none, QEMU's RAM has the bytes. */
export interface DeviceStore {
  readonly address: number;
  readonly size: number;
}

const KIB_64 = 0x1_0000;
const CONFIG_ADDRESS = 0xcf8;
const CONFIG_DATA = 0xcfc;
/** fw_cfg's DMA address register, big-endian (QEMU, docs/specs/fw_cfg.rst). */
const FW_CFG_DMA_HIGH = 0x514;
const FW_CFG_DMA_LOW = 0x518;
const FW_CFG_DMA_READ = 2;
/** The host bridge's PAM0 to PAM6 (Intel Q35 datasheet 5.1.12 and following). */
const PAM_FIRST = 0x90;
const PAM_COUNT = 7;
const PAM_AREA = 0xc_0000;
const PAM_SEGMENT = 0x4000;
const LEGACY_FIRMWARE = 0xe_0000;
const LEGACY_FIRMWARE_BYTES = 0x2_0000;
/** Option ROMs: QEMU has 128 KiB of zeros there. */
const OPTION_ROM_BYTES = 0x2_0000;
const VGA_START = 0xa_0000;
const APIC_BASE = 0x1b;

export class Board {
  readonly processor: Processor;
  readonly ram: Uint8Array;
  readonly trace = new TraceBus();
  readonly traffic: DeviceTraffic = { portRead: false, memoryRead: false, msrRead: false, clockRead: false };
  /** Stores of devices that the last instruction set off. */
  readonly deviceStores: DeviceStore[] = [];
  /** Vector that the next acknowledge cycle gives. */
  vector = -1;
  readonly #firmware: Uint8Array;
  readonly #optionRom: Uint8Array;
  readonly #pam = new Uint8Array(PAM_COUNT);
  #ranges: readonly DirectRange[] = [];
  #configAddress = 0;
  #dmaHigh = 0;

  constructor(options: BoardOptions) {
    const { ramBytes, firmware } = options;
    const clock = new VirtualClock();
    const { traffic } = this;
    this.processor = new Processor(
      {
        memoryBytes: ramBytes + firmware.length + OPTION_ROM_BYTES + KIB_64,
        cpus: 1,
        model: options.model,
        trackWriters: true,
        unknownMsrs: 'zero',
      },
      {
        memory: {
          read: () => {
            traffic.memoryRead = true;
            return 0;
          },
          write: () => {},
          high: 0,
        },
        io: {
          read: () => {
            traffic.portRead = true;
            return 0;
          },
          write: (port, size, value) => this.#portWrite(port, size, value),
        },
        interrupts: {
          acknowledge: () => {
            this.processor.setInterruptLine(0, false);
            return this.vector;
          },
        },
        msrs: {
          read: (_, msr) => {
            if (msr !== APIC_BASE) return undefined;
            traffic.msrRead = true;
            return 0n;
          },
          write: (_, msr) => (msr === APIC_BASE ? true : undefined),
        },
        clock,
        trace: this.trace,
      },
    );
    clock.setSource(() => {
      traffic.clockRead = true;
      return 0;
    });
    this.ram = this.processor.allocate(ramBytes);
    this.#firmware = this.processor.allocate(firmware.length);
    this.#firmware.set(firmware);
    this.#optionRom = this.processor.allocate(OPTION_ROM_BYTES);
    this.#mapMemory();
  }

  /** Forgets the traffic of the last instruction. */
  clearTraffic(): void {
    const { traffic } = this;
    traffic.portRead = false;
    traffic.memoryRead = false;
    traffic.msrRead = false;
    traffic.clockRead = false;
    this.deviceStores.length = 0;
  }

  /** The PAM registers and the port 0xcf8 as QEMU has them: for a guest that is not followed from the reset on. */
  setHostBridge(pam: Uint8Array, configAddress: number): void {
    this.#pam.set(pam.subarray(0, PAM_COUNT));
    this.#configAddress = configAddress;
    this.#mapMemory();
  }

  #portWrite(port: number, size: number, value: number): void {
    if (port === CONFIG_ADDRESS && size === 4) this.#configAddress = value;
    else if (port >= CONFIG_DATA && port < CONFIG_DATA + 4) this.#configWrite(port - CONFIG_DATA, size, value);
    else if (port === FW_CFG_DMA_HIGH && size === 4) this.#dmaHigh = value;
    else if (port === FW_CFG_DMA_LOW && size === 4) this.#firmwareConfigDma(value);
  }

  #configWrite(offset: number, size: number, value: number): void {
    // Bus 0, device 0, function 0: the host bridge.
    if (this.#configAddress >>> 8 !== 0x80_0000) return;
    const register = (this.#configAddress & 0xfc) + offset;
    let changed = false;
    for (let index = 0; index < size; index++) {
      const pam = register + index - PAM_FIRST;
      if (pam < 0 || pam >= PAM_COUNT) continue;
      this.#pam[pam] = (value >>> (8 * index)) & 0xff;
      changed = true;
    }
    if (changed) this.#mapMemory();
  }

  /** {control, length, address}, big-endian: the device clears the control word when it is done. */
  #firmwareConfigDma(addressLow: number): void {
    if (this.#dmaHigh !== 0) return;
    const at = swap(addressLow);
    if (at + 16 > this.ram.length) return;
    const request = new DataView(this.ram.buffer, this.ram.byteOffset + at, 16);
    const control = request.getUint32(0);
    const size = request.getUint32(4);
    const address = request.getUint32(12);
    request.setUint32(0, 0);
    this.processor.noteExternalWrite(gpa(at), 4, 'fw_cfg');
    if (control & FW_CFG_DMA_READ && address + size <= this.ram.length) this.deviceStores.push({ address, size });
  }

  /** Where the core keeps the byte at a physical address; `undefined` for a device or nothing. */
  pointerTo(address: number): number | undefined {
    const found = this.#ranges.find(({ start, size }) => address >= start && address < start + size);
    return found === undefined ? undefined : found.backing.byteOffset + (address - found.start);
  }

  /** Bytes that a device stored: into RAM, and the processor hears of it. */
  store(address: number, bytes: Uint8Array): void {
    this.ram.set(bytes, address);
    this.processor.noteExternalWrite(gpa(address), bytes.length, 'device');
  }

  /** Who answers below 1 MiB depends on the PAM registers: bit 0 reads RAM, bit 1 writes it. */
  #mapMemory(): void {
    const { ram } = this;
    const rom = this.#firmware;
    const ranges: DirectRange[] = [range(0, ram.subarray(0, VGA_START), true)];
    for (let at = PAM_AREA; at < 0x10_0000; at += PAM_SEGMENT) {
      const access = this.#pamOf(at);
      // QEMU's PAM has no write-only mode: such a segment is the ROM's.
      if (access & 1) ranges.push(range(at, ram.subarray(at, at + PAM_SEGMENT), access === 3));
      else {
        const image = at < LEGACY_FIRMWARE ? this.#optionRom : rom.subarray(rom.length - LEGACY_FIRMWARE_BYTES);
        const offset = at - (at < LEGACY_FIRMWARE ? PAM_AREA : LEGACY_FIRMWARE);
        ranges.push(range(at, image.subarray(offset, offset + PAM_SEGMENT), false));
      }
    }
    ranges.push(range(0x10_0000, ram.subarray(0x10_0000), true));
    ranges.push(range(2 ** 32 - rom.length, rom, false));
    this.#ranges = ranges;
    this.processor.setDirectRanges(ranges);
  }

  /** PAM0 is the 64 KiB from 0xf0000 (bits 5-4); each other one is two segments, the lower in the low half. */
  #pamOf(address: number): number {
    if (address >= 0xf_0000) return (this.#pam[0]! >>> 4) & 3;
    const segment = (address - PAM_AREA) / PAM_SEGMENT;
    return (this.#pam[1 + (segment >>> 1)]! >>> (segment & 1 ? 4 : 0)) & 3;
  }
}

function range(start: number, backing: Uint8Array, writable: boolean): DirectRange {
  return { start: gpa(start), size: backing.length, backing, writable };
}

function swap(value: number): number {
  return (((value & 0xff) << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | ((value >>> 24) & 0xff)) >>> 0;
}
