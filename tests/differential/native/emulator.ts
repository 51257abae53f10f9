/** Our side of a case: a processor in user mode, in the surroundings that Linux gives host.c. */
import type { CoreInstance } from '../../../src/cpu/core-instance.ts';
import { knownFeature } from '../../../src/cpu/isa/features.ts';
import * as layout from '../../../src/cpu/layout.ts';
import type { Processor } from '../../../src/cpu/processor.ts';
import { setSegment } from '../../../src/cpu/register-view.ts';
import { TestMachine } from '../../../src/cpu/testing/test-machine.ts';
import { fromFxImage } from '../../../src/cpu/testing/x87-cases.ts';
import { setX87, x87StateOf } from '../../../src/cpu/testing/x87-state.ts';
import * as at from './case-layout.ts';
import { AT, type CaseView } from './case-layout.ts';
import { attributesOf, descriptorOf, LOCAL_SEGMENTS, localSegment, WRAPPED_CODE } from './local-segments.ts';

/** Physical addresses of tables that only the supervisor sees, mapped at {@link KERNEL}. */
const PHYSICAL = {
  pml4: 0x1000,
  pdpt: 0x2000,
  pd: 0x3000,
  pt: 0x4000,
  kernelPdpt: 0x5000,
  gdt: 0x6000,
  idt: 0x7000,
  tss: 0x8000,
  ldt: 0x9000,
  handlers: 0xa000,
  stack: 0x10_0000,
};
const KERNEL = 0xffff_8000_0000_0000n;
const [P, W, U, PS, NX] = [1n, 2n, 4n, 0x80n, 1n << 63n];
const PAGE = 0x1000;

/** Descriptors by selector >> 3, as Linux has them: kernel code and data, 32-bit and 64-bit user code, user data. */
const GDT = [
  0n,
  0x00cf_9b00_0000_ffffn,
  0x00af_9b00_0000_ffffn,
  0x00cf_9300_0000_ffffn,
  0x00cf_fb00_0000_ffffn,
  0x00cf_f300_0000_ffffn,
  0x00af_fb00_0000_ffffn,
];
const KERNEL_CODE = 0x10;
const TSS_SELECTOR = 0x40;
const LDT_SELECTOR = 0x50;
/** User mode may call the gates of INT3 and INTO. */
const USER_GATES = new Set([3, 4]);
/** Vectors that push an error code (SDM Vol. 3A table 6-1). */
const WITH_ERROR = new Set([8, 10, 11, 12, 13, 14, 17, 21]);
/** PE MP ET NE WP PG; PAE OSFXSR OSXMMEXCPT FSGSBASE OSXSAVE; SCE LME LMA NXE. */
const CR0 = 0x8005_0033n;
const CR4 = 0x5_0620n;
const EFER = 0xd01n;
/** An instruction is one unit, a repeated one as many as iterations; more than any case needs. */
const BUDGET = 100_000;

/** Physical address of a case's code: where it is linear, but for the page that is mapped twice. */
function codeAddress(one: CaseView): number {
  const linear = Number(one.linearRip & 0xffff_ffffn);
  return linear < at.CODE ? linear - WRAPPED_CODE + at.CODE + PAGE : linear;
}

/** By an exception, as every case should; at an instruction that nobody has written; not at all. */
export type Ending = 'ended' | 'unimplemented' | 'lost';

export class Emulator {
  readonly #machine = new TestMachine({ model: 'max', ramBytes: 0x20_0000 });
  readonly #core: CoreInstance;
  readonly #processor: Processor;
  readonly #pattern = new Uint8Array(at.DATA_BYTES).fill(at.FILLER);
  #dirtyCode: readonly [number, number] = [at.CODE, at.CODE_BYTES];

  readonly #locals: number;

  /** `locals`: how many of {@link LOCAL_SEGMENTS} the host has. */
  constructor(locals: number = LOCAL_SEGMENTS.length) {
    this.#locals = locals;
    this.#processor = this.#machine.processor;
    this.#core = this.#processor.core;
    this.#tables();
    this.#machine.ram.fill(at.FILLER, at.READ_ONLY, at.READ_ONLY + PAGE);
    this.#machine.ram.fill(at.FILLER, at.DATA, at.DATA + at.DATA_BYTES);
    this.#supervisor();
  }

