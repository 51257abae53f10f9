/** The diagnosis's questions, answered by a real machine and the symbols of its image. */
import type { BusAddress, Gpa, Gva } from '../base/address.ts';
import { gpa, gva } from '../base/address.ts';
import { type PagingControls, type PagingMode, walkPageTables } from '../cpu/page-walk.ts';
import type { RegisterView } from '../cpu/types.ts';
import type { Machine } from '../machine/machine.ts';
import { describeAddress } from '../memory/lookup.ts';
import type { SymbolTable } from '../symbols/symbol-table.ts';
import { unwind } from '../symbols/unwind.ts';
import type { Frame, GuestView, PageWalk, PhysicalTarget, Site, SourceLocation, SymbolAddress } from './guest-view.ts';
import { findLinear } from './linear-search.ts';

export interface MachineViewOptions {
  readonly symbols: SymbolTable | undefined;
  /** The text of a source file by the name that the debug information gives, if it can be read here. */
  readonly readSource: (file: string) => string | undefined;
}

const CR0_PAGING = 1n << 31n;
const CR4_PSE = 1n << 4n;
const CR4_PAE = 1n << 5n;
const EFER_LMA = 1n << 10n;
const EFER_NXE = 1n << 11n;
const ROOT_MASK = 0x000f_ffff_ffff_f000n;
/** Answers of {@link MachineView.linearFor} kept; page tables change, so the memory is short. */
const LINEAR_CACHE_MAX = 256;

export class MachineView implements GuestView {
  readonly #machine: Machine;
  readonly #symbols: SymbolTable | undefined;
  readonly #readSource: MachineViewOptions['readSource'];
  readonly #sources = new Map<string, readonly string[] | undefined>();
  readonly #linear = new Map<string, Gva>();

  constructor(machine: Machine, options: MachineViewOptions) {
    this.#machine = machine;
    this.#symbols = options.symbols;
    this.#readSource = options.readSource;
  }

  get hasSymbols(): boolean {
    return this.#symbols?.hasSymbols ?? false;
  }

