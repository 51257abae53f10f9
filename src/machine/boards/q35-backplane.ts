/** What every part of the board is plugged into: memory and I/O space, the clock, the trace, saved state. */
import { VirtualClock } from '../../base/clock.ts';
import { StateRegistry } from '../../base/state.ts';
import type { TraceBus } from '../../base/trace.ts';
import { coresOfOnePackage, type ProcessorTopology } from '../../cpu/topology.ts';
import {
  AddressSpace,
  ContainerRegion,
  createIoPortRoot,
  type MemoryRegion,
  MemorySystem,
  WHOLE_ADDRESS_SPACE,
} from '../../memory/index.ts';
import { type RamLayout, splitRam } from './q35-memory-map.ts';
import type { Q35Options } from './q35-options.ts';
import { placeDevices } from './q35-slots.ts';

export interface Backplane {
  /** Devices of the root bus have their places. */
  readonly options: Q35Options;
  /** QEMU's manners where they differ from the specification. */
  readonly asQemu: boolean;
  readonly topology: ProcessorTopology;
  readonly ram: RamLayout;
  readonly trace: TraceBus;
  readonly clock: VirtualClock;
  readonly state: StateRegistry;
  readonly memory: MemorySystem;
  /** Physical memory, and what a debugger or a bus master sees of it. */
  readonly system: ContainerRegion;
  readonly addressSpace: AddressSpace;
  readonly io: MemoryRegion;
  readonly ioSpace: AddressSpace;
}

export function createBackplane(given: Q35Options): Backplane {
  const options = { ...given, devices: placeDevices(given.devices) };
  const asQemu = options.personality === 'qemu';
  const memory = new MemorySystem(options.trace, { readonlyAliases: asQemu ? 'qemu' : 'protect' });
  const system = new ContainerRegion(memory, 'system', WHOLE_ADDRESS_SPACE);
  const io = createIoPortRoot(memory);
  return {
    options,
    asQemu,
    topology: options.processors ?? coresOfOnePackage(1),
    ram: splitRam(options.ramBytes, options.maxRamBelow4g),
    trace: options.trace,
    clock: new VirtualClock(),
    state: new StateRegistry(),
    memory,
    system,
    addressSpace: new AddressSpace(memory, 'memory', system),
    io,
    ioSpace: new AddressSpace(memory, 'I/O', io),
  };
}
