/** Finds a linear address that maps a physical one by reading the page tables, most likely places first. Bounded. */
import type { Gpa, Gva } from '../base/address.ts';
import { gpa, gva } from '../base/address.ts';

/** Reads one 8-byte entry of a table; `undefined` where there is no RAM. */
export type ReadTableEntry = (address: Gpa) => bigint | undefined;

/** Entries read at most: a kernel's own half rarely has more than a few thousand tables. */
const ENTRIES_MAX = 400_000;
const ENTRIES_PER_TABLE = 512;
const PRESENT = 1n;
const LARGE = 0x80n;
const FRAME = 0x000f_ffff_ffff_f000n;
const SHIFTS = [39, 30, 21, 12] as const;

/** The highest linear address (kernels live at the top) that 4-level tables at `root` map to `physical`. */
export function findLinear(physical: Gpa, root: Gpa, read: ReadTableEntry): Gva | undefined {
  let left = ENTRIES_MAX;
  const target = BigInt(physical);
  /** Tables already searched without success: a direct map often shares them between entries. */
  const fruitless = new Set<string>();
  const search = (table: Gpa, depth: number): bigint | undefined => {
    const key = `${depth} ${table}`;
    if (fruitless.has(key)) return undefined;
    const shift = BigInt(SHIFTS[depth]!);
    for (let index = ENTRIES_PER_TABLE - 1; index >= 0 && left > 0; index -= 1) {
      left -= 1;
      const entry = read(gpa(table + index * 8));
      if (entry === undefined || (entry & PRESENT) === 0n) continue;
      const place = BigInt(index) << shift;
      if (depth === 3 || (depth > 0 && (entry & LARGE) !== 0n)) {
        const size = 1n << shift;
        const frame = entry & FRAME & ~(size - 1n);
        if (target >= frame && target < frame + size) return place + (target - frame);
        continue;
      }
      const below = search(gpa(Number(entry & FRAME)), depth + 1);
      if (below !== undefined) return place + below;
    }
    fruitless.add(key);
    return undefined;
  };
  const found = search(root, 0);
  return found === undefined ? undefined : gva(BigInt.asUintN(64, BigInt.asIntN(48, found)));
}
