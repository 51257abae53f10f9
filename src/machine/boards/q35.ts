/**
 * A PC like QEMU's q35: MCH and ICH9, RAM below and above the PCI hole, interrupt controllers, timers, firmware, and the
 * devices of the command line. docs/machine.md has its map.
 *
 * Does not implement: GPIO, TCO.
 */
import { VirtualClock } from '../../base/clock.ts';
import { StateRegistry } from '../../base/state.ts';
import { CPUS_MAX, FEATURES_1_ECX, VENDOR, VENDOR_AMD } from '../../cpu/layout.ts';
import { Processor } from '../../cpu/processor.ts';
import { apicIds, coresOfOnePackage } from '../../cpu/topology.ts';
import type { InterruptAcknowledge } from '../../cpu/types.ts';
import { KeyScript } from '../../devices/input/key-script.ts';
import type { ApicFeatures } from '../../interrupts/apic-msrs.ts';
import { InterruptController, type ProcessorLines } from '../../interrupts/interrupt-controller.ts';
import { IO_APIC_SIZE } from '../../interrupts/io-apic.ts';
import {
  AddressSpace,
  AliasRegion,
  ContainerRegion,
  CpuPortIo,
  createIoPortRoot,
  DmaView,
  MemorySystem,
  MmioRegion,
  RamRegion,
  WHOLE_ADDRESS_SPACE,
} from '../../memory/index.ts';
import { Inventory } from '../inventory.ts';
import { Machine } from '../machine.ts';
import { RunLoop } from '../run-loop.ts';
import { StuckDetector } from '../stuck-detector.ts';
import { A20Gate } from './a20-gate.ts';
import { biosDataAreas } from './bios-data-area.ts';
import { countingPorts } from './counting-ports.ts';
import { KeyRoute } from './key-route.ts';
import { ProcessorView } from './processor-view.ts';
import { offerAcpiTables, placeAcpiTables } from './q35-acpi.ts';
import { BootList, checkBootLetters, offerBootOrder } from './q35-boot-order.ts';
import { describeDisks } from './q35-disk-types.ts';
import { displayMemory } from './q35-display.ts';
import { checkFirmware, firmwareBytes } from './q35-firmware.ts';
import { checkFlash, flashBytes } from './q35-flash.ts';
import { addFwCfg } from './q35-fw-cfg.ts';
import { addHpet } from './q35-hpet.ts';
import { addIsaDevices } from './q35-isa.ts';
import { FOUR_GIB, IOAPIC_BASE, LOCAL_APIC_BASE, memoryMap, type RamLayout, splitRam } from './q35-memory-map.ts';
import { type BoardError, hasFirmware, type Q35Options } from './q35-options.ts';
import { addPci } from './q35-pci.ts';
import { addPower } from './q35-power.ts';
import { offerSmbios, placeSmbios } from './q35-smbios.ts';

const MIB = 1024 * 1024;
/** Where the SCI goes unless the LPC bridge says otherwise. */
const SCI_IRQ = 9;
/** Everything stands in one WebAssembly memory of at most 4 GiB; this is the most RAM that fits beside the core's state. */
const RAM_MAX = 3584 * MIB;
/** With writers tracked, half as much again. */
const RAM_TRACKED_MAX = 2304 * MIB;

