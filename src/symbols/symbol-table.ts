/**
 * Names for addresses: one image's ELF symbols and debug information behind one set of questions. Everything works,
 * with less to say, as information gets less: file and line, symbol and offset, section and offset, module and offset.
 */
import { type Gva, gva } from '../base/address.ts';
import { attempt, type FileProblem, type Read } from './bytes.ts';
import { demangle } from './demangle/demangle.ts';
import type { CallFrameRules } from './dwarf/call-frames.ts';
import { Dwarf, type FunctionScope, type VariablePath } from './dwarf/dwarf.ts';
import type { LineRow } from './dwarf/line.ts';
import { type ElfFile, PT_LOAD, readElf, SHF_ALLOC, SHF_EXECINSTR } from './elf/file.ts';
import { buildId, type ElfSymbol, type Inflate, readSymbols } from './elf/sections.ts';
import { lastNotAbove } from './search.ts';

export type { FunctionScope, VariablePath } from './dwarf/dwarf.ts';

/** The nearest name for an address; the shape that reports use. */
export interface NamedAddress {
  readonly name: string;
  /** Bytes from the start of what is named. */
  readonly offset: number;
  readonly kind: 'function' | 'object' | 'section' | 'module';
  readonly module: string;
  /** Bytes of what is named; 0 when the file does not say. */
  readonly size: number;
}

export interface SymbolTableOptions {
  /** What the image is called in reports: `kernel.elf`. */
  readonly module: string;
  /** Added to every address of the file: where a relocated kernel really runs (KASLR). Default 0. */
  readonly bias?: bigint;
  /** zlib, for compressed debug sections; without it they count as missing. */
  readonly inflate?: Inflate;
}

/** Symbols before an address that are looked at for one that reaches it: only oddities nest deeper. */
const OVERLAPS_MAX = 64;

const STT = { notype: 0, object: 1, function: 2, tls: 6, ifunc: 10 } as const;

interface SymbolIndex {
  readonly values: BigUint64Array;
  readonly symbols: readonly ElfSymbol[];
}

export class SymbolTable {
  readonly module: string;
  readonly file: ElfFile;
  readonly #bias: bigint;
  readonly #dwarf: Dwarf;
  readonly #problems: FileProblem[] = [];
  #index: SymbolIndex | undefined;
  #byName: Map<string, ElfSymbol> | undefined;
  #byReadable: Map<string, ElfSymbol> | undefined;

  private constructor(file: ElfFile, options: SymbolTableOptions) {
    this.file = file;
    this.module = options.module;
    this.#bias = options.bias ?? 0n;
    this.#dwarf = new Dwarf(file, (address) => this.#loadedAt(address), options.inflate);
  }

  /** Reads the headers of an ELF file; the rest is read when it is asked for. */
  static read(bytes: Uint8Array, options: SymbolTableOptions): Read<SymbolTable> {
    const file = readElf(bytes);
    return file.ok ? { ok: true, value: new SymbolTable(file.value, options) } : file;
  }

