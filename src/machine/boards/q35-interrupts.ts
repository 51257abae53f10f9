/** The interrupt controllers of the board, and their wires to the processors. */
import { FEATURES_1_ECX } from '../../cpu/layout.ts';
import type { Processor } from '../../cpu/processor.ts';
import { apicIds } from '../../cpu/topology.ts';
import type { ApicFeatures } from '../../interrupts/apic-msrs.ts';
import { InterruptController, type ProcessorLines } from '../../interrupts/interrupt-controller.ts';
import { IO_APIC_SIZE } from '../../interrupts/io-apic.ts';
import { MmioRegion } from '../../memory/index.ts';
import type { RunLoop } from '../run-loop.ts';
import type { Backplane } from './q35-backplane.ts';
import { IOAPIC_BASE, LOCAL_APIC_BASE } from './q35-memory-map.ts';

const LOCAL_APIC_PRIORITY = 0x1000;
/** Interrupt messages reach all of it. */
const LOCAL_APIC_BYTES = 0x10_0000;

export interface Interrupts {
  readonly interrupts: InterruptController;
  readonly lines: Required<ProcessorLines>;
}

export function addInterrupts(board: Backplane, processor: Processor, loop: RunLoop): Interrupts {
  const { memory, system, clock, trace, topology, asQemu } = board;
  const lines = processorLines(processor, (cpu) => loop.poke(cpu));
  const interrupts = new InterruptController({
    apicIds: apicIds(topology),
    clock,
    trace,
    features: apicFeatures(processor),
    timeOfTsc: (cpu, deadline) => processor.timeOfTsc(cpu, deadline),
    currentCpu: () => processor.activeCpu,
    edgesStayLatched: asQemu,
    lines,
  });
  memory.transaction(() => {
    const apic = new MmioRegion(memory, 'apic-msi', LOCAL_APIC_BYTES, interrupts.apicOps());
    apic.reentrant = true;
    system.addSubregion(LOCAL_APIC_BASE, apic, LOCAL_APIC_PRIORITY);
    const ioApic = new MmioRegion(memory, 'ioapic', IO_APIC_SIZE, interrupts.ioApic.ops);
    ioApic.reentrant = true;
    system.addSubregion(IOAPIC_BASE, ioApic);
  });
  return { interrupts, lines };
}

/** What the interrupt controllers do to the processors, and who must know that one may wake. */
function processorLines(processor: Processor, poke: (cpu: number) => void): Required<ProcessorLines> {
  return {
    setInterruptLine: (cpu, asserted) => {
      processor.setInterruptLine(cpu, asserted);
      if (asserted) poke(cpu);
    },
    raiseNmi: (cpu) => {
      processor.raiseNmi(cpu);
      poke(cpu);
    },
    raiseSmi: (cpu) => {
      processor.raiseSmi(cpu);
      poke(cpu);
    },
    initialise: (cpu) => {
      processor.raiseInit(cpu);
      poke(cpu);
    },
    startUp: (cpu, vector) => {
      processor.raiseStartUp(cpu, vector);
      poke(cpu);
    },
  };
}

/** CPUID leaf 1 ECX: what the model offers of its local APIC. */
function apicFeatures(processor: Processor): ApicFeatures {
  const features = processor.core.word(FEATURES_1_ECX);
  return { x2apic: (features & (1 << 21)) !== 0, tscDeadline: (features & (1 << 24)) !== 0 };
}
