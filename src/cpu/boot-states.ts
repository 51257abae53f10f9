/** The register states in which loaders hand over: what firmware and boot loaders would have set up before. */
import type { Gpa } from '../base/address.ts';
import type { CoreInstance } from './core-instance.ts';
import {
  CPL,
  CR0,
  CR3,
  CR4,
  EFER,
  GDT_BASE,
  GDT_LIMIT,
  MTRR_DEFAULT_TYPE,
  MTRR_FIXED,
  MTRR_VARIABLE,
  RAX,
  RBX,
  RDX,
  RIP,
  RSI,
  RSP,
  SEG_CS,
  SEG_DS,
  SEG_ES,
  SEG_FS,
  SEG_GS,
  SEG_SS,
  STATE,
} from './layout.ts';
import { setSegment } from './register-view.ts';
import type { BootGdt, EntryRegisters } from './types.ts';

const FLAT_LIMIT = 0xffff_ffff;
/** Present, DPL 0, accessed; 32-bit (or 64-bit) and page granular. */
const CODE_32 = 0xc09b;
const CODE_64 = 0xa09b;
const DATA = 0xc093;
const PE = 0x1n;
const ET = 0x10n;
const WP = 0x1_0000n;
const PG = 0x8000_0000n;
const PAE = 0x20n;
/** LME and LMA; NX stays off until the guest turns it on. */
const LONG_MODE = 0x500n;

/** The selectors of GRUB's and QEMU's GDTs; without a GDT of its own the guest must load one before it reloads any. */
const SELECTORS = { code: 0x8, data: 0x10 };

function flatSegments(core: CoreInstance, code: number, gdt: BootGdt | undefined): void {
  const selectors = gdt ?? SELECTORS;
  setSegment(core, SEG_CS, selectors.code, FLAT_LIMIT, code);
  for (const index of [SEG_DS, SEG_ES, SEG_SS, SEG_FS, SEG_GS]) {
    setSegment(core, index, selectors.data, FLAT_LIMIT, DATA);
  }
  core.setWord(CPL, 0);
  if (gdt === undefined) return;
  core.setQuad(GDT_BASE, BigInt(gdt.base));
  core.setWord(GDT_LIMIT, gdt.limit);
}

function generalRegisters(core: CoreInstance, { eax = 0, ebx = 0, esi = 0 }: EntryRegisters): void {
  core.setQuad(RDX, 0n);
  core.setQuad(RAX, BigInt(eax >>> 0));
  core.setQuad(RBX, BigInt(ebx >>> 0));
  core.setQuad(RSI, BigInt(esi >>> 0));
}

/** Multiboot Specification 3.2, "Machine state"; the 32-bit boot protocol of Linux and PVH differ in the registers. */
export function enterProtected32(core: CoreInstance, entry: Gpa, registers: EntryRegisters, gdt?: BootGdt): void {
  core.exports.resetActive();
  flatSegments(core, CODE_32, gdt);
  core.setQuad(CR0, PE | ET);
  generalRegisters(core, registers);
  core.setQuad(RIP, BigInt(entry));
  core.exports.stateChanged();
}

/**
 * Real mode at `selector`:`offset`, as a BIOS leaves it for a boot sector: data and stack segments and their limits as
 * RESET has them, interrupts off.
 */
export function enterReal16(core: CoreInstance, selector: number, offset: number): void {
  core.exports.resetActive();
  setSegment(core, SEG_CS, selector & 0xffff, 0xffff, 0x9b, BigInt((selector & 0xffff) * 16));
  core.setQuad(RDX, 0n);
  core.setQuad(RIP, BigInt(offset & 0xffff));
  core.exports.stateChanged();
}

export interface Long64Entry {
  readonly entry: bigint;
  readonly pageTables: Gpa;
  readonly stack: bigint;
}

/** 64-bit mode with the page tables already made. */
export function enterLong64(core: CoreInstance, at: Long64Entry, registers: EntryRegisters = {}, gdt?: BootGdt): void {
  core.exports.resetActive();
  flatSegments(core, CODE_64, gdt);
  core.setQuad(CR4, PAE);
  core.setQuad(CR3, BigInt(at.pageTables));
  core.setQuad(EFER, LONG_MODE);
  core.setQuad(CR0, PG | WP | PE | ET);
  generalRegisters(core, registers);
  core.setQuad(RSP, at.stack);
  core.setQuad(RIP, at.entry);
  core.exports.stateChanged();
}

/** Eight memory types of IA32_MTRR_FIX registers (Intel SDM Vol. 3A 11.11.2.2): write-back, uncacheable, write-protected. */
const WRITE_BACK = 0x0606_0606_0606_0606n;
const UNCACHEABLE = 0n;
const WRITE_PROTECTED = 0x0505_0505_0505_0505n;
/** 0-640 KiB RAM, 640-768 KiB the VGA window, up to 1 MiB ROM. */
const FIXED_TYPES = [WRITE_BACK, WRITE_BACK, UNCACHEABLE, ...Array<bigint>(8).fill(WRITE_PROTECTED)];
/** Base and mask of 40 bits: the gigabyte of devices below 4 GiB, uncacheable, valid. */
const DEVICES = [0xc000_0000n, 0xff_c000_0800n];
/** Write-back elsewhere; both kinds of ranges in force. */
const DEFAULT_TYPE = 0xc06n;

/** MTRRs as SeaBIOS leaves them on every processor; `block` is where the processor's state stands. */
export function setUpMemoryTypes(core: CoreInstance, block: number): void {
  const set = (at: number, value: bigint): void => core.setQuad(at - STATE + block, value);
  for (const [index, types] of FIXED_TYPES.entries()) set(MTRR_FIXED + index * 8, types);
  for (const [index, value] of DEVICES.entries()) set(MTRR_VARIABLE + index * 8, value);
  set(MTRR_DEFAULT_TYPE, DEFAULT_TYPE);
}
