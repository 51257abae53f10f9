/** A processor with RAM from 0, recording fakes for its ports, and a 64-bit environment ready for tests. */
import { type Gpa, gpa } from '../../base/address.ts';
import { VirtualClock } from '../../base/clock.ts';
import { TraceBus } from '../../base/trace.ts';
import { Processor } from '../processor.ts';
import type { ProcessorOptions } from '../types.ts';
import { Assembler } from './assembler.ts';

export interface BusAccess {
  readonly write: boolean;
  readonly address: number;
  readonly size: number;
  readonly value: number;
}

/** Where the test environment puts things. Physical addresses; identity mapped. */
export const AT = {
  pml4: 0x1000,
  pdpt: 0x2000,
  pd: 0x3000,
  /** Page table of the window: 512 pages at {@link WINDOW}. */
  pt: 0x4000,
  gdt: 0x6000,
  idt: 0x7000,
  tss: 0x8000,
  /** GDTR and IDTR images. */
  gdtr: 0x9000,
  idtr: 0x9010,
  code: 0x1_0000,
  /** Tops of stacks: at entry, RSP0 of the TSS, IST 1, for CPL 3. */
  stack: 0x2_0000,
  stack0: 0x2_8000,
  stackIst1: 0x3_0000,
  stackUser: 0x3_8000,
  handlers: 0x4_0000,
  data: 0x5_0000,
} as const;

/** 512 pages of 4 KiB that a test maps as it likes. */
export const WINDOW = 0x40_0000;
/** Guest-physical address that no RAM has: accesses are recorded as MMIO. */
export const MMIO = 0xf000_0000;

export const SELECTOR = { code: 0x08, data: 0x10, code32: 0x18, userData: 0x23, userCode: 0x2b, tss: 0x30 } as const;

/** Page table entry bits. */
export const P = 1n;
export const W = 2n;
export const U = 4n;
export const A = 0x20n;
export const D = 0x40n;
export const PS = 0x80n;
export const NX = 1n << 63n;

export interface MachineOptions extends Partial<ProcessorOptions> {
  readonly ramBytes?: number;
}

export class TestMachine {
  readonly processor: Processor;
  readonly ram: Uint8Array;
  readonly view: DataView;
  readonly clock = new VirtualClock();
  readonly trace = new TraceBus();
  /** MMIO and port accesses in order; port addresses are as they are. */
  readonly mmio: BusAccess[] = [];
  readonly ports: BusAccess[] = [];
  /** What an MMIO read answers: little-endian bytes. */
  onMmioRead: (address: number, size: number) => bigint = () => 0n;
  onMmioWrite: (address: number, size: number) => void = () => {};
  onPortRead: (port: number, size: number) => number = () => 0xff;
  onPortWrite: (port: number, value: number, size: number) => void = () => {};
  onManagementMode: (cpu: number, entered: boolean) => void = () => {};
  /** Vector that the next acknowledge cycle gives. */
  vector = 0x20;
  acknowledged = 0;
  /** Whether acknowledging lowers the line, as an edge-triggered interrupt does. */
  lineDropsOnAcknowledge = true;

  constructor(options: MachineOptions = {}) {
    const ramBytes = options.ramBytes ?? 0x40_0000;
    let high = 0;
    const record = (list: BusAccess[], write: boolean, address: number, size: number, value: number) =>
      list.push({ write, address, size, value });
    this.processor = new Processor(
      {
        memoryBytes: ramBytes + 0x1_0000,
        cpus: options.cpus ?? 1,
        model: options.model ?? 'max',
        trackWriters: options.trackWriters ?? false,
        ...(options.seed === undefined ? {} : { seed: options.seed }),
        ...(options.unknownMsrs === undefined ? {} : { unknownMsrs: options.unknownMsrs }),
      },
      {
        memory: {
          read: (address, size) => {
            const value = this.onMmioRead(address, size);
            high = Number((value >> 32n) & 0xffff_ffffn);
            record(this.mmio, false, address, size, Number(value & 0xffff_ffffn));
            return Number(value & 0xffff_ffffn);
          },
          write: (address, size, low) => {
            record(this.mmio, true, address, size, low);
            this.onMmioWrite(address, size);
          },
          get high() {
            return high;
          },
        },
        io: {
          read: (port, size) => {
            const value = this.onPortRead(port, size);
            record(this.ports, false, port, size, value);
            return value;
          },
          write: (port, size, value) => {
            record(this.ports, true, port, size, value);
            this.onPortWrite(port, value, size);
          },
        },
        interrupts: {
          acknowledge: (cpu) => {
            this.acknowledged += 1;
            if (this.lineDropsOnAcknowledge) this.processor.setInterruptLine(cpu, false);
            return this.vector;
          },
        },
        msrs: { read: () => undefined, write: () => undefined },
        managementMode: (cpu, entered) => this.onManagementMode(cpu, entered),
        clock: this.clock,
        trace: this.trace,
      },
    );
    this.clock.setSource(() => this.processor.instructions);
    this.ram = this.processor.allocate(ramBytes);
    this.view = new DataView(this.ram.buffer, this.ram.byteOffset, this.ram.length);
    this.processor.setDirectRanges([{ start: gpa(0), size: ramBytes, backing: this.ram, writable: true }]);
  }

  u64(address: number): bigint {
    return this.view.getBigUint64(address, true);
  }

  setU64(address: number, value: bigint): void {
    this.view.setBigUint64(address, BigInt.asUintN(64, value), true);
  }

  /** Writes bytes as a loader does: the processor hears of it. */
  write(address: number, bytes: Uint8Array): void {
    this.ram.set(bytes, address);
    this.processor.noteExternalWrite(gpa(address), bytes.length, 'loader');
  }

