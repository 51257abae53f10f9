/**
 * What the ICH9's LPC bridge places by its configuration space: the ACPI registers (PMBASE, ACPI_CNTL), the chipset
 * configuration registers (RCBA), and which interrupt the SCI is (ICH9 datasheet §13.1.12 to §13.1.35, §10.1).
 */
import { bit, bits, register32, spec } from '../base/registers.ts';
import type { MemorySystem } from '../memory/memory-system.ts';
import { MmioRegion } from '../memory/mmio-region.ts';
import type { MemoryRegion } from '../memory/region.ts';
import { ConfigSpace } from './config-space.ts';

export const PMBASE_OFFSET = 0x40;
export const ACPI_CNTL_OFFSET = 0x44;
export const GPIOBASE_OFFSET = 0x48;
const GEN_PMCON_1 = 0xa0;
const SMI_LOCK = 1 << 4;
export const RCBA_OFFSET = 0xf0;
/** Bytes of the chipset configuration registers. */
const CHIPSET_BYTES = 0x4000;

export const PMBASE = register32({
  name: 'PMBASE',
  spec: spec('ICH9', '13.1.12'),
  reset: 1,
  fields: { io: bit(0, 'RO', 'Resource Type Indicator'), base: bits(15, 7, 'RW', 'Base Address') },
});
export const ACPI_CNTL = register32({
  name: 'ACPI_CNTL',
  spec: spec('ICH9', '13.1.13'),
  reset: 0,
  fields: { sci: bits(2, 0, 'RW', 'SCI_IRQ_SEL'), enable: bit(7, 'RW', 'ACPI_EN') },
});
export const RCBA = register32({
  name: 'RCBA',
  spec: spec('ICH9', '13.1.35'),
  reset: 0,
  fields: { enable: bit(0, 'RW', 'Enable'), base: bits(31, 14, 'RW', 'Base Address') },
});
/** By SCI_IRQ_SEL; 3, 6 and 7 are reserved. */
const SCI_IRQS = [9, 10, 11, 9, 20, 21, 9, 9] as const;
/** D31IR, D30IR, D29IR, D28IR, D27IR, D26IR, D25IR: each pin to the PIRQ of its number. */
const INTERRUPT_ROUTES = [0x3140, 0x3142, 0x3144, 0x3146, 0x3148, 0x314c, 0x3150] as const;
const INTERRUPT_ROUTE_RESET = 0x3210;
/** General Control and Status: boot from the LPC bus. */
const GCS = 0x3410;
const GCS_RESET = 0x20;

export interface LpcResources {
  readonly io: MemoryRegion;
  readonly memory: MemoryRegion;
  /** 128 bytes at PMBASE. */
  readonly acpiRegisters: MemoryRegion;
  /** GEN_PMCON_1.SMI_LOCK was set. */
  readonly lockSmi: () => void;
  /** ACPI_CNTL selects the global system interrupt that the SCI is. */
  readonly routeSci: (irq: number) => void;
}

export class LpcPlacement {
  /** The chipset configuration registers: kept as written. */
  readonly chipset = new Uint8Array(CHIPSET_BYTES);
  readonly #system: MemorySystem;
  readonly #config: ConfigSpace;
  readonly #resources: LpcResources | undefined;
  readonly #chipsetRegion: MmioRegion;

  constructor(system: MemorySystem, config: ConfigSpace, resources: LpcResources | undefined) {
    this.#system = system;
    this.#config = config;
    this.#resources = resources;
    const view = new DataView(this.chipset.buffer);
    this.#chipsetRegion = new MmioRegion(system, 'lpc-rcrb-mmio', CHIPSET_BYTES, {
      read: (offset, size) =>
        size === 1 ? view.getUint8(offset) : size === 2 ? view.getUint16(offset, true) : view.getUint32(offset, true),
      write: (offset, size, value) => {
        if (size === 1) view.setUint8(offset, value);
        else if (size === 2) view.setUint16(offset, value, true);
        else view.setUint32(offset, value, true);
      },
      valid: { minimum: 1, maximum: 4 },
    });
    resources?.acpiRegisters.setEnabled(false);
    this.#chipsetRegion.setEnabled(false);
    resources?.io.addSubregion(0, resources.acpiRegisters);
    resources?.memory.addSubregion(0, this.#chipsetRegion, 1);
    this.reset();
  }

  /** First I/O port of ACPI power management, or `undefined` while it decodes nothing. */
  get acpiBase(): number | undefined {
    const base = PMBASE.get(this.#config.read(PMBASE_OFFSET, 4), 'base') << 7;
    const on = ACPI_CNTL.has(this.#config.read(ACPI_CNTL_OFFSET, 4), 'enable');
    return base === 0 || !on ? undefined : base;
  }

  get #sciIrq(): number {
    return SCI_IRQS[ACPI_CNTL.get(this.#config.read(ACPI_CNTL_OFFSET, 4), 'sci') & 7]!;
  }

  reset(): void {
    this.#config.declareRegister(PMBASE_OFFSET, PMBASE);
    this.#config.declareRegister(ACPI_CNTL_OFFSET, ACPI_CNTL);
    this.#config.declareRegister(RCBA_OFFSET, RCBA);
    // GPIO is not modelled: its base is kept, as on QEMU.
    this.#config.declare(GPIOBASE_OFFSET, 4, 0, 0xffff_ffff);
    this.#config.declare(GPIOBASE_OFFSET + 4, 1, 0, 0xff);
    this.#config.declare(GEN_PMCON_1, 2, 0, 0xffff);
    this.chipset.fill(0);
    const view = new DataView(this.chipset.buffer);
    for (const offset of INTERRUPT_ROUTES) view.setUint16(offset, INTERRUPT_ROUTE_RESET, true);
    view.setUint32(GCS, GCS_RESET, true);
    this.#resources?.routeSci(this.#sciIrq);
    this.apply();
  }

  /** A guest wrote `size` bytes at `offset` of the configuration space. */
  written(offset: number, size: number): void {
    if (ConfigSpace.touches(offset, size, GEN_PMCON_1, 1) && (this.#config.read(GEN_PMCON_1, 1) & SMI_LOCK) !== 0) {
      // Once set it stays.
      this.#config.declare(GEN_PMCON_1, 1, this.#config.read(GEN_PMCON_1, 1), 0xff & ~SMI_LOCK);
      this.#resources?.lockSmi();
    }
    if (ConfigSpace.touches(offset, size, ACPI_CNTL_OFFSET, 1)) this.#resources?.routeSci(this.#sciIrq);
    if (ConfigSpace.touches(offset, size, PMBASE_OFFSET, 8) || ConfigSpace.touches(offset, size, RCBA_OFFSET, 4)) {
      this.apply();
    }
  }

  /** Applies the configuration space, for example after it was loaded. */
  apply(): void {
    if (this.#resources === undefined) return;
    const { acpiRegisters } = this.#resources;
    const base = this.acpiBase;
    const rcba = this.#config.read(RCBA_OFFSET, 4);
    this.#system.transaction(() => {
      if (base !== undefined) acpiRegisters.setAddress(base);
      acpiRegisters.setEnabled(base !== undefined);
      this.#chipsetRegion.setAddress((rcba & 0xffff_c000) >>> 0);
      this.#chipsetRegion.setEnabled(RCBA.has(rcba, 'enable'));
    });
  }
}