  /** What was wrong with the file, so far as it has been read; at most the first few of each kind. */
  get problems(): readonly FileProblem[] {
    return [...this.#problems, ...this.#dwarf.problems];
  }

  /** True when the file has a symbol table with anything in it. */
  get hasSymbols(): boolean {
    return this.#symbols().symbols.length > 0;
  }

  /** True when the file has debug information. */
  get hasDebugInformation(): boolean {
    return this.#dwarf.present;
  }

  /** The linker's build id in hex, if there is one. */
  get buildId(): string | undefined {
    return this.#guard(() => buildId(this.file));
  }

  /** True when `address` lies in a loaded segment or an allocated section of the image. */
  contains(address: Gva): boolean {
    return this.#loadedAt(this.#toFile(address));
  }

  /** True when `address` lies in executable code. */
  isCode(address: Gva): boolean {
    const at = this.#toFile(address);
    const section = this.#sectionAt(at);
    if (section !== undefined) return (section.flags & SHF_EXECINSTR) !== 0;
    const segment = this.file.segments.find(
      (each) =>
        each.type === PT_LOAD && at >= each.virtualAddress && at < each.virtualAddress + BigInt(each.memorySize),
    );
    return segment !== undefined && (segment.flags & 1) !== 0;
  }

  /** The symbol at or before `address` that reaches it, else its section, else the module; `undefined` outside. */
  symbolAt(address: Gva): NamedAddress | undefined {
    const at = this.#toFile(address);
    const { module } = this;
    const symbol = this.#symbolBefore(at);
    if (symbol !== undefined) {
      const kind = symbol.type === STT.object || symbol.type === STT.tls ? 'object' : this.#kindOf(symbol);
      return { name: demangle(symbol.name), offset: Number(at - symbol.value), kind, module, size: symbol.size };
    }
    const section = this.#sectionAt(at);
    if (section !== undefined) {
      const offset = Number(at - section.address);
      return { name: section.name, offset, kind: 'section', module, size: section.size };
    }
    const base = this.#moduleBase();
    if (base === undefined || !this.#loadedAt(at)) return undefined;
    return { name: module, offset: Number(at - base), kind: 'module', module, size: 0 };
  }

  /** File, line and column of the instruction at `address`; the column is 1-based, 0 when unknown. */
  locationOf(address: Gva): LineRow | undefined {
    return this.#dwarf.lineAt(this.#toFile(address));
  }

  /** How the caller of the code at `address` is found, where the file says. */
  callFrameAt(address: Gva): CallFrameRules | undefined {
    return this.#dwarf.callFrameAt(this.#toFile(address));
  }

  /** The functions in force at `address`: inlined copies innermost first, the function itself last. */
  functionsAt(address: Gva): readonly FunctionScope[] {
    return this.#dwarf.functionsAt(this.#toFile(address)).map((scope) => {
      // The linker's name says more than a compiler's short one (a lambda's `operator()`).
      const name = scope.inlined ? scope.name : (this.#symbolFrom(scope.low)?.name ?? scope.name);
      return { ...scope, name, low: scope.low + this.#bias };
    });
  }

  /** The function (not an inlined copy) that holds `address`: from debug information, else from the symbols. */
  functionAt(address: Gva): { readonly name: string; readonly start: Gva } | undefined {
    const scope = this.functionsAt(address).at(-1);
    if (scope !== undefined && !scope.inlined) return { name: scope.name, start: gva(scope.low) };
    const symbol = this.symbolAt(address);
    if (symbol?.kind !== 'function') return undefined;
    return { name: symbol.name, start: gva(BigInt(address) - BigInt(symbol.offset)) };
  }

  /** The static variable, and the member or element of it, that `address` is part of: `ERST_TABLE[0].base`. */
  variablePathAt(address: Gva): VariablePath | undefined {
    const at = this.#toFile(address);
    const found = this.#dwarf.variableAt(at, (start) => this.#symbolFrom(start));
    if (found === undefined || this.#bias === 0n) return found;
    return { ...found, address: found.address + this.#bias };
  }

  /** Where `name` (mangled, demangled or as in the debug information) stands, and its bytes when known. */
  findSymbol(name: string): { readonly address: Gva; readonly size: number } | undefined {
    this.#byName ??= indexBy(this.#symbols().symbols, (symbol) => symbol.name);
    // Demangling every symbol of a kernel takes a while, so it waits until the linker's own names did not do.
    const symbol = this.#byName.get(name) ?? this.#byReadableName(name);
    if (symbol !== undefined) return { address: this.#toGuest(symbol.value), size: symbol.size };
    const variable = this.#dwarf.findVariable(name);
    return variable === undefined ? undefined : { address: this.#toGuest(variable.address), size: variable.size ?? 0 };
  }

  #byReadableName(name: string): ElfSymbol | undefined {
    this.#byReadable ??= indexBy(
      this.#symbols().symbols.filter((symbol) => symbol.name.startsWith('_')),
      (symbol) => demangle(symbol.name),
    );
    return this.#byReadable.get(name);
  }

  #toFile(address: Gva): bigint {
    return BigInt.asUintN(64, address - this.#bias);
  }

  #toGuest(address: bigint): Gva {
    return gva(address + this.#bias);
  }

  #guard<T>(read: () => T): T | undefined {
    const result = attempt(read);
    if (result.ok) return result.value;
    this.#problems.push(result.problem);
    return undefined;
  }

  #symbols(): SymbolIndex {
    if (this.#index === undefined) {
      const all = this.#guard(() => readSymbols(this.file)) ?? [];
      const symbols = all.filter((symbol) => this.#names(symbol)).sort(byValueThenWeight);
      this.#index = { values: BigUint64Array.from(symbols, ({ value }) => value), symbols };
    }
    return this.#index;
  }

  /** Symbols that name a place: not sections, files, undefined ones, constants or assemblers' local labels. */
  #names(symbol: ElfSymbol): boolean {
    const { type, section, name } = symbol;
    if (section === 0 || section >= 0xff00 || name === '' || name.startsWith('$') || name.startsWith('.L'))
      return false;
    return type === STT.notype || type === STT.object || type === STT.function || type === STT.ifunc;
  }

  #symbolBefore(at: bigint): ElfSymbol | undefined {
    const { values, symbols } = this.#symbols();
    const last = lastNotAbove(values, at);
    const home = this.#sectionAt(at);
    for (let index = last; index >= 0 && last - index < OVERLAPS_MAX; index -= 1) {
      const symbol = symbols[index]!;
      // A label without a size reaches to the next symbol, but never out of its section.
      const reaches = symbol.size > 0 ? at < symbol.value + BigInt(symbol.size) : home?.index === symbol.section;
      if (reaches) return symbol;
    }
    return undefined;
  }

  #kindOf(symbol: ElfSymbol): 'function' | 'object' {
    if (symbol.type === STT.function || symbol.type === STT.ifunc) return 'function';
    return ((this.file.sections[symbol.section]?.flags ?? 0) & SHF_EXECINSTR) !== 0 ? 'function' : 'object';
  }

