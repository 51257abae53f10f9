/** The registers as a debugger shows and sets them, read from and written to a processor's state block. */
import { assert } from '../base/assert.ts';
import type { CoreInstance } from './core-instance.ts';
import {
  CPL,
  CR0,
  CR2,
  CR3,
  CR4,
  CR8,
  DEBUG_REGISTERS,
  EFER,
  EFLAGS,
  FS_BASE,
  GDT_BASE,
  GDT_LIMIT,
  GPR,
  GS_BASE,
  IDT_BASE,
  IDT_LIMIT,
  KERNEL_GS_BASE,
  MODE,
  MODE_CODE_SIZE_MASK,
  RIP,
  SEGMENT_ATTRIBUTES,
  SEGMENT_BASE,
  SEGMENT_LIMIT,
  SEGMENT_SELECTOR,
  SEGMENT_SIZE,
  SEGMENTS,
  SMM_ACTIVE,
  STATE,
} from './layout.ts';
import type { RegisterView } from './types.ts';

const GPR_NAMES = 'rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15'.split(' ');
const SEGMENT_NAMES = 'es cs ss ds fs gs ldtr tr'.split(' ');
const QUADS: Readonly<Record<string, number>> = {
  rip: RIP,
  cr0: CR0,
  cr2: CR2,
  cr3: CR3,
  cr4: CR4,
  cr8: CR8,
  efer: EFER,
  dr0: DEBUG_REGISTERS,
  dr1: DEBUG_REGISTERS + 8,
  dr2: DEBUG_REGISTERS + 16,
  dr3: DEBUG_REGISTERS + 24,
  dr6: DEBUG_REGISTERS + 48,
  dr7: DEBUG_REGISTERS + 56,
  fs_base: FS_BASE,
  gs_base: GS_BASE,
  kernel_gs_base: KERNEL_GS_BASE,
};

/** Reads the state block at `state` (active or parked); EFLAGS must be up to date. */
export function readRegisters(core: CoreInstance, state: number): RegisterView {
  const quad = (address: number) => core.quad(address - STATE + state);
  const word = (address: number) => core.word(address - STATE + state);
  const segments = SEGMENT_NAMES.map((_, index) => {
    const at = SEGMENTS + index * SEGMENT_SIZE;
    return {
      selector: word(at + SEGMENT_SELECTOR),
      base: quad(at + SEGMENT_BASE),
      limit: word(at + SEGMENT_LIMIT),
      attributes: word(at + SEGMENT_ATTRIBUTES),
    };
  });
  const size = word(MODE) & MODE_CODE_SIZE_MASK;
  return {
    gpr: GPR_NAMES.map((_, index) => quad(GPR + index * 8)),
    rip: quad(RIP),
    rflags: BigInt(word(EFLAGS)),
    segments,
    gdt: { base: quad(GDT_BASE), limit: word(GDT_LIMIT) },
    idt: { base: quad(IDT_BASE), limit: word(IDT_LIMIT) },
    cr: { cr0: quad(CR0), cr2: quad(CR2), cr3: quad(CR3), cr4: quad(CR4), cr8: quad(CR8) },
    dr: Array.from({ length: 8 }, (_, index) => quad(DEBUG_REGISTERS + index * 8)),
    smm: word(SMM_ACTIVE) !== 0,
    efer: quad(EFER),
    cpl: word(CPL),
    bits: size === 2 ? 64 : size === 1 ? 32 : 16,
  };
}

/** Sets one register of the active processor. False: there is no register of that name. */
export function writeRegister(core: CoreInstance, name: string, value: bigint): boolean {
  const general = GPR_NAMES.indexOf(name);
  if (general >= 0) {
    core.setQuad(GPR + general * 8, value);
  } else if (name === 'rflags') {
    core.exports.setFlags(Number(BigInt.asUintN(32, value)));
  } else if (QUADS[name] !== undefined) {
    core.setQuad(QUADS[name], value);
    if (name.startsWith('cr') || name.startsWith('dr') || name === 'efer') core.exports.stateChanged();
  } else {
    const segment = SEGMENT_NAMES.indexOf(name);
    if (segment < 0) return false;
    core.setWord(SEGMENTS + segment * SEGMENT_SIZE + SEGMENT_SELECTOR, Number(value & 0xffffn));
  }
  return true;
}

/** Fills the cached part of a segment register. `attributes` as {@link SEGMENT_ATTRIBUTES} has them. */
export function setSegment(
  core: CoreInstance,
  index: number,
  selector: number,
  limit: number,
  attributes: number,
  base = 0n,
): void {
  const at = SEGMENTS + index * SEGMENT_SIZE;
  assert(index < SEGMENT_NAMES.length, 'a segment register');
  core.setQuad(at + SEGMENT_BASE, base);
  core.setWord(at + SEGMENT_LIMIT, limit);
  core.setWord(at + SEGMENT_ATTRIBUTES, attributes);
  core.setWord(at + SEGMENT_SELECTOR, selector);
}