  /** Whether the processor offers a CPUID feature. */
  offers(feature: string): boolean {
    const number = knownFeature(feature);
    return (this.#core.word(layout.FEATURES + (number >> 5) * 4) & (1 << (number & 31))) !== 0;
  }

  #tables(): void {
    const set = (address: number, value: bigint) => this.#machine.setU64(address, value);
    set(PHYSICAL.pml4, BigInt(PHYSICAL.pdpt) | P | W | U);
    set(PHYSICAL.pml4 + 256 * 8, BigInt(PHYSICAL.kernelPdpt) | P | W);
    set(PHYSICAL.kernelPdpt, P | W | PS);
    set(PHYSICAL.pdpt, BigInt(PHYSICAL.pd) | P | W | U);
    set(PHYSICAL.pd, BigInt(PHYSICAL.pt) | P | W | U);
    const page = (address: number, flags: bigint, physical = address) =>
      set(PHYSICAL.pt + (address / PAGE) * 8, BigInt(physical) | flags);
    for (let address = at.CODE; address < at.CODE + at.CODE_BYTES; address += PAGE) page(address, P | U);
    for (let address = at.DATA; address < at.DATA + at.DATA_BYTES; address += PAGE) page(address, P | W | U | NX);
    page(WRAPPED_CODE, P | U, at.CODE + PAGE);
    page(at.READ_ONLY, P | U | NX);
    for (const [index, descriptor] of GDT.entries()) set(PHYSICAL.gdt + index * 8, descriptor);
    for (const [index, segment] of LOCAL_SEGMENTS.slice(0, this.#locals).entries())
      set(PHYSICAL.ldt + index * 8, descriptorOf(segment));
    const stack = KERNEL + BigInt(PHYSICAL.stack);
    set(PHYSICAL.tss + 4, stack);
    set(PHYSICAL.tss + 36, stack);
    this.#machine.view.setUint16(PHYSICAL.tss + 0x66, 0x68, true);
    for (let vector = 0; vector < 32; vector++) this.#gate(vector);
  }

  #gate(vector: number): void {
    const handler = KERNEL + BigInt(PHYSICAL.handlers + vector * 16);
    const type = 0x8e01n | (USER_GATES.has(vector) ? 0x6000n : 0n);
    const low =
      (handler & 0xffffn) | (BigInt(KERNEL_CODE) << 16n) | (type << 32n) | (((handler >> 16n) & 0xffffn) << 48n);
    this.#machine.setU64(PHYSICAL.idt + vector * 16, low);
    this.#machine.setU64(PHYSICAL.idt + vector * 16 + 8, handler >> 32n);
    this.#machine.write(PHYSICAL.handlers + vector * 16, Uint8Array.of(0xf4));
  }

  /** Registers that only the supervisor sets, once. */
  #supervisor(): void {
    const core = this.#core;
    core.setQuad(layout.CR0, CR0);
    core.setQuad(layout.CR3, BigInt(PHYSICAL.pml4));
    core.setQuad(layout.CR4, CR4);
    core.setQuad(layout.EFER, EFER);
    core.setQuad(layout.XCR0, 7n);
    core.setQuad(layout.GDT_BASE, KERNEL + BigInt(PHYSICAL.gdt));
    core.setWord(layout.GDT_LIMIT, 0x7f);
    core.setQuad(layout.IDT_BASE, KERNEL + BigInt(PHYSICAL.idt));
    core.setWord(layout.IDT_LIMIT, 0xfff);
    this.#segment(layout.SEG_TR, TSS_SELECTOR, KERNEL + BigInt(PHYSICAL.tss), 0x67, 0x8b);
    const ldtLimit = this.#locals * 8 - 1;
    if (this.#locals > 0) this.#segment(layout.SEG_LDTR, LDT_SELECTOR, KERNEL + BigInt(PHYSICAL.ldt), ldtLimit, 0x82);
    else this.#segment(layout.SEG_LDTR, 0, 0n, 0, 0);
    core.exports.stateChanged();
  }

  #segment(index: number, selector: number, base: bigint, limit: number, attributes: number): void {
    setSegment(this.#core, index, selector, limit, attributes, base);
  }

  #userSegments(one: CaseView): void {
    const code = one.is64 ? 0xa0fb : 0xc0fb;
    const registers = [layout.SEG_CS, layout.SEG_SS, layout.SEG_DS, layout.SEG_ES, layout.SEG_FS, layout.SEG_GS];
    for (const [index, register] of registers.entries()) {
      const selector = one.segment(index);
      const local = localSegment(selector);
      if (local) this.#segment(register, selector, BigInt(local.base), local.limit, attributesOf(local));
      else if (selector === 0) this.#segment(register, 0, 0n, 0, 0);
      else this.#segment(register, selector, 0n, 0xffff_ffff, index === 0 ? code : 0xc0f3);
    }
    if (one.is64) {
      this.#core.setQuad(layout.FS_BASE, one.u64(AT.fsBase));
      this.#core.setQuad(layout.GS_BASE, one.u64(AT.gsBase));
    }
    this.#core.setWord(layout.CPL, 3);
  }

