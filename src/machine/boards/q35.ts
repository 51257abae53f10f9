/**
 * A PC like QEMU's q35: MCH and ICH9, RAM below and above the PCI hole, interrupt controllers, timers, firmware, and the
 * devices of the command line. docs/machine.md has its map.
 *
 * Does not implement: GPIO, TCO.
 */
import { apicIds } from '../../cpu/topology.ts';
import { KeyScript } from '../../devices/input/key-script.ts';
import { Inventory } from '../inventory.ts';
import { Machine } from '../machine.ts';
import { A20Gate } from './a20-gate.ts';
import { KeyRoute } from './key-route.ts';
import { offerAcpiTables } from './q35-acpi.ts';
import { createBackplane } from './q35-backplane.ts';
import { BootList, offerBootOrder } from './q35-boot-order.ts';
import { prepareDirectEntry } from './q35-direct-entry.ts';
import { describeDisks } from './q35-disk-types.ts';
import { addFwCfg } from './q35-fw-cfg.ts';
import { addHpet } from './q35-hpet.ts';
import { addInterrupts } from './q35-interrupts.ts';
import { addIsaDevices } from './q35-isa.ts';
import { checkOptions } from './q35-limits.ts';
import { memoryMap } from './q35-memory-map.ts';
import { type BoardError, hasFirmware, type Q35Options } from './q35-options.ts';
import { addPci } from './q35-pci.ts';
import { addPower } from './q35-power.ts';
import { addProcessors, addRunLoop } from './q35-processors.ts';
import { addRam } from './q35-ram.ts';
import { offerSmbios } from './q35-smbios.ts';
import { ResetLine } from './reset-line.ts';

export function createQ35(options: Q35Options): Machine | BoardError {
  const error = checkOptions(options);
  if (error !== undefined) return error;
  const board = createBackplane(options);
  const { clock, ram, topology } = board;
  const bootList = new BootList();
  const inventory = new Inventory();
  const resetLine = new ResetLine();

  const processors = addProcessors(board);
  const { processor, bus, view } = processors;
  const { loop, stuck } = addRunLoop(board, processors, resetLine);
  const { interrupts, lines } = addInterrupts(board, processor, loop);
  const ramRegion = addRam(board, processor);
  view.connect(processor);

  const timerWires = addHpet(board, interrupts);
  const isa = addIsaDevices(board, {
    interrupts,
    loop,
    a20: new A20Gate(board.asQemu, (open) => processor.setA20(open)),
    timerWires,
    initialiseProcessors: processors.initialise,
    ignoreNumericError: () => processor.ignoreNumericError(),
  });
  bus.attach({ interrupts, loop, numericError: isa.numericError });
  loop.watchConsole(isa.serial);

  const configuration = addFwCfg(board, processors.amd);
  if ('problem' in configuration) return configuration;
  const { fwCfg, smiFeatures } = configuration;
  const power = addPower(board, {
    interrupts,
    loop,
    smiFeatures,
    activeCpu: () => processor.activeCpu,
    raiseSmi: lines.raiseSmi,
  });
  const pci = addPci({
    ...board,
    interrupts,
    ramRegion,
    ioApicPin: timerWires.ioApicPin,
    allocate: (bytes) => processor.allocate(bytes),
    lpcResources: power.resources,
    bootList,
    inventory,
  });
  if ('problem' in pci) return pci;
  view.addManagementMemory(pci.managementMemory);

  offerBootOrder(fwCfg, options.boot, bootList);
  describeDisks(isa.cmos, pci.firstDisks);
  const coreWord = (at: number): number => processor.core.word(at);
  const smbios = { ramBytes: options.ramBytes, ram, topology, coreWord, uuid: options.uuid };
  offerSmbios(fwCfg, smbios);
  const { bus: pciBus, addresses } = pci;
  const acpi = { bus: pciBus, addresses, ram, apicIds: apicIds(topology), hpet: options.hpet !== false };
  const acpiTables = offerAcpiTables(fwCfg, acpi);

  const keyboard = new KeyRoute({ ps2: isa.i8042.keyboard, usb: pci.keyboard, usbAlways: board.asQemu });
  const keys = new KeyScript(clock, () => keyboard);
  resetLine.connect(power.acpi, pci, isa, timerWires, fwCfg, smiFeatures, acpiTables, interrupts, processor, view);
  const parts = [interrupts, isa, timerWires, configuration, power, pci].flatMap((part) => part.stateSources);
  const own = [ramRegion.stateSource(), loop.stateSource, acpiTables, view, stuck, keyboard, keys];
  for (const part of [...processor.states(), ...parts, ...own]) board.state.register(part);

  return new Machine({
    ...board,
    processor,
    pci: pciBus,
    memoryMap: memoryMap(ram),
    loop,
    prepareDirectEntry: () => prepareDirectEntry({ interrupts, pci, isa, acpi, smbios }),
    receiveSerial: (bytes) => isa.serial.receive(bytes),
    keys,
    keyboard,
    mouse: isa.i8042.mouse,
    inventory,
    resetEnds: options.noReboot ?? !hasFirmware(options),
    pressPowerButton: () => power.acpi.pressPowerButton(),
    display: pci.display,
  });
}
