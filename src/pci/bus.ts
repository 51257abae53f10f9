/** One PCI bus: which functions stand where, configuration accesses to them, and the address spaces they share. */
import { assert } from '../base/assert.ts';
import type { TraceBus, TraceChannel } from '../base/trace.ts';
import type { MemorySystem } from '../memory/memory-system.ts';
import type { MemoryRegion } from '../memory/region.ts';
import { formatPciAddress, type PciAddress } from './address.ts';
import type { Bar } from './bar.ts';
import { COMMAND_MEMORY } from './config-registers.ts';
import type { PciFunction } from './function.ts';
import type { IntxSink } from './intx.ts';

/** What a configuration read of an absent function gives: all ones (PCI Local Bus 3.0 §6.1). */
const ABSENT = 0xffff_ffff;

export interface PciBusOptions {
  readonly system: MemorySystem;
  readonly trace: TraceBus;
  /** Bus number, 0 for the root bus; behind a bridge what names its functions here. */
  readonly number?: number;
  /** What leads to it; `undefined`: the root bus. */
  readonly bridge?: PciFunction;
  /** Behind a bridge: the number that software has given the bus; 0: none yet. */
  readonly currentNumber?: () => number;
  /** Containers that the functions' BARs are mapped into: bus address n at offset n. */
  readonly memory: MemoryRegion;
  readonly io: MemoryRegion;
  /** What a bus master sees: usually the root of system memory. */
  readonly dmaRoot: MemoryRegion;
  readonly intx: IntxSink;
  /** Set Received Master Abort when a DMA access finds nobody. Hardware does, QEMU does not. Default true. */
  readonly reportMasterAbort?: boolean;
}

/** A BAR that would answer at an address if the guest had set it up. */
export interface ExplainedAddress {
  readonly function: PciFunction;
  readonly bar: number;
  readonly offset: number;
  readonly because: 'memory-space-off' | 'bar-unassigned' | 'power-state';
}

export class PciBus {
  readonly system: MemorySystem;
  readonly trace: TraceBus;
  /** The number in the names of its functions, which stay the same whatever software does. */
  readonly nameNumber: number;
  readonly bridge: PciFunction | undefined;
  readonly memory: MemoryRegion;
  readonly io: MemoryRegion;
  readonly dmaRoot: MemoryRegion;
  readonly reportMasterAbort: boolean;
  readonly #currentNumber: (() => number) | undefined;
  readonly #intx: IntxSink;
  readonly #functions = new Map<number, PciFunction>();
  #inOrder: readonly PciFunction[] = [];
  readonly #reads: TraceChannel<'pci.config-read'>;
  readonly #writes: TraceChannel<'pci.config-written'>;
  readonly #off: TraceChannel<'pci.bar-access-while-off'>;

  constructor(options: PciBusOptions) {
    this.system = options.system;
    this.trace = options.trace;
    this.nameNumber = options.number ?? 0;
    this.bridge = options.bridge;
    this.#currentNumber = options.currentNumber;
    this.memory = options.memory;
    this.io = options.io;
    this.dmaRoot = options.dmaRoot;
    this.reportMasterAbort = options.reportMasterAbort ?? true;
    this.#intx = options.intx;
    this.#reads = options.trace.channel('pci.config-read');
    this.#writes = options.trace.channel('pci.config-written');
    this.#off = options.trace.channel('pci.bar-access-while-off');
  }

  /** By which configuration accesses reach it. */
  get number(): number {
    return this.#currentNumber?.() ?? this.nameNumber;
  }

  /** All functions, in order of device and function. */
  get functions(): readonly PciFunction[] {
    return this.#inOrder;
  }

  at(device: number, functionNumber: number): PciFunction | undefined {
    return this.#functions.get((device << 3) | functionNumber);
  }

