/** A guest made of tables, for tests of rules: RAM, page tables, symbols, source and a current instruction, all as data. */
import { type Gpa, type Gva, gpa, gva } from '../../base/address.ts';
import type { Frame, GuestView, PageWalk, PhysicalTarget, Site, SourceLocation, SymbolAddress } from '../guest-view.ts';

interface Region {
  readonly kind: 'ram' | 'rom' | 'mmio';
  readonly region: string;
  readonly start: number;
  readonly last: number;
}

interface Mapping {
  readonly linear: bigint;
  readonly physical: number;
  readonly size: number;
}

interface Variable extends SymbolAddress {
  readonly address: bigint;
}

const PAGE = 4096;

export class FakeGuest implements GuestView {
  hasSymbols = true;
  instruction = 1000;
  site: Site | undefined;
  frames: readonly Frame[] = [];
  readonly #regions: Region[] = [];
  readonly #bytes = new Map<number, Uint8Array>();
  readonly #mappings: Mapping[] = [];
  readonly #variables: Variable[] = [];
  readonly #trbArrays = new Set<string>();
  readonly #lines: { start: bigint; end: bigint; location: SourceLocation }[] = [];
  readonly #sources = new Map<string, readonly string[]>();
  readonly #inlined = new Map<bigint, { name: string; call: SourceLocation }[]>();
  readonly #writers = new Map<number, Site>();

  region(kind: Region['kind'], region: string, start: number, last: number): this {
    this.#regions.push({ kind, region, start, last });
    this.#regions.sort((a, b) => a.start - b.start);
    return this;
  }

  /** The guest maps `size` bytes of physical memory at `linear`, in 4 KiB pages. */
  map(linear: bigint, physical: number, size: number): this {
    this.#mappings.push({ linear: BigInt.asUintN(64, linear), physical, size });
    return this;
  }

  variable(name: string, address: bigint, size: number, kind: SymbolAddress['kind'] = 'object'): this {
    this.#variables.push({ name, address, size, kind, offset: 0, module: 'kernel.elf' });
    return this;
  }

  /** The debugging information knows the type of `array`: addresses in it are named `array[index].field`, 8 bytes each. */
  trbArray(array: string): this {
    this.#trbArrays.add(array);
    return this;
  }

  line(start: bigint, end: bigint, file: string, line: number, column = 0): this {
    this.#lines.push({ start, end, location: { file, line, column } });
    return this;
  }

  /** At `pc` the compiler inlined `name`, called at `file`:`line`; further ones are its callers. */
  inlined(pc: bigint, name: string, file: string, line: number): this {
    const known = this.#inlined.get(pc) ?? [];
    this.#inlined.set(pc, [...known, { name, call: { file, line, column: 0 } }]);
    return this;
  }

  source(file: string, text: string): this {
    this.#sources.set(file, text.split('\n'));
    return this;
  }

  /** Moves the processor to `pc`; page tables at `root`. */
  at(pc: bigint, root = 0x10_3000): this {
    this.instruction += 1;
    this.site = { pc: gva(pc), pageTables: gpa(root), instruction: this.instruction };
    return this;
  }

  /** Stores a 64-bit value as the current instruction would. */
  store(address: number, value: number | bigint): this {
    const wide = BigInt.asUintN(64, BigInt(value));
    for (let index = 0; index < 8; index += 1) this.#poke(address + index, Number((wide >> BigInt(8 * index)) & 0xffn));
    if (this.site !== undefined) this.#writers.set(address - (address % 8), this.site);
    return this;
  }

  /** Stores a TRB: 64-bit parameter, status, control. */
  trb(address: number, parameter: number | bigint, status: number, control: number): this {
    return this.store(address, parameter).store(address + 8, (BigInt(control >>> 0) << 32n) | BigInt(status >>> 0));
  }

