/** ACPI power management of the board: events, the timer, sleep, and system management interrupts. */
import type { VirtualClock } from '../../base/clock.ts';
import { AcpiPm, APM_PORT } from '../../devices/acpi-pm.ts';
import { ACPI_PM_BYTES } from '../../devices/acpi-pm-registers.ts';
import type { SmiFeatures } from '../../devices/smi-features.ts';
import { SMI_BROADCAST } from '../../devices/smi-features.ts';
import { type MemoryRegion, type MemorySystem, MmioRegion } from '../../memory/index.ts';
import type { LpcResources } from '../../pci/lpc-placement.ts';
import type { RunLoop } from '../run-loop.ts';

export interface PowerSetting {
  readonly memory: MemorySystem;
  readonly system: MemoryRegion;
  readonly io: MemoryRegion;
  readonly clock: VirtualClock;
  readonly loop: RunLoop;
  readonly asQemu: boolean;
  readonly smiFeatures: SmiFeatures;
  /** Level of the SCI. */
  readonly sci: (asserted: boolean) => void;
  readonly cpus: number;
  readonly activeCpu: () => number;
  readonly raiseSmi: (cpu: number) => void;
}

export interface PowerParts {
  readonly acpi: AcpiPm;
  /** For the LPC bridge, which places it. */
  readonly resources: LpcResources;
}

export function addPower(setting: PowerSetting): PowerParts {
  const { memory, system, io, loop } = setting;
  const acpi = new AcpiPm({
    clock: setting.clock,
    sci: setting.sci,
    asQemu: setting.asQemu,
    smi: () => {
      const all = (setting.smiFeatures.negotiated & SMI_BROADCAST) !== 0;
      for (let cpu = 0; cpu < setting.cpus; cpu += 1) if (all || cpu === setting.activeCpu()) setting.raiseSmi(cpu);
    },
    stall: (nanoseconds) => loop.stall(nanoseconds),
    // Nothing here wakes a machine: suspended to RAM it would sleep for ever.
    sleep: (state) => loop.end({ kind: 'exited', by: state === 'memory' ? 'suspend' : 'power-off', status: 0 }),
  });
  io.addSubregion(APM_PORT, new MmioRegion(memory, 'apm-io', 2, acpi.apmOps));
  const acpiRegisters = new MmioRegion(memory, 'ich9-pm', ACPI_PM_BYTES, acpi.ops);
  return { acpi, resources: { io, memory: system, acpiRegisters, lockSmi: () => acpi.lockSmi() } };
}
