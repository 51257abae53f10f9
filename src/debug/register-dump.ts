/** The processor's registers as QEMU dumps them into `-d int` and `-d cpu_reset` (target/i386, cpu-dump). */
import { hexPadded } from '../base/address.ts';
import type { RegisterView } from '../cpu/types.ts';

const EFER_LMA = 1n << 10n;
const CR0_PE = 1n;
/** Arithmetic flags: what QEMU's CCS shows once it has computed them (CCO=EFLAGS). */
const ARITHMETIC_FLAGS = 0x8d5n;

/** Bits of the second word of a descriptor (Intel SDM Vol. 3A 3.4.5). */
const SEGMENT = {
  accessed: 1 << 8,
  writable: 1 << 9,
  expandDown: 1 << 10,
  code: 1 << 11,
  user: 1 << 12,
  present: 1 << 15,
};
const DEFAULT_32 = 1 << 22;
const LONG_CODE = 1 << 21;

/** By the type of a system descriptor, in 32-bit and in long mode (Intel SDM Vol. 3A Table 3-2). */
const SYSTEM_TYPES = [
  'Reserved TSS16-avl LDT TSS16-busy CallGate16 TaskGate IntGate16 TrapGate16 Reserved TSS32-avl Reserved TSS32-busy CallGate32 Reserved IntGate32 TrapGate32',
  '<hiword> Reserved LDT Reserved Reserved Reserved Reserved Reserved Reserved TSS64-avl Reserved TSS64-busy CallGate64 Reserved IntGate64 TrapGate64',
].map((names) => names.split(' '));

export interface DumpOptions {
  /** Adds the lazily computed condition codes, as `-d int` does. */
  readonly conditionCodes: boolean;
  readonly halted?: boolean;
}

/**
 * The dump, ending with a line end. DEVIATION: A20 is on always.
 */
export function dumpRegisters(registers: RegisterView, options: DumpOptions): string {
  const wide = (registers.efer & EFER_LMA) !== 0n;
  const long = wide && registers.bits === 64;
  const digits = wide ? 16 : 8;
  const lines = [
    ...(long ? generalRegisters64(registers) : generalRegisters32(registers)),
    statusLine(registers, long, options.halted ?? false),
    ...segmentLines(registers, wide),
    `GDT=     ${hexPadded(registers.gdt.base, digits)} ${hexPadded(registers.gdt.limit, 8)}`,
    `IDT=     ${hexPadded(registers.idt.base, digits)} ${hexPadded(registers.idt.limit, 8)}`,
    controlLine(registers, digits),
    ...debugLines(registers),
  ];
  if (options.conditionCodes) {
    const flags = hexPadded(registers.rflags & ARITHMETIC_FLAGS, digits);
    lines.push(`CCS=${flags} CCD=${hexPadded(0, digits)} CCO=EFLAGS`);
  }
  lines.push(`EFER=${hexPadded(registers.efer, 16)}`);
  return `${lines.join('\n')}\n`;
}

/** A view without debug registers shows them as after reset. */
function debugLines({ dr }: RegisterView): string[] {
  const text = (index: number, reset = 0n) => `DR${index}=${hexPadded(dr?.[index] ?? reset, 16)}`;
  return [`${text(0)} ${text(1)} ${text(2)} ${text(3)} `, `${text(6, 0xffff_0ff0n)} ${text(7, 0x400n)}`];
}

/** QEMU's order of the first eight, as indices of rax rcx rdx rbx rsp rbp rsi rdi. */
const ORDER = [0, 3, 1, 2, 6, 7, 5, 4];
const NAMES = ['AX', 'BX', 'CX', 'DX', 'SI', 'DI', 'BP', 'SP'];

function rows(fields: readonly string[]): string[] {
  const lines: string[] = [];
  for (let index = 0; index < fields.length; index += 4) lines.push(fields.slice(index, index + 4).join(' '));
  return lines;
}

function generalRegisters64({ gpr }: RegisterView): string[] {
  const low = NAMES.map((name, index) => `R${name}=${hexPadded(gpr[ORDER[index]!]!, 16)}`);
  const high = gpr.slice(8).map((value, index) => `R${String(index + 8).padEnd(2)}=${hexPadded(value, 16)}`);
  return rows([...low, ...high]);
}

