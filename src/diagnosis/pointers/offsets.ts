/** The direct maps of a guest: by how much its linear addresses differ from physical ones. */
import { busToGpa, type Gpa, gpa } from '../../base/address.ts';
import type { GuestView, Site } from '../guest-view.ts';
import type { ControllerKnowledge } from '../knowledge.ts';

export interface DirectMap {
  /** Linear minus physical, modulo 2^64. Never 0. */
  readonly offset: bigint;
  /** True when the guest's own page tables show it; false for the maps that kernels are known to use. */
  readonly observed: boolean;
}

/** Direct maps of public kernels, for when the page tables are out of reach. */
const CUSTOMARY_OFFSETS = [
  0xffff_ffff_8000_0000n, // x86-64 kernel image ("-mcmodel=kernel")
  0xffff_8000_0000_0000n, // start of the upper half
  0xffff_ff80_0000_0000n, // last PML4 slot but one, ArceOS until 2024
  0xffff_8880_0000_0000n, // Linux direct map without KASLR
  0xffff_0000_0000_0000n, // AArch64 TTBR1
];

/** Good pointers that are asked for their linear address: a search through the page tables each. */
const PROBES_MAX = 4;

function maskOffset(linear: bigint, physical: number): bigint {
  return BigInt.asUintN(64, linear - BigInt(physical));
}

/** All direct maps worth trying, observed ones first. Costs page walks: only for a pointer that is already known bad. */
export function directMaps(view: GuestView, known: ControllerKnowledge, site: Site | undefined): DirectMap[] {
  const observed = new Set<bigint>();
  const pageTables = site?.pageTables;
  let probes = 0;
  for (const { pointer, verdict } of known.pointers.values()) {
    if (verdict?.kind === 'virtual') observed.add(verdict.offset);
    const physical = busToGpa(pointer.value);
    if (verdict?.kind !== 'ok' || physical === undefined || probes >= PROBES_MAX) continue;
    probes += 1;
    const linear = view.linearFor(physical, pageTables);
    if (linear !== undefined) observed.add(maskOffset(linear, physical));
  }
  if (site !== undefined) {
    const code = view.walk(site.pc, pageTables)?.physical;
    if (code !== undefined) {
      observed.add(maskOffset(site.pc, code));
      const linear = view.linearFor(code, pageTables);
      if (linear !== undefined) observed.add(maskOffset(linear, code));
    }
  }
  observed.delete(0n);
  return [
    ...[...observed].map((offset) => ({ offset, observed: true })),
    ...CUSTOMARY_OFFSETS.filter((offset) => !observed.has(offset)).map((offset) => ({ offset, observed: false })),
  ];
}

/** `value` minus or plus an offset modulo 2^64, when RAM answers there. */
export function ramAt(view: GuestView, value: bigint): Gpa | undefined {
  const cut = BigInt.asUintN(64, value);
  if (cut >= 0x10_0000_0000_0000n) return undefined;
  const address = gpa(Number(cut));
  return view.describePhysical(address).kind === 'ram' ? address : undefined;
}
