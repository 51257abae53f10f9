/**
 * A debugger's page walk: the tables as they stand, without accessed bits, faults or caches
 * (Intel SDM Vol. 3A chapter 4). Bounded by the number of levels.
 */
import { type Gpa, type Gva, gpa, PHYSICAL_ADDRESS_LIMIT } from '../base/address.ts';

/** Which paging mode is in force: derived from CR0.PG, CR4.PAE, EFER.LMA, CR4.LA57. */
export type PagingMode = 'none' | '32-bit' | 'pae' | '4-level';

/** Reads `size` (4 or 8) bytes of physical memory, little-endian; `undefined` where there is no RAM. */
export type ReadEntry = (address: Gpa, size: number) => bigint | undefined;

export interface PageTableStep {
  readonly level: 'PML4' | 'PDPT' | 'PD' | 'PT';
  readonly index: number;
  readonly entryAddress: Gpa;
  readonly entry: bigint;
}

export interface PageTableWalk {
  readonly steps: readonly PageTableStep[];
  /** `undefined`: an entry is not present or not readable, or the address is not canonical. */
  readonly physical: Gpa | undefined;
  /** Bytes. */
  readonly pageSize: number | undefined;
  readonly writable: boolean;
  readonly user: boolean;
  readonly executable: boolean;
}

export interface PagingControls {
  readonly mode: PagingMode;
  /** CR3. */
  readonly root: bigint;
  /** CR4.PSE: 4 MiB pages in 32-bit paging. */
  readonly largePages: boolean;
  /** EFER.NXE. */
  readonly noExecute: boolean;
  /** PAE: the four PDPTEs that the processor holds. Without them they are read at `root`. */
  readonly pdptes?: readonly bigint[];
}

interface Level {
  readonly name: PageTableStep['level'];
  readonly shift: number;
  readonly bits: number;
}

const PML4: Level = { name: 'PML4', shift: 39, bits: 9 };
const PDPT: Level = { name: 'PDPT', shift: 30, bits: 9 };
const PD: Level = { name: 'PD', shift: 21, bits: 9 };
const PT: Level = { name: 'PT', shift: 12, bits: 9 };

const LEVELS: Readonly<Record<Exclude<PagingMode, 'none'>, readonly Level[]>> = {
  '4-level': [PML4, PDPT, PD, PT],
  pae: [{ ...PDPT, bits: 2 }, PD, PT],
  '32-bit': [
    { name: 'PD', shift: 22, bits: 10 },
    { name: 'PT', shift: 12, bits: 10 },
  ],
};

const PRESENT = 1n;
const WRITABLE = 2n;
const USER = 4n;
const LARGE = 0x80n;
const NO_EXECUTE = 1n << 63n;
const FRAME = 0x000f_ffff_ffff_f000n;

/** Bits 63-47 of a canonical address are alike (4-level paging). */
export function isCanonical(address: bigint): boolean {
  return BigInt.asUintN(64, BigInt.asIntN(48, address)) === BigInt.asUintN(64, address);
}

function isLeaf(level: Level, entry: bigint, controls: PagingControls): boolean {
  if (level.name === 'PT') return true;
  if ((entry & LARGE) === 0n) return false;
  if (controls.mode === '32-bit') return controls.largePages;
  return level.name === 'PD' || (level.name === 'PDPT' && controls.mode === '4-level');
}

/** PSE-36 puts bits 39-32 of a 4 MiB page's address into bits 20-13 of its entry. */
function frameOf(entry: bigint, shift: number): bigint {
  const mask = (1n << BigInt(shift)) - 1n;
  if (shift === 22) return (entry & 0xffc0_0000n) | (((entry >> 13n) & 0xffn) << 32n);
  return entry & FRAME & ~mask;
}

/** Where `address` leads. Rights are those of the whole walk so far, or all when paging is off. */
export function walkPageTables(address: Gva, controls: PagingControls, read: ReadEntry): PageTableWalk {
  const rights = { writable: true, user: true, executable: true };
  if (controls.mode === 'none') {
    return { steps: [], physical: gpa(Number(address & 0xffff_ffffn)), pageSize: undefined, ...rights };
  }
  const steps: PageTableStep[] = [];
  const failed = () => ({ steps, physical: undefined, pageSize: undefined, ...rights });
  if (controls.mode === '4-level' && !isCanonical(address)) return failed();
  const wide = controls.mode !== '32-bit';
  let table = controls.mode === 'pae' ? controls.root & 0xffff_ffe0n : controls.root & (wide ? FRAME : 0xffff_f000n);
  for (const level of LEVELS[controls.mode]) {
    const index = Number((address >> BigInt(level.shift)) & ((1n << BigInt(level.bits)) - 1n));
    const entryAddress = gpa(Number(table) + index * (wide ? 8 : 4));
    const held = level.name === 'PDPT' && controls.mode === 'pae' ? controls.pdptes?.[index] : undefined;
    const entry = held ?? read(entryAddress, wide ? 8 : 4);
    if (entry === undefined) return failed();
    steps.push({ level: level.name, index, entryAddress, entry });
    if ((entry & PRESENT) === 0n) return failed();
    // A PAE PDPTE carries no rights.
    if (level.name !== 'PDPT' || controls.mode !== 'pae') {
      rights.writable &&= (entry & WRITABLE) !== 0n;
      rights.user &&= (entry & USER) !== 0n;
      rights.executable &&= !(wide && controls.noExecute && (entry & NO_EXECUTE) !== 0n);
    }
    if (isLeaf(level, entry, controls)) {
      const offset = address & ((1n << BigInt(level.shift)) - 1n);
      const physical = Number(frameOf(entry, level.shift) | offset);
      if (physical >= PHYSICAL_ADDRESS_LIMIT) return failed();
      return { steps, physical: gpa(physical), pageSize: 2 ** level.shift, ...rights };
    }
    table = entry & (wide ? FRAME : 0xffff_f000n);
  }
  return failed();
}
