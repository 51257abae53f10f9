/** Who gets the q35 board's ACPI tables: firmware through fw_cfg, or a kernel that is entered without it. */
import { type Gpa, gpa } from '../../base/address.ts';
import { alignUp } from '../../base/bits.ts';
import type { StateSource } from '../../base/state.ts';
import type { FwCfg } from '../../devices/fw-cfg.ts';
import type { PciBus } from '../../pci/bus.ts';
import { PIRQ_FIRST_PIN, pirqOf } from '../../pci/lpc-bridge.ts';
import type { BoardFacts, MemoryWindow } from '../acpi/board-facts.ts';
import { acpiFiles, acpiInMemory, LOADER_FILE, RSDP_FILE, TABLES_FILE } from '../acpi/tables.ts';
import type { LoadSegment } from '../loaders/load-plan.ts';
import { ECAM_SIZE, FOUR_GIB, IOAPIC_BASE, type RamLayout } from './q35-memory-map.ts';
import type { ChipsetAddresses } from './q35-pci.ts';

const GIB = 2 ** 30;
/** PCI memory behind RAM, at least (QEMU: `pci-hole64-size`). */
const HIGH_WINDOW = 32 * GIB;
/** A BAR beyond any processor's reach is a mistake, and no window. */
const PCI_LIMIT = 2 ** 46;
/** In the reserved area below 1 MiB, where systems look for the root pointer: on a paragraph, then the tables. */
const RSDP_ADDRESS = 0xf_0000;
const TABLES_ADDRESS = 0xf_0040;

export interface AcpiSetting {
  readonly bus: Pick<PciBus, 'functions'>;
  readonly addresses: ChipsetAddresses;
  readonly ram: RamLayout;
  readonly apicIds: readonly number[];
  readonly hpet: boolean;
}

function facts(setting: AcpiSetting, suspend: boolean): BoardFacts {
  const ecam = setting.addresses.ecam();
  return {
    apicIds: setting.apicIds,
    powerManagementBase: setting.addresses.powerManagement(),
    ecam: ecam === undefined ? undefined : { base: ecam, size: ECAM_SIZE },
    windows: [...lowWindows(setting.ram.below4g, ecam), highWindow(setting)],
    pirqOf,
    pirqFirstInput: PIRQ_FIRST_PIN,
    hpet: setting.hpet,
    suspend,
  };
}

/** From the end of RAM to the I/O APIC, around the configuration space window. */
function lowWindows(ramEnd: number, ecam: number | undefined): MemoryWindow[] {
  const between = (start: number, end: number): MemoryWindow[] =>
    start < end ? [{ start, size: end - start, cacheable: false }] : [];
  if (ecam === undefined || ecam < ramEnd || ecam >= IOAPIC_BASE) return between(ramEnd, IOAPIC_BASE);
  return [...between(ramEnd, ecam), ...between(ecam + ECAM_SIZE, IOAPIC_BASE)];
}

/** Behind RAM; longer or earlier if firmware has put BARs outside. */
function highWindow({ bus, ram }: AcpiSetting): MemoryWindow {
  let start = alignUp(FOUR_GIB + ram.above4g, GIB);
  let end = start + HIGH_WINDOW;
  for (const entry of bus.functions) {
    for (const { mappedAt: address, size } of entry.bars.values()) {
      if (address === undefined || address < FOUR_GIB || address >= PCI_LIMIT) continue;
      start = Math.min(start, address);
      end = Math.max(end, alignUp(address + size, GIB));
    }
  }
  return { start, size: end - start, cacheable: true };
}

/**
 * Offers the tables to firmware. They are built when the first of their files is selected after a reset, because they
 * tell where firmware has put things.
 */
export function offerAcpiTables(fwCfg: FwCfg, setting: AcpiSetting): StateSource & { reset(): void } {
  const names = [RSDP_FILE, TABLES_FILE, LOADER_FILE] as const;
  let built = false;
  const prepare = (): void => {
    if (built) return;
    built = true;
    const { rsdp, tables, loader } = acpiFiles(facts(setting, true));
    for (const [index, bytes] of [rsdp, tables, loader].entries()) fwCfg.items.file(names[index]!)!.bytes = bytes;
  };
  for (const name of names) fwCfg.addFile(name, new Uint8Array(0), { prepare });
  prepare();
  built = false;
  return {
    name: 'acpi-tables',
    version: 1,
    reset: () => {
      built = false;
    },
    save: () => ({ built }),
    load: (fields) => {
      built = fields.built as boolean;
    },
  };
}

/** What {@link placeAcpiTables} leaves in memory. */
export interface PlacedAcpi {
  readonly root: Gpa;
  readonly segments: readonly LoadSegment[];
}

/** Tables and root pointer below 1 MiB, for a kernel entered directly; `undefined`: there is no power management. */
export function placeAcpiTables(setting: AcpiSetting): PlacedAcpi | undefined {
  if (setting.addresses.powerManagement() === undefined) return undefined;
  // Nothing would wake the machine from S3, or bring it back from S4.
  const { rsdp, tables } = acpiInMemory(facts(setting, false), TABLES_ADDRESS);
  const segment = (address: number, bytes: Uint8Array, what: string): LoadSegment => ({
    address: gpa(address),
    bytes,
    memorySize: bytes.length,
    what,
  });
  return {
    root: gpa(RSDP_ADDRESS),
    segments: [segment(RSDP_ADDRESS, rsdp, 'ACPI root pointer'), segment(TABLES_ADDRESS, tables, 'ACPI tables')],
  };
}
