/** What the diagnosis may ask the machine: a port, so that rules are tested without one. */
import type { Gpa, Gva } from '../base/address.ts';

/** An instruction of the guest, as it ran or as it stored a byte. */
export interface Site {
  readonly pc: Gva;
  /** Page table root in force (CR3 without its flag bits), or `undefined` when paging was off or it is not known. */
  readonly pageTables: Gpa | undefined;
  /** Instructions executed before it, when known. */
  readonly instruction: number | undefined;
}

/** One level of a page walk, root first (Intel SDM Vol. 3A 4.5). */
export interface WalkStep {
  readonly level: 'PML5' | 'PML4' | 'PDPT' | 'PD' | 'PT';
  readonly index: number;
  readonly entryAddress: Gpa;
  readonly entry: bigint;
}

export interface PageWalk {
  readonly address: Gva;
  readonly root: Gpa;
  readonly steps: readonly WalkStep[];
  /** The physical address, or `undefined` when an entry is not present or the address is not canonical. */
  readonly physical: Gpa | undefined;
  /** Bytes: 4096, 2 MiB or 1 GiB. */
  readonly pageSize: number | undefined;
  readonly writable: boolean;
  readonly user: boolean;
  readonly executable: boolean;
}

export interface SourceLocation {
  readonly file: string;
  readonly line: number;
  /** 1-based; 0 when the line table has none. */
  readonly column: number;
}

export interface SymbolAddress {
  readonly name: string;
  /** Bytes from the start of the symbol. */
  readonly offset: number;
  readonly kind: 'function' | 'object' | 'section' | 'module';
  readonly module: string;
  readonly size: number;
  /** When `name` is a part of a variable (`ring[3].control`): the whole of it, and where in it the address lies. */
  readonly enclosing?: { readonly name: string; readonly offset: number; readonly size: number };
}

export interface Frame {
  readonly pc: Gva;
  readonly symbol: SymbolAddress | undefined;
  readonly location: SourceLocation | undefined;
  /** True when the frame was found by scanning, not by the frame pointer chain. */
  readonly guessed: boolean;
}

/** What stands at a physical address on the CPU's side of the bus. */
export type PhysicalTarget =
  | { readonly kind: 'ram' | 'rom' | 'mmio'; readonly region: string; readonly start: number; readonly last: number }
  | {
      readonly kind: 'nothing';
      readonly below: { readonly region: string; readonly kind: string; readonly last: number } | undefined;
      readonly above: { readonly region: string; readonly kind: string; readonly start: number } | undefined;
    };

export interface GuestView {
  /** Virtual time in nanoseconds and instructions executed. */
  now(): { readonly time: number; readonly instruction: number };
  /** The instruction that is executing now, or `undefined` outside the processor (a timer, a reset). */
  currentSite(): Site | undefined;
  /** The instruction that last stored to the 8 bytes around `address`; `undefined` if unknown or not tracked. */
  whoWrote(address: Gpa): Site | undefined;
  /** Forgets who wrote the 8 bytes around `address`, so that an answer of {@link whoWrote} then proves a store since. */
  forgetWriter(address: Gpa): void;
  /** Frame-pointer backtrace of the running processor, innermost first, inlined functions as frames of their own. */
  backtrace(): readonly Frame[];
  /** Walks the page tables at `pageTables` (default: those in force now); `undefined` when paging is off. */
  walk(address: Gva, pageTables?: Gpa): PageWalk | undefined;
  /** Finds one linear address that maps `address`, if there is one (bounded search); used for direct maps. */
  linearFor(address: Gpa, pageTables?: Gpa): Gva | undefined;
  /** A debugger's read: no side effects; `undefined` unless all `size` bytes are RAM or ROM. */
  readPhysical(address: Gpa, size: number): Uint8Array | undefined;
  describePhysical(address: Gpa): PhysicalTarget;
  symbolAt(address: Gva): SymbolAddress | undefined;
  locationOf(address: Gva): SourceLocation | undefined;
  /** The function at `address` and what the compiler inlined there, innermost first; always at least one frame. */
  framesAt(address: Gva): readonly Frame[];
  /** Source lines `first`..`last` of `file` if the file can be read here. */
  sourceLines(file: string, first: number, last: number): readonly string[] | undefined;
  /** True when the loaded image has symbols at all. */
  readonly hasSymbols: boolean;
}
