/** The register states in which loaders hand over: what firmware and boot loaders would have set up before. */
import type { Gpa } from '../base/address.ts';
import type { CoreInstance } from './core-instance.ts';
import {
  CPL,
  CR0,
  CR3,
  CR4,
  EFER,
  RAX,
  RBX,
  RDX,
  RIP,
  RSP,
  SEG_CS,
  SEG_DS,
  SEG_ES,
  SEG_FS,
  SEG_GS,
  SEG_SS,
} from './layout.ts';
import { setSegment } from './register-view.ts';

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

function flatSegments(core: CoreInstance, code: number): void {
  // Selectors as GRUB's and QEMU's GDTs have them; the guest must load its own GDT before it reloads any.
  setSegment(core, SEG_CS, 0x8, FLAT_LIMIT, code);
  for (const index of [SEG_DS, SEG_ES, SEG_SS, SEG_FS, SEG_GS]) setSegment(core, index, 0x10, FLAT_LIMIT, DATA);
  core.setWord(CPL, 0);
}

/** Multiboot Specification 3.2, "Machine state". */
export function enterProtected32(core: CoreInstance, entry: Gpa, registers: { eax: number; ebx: number }): void {
  core.exports.resetActive();
  flatSegments(core, CODE_32);
  core.setQuad(CR0, PE | ET);
  core.setQuad(RDX, 0n);
  core.setQuad(RAX, BigInt(registers.eax >>> 0));
  core.setQuad(RBX, BigInt(registers.ebx >>> 0));
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

/** 64-bit mode with the page tables already made. */
export function enterLong64(core: CoreInstance, entry: bigint, pageTables: Gpa, stack: bigint): void {
  core.exports.resetActive();
  flatSegments(core, CODE_64);
  core.setQuad(CR4, PAE);
  core.setQuad(CR3, BigInt(pageTables));
  core.setQuad(EFER, LONG_MODE);
  core.setQuad(CR0, PG | WP | PE | ET);
  core.setQuad(RDX, 0n);
  core.setQuad(RSP, stack);
  core.setQuad(RIP, entry);
  core.exports.stateChanged();
}