  /** @internal {@link PciFunction.plug} calls it. */
  attach(entry: PciFunction): void {
    const { device, function: number } = entry.address;
    assert(device >= 0 && device < 32 && number >= 0 && number < 8, 'a bus has 32 devices of 8 functions');
    assert(this.at(device, number) === undefined, `${formatPciAddress(entry.address)} is free`);
    this.#functions.set((device << 3) | number, entry);
    this.#inOrder = [...this.#functions].sort(([a], [b]) => a - b).map(([, each]) => each);
  }

  setIntx(device: number, pin: number, asserted: boolean): void {
    this.#intx.setIntx(device, pin, asserted);
  }

  /** A configuration read of `size` (1, 2, 4) bytes. */
  configRead(address: PciAddress, offset: number, size: number): number {
    const entry = this.at(address.device, address.function);
    const mask = size === 4 ? ABSENT : 2 ** (8 * size) - 1;
    const value = entry === undefined ? mask : entry.configRead(offset, size);
    if (this.#reads.active) {
      const name = entry?.deviceName ?? 'empty';
      this.#reads.emit({ device: formatPciAddress(address), name, offset, size, value });
    }
    return value;
  }

  configWrite(address: PciAddress, offset: number, size: number, value: number): void {
    const entry = this.at(address.device, address.function);
    if (this.#writes.active) {
      const name = entry?.deviceName ?? 'empty';
      this.#writes.emit({ device: formatPciAddress(address), name, offset, size, value });
    }
    entry?.configWrite(offset, size, value);
  }

  /**
   * Which BAR the CPU meant when nothing answered at `address`: one whose decoding is off, or, near 0, one that was
   * never assigned. `undefined` when no BAR explains it.
   */
  explainUnassigned(address: number): ExplainedAddress | undefined {
    for (const entry of this.functions) {
      for (const bar of entry.bars.values()) {
        if (bar.isIo || bar.kind === 'rom' || bar.mappedAt !== undefined) continue;
        const start = bar.programmed;
        if (start === undefined || address < start || address >= start + bar.size) continue;
        const because = start === 0 ? 'bar-unassigned' : entry.powerState !== 0 ? 'power-state' : 'memory-space-off';
        return { function: entry, bar: bar.index, offset: address - start, because };
      }
    }
    return undefined;
  }

  /** States on the trace bus what {@link explainUnassigned} knows about a CPU access that nobody answered. */
  noteUnassignedAccess(address: number, write: boolean): void {
    if (!this.#off.active) return;
    const found = this.explainUnassigned(address);
    if (found === undefined) return;
    const { function: entry, bar, offset, because } = found;
    this.#off.emit({ device: entry.label, name: entry.deviceName, bar, offset, address, write, because });
  }

  /**
   * Listens for the CPU's failed accesses and explains those that a BAR explains. Call once, after the bus is built.
   * Returns the way to stop.
   */
  explainCpuAccesses(): () => void {
    return this.trace.on('memory.access-failed', (failure) => {
      if (failure.initiator.kind !== 'cpu' || failure.reason.kind !== 'unassigned') return;
      if (typeof failure.address === 'number') this.noteUnassignedAccess(failure.address, failure.write);
    });
  }

  /** A bus reset: every function returns to its reset state. */
  reset(): void {
    for (const entry of this.functions) entry.reset();
  }

  /** @internal The function's Command register was written: says so when a BAR still holds 0 as decoding is enabled. */
  notice(entry: PciFunction, previous: number, command: number): void {
    if (!this.#off.active || (~previous & command & COMMAND_MEMORY) === 0) return;
    for (const bar of entry.bars.values()) if (isLeftAtZero(bar)) this.#reportZero(entry, bar);
  }

  /** Low addresses are RAM: a driver that uses a BAR at 0 meets no hole: the fact is stated when decoding goes on. */
  #reportZero(entry: PciFunction, bar: Bar): void {
    this.#off.emit({
      device: entry.label,
      name: entry.deviceName,
      bar: bar.index,
      offset: 0,
      address: 0,
      write: false,
      because: 'bar-unassigned',
    });
  }
}

function isLeftAtZero(bar: Bar): boolean {
  return !bar.isIo && bar.kind !== 'rom' && bar.programmed === 0;
}
