/** ACPI power management of the board: events, the timer, sleep, and system management interrupts. */
import type { StateSource } from '../../base/state.ts';
import { AcpiPm, APM_PORT } from '../../devices/acpi-pm.ts';
import { ACPI_PM_BYTES } from '../../devices/acpi-pm-registers.ts';
import type { SmiFeatures } from '../../devices/smi-features.ts';
import { SMI_BROADCAST } from '../../devices/smi-features.ts';
import type { InterruptController } from '../../interrupts/interrupt-controller.ts';
import { MmioRegion } from '../../memory/index.ts';
import type { LpcResources } from '../../pci/lpc-placement.ts';
import type { RunLoop } from '../run-loop.ts';
import type { Backplane } from './q35-backplane.ts';
import { SciWire } from './sci-wire.ts';

export interface PowerSetting {
  readonly interrupts: InterruptController;
  readonly loop: RunLoop;
  readonly smiFeatures: SmiFeatures;
  readonly activeCpu: () => number;
  readonly raiseSmi: (cpu: number) => void;
}

export interface PowerParts {
  readonly acpi: AcpiPm;
  /** For the LPC bridge, which places it. */
  readonly resources: LpcResources;
  readonly stateSources: readonly StateSource[];
}

export function addPower(board: Backplane, setting: PowerSetting): PowerParts {
  const { memory, system, io, clock, topology, asQemu } = board;
  const { interrupts, loop } = setting;
  const sci = new SciWire((irq, asserted) => interrupts.setIrq(irq, asserted));
  const acpi = new AcpiPm({
    clock,
    sci: (asserted) => sci.set(asserted),
    asQemu,
    smi: () => {
      const all = (setting.smiFeatures.negotiated & SMI_BROADCAST) !== 0;
      for (let cpu = 0; cpu < topology.cpus; cpu += 1) if (all || cpu === setting.activeCpu()) setting.raiseSmi(cpu);
    },
    stall: (nanoseconds) => loop.stall(nanoseconds),
    // Nothing here wakes a machine: suspended to RAM it would sleep for ever.
    sleep: (state) => loop.end({ kind: 'exited', by: state === 'memory' ? 'suspend' : 'power-off', status: 0 }),
  });
  io.addSubregion(APM_PORT, new MmioRegion(memory, 'apm-io', 2, acpi.apmOps));
  const acpiRegisters = new MmioRegion(memory, 'ich9-pm', ACPI_PM_BYTES, acpi.ops);
  const resources: LpcResources = {
    io,
    memory: system,
    acpiRegisters,
    lockSmi: () => acpi.lockSmi(),
    routeSci: (irq) => sci.route(irq),
  };
  return { acpi, resources, stateSources: [acpi, sci] };
}
