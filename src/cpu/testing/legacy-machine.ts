/**
 * A machine for 16- and 32-bit code: real mode with a vector table, and protected mode with a GDT, an IDT and a TSS. Every
 * vector has a handler that halts, so that a run says what was raised.
 */
import { gpa } from '../../base/address.ts';
import { descriptor, TestMachine } from './test-machine.ts';

/** Where things stand; physical addresses. */
export const LEGACY = {
  /** Real-mode handlers: segment 0, four bytes each. */
  realHandlers: 0x600,
  gdt: 0x1000,
  idt: 0x2000,
  /** Protected-mode handlers, 16 bytes each. */
  handlers: 0x3000,
  tss: 0x4000,
  gdtr: 0x5000,
  idtr: 0x5008,
  stack0: 0x8000,
  /** Code of 16-bit tests (segment 0x1000) and of 32-bit tests. */
  code: 0x1_0000,
  data: 0x2_0000,
  stack: 0x3_0000,
} as const;

/** Selectors: flat 32-bit code and data of rings 0 and 3, TSS, 16-bit code, and one that a test describes. */
export const LEGACY_SELECTOR = {
  code: 0x08,
  data: 0x10,
  tss: 0x18,
  code16: 0x20,
  userCode: 0x2b,
  userData: 0x33,
  test: 0x38,
};

const DESCRIPTORS = [
  0n,
  descriptor(0, 0xfffff, 0xc09b),
  descriptor(0, 0xfffff, 0xc093),
  descriptor(LEGACY.tss, 0x2fff, 0x89),
  descriptor(LEGACY.code, 0xffff, 0x9b),
  descriptor(0, 0xfffff, 0xc0fb),
  descriptor(0, 0xfffff, 0xc0f3),
];

/** What a run ended with: the vector whose handler halted, its error code, and the frame's instruction pointer. */
export interface Raised {
  readonly vector: number;
  readonly error?: number;
  readonly ip: number;
}

/** Vectors with an error code (Intel SDM Vol. 3A table 6-1) as far as tests raise them. */
const WITH_ERROR = [8, 10, 11, 12, 13, 14, 17];

export class LegacyMachine extends TestMachine {
  constructor() {
    super({ ramBytes: 0x40_0000 });
    for (let vector = 0; vector < 256; vector++) {
      this.view.setUint32(vector * 4, LEGACY.realHandlers + vector * 4, true);
      this.ram[LEGACY.realHandlers + vector * 4] = 0xf4;
      this.ram[LEGACY.handlers + vector * 16] = 0xf4;
      const handler = BigInt(LEGACY.handlers + vector * 16);
      this.setU64(LEGACY.idt + vector * 8, handler | (BigInt(LEGACY_SELECTOR.code) << 16n) | (0xee00n << 32n));
    }
    for (const [index, value] of DESCRIPTORS.entries()) this.setU64(LEGACY.gdt + index * 8, value);
    this.view.setUint16(LEGACY.gdtr, 0xff, true);
    this.view.setUint32(LEGACY.gdtr + 2, LEGACY.gdt, true);
    this.view.setUint16(LEGACY.idtr, 0x7ff, true);
    this.view.setUint32(LEGACY.idtr + 2, LEGACY.idt, true);
    this.view.setUint32(LEGACY.tss + 4, LEGACY.stack0, true);
    this.view.setUint16(LEGACY.tss + 8, LEGACY_SELECTOR.data, true);
    // The redirection map ends, and the I/O bit map begins, at 0x100.
    this.view.setUint16(LEGACY.tss + 0x66, 0x100, true);
  }

  /** Descriptor of {@link LEGACY_SELECTOR}.test. */
  describe(base: number, limit: number, attributes: number): void {
    this.setU64(LEGACY.gdt + LEGACY_SELECTOR.test, descriptor(base, limit, attributes));
  }

