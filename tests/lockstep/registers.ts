/** Our processor's registers beside QEMU's: compared cheaply after each instruction, by name once they differ. */
import type { CoreInstance } from '../../src/cpu/core-instance.ts';
import {
  CPL,
  CR0,
  CR2,
  CR3,
  CR4,
  DEBUG_REGISTERS,
  EFER,
  GDT_BASE,
  GDT_LIMIT,
  GPR,
  IDT_BASE,
  IDT_LIMIT,
  MXCSR,
  RIP,
  SEG_CS,
  SEG_SS,
  SEG_TR,
  SEGMENT_ATTRIBUTES,
  SEGMENT_BASE,
  SEGMENT_LIMIT,
  SEGMENT_SELECTOR,
  SEGMENT_SIZE,
  SEGMENTS,
  X87,
  X87_CONTROL,
  X87_STATUS,
  X87_TAG,
  XMM,
} from '../../src/cpu/layout.ts';
import { setSegment } from '../../src/cpu/register-view.ts';
import type { FloatRegisters, RegisterDump, SystemRegisters } from './register-dump.ts';

export interface Difference {
  readonly name: string;
  readonly ours: bigint;
  readonly theirs: bigint;
}

export const GENERAL_NAMES = 'rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15'.split(' ');
const SEGMENT_NAMES = 'es cs ss ds fs gs ldtr tr'.split(' ');
const FIRST_BASE_IN_64_BIT = SEGMENT_NAMES.indexOf('fs');
const LAST_BASE_IN_64_BIT = SEGMENT_NAMES.indexOf('gs');
const PRESENT = 0x80;
const LOW_32 = 0xffff_ffffn;
const DEBUG_INDICES = [0, 1, 2, 3, 6, 7];
/** Segments, descriptor tables, control and debug registers and EFER stand together in the state block. */
const SYSTEM_START = SEGMENTS;
const SYSTEM_END = DEBUG_REGISTERS + 8 * 8;
const FLOAT_START = XMM;
const FLOAT_END = X87_TAG + 4;

export class Registers {
  readonly #core: CoreInstance;
  /** The state block as it was when the last whole comparison succeeded, and QEMU's dump then. */
  #system: Buffer | undefined;
  #float: Buffer | undefined;
  #dump: RegisterDump | undefined;

  constructor(core: CoreInstance) {
    this.#core = core;
  }

  get ip(): bigint {
    return this.#core.quad(RIP);
  }

  get flags(): number {
    return this.#core.exports.flags() >>> 0;
  }

  general(index: number): bigint {
    return this.#core.quad(GPR + index * 8);
  }

  /** Everything that differs from QEMU's registers. Empty, and cheap, while nothing does. */
  differences(dump: RegisterDump): Difference[] {
    const found: Difference[] = [];
    if (!this.#sameGeneral(dump)) this.#compareGeneral(dump, found);
    if (this.#core.words[RIP >>> 2] !== dump.ipLow || this.#core.words[(RIP >>> 2) + 1] !== dump.ipHigh) {
      found.push({ name: 'rip', ours: this.ip, theirs: dump.ip });
    }
    const { flags } = this;
    if (flags !== dump.flags) found.push({ name: 'rflags', ours: BigInt(flags), theirs: BigInt(dump.flags) });
    const previous = this.#dump;
    const systemSame = previous?.sameSystem(dump) === true && this.#systemUnchanged();
    if (!systemSame) this.#compareSystem(dump.system(), dump.is64, found);
    const floatSame = previous?.sameFloat(dump) === true && this.#floatUnchanged();
    if (!floatSame) this.#compareFloat(dump.float(), found);
    if (found.length === 0) this.#remember(dump, systemSame, floatSame);
    else this.#dump = undefined;
    return found;
  }

  #sameGeneral(dump: RegisterDump): boolean {
    const { words } = this.#core;
    const ours = GPR >>> 2;
    const step = dump.is64 ? 1 : 2;
    const count = dump.is64 ? 32 : 16;
    for (let index = 0; index < count; index += step) {
      if (words[ours + index] !== dump.general[index]) return false;
    }
    return true;
  }

