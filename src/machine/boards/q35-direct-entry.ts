/** What firmware would have done before a kernel that is entered without it (docs/adr/0003). */
import type { InterruptController } from '../../interrupts/interrupt-controller.ts';
import type { DirectEntry } from '../machine.ts';
import { biosDataAreas } from './bios-data-area.ts';
import { type AcpiSetting, placeAcpiTables } from './q35-acpi.ts';
import type { IsaDevices } from './q35-isa.ts';
import type { PciParts } from './q35-pci.ts';
import { placeSmbios, type SmbiosSetting } from './q35-smbios.ts';

export interface DirectEntrySetting {
  readonly interrupts: InterruptController;
  readonly pci: PciParts;
  readonly isa: IsaDevices;
  readonly acpi: AcpiSetting;
  readonly smbios: SmbiosSetting;
}

/** Sets the devices up, then tells what is to stand in memory. */
export function prepareDirectEntry(setting: DirectEntrySetting): DirectEntry {
  const { interrupts, pci, isa, acpi, smbios } = setting;
  interrupts.setUpAsFirmware();
  pci.handOver();
  isa.i8042.handOver();
  pci.display?.handOver();
  const placed = placeAcpiTables(acpi);
  return {
    segments: [...biosDataAreas(), ...placeSmbios(smbios), ...(placed?.segments ?? [])],
    acpiRoot: placed?.root,
  };
}