  /** Enters real mode at 1000:`ip` with the bytes there. SS:SP is 3000:`sp`, DS and ES 2000. */
  real(bytes: readonly number[], { ip = 0, sp = 0x8000 } = {}): void {
    this.write(LEGACY.code + ip, Uint8Array.from(bytes));
    // mov ax, 0x2000; mov ds, ax; mov es, ax; mov ax, 0x3000; mov ss, ax; mov sp, sp; xor ax, ax; jmp 0x1000:ip
    const prologue = [0xb8, 0, 0x20, 0x8e, 0xd8, 0x8e, 0xc0, 0xb8, 0, 0x30, 0x8e, 0xd0, 0xbc, sp & 255, sp >> 8];
    this.write(0x7c00, Uint8Array.from([...prologue, 0x31, 0xc0, 0xea, ip & 255, ip >> 8, 0, 0x10]));
    this.processor.enterReal16(0, 0x7c00);
    expectBudget(this.processor.run(8));
  }

  /** Enters 32-bit protected mode, tables loaded, all segments flat, with the bytes at {@link LEGACY}.code. */
  protect(bytes: readonly number[]): void {
    // lgdt; lidt; mov ax, tss; ltr ax; mov ax, data; mov ds/es/ss, ax; mov esp, stack; jmp code:LEGACY.code
    const prologue = [
      [0x0f, 0x01, 0x15, ...word(LEGACY.gdtr), 0x0f, 0x01, 0x1d, ...word(LEGACY.idtr)],
      [0x66, 0xb8, LEGACY_SELECTOR.tss, 0, 0x0f, 0x00, 0xd8, 0x66, 0xb8, LEGACY_SELECTOR.data, 0],
      [
        0x8e,
        0xd8,
        0x8e,
        0xc0,
        0x8e,
        0xd0,
        0xbc,
        ...word(LEGACY.stack),
        0xea,
        ...word(LEGACY.code),
        LEGACY_SELECTOR.code,
        0,
      ],
    ];
    this.write(0x7c00, Uint8Array.from(prologue.flat()));
    this.write(LEGACY.code, Uint8Array.from(bytes));
    this.processor.enterProtected32(gpa(0x7c00), { eax: 0, ebx: 0 });
    expectBudget(this.processor.run(10));
  }

  /**
   * Enters virtual-8086 mode by IRET from ring 0 at 1000:0 with the bytes there; SS:SP is 3000:8000, DS and ES 2000.
   * `flags`: EFLAGS besides VM.
   */
  virtual(bytes: readonly number[], flags: number, cr4 = 0): void {
    const frame = [0, 0, 0x2000, 0x2000, 0x3000, 0x8000, flags | 0x2_0002, 0x1000, 0];
    const entry = frame.flatMap((value) => [0x68, ...word(value)]);
    // mov eax, cr4 value; mov cr4, eax; push the frame (gs first); iret
    const setup = [0xb8, ...word(cr4), 0x0f, 0x22, 0xe0, ...entry, 0xcf];
    this.protect([0xf4]);
    this.write(0x6_0000, Uint8Array.from(setup));
    this.write(LEGACY.code, Uint8Array.from(bytes));
    this.processor.setRegister('rip', 0x6_0000n);
    expectBudget(this.processor.run(3 + frame.length));
  }

  /** Runs until a handler halts. */
  raised(instructions = 100): Raised {
    const exit = this.processor.run(instructions);
    if (exit !== 'halted') throw new Error(`the run ended with '${exit}' at ${this.processor.pc.toString(16)}`);
    const view = this.processor.registers();
    const protectedMode = (view.cr.cr0 & 1n) !== 0n;
    const at = Number(view.rip) - 1;
    const stack = Number(view.segments[2]!.base) + (Number(view.gpr[4]) & (protectedMode ? 0xffff_ffff : 0xffff));
    if (!protectedMode) return { vector: (at - LEGACY.realHandlers) / 4, ip: this.view.getUint16(stack, true) };
    const vector = (at - LEGACY.handlers) / 16;
    if (!WITH_ERROR.includes(vector)) return { vector, ip: this.view.getUint32(stack, true) };
    return { vector, error: this.view.getUint32(stack, true), ip: this.view.getUint32(stack + 4, true) };
  }
}

/** Four little-endian bytes. */
export function word(value: number): number[] {
  return [value & 255, (value >>> 8) & 255, (value >>> 16) & 255, value >>> 24];
}

function expectBudget(exit: string): void {
  if (exit !== 'budget') throw new Error(`entering the mode ended with '${exit}'`);
}