  #compareGeneral(dump: RegisterDump, found: Difference[]): void {
    for (let index = 0; index < (dump.is64 ? 16 : 8); index++) {
      const mask = dump.is64 ? 2n ** 64n - 1n : LOW_32;
      push(found, GENERAL_NAMES[index]!, this.general(index) & mask, dump.register(index) & mask);
    }
  }

  #systemUnchanged(): boolean {
    return this.#system !== undefined && this.#system.compare(this.#core.bytes, SYSTEM_START, SYSTEM_END) === 0;
  }

  #floatUnchanged(): boolean {
    return this.#float !== undefined && this.#float.compare(this.#core.bytes, FLOAT_START, FLOAT_END) === 0;
  }

  #remember(dump: RegisterDump, systemSame: boolean, floatSame: boolean): void {
    const { bytes } = this.#core;
    if (!systemSame) this.#system = Buffer.from(bytes.slice(SYSTEM_START, SYSTEM_END));
    if (!floatSame) this.#float = Buffer.from(bytes.slice(FLOAT_START, FLOAT_END));
    this.#dump = dump;
  }

  #compareSystem(theirs: SystemRegisters, is64: boolean, found: Difference[]): void {
    const core = this.#core;
    for (const [index, segment] of theirs.segments.entries()) {
      const at = SEGMENTS + index * SEGMENT_SIZE;
      const name = SEGMENT_NAMES[index]!;
      push(found, name, BigInt(core.word(at + SEGMENT_SELECTOR)), BigInt(segment.selector));
      const attributes = core.word(at + SEGMENT_ATTRIBUTES) & 0xf0ff;
      // A null selector makes the register unusable. What stays in the hidden part differs: QEMU leaves LDTR's old
      // attributes, and invents a present segment where IRET loads a null SS in 64-bit mode.
      const none = (theirs.cr0 & 1n) === 1n && name !== 'cs' && name !== 'tr' && segment.selector >>> 2 === 0;
      const usable = !none && ((attributes | segment.attributes) & PRESENT) !== 0;
      const based = is64 && index >= FIRST_BASE_IN_64_BIT && index <= LAST_BASE_IN_64_BIT;
      const mask = is64 ? 2n ** 64n - 1n : LOW_32;
      if (usable || based) push(found, `${name}.base`, core.quad(at + SEGMENT_BASE) & mask, segment.base & mask);
      if (!usable) continue;
      push(found, `${name}.limit`, BigInt(core.word(at + SEGMENT_LIMIT)), BigInt(segment.limit));
      push(found, `${name}.attributes`, BigInt(attributes), BigInt(segment.attributes));
    }
    push(found, 'gdt.base', core.quad(GDT_BASE), theirs.gdt.base);
    push(found, 'gdt.limit', BigInt(core.word(GDT_LIMIT)), BigInt(theirs.gdt.limit));
    push(found, 'idt.base', core.quad(IDT_BASE), theirs.idt.base);
    push(found, 'idt.limit', BigInt(core.word(IDT_LIMIT)), BigInt(theirs.idt.limit));
    push(found, 'cr0', core.quad(CR0), theirs.cr0);
    push(found, 'cr2', core.quad(CR2), theirs.cr2);
    push(found, 'cr3', core.quad(CR3), theirs.cr3);
    push(found, 'cr4', core.quad(CR4), theirs.cr4);
    push(found, 'efer', core.quad(EFER), theirs.efer);
    push(found, 'cpl', BigInt(core.word(CPL)), BigInt(theirs.cpl));
    for (const [index, register] of DEBUG_INDICES.entries()) {
      push(found, `dr${register}`, core.quad(DEBUG_REGISTERS + register * 8), theirs.debug[index]!);
    }
  }

  #compareFloat(theirs: FloatRegisters | undefined, found: Difference[]): void {
    if (theirs === undefined) return;
    const core = this.#core;
    push(found, 'fcw', BigInt(core.word(X87_CONTROL)), BigInt(theirs.controlWord));
    push(found, 'fsw', BigInt(core.word(X87_STATUS)), BigInt(theirs.statusWord));
    push(found, 'ftw', BigInt(core.word(X87_TAG)), BigInt(theirs.tags));
    push(found, 'mxcsr', BigInt(core.word(MXCSR)), BigInt(theirs.mxcsr));
    for (const [physical, { mantissa, exponent }] of theirs.x87.entries()) {
      push(found, `x87 r${physical}`, number80(core, X87 + physical * 16), (BigInt(exponent) << 64n) | mantissa);
    }
    for (const [index, value] of theirs.xmm.entries()) {
      const at = XMM + index * 16;
      push(found, `xmm${index}`, (core.quad(at + 8) << 64n) | core.quad(at), value);
    }
  }

  /** Takes over QEMU's registers whole. */
  load(dump: RegisterDump): void {
    const core = this.#core;
    for (let index = 0; index < 16; index++) core.setQuad(GPR + index * 8, dump.register(index));
    core.setQuad(RIP, dump.ip);
    const system = dump.system();
    for (const [index, { selector, base, limit, attributes }] of system.segments.entries()) {
      setSegment(core, index, selector, limit, attributes, base);
    }
    core.setQuad(GDT_BASE, system.gdt.base);
    core.setWord(GDT_LIMIT, system.gdt.limit);
    core.setQuad(IDT_BASE, system.idt.base);
    core.setWord(IDT_LIMIT, system.idt.limit);
    for (const [at, value] of [
      [CR0, system.cr0],
      [CR2, system.cr2],
      [CR3, system.cr3],
      [CR4, system.cr4],
      [EFER, system.efer],
    ] as const) {
      core.setQuad(at, value);
    }
    for (const [index, register] of DEBUG_INDICES.entries()) {
      core.setQuad(DEBUG_REGISTERS + register * 8, system.debug[index]!);
    }
    core.setWord(CPL, system.cpl);
    this.#loadFloat(dump.float());
    core.exports.setFlags(dump.flags);
    core.exports.stateChanged();
  }

  #loadFloat(float: FloatRegisters | undefined): void {
    const core = this.#core;
    if (float === undefined) return;
    core.setWord(X87_CONTROL, float.controlWord);
    core.setWord(X87_STATUS, float.statusWord);
    core.setWord(X87_TAG, float.tags);
    core.setWord(MXCSR, float.mxcsr);
    for (const [physical, { mantissa, exponent }] of float.x87.entries()) {
      core.setQuad(X87 + physical * 16, mantissa);
      core.setQuad(X87 + physical * 16 + 8, BigInt(exponent));
    }
    for (const [index, value] of float.xmm.entries()) {
      core.setQuad(XMM + index * 16, value);
      core.setQuad(XMM + index * 16 + 8, value >> 64n);
    }
  }

  /** Sets one register to what QEMU has: those that a device or a known difference can touch. */
  adopt({ name, theirs }: Difference): void {
    const general = GENERAL_NAMES.indexOf(name);
    if (general >= 0) this.#core.setQuad(GPR + general * 8, theirs);
    else if (name === 'rflags') this.#core.exports.setFlags(Number(theirs));
    else if (name === 'cs.attributes') this.#setAttributes(SEG_CS, theirs);
    else if (name === 'ss.attributes') this.#setAttributes(SEG_SS, theirs);
    else if (name === 'tr.attributes') this.#setAttributes(SEG_TR, theirs);
    else if (name === 'fcw') this.#core.setWord(X87_CONTROL, Number(theirs));
    else if (name === 'ftw') this.#core.setWord(X87_TAG, Number(theirs));
    else throw new Error(`${name} is not taken over`);
  }

  #setAttributes(segment: number, attributes: bigint): void {
    this.#core.setWord(SEGMENTS + segment * SEGMENT_SIZE + SEGMENT_ATTRIBUTES, Number(attributes));
  }
}

function push(found: Difference[], name: string, ours: bigint, theirs: bigint): void {
  if (ours !== theirs) found.push({ name, ours, theirs });
}

function number80(core: CoreInstance, at: number): bigint {
  return ((core.quad(at + 8) & 0xffffn) << 64n) | core.quad(at);
}