  /** FNV-1a over all of RAM, word by word: comparing it is a thousand times faster than comparing the arrays. */
  checksum(): number {
    let hash = 0x811c_9dc5;
    const words = new Uint32Array(this.ram.buffer, this.ram.byteOffset, this.ram.length / 4);
    for (const word of words) hash = Math.imul(hash ^ word, 0x0100_0193);
    return hash >>> 0;
  }

  /** Register by name. */
  reg(name: string): bigint {
    const view = this.processor.registers();
    if (name === 'rip') return view.rip;
    if (name === 'rflags') return view.rflags;
    const names = 'rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15'.split(' ');
    return view.gpr[names.indexOf(name)] ?? 0n;
  }
}

/** A segment descriptor: `limit` is the raw 20-bit field, `attributes` as a segment register keeps them. */
export function descriptor(base: number, limit: number, attributes: number): bigint {
  const low = BigInt(limit & 0xffff) | (BigInt(base & 0xff_ffff) << 16n);
  const flags = BigInt((attributes & 0xf0ff) | (((limit >>> 16) & 0xf) << 8));
  return low | (flags << 40n) | (BigInt(base >>> 24) << 56n);
}

/** A machine in 64-bit mode at {@link AT}.code: identity map of the RAM, GDT, TSS with IST 1, an empty IDT. */
export class LongModeMachine extends TestMachine {
  constructor(options: MachineOptions = {}) {
    super(options);
    this.setU64(AT.pml4, BigInt(AT.pdpt) | P | W | U);
    this.setU64(AT.pdpt, BigInt(AT.pd) | P | W | U);
    // 2 MiB pages over the RAM below the window; the window's page table from there.
    for (let index = 0; index < WINDOW / 0x20_0000; index++) {
      this.setU64(AT.pd + index * 8, BigInt(index * 0x20_0000) | P | W | U | PS);
    }
    this.setU64(AT.pd + (WINDOW / 0x20_0000) * 8, BigInt(AT.pt) | P | W | U);
    this.#tables();
  }

  #tables(): void {
    this.setU64(AT.gdt + SELECTOR.code, descriptor(0, 0xfffff, 0xa09b));
    this.setU64(AT.gdt + SELECTOR.data, descriptor(0, 0xfffff, 0xc093));
    this.setU64(AT.gdt + SELECTOR.code32, descriptor(0, 0xfffff, 0xc09b));
    this.setU64(AT.gdt + 0x20, descriptor(0, 0xfffff, 0xc0f3));
    this.setU64(AT.gdt + 0x28, descriptor(0, 0xfffff, 0xa0fb));
    this.setU64(AT.gdt + SELECTOR.tss, descriptor(AT.tss, 0x67, 0x89));
    this.setU64(AT.gdt + SELECTOR.tss + 8, 0n);
    this.setU64(AT.tss + 4, BigInt(AT.stack0));
    this.setU64(AT.tss + 36, BigInt(AT.stackIst1));
    this.view.setUint16(AT.tss + 0x66, 0x68, true);
    this.view.setUint16(AT.gdtr, 0x3f, true);
    this.setU64(AT.gdtr + 2, BigInt(AT.gdt));
    this.view.setUint16(AT.idtr, 0xfff, true);
    this.setU64(AT.idtr + 2, BigInt(AT.idt));
  }

  /** Maps one page of the window. `entry` holds flags; the page is physical `to`. */
  map(page: number, to: number, flags: bigint): void {
    this.setU64(AT.pt + page * 8, BigInt(to) | flags);
  }

  /** An interrupt gate (type 14), or a trap gate (15). */
  gate(vector: number, handler: number, options: { ist?: number; dpl?: number; type?: number } = {}): void {
    const { ist = 0, dpl = 0, type = 14 } = options;
    const at = AT.idt + vector * 16;
    this.view.setUint16(at, handler & 0xffff, true);
    this.view.setUint16(at + 2, SELECTOR.code, true);
    this.view.setUint8(at + 4, ist);
    this.view.setUint8(at + 5, 0x80 | (dpl << 5) | type);
    this.view.setUint16(at + 6, (handler >>> 16) & 0xffff, true);
    this.view.setUint32(at + 8, 0, true);
    this.view.setUint32(at + 12, 0, true);
  }

  /** A handler that only halts; its frame can be read from the stack. Returns its address. */
  haltingHandler(vector: number, options: { ist?: number; dpl?: number; type?: number } = {}): number {
    const at = AT.handlers + vector * 16;
    this.write(at, Uint8Array.of(0xf4, 0xeb, 0xfd));
    this.gate(vector, at, options);
    return at;
  }

  /** Loads code that begins by loading GDTR, IDTR and TR, and enters it. Returns the assembler for its labels. */
  boot(program: (code: Assembler) => void): Assembler {
    const code = new Assembler(AT.code);
    // lgdt [gdtr]; lidt [idtr]; mov ax, tss; ltr ax
    code.bytes(0x0f, 0x01, 0x14, 0x25, AT.gdtr & 0xff, AT.gdtr >> 8, 0, 0);
    code.bytes(0x0f, 0x01, 0x1c, 0x25, AT.idtr & 0xff, AT.idtr >> 8, 0, 0);
    code.bytes(0x66, 0xb8, SELECTOR.tss, 0, 0x0f, 0x00, 0xd8);
    program(code);
    this.write(AT.code, code.assemble());
    this.processor.enterLong64(BigInt(AT.code), AT.pml4 as Gpa, BigInt(AT.stack));
    return code;
  }
}

/** Instructions that {@link LongModeMachine.boot} runs before the program. */
export const BOOT_INSTRUCTIONS = 4;
