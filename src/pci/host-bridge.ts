/**
 * The Q35's memory controller hub, 8086:29c0 at 00:00.0: its identity, PCIEXBAR, which places the memory-mapped
 * configuration window, and who answers below 1 MiB (`dram-control.ts`) (Intel 3 Series Express Chipset datasheet §5.1).
 *
 * Not modelled, as in QEMU: DRB, TOLUD and the other DRAM registers; they read zero and ignore writes.
 */

import { bit, bits, register32, spec } from '../base/registers.ts';
import type { StateSource, StateValue } from '../base/state.ts';
import type { MemorySystem } from '../memory/memory-system.ts';
import { MmioRegion } from '../memory/mmio-region.ts';
import type { MemoryRegion } from '../memory/region.ts';
import { ConfigSpace } from './config-space.ts';
import { DramControl } from './dram-control.ts';
import { PciFunction } from './function.ts';
import type { RootComplex } from './root-complex.ts';

/** Configuration offset of PCIEXBAR, 8 bytes. */
export const PCIEXBAR_OFFSET = 0x60;
/** Where the Q35 puts the window by default. */
export const PCIEXBAR_DEFAULT = 0xb000_0000;

export const PCIEXBAR = register32({
  name: 'PCIEXBAR',
  spec: spec('Intel 3 Series Express Chipset', '5.1.17'),
  reset: PCIEXBAR_DEFAULT,
  fields: {
    enable: bit(0, 'RW', 'PCIEXBAR Enable'),
    length: bits(2, 1, 'RW', 'Length'),
    base64: bit(26, 'RW', '64MB Base Address Mask'),
    base128: bit(27, 'RW', '128MB Base Address Mask'),
    base: bits(31, 28, 'RW', 'PCI Express Base Address'),
  },
});

/** Bytes by the Length field: 256, 128 or 64 MiB; the fourth code is reserved. */
const ECAM_SIZES = [0x1000_0000, 0x0800_0000, 0x0400_0000, undefined] as const;

export interface HostBridgeOptions {
  readonly system: MemorySystem;
  readonly rootComplex: RootComplex;
  /** The container of physical memory that the window is placed into, in front of PCI. */
  readonly memory: MemoryRegion;
  readonly subsystemVendor?: number;
  readonly subsystem?: number;
  /** Enable the window at reset, as firmware would have done by the time a kernel starts. Default false. */
  readonly ecamAtReset?: boolean;
  /** What PAM and SMRAM switch between. Without it they read zero and ignore writes. */
  readonly dram?: HostBridgeDram;
}

export interface HostBridgeDram {
  /** All of RAM, by offset. */
  readonly ram: MemoryRegion;
  readonly pci: MemoryRegion;
  /** Bytes of RAM from address 0. */
  readonly below4g: number;
  /** See {@link DramControl}. */
  readonly writeOnlyReadsRam?: boolean;
}

export class HostBridge extends PciFunction {
  /** Saved apart from the function: CONFIG_ADDRESS. */
  readonly hostState: StateSource;
  readonly dramControl: DramControl | undefined;
  readonly #options: HostBridgeOptions;
  readonly #windows: readonly (MmioRegion | undefined)[];
  #window: MmioRegion | undefined;

  constructor(options: HostBridgeOptions) {
    const { system, rootComplex, subsystemVendor = 0x1af4, subsystem = 0x1100 } = options;
    super({
      name: 'mch',
      identity: { vendor: 0x8086, device: 0x29c0, revision: 0, classCode: 0x06_0000, subsystemVendor, subsystem },
      system,
    });
    this.#options = options;
    const ops = rootComplex.ecamOps();
    this.#windows = ECAM_SIZES.map((size) =>
      size === undefined ? undefined : new MmioRegion(system, 'pcie-mmcfg-mmio', size, ops),
    );
    // Configuration cycles reach other functions while one runs its own: never guarded against re-entrancy.
    for (const window of this.#windows) if (window !== undefined) window.reentrant = true;
    this.config.declareRegister(PCIEXBAR_OFFSET, PCIEXBAR, this.#resetValue);
    this.config.declare(PCIEXBAR_OFFSET + 4, 4, 0, 0xf);
    const { memory, dram } = options;
    this.dramControl =
      dram === undefined ? undefined : new DramControl({ system, config: this.config, memory, ...dram });
    this.onConfigWritten = (offset, size) => {
      this.dramControl?.written(offset, size);
      if (ConfigSpace.touches(offset, size, PCIEXBAR_OFFSET, 8)) this.#placeWindow();
    };
    this.onReset = () => {
      this.config.set(PCIEXBAR_OFFSET, 4, this.#resetValue);
      this.config.set(PCIEXBAR_OFFSET + 4, 4, 0);
      rootComplex.configAddress = 0;
      this.dramControl?.reset();
      this.#placeWindow();
    };
    this.hostState = {
      name: 'pci/host',
      version: 1,
      save: () => ({ configAddress: rootComplex.configAddress }),
      load: (fields) => {
        rootComplex.configAddress = fields.configAddress as number;
      },
    };
    this.#placeWindow();
  }

  /** Where the memory-mapped configuration window stands, or `undefined` while it is off. */
  get ecamAddress(): number | undefined {
    return this.#window?.address;
  }

  override load(fields: { readonly [field: string]: StateValue }): void {
    super.load(fields);
    this.#placeWindow();
    this.dramControl?.apply();
  }

  get #resetValue(): number {
    return PCIEXBAR.with(PCIEXBAR_DEFAULT, 'enable', this.#options.ecamAtReset === true ? 1 : 0);
  }

  #placeWindow(): void {
    const value = this.config.read(PCIEXBAR_OFFSET, 4);
    const length = PCIEXBAR.get(value, 'length');
    const window = PCIEXBAR.has(value, 'enable') ? this.#windows[length] : undefined;
    const address = this.config.read(PCIEXBAR_OFFSET + 4, 4) * 2 ** 32 + ((value & 0xfc00_0000) >>> 0);
    this.system.transaction(() => {
      const { memory } = this.#options;
      if (this.#window !== undefined) memory.removeSubregion(this.#window);
      if (window !== undefined) memory.addSubregion(address - (address % window.size), window, 1);
      this.#window = window;
    });
  }
}
