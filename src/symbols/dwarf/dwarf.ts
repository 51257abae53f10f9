/**
 * Debug information of one file, DWARF 2 to 5. Nothing is read until it is asked for: the first question about code
 * reads one entry a unit, then only the units that hold an address asked about.
 *
 * Does not implement: type units, split DWARF (.dwo files), supplementary files (dwz) and location lists.
 */
import type { FileProblem } from '../bytes.ts';
import type { ElfFile } from '../elf/file.ts';
import type { Inflate } from '../elf/sections.ts';
import { lastNotAbove } from '../search.ts';
import { type CallFrameRules, CallFrames } from './call-frames.ts';
import { AT, TAG } from './constants.ts';
import { type EntryFinder, type FunctionNode, inherited, inlineChain, nameOf, readFunctions } from './functions.ts';
import { IntervalIndex } from './intervals.ts';
import { type LineRow, type LineSequence, type LineTable, readLineTable, rowAt } from './line.ts';
import { type AddressRange, rangesOf, readAranges } from './ranges.ts';
import { DebugSections } from './sections.ts';
import { TypeReader } from './types.ts';
import { type Entry, readUnits, type Unit } from './units.ts';
import { readVariables, type StaticVariable } from './variables.ts';

/** A function in force at an address; `inlined` ones have the place of their call. */
export interface FunctionScope {
  readonly name: string;
  /** First address of the range of code that holds the address asked about. */
  readonly low: bigint;
  readonly inlined: boolean;
  /** Where it was called, for an inlined copy. */
  readonly call: LineRow | undefined;
  /** Where it is declared, when the file says. */
  readonly declared: LineRow | undefined;
}

/** A named byte of a static variable. */
export interface VariablePath {
  /** `ERST_TABLE[0].base`; the variable's own name when its type says no more. */
  readonly path: string;
  /** Bytes from the start of what `path` names. */
  readonly offset: number;
  readonly typeName: string;
  /** Bytes of what `path` names, when known. */
  readonly size: number | undefined;
  /** The whole variable: its name, address, bytes and place of declaration. */
  readonly variable: string;
  readonly address: bigint;
  readonly variableSize: number | undefined;
  readonly declared: LineRow | undefined;
}

/** Variables that share an address, looked at for one that reaches far enough. */
const ALIASES_MAX = 64;

/** The symbol that starts at an address: its readable name, and its bytes where the linker knows them. */
export type ObjectFinder = (
  address: bigint,
) => { readonly name: string; readonly size: number | undefined } | undefined;

/** Address ranges of all units together; damage could make every unit claim the same long list. */
const RANGES_MAX = 1 << 22;

interface UnitParts {
  lines?: LineTable;
  sequences?: IntervalIndex<LineSequence>;
  functions?: IntervalIndex<FunctionNode>;
}

export class Dwarf {
  readonly #sections: DebugSections;
  readonly #isLoaded: (address: bigint) => boolean;
  #unitList: Unit[] | undefined;
  #unitOffsets: number[] = [];
  #byAddress: IntervalIndex<Unit> | undefined;
  #variableList: { readonly addresses: BigUint64Array; readonly variables: StaticVariable[] } | undefined;
  readonly #parts = new Map<Unit, UnitParts>();
  readonly #lineTables = new Map<string, LineTable>();
  readonly #types: TypeReader;
  readonly #callFrames: CallFrames;
  readonly #find: EntryFinder;

  /** `isLoaded`: whether an address is part of the image; linkers leave ranges of dropped code near 0. */
  constructor(file: ElfFile, isLoaded: (address: bigint) => boolean, inflate?: Inflate) {
    this.#sections = new DebugSections(file, inflate);
    this.#isLoaded = isLoaded;
    this.#find = (offset) => this.#entry(offset);
    this.#types = new TypeReader(this.#find);
    this.#callFrames = new CallFrames(this.#sections, isLoaded);
  }

  /** What was wrong with the file so far, at most the first few. */
  get problems(): readonly FileProblem[] {
    return this.#sections.problems;
  }

  get present(): boolean {
    return this.#units().length > 0;
  }

