/** The paging mode in force, from the active processor's control registers (Intel SDM Vol. 3A 4.1.1). */
import type { Gpa } from '../base/address.ts';
import type { CoreInstance } from './core-instance.ts';
import { CR0, CR3, CR4, EFER, PDPTES } from './layout.ts';
import type { PagingControls, PagingMode } from './page-walk.ts';

const CR0_PG = 0x8000_0000n;
const CR4_PSE = 0x10n;
const CR4_PAE = 0x20n;
const EFER_LMA = 0x400n;
const EFER_NXE = 0x800n;

/** With `root`, the walk starts there, in 4-level mode if paging is off now. */
export function pagingControls(core: CoreInstance, root?: Gpa): PagingControls {
  const cr4 = core.quad(CR4);
  const efer = core.quad(EFER);
  let mode: PagingMode = '4-level';
  if ((core.quad(CR0) & CR0_PG) === 0n) mode = root === undefined ? 'none' : '4-level';
  else if ((cr4 & CR4_PAE) === 0n) mode = '32-bit';
  else if ((efer & EFER_LMA) === 0n) mode = 'pae';
  return {
    mode,
    root: root === undefined ? core.quad(CR3) : BigInt(root),
    largePages: (cr4 & CR4_PSE) !== 0n,
    noExecute: (efer & EFER_NXE) !== 0n,
    ...(mode === 'pae' && root === undefined
      ? { pdptes: [0, 1, 2, 3].map((index) => core.quad(PDPTES + index * 8)) }
      : {}),
  };
}