function generalRegisters32({ gpr }: RegisterView): string[] {
  return rows(NAMES.map((name, index) => `E${name}=${hexPadded(BigInt.asUintN(32, gpr[ORDER[index]!]!), 8)}`));
}

function statusLine(registers: RegisterView, long: boolean, halted: boolean): string {
  const { rip, rflags, cpl } = registers;
  const letters: readonly [number, string][] = [
    [10, 'D'],
    [11, 'O'],
    [7, 'S'],
    [6, 'Z'],
    [4, 'A'],
    [2, 'P'],
    [0, 'C'],
  ];
  const flags = letters.map(([bit, letter]) => (((rflags >> BigInt(bit)) & 1n) === 1n ? letter : '-')).join('');
  const address = long ? `RIP=${hexPadded(rip, 16)} RFL=` : `EIP=${hexPadded(BigInt.asUintN(32, rip), 8)} EFL=`;
  const state = `[${flags}] CPL=${cpl} II=0 A20=1 SMM=${registers.smm ? 1 : 0} HLT=${halted ? 1 : 0}`;
  return `${address}${hexPadded(rflags, 8)} ${state}`;
}

function segmentLines(registers: RegisterView, wide: boolean): string[] {
  const names = ['ES', 'CS', 'SS', 'DS', 'FS', 'GS', 'LDT', 'TR'];
  return names.map((name, index) => {
    const { selector, base, limit } = registers.segments[index]!;
    const attributes = descriptorWord(registers.segments[index]!);
    const head = `${name.padEnd(3)}=${hexPadded(selector, 4)} ${hexPadded(base, wide ? 16 : 8)}`;
    const raw = `${head} ${hexPadded(limit >>> 0, 8)} ${hexPadded(attributes >>> 0, 8)}`;
    const described = (registers.cr.cr0 & CR0_PE) !== 0n && (attributes & SEGMENT.present) !== 0;
    return described ? `${raw} DPL=${(attributes >> 13) & 3} ${describeSegment(attributes, wide)}` : raw;
  });
}

/**
 * The processor keeps access rights as VMX packs them (Intel SDM Vol. 3C 24.4.1: access byte in 7:0, AVL, L, D/B and G in
 * 15:12); QEMU shows the descriptor's second word, which also has bits 19:16 of the limit.
 */
function descriptorWord({ limit, attributes }: { readonly limit: number; readonly attributes: number }): number {
  const units = (attributes & 0x8000) !== 0 ? limit >>> 12 : limit >>> 0;
  return ((attributes & 0xff) << 8) | ((attributes & 0xf000) << 8) | (((units >>> 16) & 0xf) << 16);
}

function describeSegment(attributes: number, wide: boolean): string {
  const has = (bit: number, letter: string) => ((attributes & bit) !== 0 ? letter : '-');
  if ((attributes & SEGMENT.user) === 0) return SYSTEM_TYPES[wide ? 1 : 0]![(attributes >> 8) & 15]!;
  const accessed = has(SEGMENT.accessed, 'A');
  if ((attributes & SEGMENT.code) !== 0) {
    const size = (attributes & LONG_CODE) !== 0 ? 'CS64' : (attributes & DEFAULT_32) !== 0 ? 'CS32' : 'CS16';
    return `${size} [${has(SEGMENT.expandDown, 'C')}${has(SEGMENT.writable, 'R')}${accessed}]`;
  }
  const size = (attributes & DEFAULT_32) !== 0 ? 'DS  ' : 'DS16';
  return `${size} [${has(SEGMENT.expandDown, 'E')}${has(SEGMENT.writable, 'W')}${accessed}]`;
}

function controlLine({ cr }: RegisterView, digits: number): string {
  const [cr2, cr3] = [hexPadded(cr.cr2, digits), hexPadded(cr.cr3, digits)];
  return `CR0=${hexPadded(cr.cr0, 8)} CR2=${cr2} CR3=${cr3} CR4=${hexPadded(cr.cr4, 8)}`;
}