  lineAt(address: bigint): LineRow | undefined {
    const unit = this.#unitAt(address);
    return unit === undefined ? undefined : this.#lineIn(unit, address);
  }

  /** How the caller of the code at `address` is found. */
  callFrameAt(address: bigint): CallFrameRules | undefined {
    return this.#callFrames.rulesAt(address);
  }

  /** The functions in force at `address`, innermost inlined copy first, the subprogram itself last. */
  functionsAt(address: bigint): FunctionScope[] {
    const unit = this.#unitAt(address);
    if (unit === undefined) return [];
    const parts = this.#partsOf(unit);
    parts.functions ??= readFunctions(unit);
    const found = parts.functions.find(address);
    if (found === undefined) return [];
    const chain = inlineChain(found.value, address).reverse();
    return chain.flatMap(({ entry, ranges }) => this.#sections.guard(() => this.#scope(entry, ranges, address)) ?? []);
  }

  #scope(entry: Entry, ranges: readonly AddressRange[], address: bigint): FunctionScope {
    const inlined = entry.tag === TAG.inlinedSubroutine;
    const covering = ranges.find(({ low, high }) => address >= low && address < high);
    const line = entry.number(AT.callLine);
    return {
      name: nameOf(entry, this.#find) ?? '??',
      low: entry.address(AT.lowPc) ?? covering?.low ?? address,
      inlined,
      call: inlined && line !== undefined ? this.#place(entry, AT.callFile, line, AT.callColumn) : undefined,
      declared: this.#declared(entry),
    };
  }

  #place(entry: Entry, fileAttribute: number, line: number, columnAttribute?: number): LineRow | undefined {
    const index = entry.number(fileAttribute);
    const file = index === undefined ? undefined : this.#lines(entry.unit).files[index];
    const column = columnAttribute === undefined ? 0 : (entry.number(columnAttribute) ?? 0);
    return file === undefined ? undefined : { file, line, column };
  }