  now(): { readonly time: number; readonly instruction: number } {
    return { time: this.#machine.clock.now(), instruction: this.#machine.processor.instructions };
  }

  currentSite(): Site | undefined {
    const { processor, executing } = this.#machine;
    if (!executing) return undefined;
    return { pc: processor.pc, pageTables: this.#currentRoot(), instruction: processor.instructions };
  }

  whoWrote(address: Gpa): Site | undefined {
    const writer = this.#machine.processor.whoWrote(address);
    if (writer?.kind !== 'cpu') return undefined;
    return { pc: writer.pc, pageTables: writer.pageTables, instruction: undefined };
  }

  forgetWriter(address: Gpa): void {
    const { processor } = this.#machine;
    // Its own device writes would say the same: the processor is not the last one that had to do with these bytes.
    if (processor.whoWrote(address)?.kind === 'cpu') processor.noteExternalWrite(address, 1, 'a device that took it');
  }

  backtrace(): readonly Frame[] {
    const registers = this.#machine.processor.registers();
    const wordSize = registers.bits === 64 ? 8 : 4;
    const frames = unwind(
      {
        pc: this.#machine.processor.pc,
        framePointer: gva(registers.gpr[5]!),
        stackPointer: gva(registers.gpr[4]!),
        wordSize,
      },
      {
        readWord: (address) => this.#readLinearWord(address, wordSize),
        isCode: (address) => this.#symbols?.isCode(address) ?? this.walk(address)?.executable ?? false,
        functionStart: (pc) => this.#symbols?.functionAt(pc)?.start,
        callFrame: (address) => this.#symbols?.callFrameAt(address),
        readCode: (address, size) => this.#readLinear(address, size),
      },
    );
    return frames.flatMap(({ pc, lookup, guessed }) => this.#framesOf(pc, lookup, guessed));
  }

  framesAt(address: Gva): readonly Frame[] {
    return this.#framesOf(address, address, false);
  }

  /** An inlined function stands at the line of the instruction, its caller at the line of the call (DWARF 5 3.3.8.2). */
  #framesOf(pc: Gva, lookup: Gva, guessed: boolean): Frame[] {
    const frames: Frame[] = [];
    const symbol = this.symbolAt(lookup);
    let location = this.locationOf(lookup);
    for (const { inlined, name, low, call } of this.#symbols?.functionsAt(lookup) ?? []) {
      if (!inlined || symbol === undefined) break;
      const offset = Number(BigInt(lookup) - low);
      frames.push({
        pc,
        symbol: { name, offset, kind: 'function', module: symbol.module, size: 0 },
        location,
        guessed,
      });
      location = call;
    }
    frames.push({ pc, symbol, location, guessed });
    return frames;
  }

  walk(address: Gva, pageTables?: Gpa): PageWalk | undefined {
    const controls = pagingControls(this.#machine.processor.registers(), pageTables);
    if (controls.mode === 'none') return undefined;
    const walk = walkPageTables(address, controls, (at, size) => this.#readNumber(at, size));
    return { address, root: gpa(Number(controls.root & ROOT_MASK)), ...walk };
  }

  linearFor(address: Gpa, pageTables?: Gpa): Gva | undefined {
    const root = pageTables ?? this.#currentRoot();
    if (root === undefined) return undefined;
    const linked = this.#linkedAddress(address);
    if (linked !== undefined && this.walk(linked, root)?.physical === address) return linked;
    const key = `${root} ${address}`;
    const known = this.#linear.get(key);
    if (known !== undefined && this.walk(known, root)?.physical === address) return known;
    const found = findLinear(address, root, (at) => this.#readNumber(at, 8));
    if (found === undefined) return undefined;
    if (this.#linear.size >= LINEAR_CACHE_MAX) this.#linear.clear();
    this.#linear.set(key, found);
    return found;
  }

  readPhysical(address: Gpa, size: number): Uint8Array | undefined {
    return this.#machine.readRam(address, size);
  }

  describePhysical(address: Gpa): PhysicalTarget {
    return describeAddress(this.#machine.addressSpace, address as number as BusAddress);
  }

  symbolAt(address: Gva): SymbolAddress | undefined {
    const symbol = this.#symbols?.symbolAt(address);
    if (symbol === undefined) return undefined;
    const path = symbol.kind === 'object' ? this.#symbols?.variablePathAt(address) : undefined;
    if (path === undefined) return symbol;
    const { name, offset, size } = symbol;
    const part = { name: path.path, offset: path.offset, size: path.size ?? size };
    return { ...symbol, ...part, enclosing: { name, offset, size } };
  }

  locationOf(address: Gva): SourceLocation | undefined {
    return this.#symbols?.locationOf(address);
  }

  sourceLines(file: string, first: number, last: number): readonly string[] | undefined {
    if (!this.#sources.has(file)) this.#sources.set(file, this.#readSource(file)?.split('\n'));
    const lines = this.#sources.get(file);
    if (lines === undefined || first < 1 || first > lines.length) return undefined;
    return lines.slice(first - 1, last);
  }

  #currentRoot(): Gpa | undefined {
    const registers = this.#machine.processor.registers();
    return (registers.cr.cr0 & CR0_PAGING) === 0n ? undefined : gpa(Number(registers.cr.cr3 & ROOT_MASK));
  }

  /** Where the image itself was linked for this physical address: the first guess, and the one that has symbols. */
  #linkedAddress(address: Gpa): Gva | undefined {
    const at = BigInt(address);
    for (const segment of this.#symbols?.file.segments ?? []) {
      if (segment.type !== 1 || at < segment.physicalAddress) continue;
      const offset = at - segment.physicalAddress;
      if (offset < BigInt(segment.memorySize)) return gva(segment.virtualAddress + offset);
    }
    return undefined;
  }

  #readLinear(address: Gva, size: number): Uint8Array | undefined {
    const walk = this.walk(address);
    const physical = walk === undefined ? gpa(Number(address & 0xffff_ffffn)) : walk.physical;
    return physical === undefined ? undefined : this.readPhysical(physical, size);
  }

  #readLinearWord(address: Gva, size: number): bigint | undefined {
    const bytes = this.#readLinear(address, size);
    return bytes === undefined ? undefined : littleEndian(bytes);
  }

  #readNumber(address: Gpa, size: number): bigint | undefined {
    const bytes = this.readPhysical(address, size);
    return bytes === undefined ? undefined : littleEndian(bytes);
  }
}

function littleEndian(bytes: Uint8Array): bigint {
  let value = 0n;
  for (let index = bytes.length - 1; index >= 0; index -= 1) value = (value << 8n) | BigInt(bytes[index]!);
  return value;
}

function pagingControls(registers: RegisterView, pageTables: Gpa | undefined): PagingControls {
  const { cr0, cr3, cr4 } = registers.cr;
  return {
    mode: pagingMode(cr0, cr4, registers.efer),
    root: pageTables === undefined ? cr3 : BigInt(pageTables),
    largePages: (cr4 & CR4_PSE) !== 0n,
    noExecute: (registers.efer & EFER_NXE) !== 0n,
  };
}

function pagingMode(cr0: bigint, cr4: bigint, efer: bigint): PagingMode {
  if ((cr0 & CR0_PAGING) === 0n) return 'none';
  if ((efer & EFER_LMA) !== 0n) return '4-level';
  return (cr4 & CR4_PAE) !== 0n ? 'pae' : '32-bit';
}
