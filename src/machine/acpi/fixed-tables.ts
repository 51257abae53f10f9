/** The tables of fixed layout: FADT, MADT, HPET, MCFG, WAET (ACPI 6.4, 5.2; QEMU's q35 for what is chosen). */
import { HPET_BASE, IOAPIC_BASE, LOCAL_APIC_BASE } from '../boards/q35-memory-map.ts';
import { little } from './aml.ts';
import type { BoardFacts } from './board-facts.ts';
import type { TableBlob } from './table-blob.ts';

const HEADER_SIZE = 36;
const FADT_SIZE = 244;
const SCI = 9;
const APM_CONTROL_PORT = 0xb2;
const APM_ENABLE_ACPI = 0x02;
const APM_DISABLE_ACPI = 0x03;
const CMOS_CENTURY = 0x32;
/** A controller of the 8042 kind is there. */
const BOOT_8042 = 0x0002;
/** WBINVD, C1, no sleep button as device, RTC wakes from S4, reset register, platform timer. */
const FLAGS = 0x84a5;
/** Logical APIC addressing needs clusters (flag 18): more than eight processors. */
const FLAG_APIC_CLUSTER = 0x4_0000;
const FLAT_PROCESSORS_MAX = 8;
const RESET_PORT = 0xcf9;
const RESET_VALUE = 0x0f;
const SPACE_IO = 1;

/** Offsets in the power management block (ICH9 datasheet 13.8.3). */
const PM1_EVENT = 0x00;
const PM1_CONTROL = 0x04;
const PM_TIMER = 0x08;
const GPE0 = 0x20;
const GPE0_BYTES = 0x10;

/** Adds the FADT, with the addresses of the two tables it names. */
export function addFadt(blob: TableBlob, facts: BoardFacts, facs: number, dsdt: number): number {
  const view = new DataView(new ArrayBuffer(FADT_SIZE));
  const base = facts.powerManagementBase ?? 0;
  view.setUint32(36, facs, true);
  view.setUint32(40, dsdt, true);
  view.setUint8(44, 1);
  view.setUint16(46, SCI, true);
  view.setUint32(48, APM_CONTROL_PORT, true);
  view.setUint8(52, APM_ENABLE_ACPI);
  view.setUint8(53, APM_DISABLE_ACPI);
  view.setUint32(56, base + PM1_EVENT, true);
  view.setUint32(64, base + PM1_CONTROL, true);
  view.setUint32(76, base + PM_TIMER, true);
  view.setUint32(80, base + GPE0, true);
  view.setUint8(88, 4);
  view.setUint8(89, 2);
  view.setUint8(91, 4);
  view.setUint8(92, GPE0_BYTES);
  // Worst-case latencies that mean: no C2, no C3.
  view.setUint16(96, 0xfff, true);
  view.setUint16(98, 0xfff, true);
  view.setUint8(108, CMOS_CENTURY);
  view.setUint16(109, BOOT_8042, true);
  const clusters = facts.apicIds.length > FLAT_PROCESSORS_MAX ? FLAG_APIC_CLUSTER : 0;
  view.setUint32(112, FLAGS | clusters, true);
  ioAddress(view, 116, RESET_PORT, 8);
  view.setUint8(128, RESET_VALUE);
  view.setBigUint64(140, BigInt(dsdt), true);
  ioAddress(view, 148, base + PM1_EVENT, 32);
  ioAddress(view, 172, base + PM1_CONTROL, 16);
  ioAddress(view, 208, base + PM_TIMER, 32);
  ioAddress(view, 220, base + GPE0, 8 * GPE0_BYTES);
  return blob.table('FACP', 3, bytesBehindHeader(view), [
    { at: 36, size: 4 },
    { at: 40, size: 4 },
    { at: 140, size: 8 },
  ]);
}

function bytesBehindHeader(view: DataView): number[] {
  return [...new Uint8Array(view.buffer, HEADER_SIZE)];
}

/** A Generic Address Structure (5.2.3.2). */
function ioAddress(view: DataView, at: number, port: number, bits: number): void {
  view.setUint8(at, SPACE_IO);
  view.setUint8(at + 1, bits);
  view.setBigUint64(at + 4, BigInt(port), true);
}

/** MADT entry types and the flags of interrupts: level, active high. */
const LOCAL_APIC = 0;
const IO_APIC = 1;
const OVERRIDE = 2;
const LOCAL_NMI = 4;
const LEVEL_HIGH = 0x0d;
/** IRQs that PCI and the SCI use. */
const LEVEL_IRQS = [5, 9, 10, 11];

export function addMadt(blob: TableBlob, facts: BoardFacts): number {
  const override = (irq: number, input: number, flags: number): number[] => [
    OVERRIDE,
    10,
    0,
    irq,
    ...little(input, 4),
    ...little(flags, 2),
  ];
  const processors = facts.apicIds.flatMap((id, index) => [LOCAL_APIC, 8, index, id, ...little(1, 4)]);
  return blob.table('APIC', 1, [
    ...little(LOCAL_APIC_BASE, 4),
    // PCAT_COMPAT: two 8259s are there too.
    ...little(1, 4),
    ...processors,
    ...[IO_APIC, 12, 0, 0, ...little(IOAPIC_BASE, 4), ...little(0, 4)],
    ...override(0, 2, 0),
    ...LEVEL_IRQS.flatMap((irq) => override(irq, irq, LEVEL_HIGH)),
    ...[LOCAL_NMI, 6, 0xff, ...little(0, 2), 1],
  ]);
}

/** Event Timer Block ID: Intel, 64 bits, legacy replacement, 3 comparators, revision 1 (IA-PC HPET 1.0a, 3.2.4). */
export const HPET_BLOCK_ID = 0x8086_a201;

export function addHpet(blob: TableBlob): number {
  const address = [0, 0, 0, 0, ...little(HPET_BASE, 8)];
  return blob.table('HPET', 1, [...little(HPET_BLOCK_ID, 4), ...address, 0, 0, 0, 0]);
}

/** PCI Firmware Specification 3.3, 4.1.2. */
export function addMcfg(blob: TableBlob, base: number, buses: number): number {
  return blob.table('MCFG', 1, [...little(0, 8), ...little(base, 8), ...little(0, 2), 0, buses - 1, ...little(0, 4)]);
}

/** Windows ACPI Emulated Devices Table: one read of the PM timer is enough. */
export function addWaet(blob: TableBlob): number {
  return blob.table('WAET', 1, little(2, 4));
}
