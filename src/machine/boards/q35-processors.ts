/** The processors of the board, what they see of memory, and the loop that runs them. */
import { bus } from '../../base/address.ts';
import { VENDOR, VENDOR_AMD } from '../../cpu/layout.ts';
import { Processor } from '../../cpu/processor.ts';
import { CpuPortIo, peek } from '../../memory/index.ts';
import { RunLoop } from '../run-loop.ts';
import { StuckDetector } from '../stuck-detector.ts';
import { ProcessorBus } from './processor-bus.ts';
import { ProcessorView } from './processor-view.ts';
import type { Backplane } from './q35-backplane.ts';
import { displayMemory } from './q35-display.ts';
import { firmwareBytes } from './q35-firmware.ts';
import { flashBytes } from './q35-flash.ts';
import { hasFirmware } from './q35-options.ts';
import type { ResetLine } from './reset-line.ts';

export interface Processors {
  readonly processor: Processor;
  readonly bus: ProcessorBus;
  readonly view: ProcessorView;
  /** The maker is AMD. */
  readonly amd: boolean;
  /** INIT to all of them. */
  readonly initialise: () => void;
}

/** The processors alone: `bus` is to be attached, and `view` to be connected once memory is mapped. */
export function addProcessors(board: Backplane): Processors {
  const { options, topology, clock, trace } = board;
  const view = new ProcessorView(board.memory, board.addressSpace);
  const pins = new ProcessorBus(view.memory, new CpuPortIo(board.ioSpace), clock);
  const processor = new Processor(
    {
      memoryBytes:
        options.ramBytes + firmwareBytes(options.firmware) + flashBytes(options.flash) + displayMemory(options.display),
      cpus: topology.cpus,
      topology,
      model: options.cpuModel,
      trackWriters: options.trackWriters,
      ...(options.seed === undefined ? {} : { seed: options.seed }),
      // KVM and silicon raise #GP for a model-specific register that does not exist; QEMU's TCG answers zero.
      unknownMsrs: board.asQemu ? 'zero' : 'fault',
    },
    {
      memory: pins.memory,
      io: pins.io,
      interrupts: pins.interrupts,
      msrs: pins.msrs,
      clock: pins.clock,
      trace,
      pause: () => pins.pause(),
      managementMode: (_cpu, entered) => view.setManagementMode(entered),
    },
  );
  return {
    processor,
    bus: pins,
    view,
    amd: processor.core.word(VENDOR) === VENDOR_AMD,
    initialise: () => {
      for (let cpu = 0; cpu < topology.cpus; cpu += 1) processor.raiseInit(cpu);
    },
  };
}

export interface Running {
  readonly loop: RunLoop;
  readonly stuck: StuckDetector;
}

export function addRunLoop(board: Backplane, { processor, bus: pins }: Processors, resetLine: ResetLine): Running {
  const { clock, trace, options } = board;
  const stuck = new StuckDetector({
    processor,
    timersArmed: () => clock.nextDeadline() !== undefined,
    deviceWrites: () => pins.deviceWrites,
    readRam: (address, size) => peek(board.addressSpace, bus(address), size),
  });
  const loop = new RunLoop({
    processor,
    clock,
    stuck,
    idle: trace.channel('machine.idle'),
    resets: trace.channel('machine.reset'),
    resetMachine: () => resetLine.pulse(),
    tripleFaultResets: hasFirmware(options) && options.noReboot !== true,
  });
  return { loop, stuck };
}