  #poke(address: number, byte: number): void {
    const page = address - (address % PAGE);
    let bytes = this.#bytes.get(page);
    if (bytes === undefined) {
      bytes = new Uint8Array(PAGE);
      this.#bytes.set(page, bytes);
    }
    bytes[address - page] = byte;
  }

  now() {
    return { time: this.instruction, instruction: this.instruction };
  }

  currentSite(): Site | undefined {
    return this.site;
  }

  whoWrote(address: Gpa): Site | undefined {
    return this.#writers.get(address - (address % 8));
  }

  forgetWriter(address: Gpa): void {
    this.#writers.delete(address - (address % 8));
  }

  backtrace(): readonly Frame[] {
    return this.frames;
  }

  walk(address: Gva, pageTables?: Gpa): PageWalk | undefined {
    const root = pageTables ?? this.site?.pageTables;
    if (root === undefined) return undefined;
    const found = this.#mappings.find((map) => address >= map.linear && address < map.linear + BigInt(map.size));
    const physical = found === undefined ? undefined : gpa(found.physical + Number(address - found.linear));
    const levels = ['PML4', 'PDPT', 'PD', 'PT'] as const;
    const steps = levels.map((level, depth) => ({
      level,
      index: Number((address >> BigInt(39 - 9 * depth)) & 0x1ffn),
      entryAddress: gpa(root + depth * PAGE),
      entry: found === undefined ? 0n : 0x3n,
    }));
    return {
      address,
      root,
      steps: found === undefined ? steps.slice(0, 1) : steps,
      physical,
      pageSize: found === undefined ? undefined : PAGE,
      writable: true,
      user: false,
      executable: false,
    };
  }

  linearFor(address: Gpa): Gva | undefined {
    const found = this.#mappings.find(
      (map) => address >= map.physical && address < map.physical + map.size && map.linear !== BigInt(map.physical),
    );
    return found === undefined ? undefined : gva(found.linear + BigInt(address - found.physical));
  }

  readPhysical(address: Gpa, size: number): Uint8Array | undefined {
    const region = this.#regions.find((entry) => address >= entry.start && address + size - 1 <= entry.last);
    if (region === undefined || region.kind === 'mmio') return undefined;
    const into = new Uint8Array(size);
    for (let index = 0; index < size; index += 1) {
      const at = address + index;
      into[index] = this.#bytes.get(at - (at % PAGE))?.[at % PAGE] ?? 0;
    }
    return into;
  }

  describePhysical(address: Gpa): PhysicalTarget {
    const found = this.#regions.find((region) => address >= region.start && address <= region.last);
    if (found !== undefined) return found;
    const below = this.#regions.findLast((region) => region.last < address);
    const above = this.#regions.find((region) => region.start > address);
    return { kind: 'nothing', below, above };
  }

  symbolAt(address: Gva): SymbolAddress | undefined {
    if (!this.hasSymbols) return undefined;
    const found = this.#variables.find(
      (v) => address >= v.address && address < v.address + BigInt(Math.max(v.size, 1)),
    );
    if (found === undefined) return undefined;
    const { name, kind, module, size } = found;
    const offset = Number(address - found.address);
    if (!this.#trbArrays.has(name)) return { name, kind, module, size, offset };
    const path = `${name}[${Math.floor(offset / 16)}].${offset % 16 < 8 ? 'parameter' : 'status'}`;
    return { name: path, kind, module, size: 8, offset: offset % 8, enclosing: { name, offset, size } };
  }

  locationOf(address: Gva): SourceLocation | undefined {
    if (!this.hasSymbols) return undefined;
    return this.#lines.find((line) => address >= line.start && address < line.end)?.location;
  }

  framesAt(address: Gva): readonly Frame[] {
    const symbol = this.symbolAt(address);
    const frames: Frame[] = [];
    let location = this.locationOf(address);
    for (const { name, call } of this.#inlined.get(address) ?? []) {
      frames.push({ pc: address, symbol: { ...symbol!, name }, location, guessed: false });
      location = call;
    }
    return [...frames, { pc: address, symbol, location, guessed: false }];
  }

  sourceLines(file: string, first: number, last: number): readonly string[] | undefined {
    return this.#sources.get(file)?.slice(first - 1, last);
  }
}
