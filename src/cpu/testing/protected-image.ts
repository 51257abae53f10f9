/**
 * A 64 KiB memory image for 32-bit protected mode: GDT, IDT, TSSs, stacks and code at fixed places, with a Multiboot
 * header, so that the same bytes run on a test machine and on any PC emulator.
 */
import { gpa } from '../../base/address.ts';
import { TestMachine } from './test-machine.ts';

/** First byte of the image, and its size. */
export const IMAGE_BASE = 0x10_0000;
export const IMAGE_SIZE = 0x1_0000;

/** Physical (and, but for segment bases, linear) addresses. */
export const PLACE = {
  gdt: IMAGE_BASE + 0x1000,
  idt: IMAGE_BASE + 0x1800,
  /** Task n at `tss + n * 0x100`. */
  tss: IMAGE_BASE + 0x2000,
  ldt: IMAGE_BASE + 0x3000,
  /** GDTR and IDTR images. */
  tables: IMAGE_BASE + 0x3800,
  code: IMAGE_BASE + 0x4000,
  handlers: IMAGE_BASE + 0x5000,
  /** Code of task n at `taskCode + n * 0x100`. */
  taskCode: IMAGE_BASE + 0x6000,
  /** Top of the first stack; that of task n is at `stack + n * 0x400`. */
  stack: IMAGE_BASE + 0x8000,
  data: IMAGE_BASE + 0xc000,
  /** Two page directories with 4 MiB pages. */
  directories: IMAGE_BASE + 0xd000,
} as const;

/** Selectors of the image's GDT. 0x60 and up are the test's own. */
export const SEL = {
  code: 0x08,
  data: 0x10,
  userCode: 0x1b,
  userData: 0x23,
  /** Task 0: the one that runs first. */
  task0: 0x28,
  task1: 0x30,
  task2: 0x38,
  /** A 16-bit TSS, task 3. */
  task16: 0x40,
  gate1: 0x48,
  ldt: 0x50,
  conforming: 0x58,
} as const;

/** The fields of a 32-bit TSS that a test sets (Intel SDM Vol. 3A figure 7-2). */
const FIELDS_32 = {
  link: 0x00,
  esp0: 0x04,
  ss0: 0x08,
  cr3: 0x1c,
  eip: 0x20,
  eflags: 0x24,
  eax: 0x28,
  ecx: 0x2c,
  edx: 0x30,
  ebx: 0x34,
  esp: 0x38,
  ebp: 0x3c,
  esi: 0x40,
  edi: 0x44,
  es: 0x48,
  cs: 0x4c,
  ss: 0x50,
  ds: 0x54,
  fs: 0x58,
  gs: 0x5c,
  ldt: 0x60,
  trap: 0x64,
} as const;

/** The fields of a 16-bit TSS (figure 7-10). */
const FIELDS_16 = {
  link: 0x00,
  sp0: 0x02,
  ss0: 0x04,
  ip: 0x0e,
  flags: 0x10,
  ax: 0x12,
  cx: 0x14,
  dx: 0x16,
  bx: 0x18,
  sp: 0x1a,
  bp: 0x1c,
  si: 0x1e,
  di: 0x20,
  es: 0x22,
  cs: 0x24,
  ss: 0x26,
  ds: 0x28,
  ldt: 0x2a,
} as const;

export type Task32 = Partial<Record<keyof typeof FIELDS_32, number>>;
export type Task16 = Partial<Record<keyof typeof FIELDS_16, number>>;

/** A value's little-endian bytes. */
export function le(value: number, size: number): number[] {
  return Array.from({ length: size }, (_, index) => Math.floor(value / 2 ** (8 * index)) & 0xff);
}

/** Far JMP (0xea) or CALL (0x9a) to a selector. */
export const farJump = (selector: number, offset = 0) => [0xea, ...le(offset, 4), ...le(selector, 2)];
export const farCall = (selector: number, offset = 0) => [0x9a, ...le(offset, 4), ...le(selector, 2)];
export const HLT = 0xf4;
export const IRET = 0xcf;

export class ProtectedImage {
  readonly bytes = new Uint8Array(IMAGE_SIZE);
  readonly view = new DataView(this.bytes.buffer);

  constructor() {
    this.#header();
    this.descriptor(SEL.code, 0, 0xfffff, 0xc09b);
    this.descriptor(SEL.data, 0, 0xfffff, 0xc093);
    this.descriptor(SEL.userCode & ~3, 0, 0xfffff, 0xc0fb);
    this.descriptor(SEL.userData & ~3, 0, 0xfffff, 0xc0f3);
    for (const task of [0, 1, 2]) this.descriptor(SEL.task0 + task * 8, PLACE.tss + task * 0x100, 0x67, 0x89);
    this.descriptor(SEL.task16, PLACE.tss + 0x300, 0x2b, 0x81);
    this.setU64(PLACE.gdt + SEL.gate1, BigInt(SEL.task1 << 16) | (0x8500n << 32n));
    this.descriptor(SEL.ldt, PLACE.ldt, 0xff, 0x82);
    this.descriptor(SEL.conforming, 0, 0xfffff, 0xc09f);
    this.write(PLACE.tables, [...le(0xff, 2), ...le(PLACE.gdt, 4)]);
    this.write(PLACE.tables + 8, [...le(0x7ff, 2), ...le(PLACE.idt, 4)]);
    this.task(0, { ss0: SEL.data, esp0: PLACE.stack - 0x200 });
    for (const index of [0, 1]) {
      // The first 4 MiB, and (with another base each) the next 4 MiB.
      this.view.setUint32(PLACE.directories - IMAGE_BASE + index * 0x1000, 0x83 | 4, true);
    }
  }

