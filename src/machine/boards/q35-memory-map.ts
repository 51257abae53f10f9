/** Where things stand in the q35 board's physical address space. */
import type { MemoryMapEntry } from '../loaders/load-plan.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;

/** PCI Express configuration space (ECAM), 256 buses of 1 MiB, where QEMU's q35 and SeaBIOS put it. */
export const ECAM_BASE = 0xb000_0000;
export const ECAM_SIZE = 256 * MIB;
export const IOAPIC_BASE = 0xfec0_0000;
export const HPET_BASE = 0xfed0_0000;
export const LOCAL_APIC_BASE = 0xfee0_0000;
/** I/O ports of ACPI power management, where SeaBIOS and OVMF put them. */
export const POWER_MANAGEMENT_BASE = 0x600;
export const FOUR_GIB = 4 * GIB;

/** AMD's processors keep the last 12 GiB below 2^40 for HyperTransport (AMD BKDG Family 10h, 2.4.5). */
export const HYPERTRANSPORT_BASE = 0xfd_0000_0000;
export const HYPERTRANSPORT_SIZE = 12 * GIB;

export interface RamLayout {
  /** Bytes of RAM from address 0. */
  readonly below4g: number;
  /** Bytes of RAM from 4 GiB. */
  readonly above4g: number;
}

/**
 * Splits `bytes` of RAM around the PCI hole as QEMU's q35 does: all of it stays low below 2.75 GiB; from there on the
 * low part ends at 2 GiB. `max` is QEMU's machine property `max-ram-below-4g`.
 */
export function splitRam(bytes: number, max: number = Number.POSITIVE_INFINITY): RamLayout {
  const limit = Math.min(bytes >= ECAM_BASE ? 2 * GIB : ECAM_BASE, max);
  const below4g = Math.min(bytes, limit);
  return { below4g, above4g: bytes - below4g };
}

/** The memory map that firmware would report (INT 15h, AX=E820h). */
export function memoryMap(ram: RamLayout): MemoryMapEntry[] {
  const rows: MemoryMapEntry[] = [
    { start: 0, size: 0x9_fc00, type: 'usable' },
    { start: 0x9_fc00, size: 0x400, type: 'reserved' },
    { start: 0xf_0000, size: 0x1_0000, type: 'reserved' },
    { start: MIB, size: ram.below4g - MIB, type: 'usable' },
    { start: ECAM_BASE, size: ECAM_SIZE, type: 'reserved' },
    { start: 0xfffc_0000, size: 256 * KIB, type: 'reserved' },
  ];
  if (ram.above4g > 0) rows.push({ start: FOUR_GIB, size: ram.above4g, type: 'usable' });
  return rows;
}