  #declared(entry: Entry): LineRow | undefined {
    const holder = inherited(entry, AT.declLine, this.#find);
    const line = holder?.number(AT.declLine);
    if (holder === undefined || line === undefined) return undefined;
    const withFile = inherited(holder, AT.declFile, this.#find);
    return withFile === undefined ? undefined : this.#place(withFile, AT.declFile, line);
  }

  /** The static variable that `address` is part of; `objectAt` says what the linker's symbols know of it. */
  variableAt(address: bigint, objectAt?: ObjectFinder): VariablePath | undefined {
    const { addresses, variables } = this.#variables();
    const last = lastNotAbove(addresses, address);
    // Several variables can share an address (empty types, aliases): take the last that reaches this far.
    for (let index = last; index >= 0 && index > last - ALIASES_MAX; index -= 1) {
      const variable = variables[index]!;
      const found = this.#sections.guard(() => this.#variablePath(variable, address, objectAt?.(variable.address)));
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #variablePath(variable: StaticVariable, address: bigint, object: ReturnType<ObjectFinder>): VariablePath | undefined {
    const { entry } = variable;
    this.#types.begin();
    const typed = inherited(entry, AT.type, this.#find);
    const type = typed === undefined ? undefined : this.#types.typeOf(typed);
    const variableSize = this.#types.sizeOf(type) ?? object?.size;
    const offset = Number(address - variable.address);
    if (offset >= (variableSize ?? 1)) return undefined;
    const name = this.#variableName(variable, object?.name);
    const inside = this.#types.pathTo(type, offset);
    return {
      path: name + inside.path,
      offset: inside.offset,
      typeName: inside.typeName,
      size: inside.size,
      variable: name,
      address: variable.address,
      variableSize,
      declared: this.#declared(entry),
    };
  }

  /** Scopes come from the mangled name, the linker's or the file's own, and else from where the entry stands. */
  #variableName({ entry, scope }: StaticVariable, linked: string | undefined): string {
    const plain = nameOf(entry, this.#find) ?? linked ?? '??';
    if (plain.includes('::')) return plain;
    if (linked?.endsWith(`::${plain}`)) return linked;
    return [...scope, plain].join('::');
  }

  /** The address of the static variable called `name` (with or without its scope), if the file has one. */
  findVariable(name: string): { readonly address: bigint; readonly size: number | undefined } | undefined {
    const bare = name.slice(name.lastIndexOf(':') + 1);
    for (const { entry, address, scope } of this.#variables().variables) {
      this.#types.begin();
      const found = this.#sections.guard(() => {
        const holder = inherited(entry, AT.name, this.#find);
        if (holder?.string(AT.name) !== bare) return undefined;
        const full = nameOf(entry, this.#find) ?? bare;
        if (name !== bare && name !== full && name !== [...scope, bare].join('::')) return undefined;
        const typed = inherited(entry, AT.type, this.#find);
        return { address, size: this.#types.sizeOf(typed === undefined ? undefined : this.#types.typeOf(typed)) };
      });
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #variables() {
    if (this.#variableList === undefined) {
      const variables = this.#units()
        .flatMap(readVariables)
        .filter(({ address }) => this.#isLoaded(address))
        .sort((a, b) => (a.address < b.address ? -1 : a.address > b.address ? 1 : 0));
      this.#variableList = { addresses: BigUint64Array.from(variables, ({ address }) => address), variables };
    }
    return this.#variableList;
  }

  #units(): Unit[] {
    if (this.#unitList === undefined) {
      this.#unitList = readUnits(this.#sections);
      this.#unitOffsets = this.#unitList.map((unit) => unit.unitOffset);
    }
    return this.#unitList;
  }

  #entry(offset: number): Entry | undefined {
    const unit = this.#units()[lastNotAbove(this.#unitOffsets, offset)];
    if (unit === undefined || offset < unit.entriesOffset || offset >= unit.endOffset || unit.root === undefined) {
      return undefined;
    }
    return unit.entryAt(offset);
  }

  #partsOf(unit: Unit): UnitParts {
    let parts = this.#parts.get(unit);
    if (parts === undefined) {
      parts = {};
      this.#parts.set(unit, parts);
    }
    return parts;
  }

  #lines(unit: Unit): LineTable {
    const parts = this.#partsOf(unit);
    parts.lines ??= this.#sharedLines(unit);
    return parts.lines;
  }

  /** Partial units share the program of their file; it is run once. */
  #sharedLines(unit: Unit): LineTable {
    const root = this.#sections.guard(() => unit.root);
    const key = `${root?.number(AT.stmtList)}/${root?.string(AT.compDir)}`;
    let table = this.#lineTables.get(key);
    if (table === undefined) {
      table = readLineTable(unit);
      this.#lineTables.set(key, table);
    }
    return table;
  }

  #lineIn(unit: Unit, address: bigint): LineRow | undefined {
    const parts = this.#partsOf(unit);
    const table = this.#lines(unit);
    parts.sequences ??= new IntervalIndex(
      table.sequences
        .filter(({ low }) => this.#isLoaded(low))
        .map((sequence) => ({ range: { low: sequence.low, high: sequence.high }, value: sequence })),
    );
    const found = parts.sequences.find(address);
    return found === undefined ? undefined : rowAt(table, found.value, address);
  }

  #unitAt(address: bigint): Unit | undefined {
    this.#byAddress ??= this.#indexUnits();
    return this.#byAddress.find(address)?.value;
  }

  #indexUnits(): IntervalIndex<Unit> {
    const entries: { range: AddressRange; value: Unit }[] = [];
    let aranges: Map<number, AddressRange[]> | undefined;
    for (const unit of this.#units()) {
      if (entries.length > RANGES_MAX) break;
      let ranges = this.#sections.guard(() => (unit.root === undefined ? [] : rangesOf(unit.root))) ?? [];
      if (ranges.length === 0) {
        aranges ??= readAranges(this.#sections);
        ranges = aranges.get(unit.unitOffset) ?? this.#lines(unit).sequences.map(({ low, high }) => ({ low, high }));
      }
      for (const range of ranges) if (this.#isLoaded(range.low)) entries.push({ range, value: unit });
    }
    return new IntervalIndex(entries);
  }
}