  /** The symbol that starts exactly here. */
  #symbolFrom(start: bigint): { readonly name: string; readonly size: number | undefined } | undefined {
    const { values, symbols } = this.#symbols();
    const symbol = symbols[lastNotAbove(values, start)];
    if (symbol?.value !== start) return undefined;
    return { name: demangle(symbol.name), size: symbol.size > 0 ? symbol.size : undefined };
  }

  #sectionAt(at: bigint) {
    return this.file.sections.find(
      ({ flags, address, size }) => (flags & SHF_ALLOC) !== 0 && at >= address && at < address + BigInt(size),
    );
  }

  #loadedAt(at: bigint): boolean {
    const inSegment = this.file.segments.some(
      ({ type, virtualAddress, memorySize }) =>
        type === PT_LOAD && at >= virtualAddress && at < virtualAddress + BigInt(memorySize),
    );
    return inSegment || this.#sectionAt(at) !== undefined;
  }

  #moduleBase(): bigint | undefined {
    let base: bigint | undefined;
    for (const { type, virtualAddress } of this.file.segments) {
      if (type === PT_LOAD && (base === undefined || virtualAddress < base)) base = virtualAddress;
    }
    return base;
  }
}

/** Of several symbols at one address the last one is preferred: typed before untyped, global before weak before local. */
function byValueThenWeight(a: ElfSymbol, b: ElfSymbol): number {
  if (a.value !== b.value) return a.value < b.value ? -1 : 1;
  return weight(a) - weight(b);
}

function weight(symbol: ElfSymbol): number {
  const binding = symbol.binding === 1 ? 2 : symbol.binding === 2 ? 1 : 0;
  return (symbol.type === STT.notype ? 0 : 8) + (symbol.size > 0 ? 4 : 0) + binding;
}

/** A global wins over a static of the same name in some file. */
function indexBy(symbols: readonly ElfSymbol[], nameOf: (symbol: ElfSymbol) => string): Map<string, ElfSymbol> {
  const names = new Map<string, ElfSymbol>();
  for (const symbol of symbols) {
    const name = nameOf(symbol);
    if ((names.get(name)?.binding ?? 0) === 0) names.set(name, symbol);
  }
  return names;
}
