/** What a bridge forwards downstream: ranges of its primary bus that show the bus behind it (PCI-to-PCI Bridge 1.2 §4). */
import { AliasRegion } from '../memory/alias-region.ts';
import type { MemorySystem } from '../memory/memory-system.ts';
import type { MemoryRegion } from '../memory/region.ts';

/** As BARs: in front of what the chipset decodes by default. */
const WINDOW_PRIORITY = 1;
/** First physical address that does not exist. */
const PHYSICAL_LIMIT = 2 ** 52;

/** Both inclusive. */
export interface WindowRange {
  readonly base: number;
  readonly limit: number;
}

export class BridgeWindow {
  readonly #system: MemorySystem;
  readonly #name: string;
  readonly #primary: MemoryRegion;
  readonly #secondary: MemoryRegion;
  #alias: AliasRegion | undefined;
  #base = 0;
  #limit = -1;

  constructor(system: MemorySystem, name: string, primary: MemoryRegion, secondary: MemoryRegion) {
    this.#system = system;
    this.#name = name;
    this.#primary = primary;
    this.#secondary = secondary;
  }

  /** Opens the window at `range`; `undefined`, or a limit below the base, closes it. */
  place(range: WindowRange | undefined): void {
    const open = range !== undefined && range.base <= range.limit && range.limit < PHYSICAL_LIMIT;
    const [base, limit] = open ? [range.base, range.limit] : [0, -1];
    if (base === this.#base && limit === this.#limit) return;
    this.#base = base;
    this.#limit = limit;
    if (this.#alias !== undefined) this.#primary.removeSubregion(this.#alias);
    this.#alias = undefined;
    if (!open) return;
    this.#alias = new AliasRegion(this.#system, this.#name, this.#secondary, base, limit - base + 1);
    this.#primary.addSubregion(base, this.#alias, WINDOW_PRIORITY);
  }
}

/** I/O Base in the low byte, I/O Limit in the high one: units of 4 KiB, 16 bits (§3.2.5.6). */
export function ioWindow(register: number): WindowRange {
  return { base: (register & 0xf0) << 8, limit: (register & 0xf000) | 0xfff };
}

/** Memory Base in the low half, Memory Limit in the high one: units of 1 MiB (§3.2.5.8). */
export function memoryWindow(register: number): WindowRange {
  return { base: ((register & 0xfff0) << 16) >>> 0, limit: ((register & 0xfff0_0000) | 0xf_ffff) >>> 0 };
}

/** The same with 64 bits (§3.2.5.9, §3.2.5.10). */
export function prefetchableWindow(register: number, baseUpper: number, limitUpper: number): WindowRange {
  const { base, limit } = memoryWindow(register);
  return { base: baseUpper * 2 ** 32 + base, limit: limitUpper * 2 ** 32 + limit };
}
