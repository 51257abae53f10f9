/** A whole PC: a board's parts, and the loop that runs them. */
import type { BusAddress, Gpa } from '../base/address.ts';
import type { Nanoseconds, VirtualClock } from '../base/clock.ts';
import type { StateRegistry } from '../base/state.ts';
import type { TraceBus } from '../base/trace.ts';
import type { ProcessorLike } from '../cpu/types.ts';
import type { KeyScript, KeySink, TypingOptions } from '../devices/input/key-script.ts';
import { type Chord, chordsOf } from '../devices/input/keys.ts';
import type { MouseSink } from '../devices/input/ps2-mouse.ts';
import type { VgaAdapter } from '../devices/vga/adapter.ts';
import { screenLines } from '../devices/vga/code-page.ts';
import type { GraphicsScreen, Screen } from '../devices/vga/screen.ts';
import { type AddressSpace, DmaView } from '../memory/index.ts';
import { peek } from '../memory/lookup.ts';
import type { PciBus } from '../pci/bus.ts';
import type { Inventory } from './inventory.ts';
import { loadImage } from './loaders/image.ts';
import type { LoadError, LoadOptions, LoadPlan, LoadSegment, MemoryMapEntry } from './loaders/load-plan.ts';
import type { Outcome, RunLimits } from './outcome.ts';
import type { RunLoop } from './run-loop.ts';

/** What a board hands over when it has built itself. */
export interface MachineParts {
  readonly trace: TraceBus;
  readonly clock: VirtualClock;
  readonly state: StateRegistry;
  readonly processor: ProcessorLike;
  /** What the processor sees. */
  readonly addressSpace: AddressSpace;
  readonly ioSpace: AddressSpace;
  readonly pci: PciBus;
  readonly memoryMap: readonly MemoryMapEntry[];
  readonly loop: RunLoop;
  /** Does what firmware would have done before a kernel is entered directly; returns what it leaves in memory. */
  readonly prepareDirectEntry: () => DirectEntry;
  /** Bytes from the host's console to the first serial port. */
  readonly receiveSerial: (bytes: Uint8Array) => void;
  /** Types on the machine's keyboard. */
  readonly keys: KeyScript;
  /** Keys that go down and up now. */
  readonly keyboard: KeySink;
  readonly mouse: MouseSink;
  readonly inventory: Inventory;
  /** A reset ends the run: there is nothing that could start again, or nobody wants it to. */
  readonly resetEnds: boolean;
  readonly pressPowerButton: () => void;
  /** `undefined`: the machine has no display. */
  readonly display?: VgaAdapter | undefined;
}

/** What a kernel finds that is entered without firmware. */
export interface DirectEntry {
  readonly segments: readonly LoadSegment[];
  /** Where the ACPI root pointer is; `undefined`: there are no ACPI tables. */
  readonly acpiRoot: Gpa | undefined;
}

export class Machine {
  readonly trace: TraceBus;
  readonly clock: VirtualClock;
  readonly state: StateRegistry;
  readonly processor: ProcessorLike;
  readonly addressSpace: AddressSpace;
  readonly ioSpace: AddressSpace;
  readonly pci: PciBus;
  readonly memoryMap: readonly MemoryMapEntry[];
  readonly #parts: MachineParts;

  constructor(parts: MachineParts) {
    this.#parts = parts;
    this.trace = parts.trace;
    this.clock = parts.clock;
    this.state = parts.state;
    this.processor = parts.processor;
    this.addressSpace = parts.addressSpace;
    this.ioSpace = parts.ioSpace;
    this.pci = parts.pci;
    this.memoryMap = parts.memoryMap;
  }

  /** True while the processor executes guest instructions (and in whatever those call). */
  get executing(): boolean {
    return this.#parts.loop.executing;
  }

  /** Puts an image into memory and the processor at its entry. Returns what is wrong with it, if anything is. */
  load(image: Uint8Array, options: Omit<LoadOptions, 'memoryMap'>): LoadError | LoadPlan {
    const found = this.#parts.prepareDirectEntry();
    const acpi = found.acpiRoot === undefined ? {} : { acpiRoot: found.acpiRoot };
    const textDisplay = this.#parts.display !== undefined;
    const result = loadImage(image, { ...options, ...acpi, textDisplay, memoryMap: this.memoryMap });
    if (!result.ok) return result.error;
    const { segments, entry } = result.plan;
    const loader = new DmaView(this.addressSpace, 'loader');
    for (const segment of [...found.segments, ...segments]) {
      const address = segment.address as number as BusAddress;
      loader.set(address, 0, segment.memorySize);
      loader.write(address, segment.bytes);
    }
    if (entry.mode === 'protected32') this.processor.enterProtected32(entry.entry, entry.registers, entry.gdt);
    else {
      const { pageTables, stack, registers, gdt } = entry;
      this.processor.enterLong64(entry.entry, pageTables, BigInt(stack), registers, gdt);
    }
    return result.plan;
  }

  run(limits?: RunLimits): Outcome {
    return this.#parts.loop.run(limits);
  }

  receiveSerial(bytes: Uint8Array): void {
    this.#parts.receiveSerial(bytes);
  }

  /** Calls `action` at a point of virtual time, between two instructions; at once if it has passed. */
  at(name: string, time: Nanoseconds, action: () => void): void {
    this.clock.timer(name, action).at(Math.max(time, this.clock.now()));
  }

  /** Ends the run as `stopped` before the next instruction; a later {@link run} goes on. */
  stop(): void {
    this.#parts.loop.stop();
  }

  /**
   * Types on the keyboard at virtual times: a text on a US layout, or chords by QEMU's `sendkey` names. Returns the time
   * at which the last key is up, or what no key has.
   */
  typeKeys(keys: string | readonly Chord[], options?: TypingOptions): number | { readonly unknown: string } {
    const list = typeof keys === 'string' ? chordsOf(keys) : { chords: keys };
    return 'unknown' in list ? list : this.#parts.keys.type(list.chords, options);
  }

  /** The machine's keyboard: the one that keys go to now. {@link typeKeys} presses them on the clock. */
  get keyboard(): KeySink {
    return this.#parts.keyboard;
  }

  /** The machine's mouse: what is done to it happens now. */
  get mouse(): MouseSink {
    return this.#parts.mouse;
  }

  /** What is attached. */
  get inventory(): Inventory {
    return this.#parts.inventory;
  }

  /** The reset button: before the next instruction. */
  reset(): void {
    const { loop, resetEnds } = this.#parts;
    if (resetEnds) loop.end({ kind: 'exited', by: 'reset', status: 0 });
    else loop.reset('button');
  }

  /** The power button: an ACPI event, with which an operating system does as it likes (ACPI 6.4 §4.8.3.1.1). */
  pressPowerButton(): void {
    this.#parts.pressPowerButton();
  }

  /** What the display shows now, text as text; `undefined`: there is no display. */
  screen(): Screen | undefined {
    return this.#parts.display?.screen();
  }

  /** What the display shows now as pixels, text drawn with the guest's font, nothing blinking. */
  picture(): GraphicsScreen | undefined {
    return this.#parts.display?.picture();
  }

  /** The lines of a text screen in Unicode, blanks at their ends cut off; `undefined`: no display, or graphics. */
  screenText(): string[] | undefined {
    const screen = this.screen();
    return screen?.kind === 'text' ? screenLines(screen) : undefined;
  }

  /** A debugger's read: no side effects; `undefined` unless all bytes are RAM or ROM. */
  readRam(address: Gpa, size: number): Uint8Array | undefined {
    return peek(this.addressSpace, address as number as BusAddress, size);
  }
}
