/**
 * The effective memory type of an address from MTRRs and PAT (Intel SDM Vol. 3A 11.11.4, 11.12, table 11-7). Nothing here
 * caches; a diagnosis says with it what a real machine would have done.
 */
import type { PageTableWalk } from './page-walk.ts';

/** Uncacheable, write-combining, write-through, write-protected, write-back, and PAT's UC- that MTRRs may override. */
export type MemoryType = 'UC' | 'WC' | 'WT' | 'WP' | 'WB' | 'UC-';

export interface MemoryTypeRegisters {
  readonly cr0: bigint;
  /** IA32_MTRR_DEF_TYPE. */
  readonly defaultType: bigint;
  /** IA32_MTRR_FIX64K_00000, FIX16K_80000, FIX16K_A0000, FIX4K_C0000 ... F8000: eleven. */
  readonly fixed: readonly bigint[];
  /** Base and mask, in pairs. */
  readonly variable: readonly (readonly [bigint, bigint])[];
  readonly pat: bigint;
}

const TYPES: Readonly<Record<number, MemoryType>> = { 0: 'UC', 1: 'WC', 4: 'WT', 5: 'WP', 6: 'WB', 7: 'UC-' };
const CACHE_DISABLE = 1n << 30n;
const MTRR_ENABLE = 1n << 11n;
const FIXED_ENABLE = 1n << 10n;
const MASK_VALID = 1n << 11n;
const PAGE = ~0xfffn;

function typeOf(value: bigint): MemoryType {
  return TYPES[Number(value & 0xffn)] ?? 'UC';
}

/** The field of a fixed-range MTRR for an address below 1 MiB: eight fields a register. */
function fixedType(address: number, fixed: readonly bigint[]): MemoryType {
  let index = 0;
  let field = 0;
  if (address < 0x8_0000) field = address >> 16;
  else if (address < 0xc_0000) {
    index = 1 + ((address - 0x8_0000) >> 17);
    field = (address >> 14) & 7;
  } else {
    index = 3 + ((address - 0xc_0000) >> 15);
    field = (address >> 12) & 7;
  }
  return typeOf((fixed[index] ?? 0n) >> BigInt(field * 8));
}

/** What the MTRRs say of a physical address (11.11.4.1): UC wins, WT beats WB, any other overlap is undefined, so UC. */
export function mtrrType(address: number, registers: MemoryTypeRegisters): MemoryType {
  const { defaultType, fixed, variable } = registers;
  if ((defaultType & MTRR_ENABLE) === 0n) return 'UC';
  if (address < 0x10_0000 && (defaultType & FIXED_ENABLE) !== 0n) return fixedType(address, fixed);
  const found = new Set<MemoryType>();
  for (const [base, mask] of variable) {
    if ((mask & MASK_VALID) !== 0n && (BigInt(address) & mask & PAGE) === (base & mask & PAGE)) found.add(typeOf(base));
  }
  if (found.size === 0) return typeOf(defaultType);
  if (found.size === 1) return [...found][0]!;
  return found.size === 2 && found.has('WT') && found.has('WB') ? 'WT' : 'UC';
}

const PWT = 0x08n;
const PCD = 0x10n;

/** The PAT entry that a page's PAT, PCD and PWT bits select; without paging it is entry 0 (11.12.3). */
export function patType(walk: PageTableWalk, pat: bigint): MemoryType {
  const last = walk.steps.at(-1);
  if (last === undefined) return 'WB';
  const patBit = last.level === 'PT' ? 7n : 12n;
  const index =
    ((last.entry & PWT) !== 0n ? 1 : 0) +
    ((last.entry & PCD) !== 0n ? 2 : 0) +
    (((last.entry >> patBit) & 1n) !== 0n ? 4 : 0);
  return typeOf(pat >> BigInt(index * 8));
}

type RangeType = Exclude<MemoryType, 'UC-'>;

/** Table 11-7: by the MTRRs' type, then by the PAT's. */
const COMBINED: Readonly<Record<RangeType, Readonly<Record<MemoryType, RangeType>>>> = {
  UC: { UC: 'UC', 'UC-': 'UC', WC: 'WC', WT: 'UC', WB: 'UC', WP: 'UC' },
  WC: { UC: 'UC', 'UC-': 'WC', WC: 'WC', WT: 'UC', WB: 'WC', WP: 'UC' },
  WT: { UC: 'UC', 'UC-': 'UC', WC: 'WC', WT: 'WT', WB: 'WT', WP: 'WP' },
  WB: { UC: 'UC', 'UC-': 'UC', WC: 'WC', WT: 'WT', WB: 'WB', WP: 'WP' },
  WP: { UC: 'UC', 'UC-': 'WC', WC: 'WC', WT: 'WT', WB: 'WP', WP: 'WP' },
};

/** The effective type where `walk` leads; `undefined` when it leads nowhere. CR0.CD makes everything uncacheable. */
export function effectiveMemoryType(walk: PageTableWalk, registers: MemoryTypeRegisters): MemoryType | undefined {
  if (walk.physical === undefined) return undefined;
  if ((registers.cr0 & CACHE_DISABLE) !== 0n) return 'UC';
  const range = mtrrType(walk.physical, registers);
  // MTRRs cannot hold UC-: WRMSR refuses it.
  return COMBINED[range === 'UC-' ? 'UC' : range][patType(walk, registers.pat)];
}