  /** Multiboot with an address block: the image is loaded as it is (Multiboot Specification 3.1.3). */
  #header(): void {
    const flags = 0x1_0000;
    const words = [0x1bad_b002, flags, -(0x1bad_b002 + flags) >>> 0];
    words.push(IMAGE_BASE, IMAGE_BASE, IMAGE_BASE + IMAGE_SIZE, IMAGE_BASE + IMAGE_SIZE, PLACE.code);
    for (const [index, word] of words.entries()) this.view.setUint32(index * 4, word, true);
  }

  write(address: number, bytes: readonly number[]): this {
    this.bytes.set(bytes, address - IMAGE_BASE);
    return this;
  }

  setU64(address: number, value: bigint): this {
    this.view.setBigUint64(address - IMAGE_BASE, value, true);
    return this;
  }

  setU32(address: number, value: number): this {
    this.view.setUint32(address - IMAGE_BASE, value, true);
    return this;
  }

  /** `attributes`: bits 8-23 of the descriptor's second word, without the limit. */
  descriptor(selector: number, base: number, limit: number, attributes: number, table: number = PLACE.gdt): this {
    const low = BigInt(limit & 0xffff) | (BigInt(base & 0xff_ffff) << 16n);
    const flags = BigInt((attributes & 0xf0ff) | (((limit >>> 16) & 0xf) << 8));
    return this.setU64(table + (selector & ~7), low | (flags << 40n) | (BigInt(base >>> 24) << 56n));
  }

  /** An IDT gate: type 14 interrupt, 15 trap, 5 task, 6 and 7 their 16-bit forms. */
  gate(vector: number, selector: number, offset = 0, type = 14, dpl = 0): this {
    const high = (offset & 0xffff_0000) | ((0x80 | (dpl << 5) | type) << 8);
    return this.setU64(
      PLACE.idt + vector * 8,
      BigInt((selector << 16) >>> 0) | BigInt(offset & 0xffff) | (BigInt(high >>> 0) << 32n),
    );
  }

  /** A handler of its own code; it may end with HLT. */
  handler(vector: number, code: readonly number[] = [HLT], dpl = 0): this {
    const at = PLACE.handlers + vector * 0x20;
    return this.write(at, code).gate(vector, SEL.code, at, 14, dpl);
  }

  /** Sets fields of task `index`'s 32-bit TSS. */
  task(index: number, fields: Task32): this {
    for (const [name, value] of Object.entries(fields)) {
      this.view.setUint32(PLACE.tss - IMAGE_BASE + index * 0x100 + FIELDS_32[name as keyof Task32], value, true);
    }
    return this;
  }

  /** A task ready to run `code` on its own stack in flat segments. */
  runnable(index: number, code: readonly number[], fields: Task32 = {}): this {
    this.write(PLACE.taskCode + index * 0x100, code);
    const { data } = SEL;
    return this.task(index, {
      eip: PLACE.taskCode + index * 0x100,
      eflags: 2,
      esp: PLACE.stack + index * 0x400,
      ...{ cs: SEL.code, ss: data, ds: data, es: data, fs: data, gs: data },
      ...fields,
    });
  }

  /** Sets fields of task 3's 16-bit TSS. */
  task16(fields: Task16): this {
    for (const [name, value] of Object.entries(fields)) {
      this.view.setUint16(PLACE.tss - IMAGE_BASE + 0x300 + FIELDS_16[name as keyof Task16], value, true);
    }
    return this;
  }

  /** The program: after LGDT, LIDT, a stack and LTR of task 0, `code`. Returns the address of `code`. */
  program(code: readonly number[]): number {
    const start = [
      ...[0x0f, 0x01, 0x15, ...le(PLACE.tables, 4)], // lgdt
      ...[0x0f, 0x01, 0x1d, ...le(PLACE.tables + 8, 4)], // lidt
      ...farJump(SEL.code, PLACE.code + 21),
      ...[0xb8, ...le(SEL.data, 4), 0x8e, 0xd8, 0x8e, 0xc0, 0x8e, 0xd0, 0x8e, 0xe0, 0x8e, 0xe8], // ds es ss fs gs
      ...[0xbc, ...le(PLACE.stack, 4)], // mov esp
      ...[0xb8, ...le(SEL.task0, 4), 0x0f, 0x00, 0xd8], // ltr ax
      // What loaders leave differs.
      ...[0x31, 0xc0, 0x31, 0xdb, 0x31, 0xc9, 0x31, 0xd2, 0x31, 0xf6, 0x31, 0xff, 0x31, 0xed],
    ];
    this.write(PLACE.code, [...start, ...code]);
    return PLACE.code + start.length;
  }

  /** A test machine that has loaded the image and stands at its entry. */
  machine(): TestMachine {
    const machine = new TestMachine({ ramBytes: 0x40_0000 });
    machine.write(IMAGE_BASE, this.bytes);
    machine.processor.enterProtected32(gpa(PLACE.code), { eax: 0x2bad_b002, ebx: 0 });
    return machine;
  }
}

/** Reads a 32-bit field of a task's TSS. */
export function taskField(machine: TestMachine, index: number, name: keyof Task32): number {
  return machine.view.getUint32(PLACE.tss + index * 0x100 + FIELDS_32[name], true);
}

/** The type of a descriptor (bit 1 of a TSS's: busy). */
export function descriptorTypeOf(machine: TestMachine, selector: number): number {
  return machine.ram[PLACE.gdt + (selector & ~7) + 5]! & 0xf;
}