  #load(one: CaseView): void {
    const { ram } = this.#machine;
    const [dirty, length] = this.#dirtyCode;
    ram.fill(at.BREAKPOINT, dirty, dirty + length);
    this.#processor.noteExternalWrite(dirty as never, length, 'loader');
    const start = codeAddress(one);
    const mapped = Math.min(one.u32(AT.codeLength), at.CODE + at.CODE_BYTES - start);
    ram.set(one.bytes.subarray(AT.code, AT.code + mapped), start);
    this.#processor.noteExternalWrite(start as never, mapped, 'loader');
    this.#dirtyCode = [start, mapped];
    ram.set(one.bytes.subarray(AT.data, AT.data + at.WINDOW_BYTES), one.u32(AT.window));
    const core = this.#core;
    core.bytes.set(one.bytes.subarray(AT.gpr, AT.gpr + 128), layout.GPR);
    core.bytes.set(one.bytes.subarray(AT.xmm, AT.xmm + 256), layout.XMM);
    core.bytes.set(one.bytes.subarray(AT.ymmHigh, AT.ymmHigh + 256), layout.YMM_HIGH);
    core.setWord(layout.MXCSR, one.u32(AT.mxcsr));
    setX87(core, fromFxImage(this.#fxWords(one)));
    this.#userSegments(one);
    core.setQuad(layout.RIP, one.u64(AT.rip));
    core.setQuad(layout.CR2, 0n);
    core.setWord(layout.HALTED, 0);
    core.setWord(layout.EVENTS, 0);
    core.setWord(layout.INTERRUPT_SHADOW, 0);
    core.exports.setFlags(one.u32(AT.flags));
    core.exports.stateChanged();
  }

  #fxWords(one: CaseView): bigint[] {
    return Array.from({ length: 20 }, (_, index) => one.u64(AT.fx + index * 8));
  }

  /** Runs the case and puts what became of it in its place. */
  run(one: CaseView): Ending {
    this.#load(one);
    const reason = this.#processor.run(BUDGET);
    if (reason !== 'halted') {
      this.#storeMemory(one);
      return reason === 'unimplemented' ? 'unimplemented' : 'lost';
    }
    const core = this.#core;
    const halt = core.quad(layout.RIP) - KERNEL - BigInt(PHYSICAL.handlers) - 1n;
    const vector = Number(halt >> 4n);
    const hasError = WITH_ERROR.has(vector);
    const frame = core.quad(layout.RSP);
    const word = (index: number) => this.#machine.u64(Number(frame - KERNEL) + index * 8);
    const [rip, cs, flags, rsp, ss] = [0, 1, 2, 3, 4].map((index) => word(index + (hasError ? 1 : 0))) as [
      bigint,
      bigint,
      bigint,
      bigint,
      bigint,
    ];
    one.bytes.set(core.bytes.subarray(layout.GPR, layout.GPR + 128), AT.gpr);
    one.setGpr(4, rsp);
    one.setU64(AT.rip, rip);
    one.setU64(AT.flags, flags);
    one.setSegment(0, Number(cs));
    one.setSegment(1, Number(ss));
    for (const [index, register] of [layout.SEG_DS, layout.SEG_ES, layout.SEG_FS, layout.SEG_GS].entries()) {
      one.setSegment(index + 2, core.word(layout.SEGMENTS + register * layout.SEGMENT_SIZE + layout.SEGMENT_SELECTOR));
    }
    one.setU64(AT.fsBase, core.quad(layout.FS_BASE));
    one.setU64(AT.gsBase, core.quad(layout.GS_BASE));
    one.setU32(AT.vector, vector);
    one.setU32(AT.error, hasError ? Number(word(0)) : 0);
    one.setU64(AT.address, core.quad(layout.CR2));
    this.#storeVectors(one);
    this.#storeMemory(one);
    return 'ended';
  }

  #storeVectors(one: CaseView): void {
    const core = this.#core;
    one.bytes.set(core.bytes.subarray(layout.XMM, layout.XMM + 256), AT.xmm);
    one.bytes.set(core.bytes.subarray(layout.YMM_HIGH, layout.YMM_HIGH + 256), AT.ymmHigh);
    one.setU32(AT.mxcsr, core.word(layout.MXCSR));
    const { control, status, tags, registers } = x87StateOf(core);
    one.view.setUint16(AT.fx, control, true);
    one.view.setUint16(AT.fx + 2, status, true);
    one.view.setUint16(AT.fx + 4, tags, true);
    for (const [index, value] of registers.entries()) one.setU64(AT.st + index * 8, value);
  }

  #storeMemory(one: CaseView): void {
    const { ram } = this.#machine;
    const window = one.u32(AT.window);
    one.bytes.set(ram.subarray(window, window + at.WINDOW_BYTES), AT.data);
    ram.fill(at.FILLER, window, window + at.WINDOW_BYTES);
    const data = ram.subarray(at.DATA, at.DATA + at.DATA_BYTES);
    const outside = Buffer.compare(data, this.#pattern) !== 0;
    if (outside) data.set(this.#pattern);
    one.setU32(AT.outside, outside ? 1 : 0);
  }
}