export function createQ35(options: Q35Options): Machine | BoardError {
  const topology = options.processors ?? coresOfOnePackage(1);
  const { cpus } = topology;
  const error =
    checkFirmware(options.firmware) ??
    checkFlash(options) ??
    checkRam(options) ??
    checkProcessors(cpus) ??
    checkBootLetters(options.boot);
  if (error !== undefined) return error;
  const { trace } = options;
  const clock = new VirtualClock();
  const state = new StateRegistry();
  const memory = new MemorySystem(trace, { readonlyAliases: options.personality === 'qemu' ? 'qemu' : 'protect' });
  const system = new ContainerRegion(memory, 'system', WHOLE_ADDRESS_SPACE);
  const addressSpace = new AddressSpace(memory, 'memory', system);
  const io = createIoPortRoot(memory);
  const ioSpace = new AddressSpace(memory, 'I/O', io);

  const late: { interrupts?: InterruptController; loop?: RunLoop; reset?: () => void; sciIrq?: () => number } = {};
  const observeTime = (): void => late.loop?.observeTime();
  const acknowledge: InterruptAcknowledge = {
    acknowledge: (cpu) => late.interrupts!.acknowledge(cpu),
    numericError: () => {
      isa.numericError.raise();
      return true;
    },
    taskPriority: (cpu) => late.interrupts!.apics[cpu]!.taskPriority >> 4,
    setTaskPriority: (cpu, priority) => {
      late.interrupts!.apics[cpu]!.taskPriority = priority << 4;
    },
  };
  const view = new ProcessorView(memory, addressSpace);
  const counted = countingPorts(view.memory, new CpuPortIo(ioSpace), observeTime);
  const processor = new Processor(
    {
      memoryBytes:
        options.ramBytes + firmwareBytes(options.firmware) + flashBytes(options.flash) + displayMemory(options.display),
      cpus,
      topology,
      model: options.cpuModel,
      trackWriters: options.trackWriters,
      ...(options.seed === undefined ? {} : { seed: options.seed }),
      // KVM and silicon raise #GP for a model-specific register that does not exist; QEMU's TCG answers zero.
      unknownMsrs: options.personality === 'qemu' ? 'zero' : 'fault',
    },
    {
      memory: counted.memory,
      io: counted.io,
      interrupts: acknowledge,
      msrs: {
        read: (cpu, msr) => {
          observeTime();
          return late.interrupts!.msrs.read(cpu, msr);
        },
        write: (cpu, msr, value) => {
          observeTime();
          return late.interrupts!.msrs.write(cpu, msr, value);
        },
      },
      clock: {
        now: () => {
          observeTime();
          return clock.now();
        },
      },
      trace,
      pause: () => late.loop?.pause(),
      managementMode: (_cpu, entered) => view.setManagementMode(entered),
    },
  );
  const lines = processorLines(processor, (cpu) => late.loop?.poke(cpu));
  const interrupts = new InterruptController({
    apicIds: apicIds(topology),
    clock,
    trace,
    features: apicFeatures(processor),
    timeOfTsc: (cpu, deadline) => processor.timeOfTsc(cpu, deadline),
    currentCpu: () => processor.activeCpu,
    edgesStayLatched: options.personality === 'qemu',
    lines,
  });
  late.interrupts = interrupts;

  const ram = splitRam(options.ramBytes, options.maxRamBelow4g);
  const ramRegion = new RamRegion(memory, 'pc.ram', processor.allocate(options.ramBytes));
  memory.transaction(() => {
    mapRam(memory, system, ramRegion, ram);
    const apic = new MmioRegion(memory, 'apic-msi', 0x10_0000, interrupts.apicOps());
    apic.reentrant = true;
    system.addSubregion(LOCAL_APIC_BASE, apic, 0x1000);
    const ioApic = new MmioRegion(memory, 'ioapic', IO_APIC_SIZE, interrupts.ioApic.ops);
    ioApic.reentrant = true;
    system.addSubregion(IOAPIC_BASE, ioApic);
  });
  view.connect(processor);

  const stuck: StuckDetector = new StuckDetector({
    processor,
    timersArmed: () => clock.nextDeadline() !== undefined,
    deviceWrites: () => counted.writes,
    readRam: (address, size) => machine.readRam(address, size),
  });
  const loop = new RunLoop({
    processor,
    clock,
    stuck,
    idle: trace.channel('machine.idle'),
    resets: trace.channel('machine.reset'),
    resetMachine: () => late.reset?.(),
    tripleFaultResets: hasFirmware(options) && options.noReboot !== true,
    console: () => isa.serial,
  });
  late.loop = loop;
  const a20 = new A20Gate(options.personality === 'qemu', (open) => processor.setA20(open));
  const initialiseProcessors = (): void => {
    for (let cpu = 0; cpu < cpus; cpu += 1) processor.raiseInit(cpu);
  };
  const timerWires = addHpet({
    memory,
    system,
    clock,
    interrupts,
    asQemu: options.personality === 'qemu',
    present: options.hpet !== false,
  });
  const isa = addIsaDevices({
    ...{ memory, io, clock, trace, interrupts, loop, options, ram, a20, timerWires },
    initialiseProcessors,
    ignoreNumericError: () => processor.ignoreNumericError(),
  });
  const configuration = addFwCfg({
    memory,
    io,
    dma: new DmaView(addressSpace, 'fw_cfg'),
    options,
    ram,
    apicIds: apicIds(topology),
    amd: processor.core.word(VENDOR) === VENDOR_AMD,
  });
  if ('problem' in configuration) return configuration;
  const power = addPower({
    memory,
    system,
    io,
    clock,
    loop,
    asQemu: options.personality === 'qemu',
    smiFeatures: configuration.smiFeatures,
    sci: (asserted) => interrupts.setIrq(late.sciIrq?.() ?? SCI_IRQ, asserted),
    cpus,
    activeCpu: () => processor.activeCpu,
    raiseSmi: (cpu) => lines.raiseSmi(cpu),
  });
  const allocate = (bytes: number): Uint8Array => processor.allocate(bytes);
  const bootList = new BootList();
  const inventory = new Inventory();
  const pci = addPci({
    memory,
    system,
    io,
    clock,
    trace,
    interrupts,
    options,
    ram: ramRegion,
    ramLayout: ram,
    ioApicPin: timerWires.ioApicPin,
    allocate,
    lpcResources: power.resources,
    bootList,
    inventory,
  });
  if ('problem' in pci) return pci;
  offerBootOrder(configuration.fwCfg, options.boot, bootList);
  describeDisks(isa.cmos, pci.firstDisks);
  const acpi = {
    bus: pci.bus,
    addresses: pci.addresses,
    ram,
    apicIds: apicIds(topology),
    hpet: options.hpet !== false,
  };
  const names = {
    ramBytes: options.ramBytes,
    ram,
    topology,
    coreWord: (at: number) => processor.core.word(at),
    uuid: options.uuid,
  };
  offerSmbios(configuration.fwCfg, names);
  const acpiTables = offerAcpiTables(configuration.fwCfg, acpi);
  late.sciIrq = () => pci.lpc.placement.sciIrq;
  view.addManagementMemory(pci.managementMemory);
  const keyboards = new KeyRoute({
    ps2: isa.i8042.keyboard,
    usb: pci.keyboard,
    usbAlways: options.personality === 'qemu',
  });
  const keys = new KeyScript(clock, () => keyboards);
  late.reset = () => {
    power.acpi.reset();
    pci.bus.reset();
    pci.resetFlash();
    isa.reset();
    timerWires.reset();
    configuration.fwCfg.reset();
    configuration.smiFeatures.reset();
    acpiTables.reset();
    interrupts.reset();
    processor.reset();
    view.setManagementMode(false);
  };

  for (const part of [
    ...processor.states(),
    ramRegion.stateSource(),
    ...interrupts.stateSources,
    ...isa.stateSources,
    ...timerWires.stateSources,
    ...configuration.stateSources,
    acpiTables,
    power.acpi,
    view,
    stuck,
    loop.stateSource,
    keyboards,
    keys,
  ]) {
    state.register(part);
  }
  for (const part of pci.stateSources) state.register(part);

  const machine: Machine = new Machine({
    trace,
    clock,
    state,
    processor,
    addressSpace,
    ioSpace,
    pci: pci.bus,
    memoryMap: memoryMap(ram),
    loop,
    prepareDirectEntry: () => {
      interrupts.setUpAsFirmware();
      pci.handOver();
      isa.i8042.handOver();
      pci.display?.handOver();
      const placed = placeAcpiTables(acpi);
      return {
        segments: [...biosDataAreas(), ...placeSmbios(names), ...(placed?.segments ?? [])],
        acpiRoot: placed?.root,
      };
    },
    receiveSerial: (bytes) => isa.serial.receive(bytes),
    keys,
    keyboard: keyboards,
    mouse: isa.i8042.mouse,
    inventory,
    resetEnds: options.noReboot ?? !hasFirmware(options),
    pressPowerButton: () => power.acpi.pressPowerButton(),
    display: pci.display,
  });
  return machine;
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

function checkProcessors(cpus: number): BoardError | undefined {
  if (Number.isInteger(cpus) && cpus >= 1 && cpus <= CPUS_MAX) return undefined;
  return { problem: `${cpus} processors: the board takes 1 to ${CPUS_MAX}`, hint: 'for example -smp 4' };
}

function checkRam(options: Q35Options): BoardError | undefined {
  const { ramBytes, trackWriters } = options;
  const mib = ramBytes / MIB;
  if (!Number.isInteger(mib) || mib < 2) {
    return {
      problem: `${mib} MiB of RAM: the board takes a whole number of MiB from 2`,
      hint: 'for example --ram 128M',
    };
  }
  const limit = trackWriters ? RAM_TRACKED_MAX : RAM_MAX;
  if (ramBytes <= limit) return undefined;
  return {
    problem: `${mib} MiB of RAM do not fit: ${limit / MIB} MiB is the most${trackWriters ? ' while writers are tracked' : ''}`,
    hint: trackWriters && ramBytes <= RAM_MAX ? 'give less, or --no-who-wrote' : 'give less',
  };
}

function mapRam(memory: MemorySystem, system: ContainerRegion, ram: RamRegion, layout: RamLayout): void {
  system.addSubregion(0, new AliasRegion(memory, 'ram-below-4g', ram, 0, layout.below4g));
  if (layout.above4g > 0) {
    system.addSubregion(FOUR_GIB, new AliasRegion(memory, 'ram-above-4g', ram, layout.below4g, layout.above4g));
  }
}
