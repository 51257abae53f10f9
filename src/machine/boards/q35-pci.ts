/** The root bus: host bridge, LPC bridge, and the controllers of the command line. */
import type { StateSource } from '../../base/state.ts';
import { SmbusFunction } from '../../devices/smbus/pci-function.ts';
import type { VgaAdapter } from '../../devices/vga/adapter.ts';
import type { InterruptController } from '../../interrupts/interrupt-controller.ts';
import { ContainerRegion, type MemoryRegion, MmioRegion, WHOLE_ADDRESS_SPACE } from '../../memory/index.ts';
import { PciBus } from '../../pci/bus.ts';
import { HostBridge } from '../../pci/host-bridge.ts';
import { LpcBridge } from '../../pci/lpc-bridge.ts';
import type { LpcResources } from '../../pci/lpc-placement.ts';
import { CONFIG_ADDRESS_PORT, CONFIG_DATA_PORT, RootComplex } from '../../pci/root-complex.ts';
import type { UsbKeyboard } from '../../usb/devices/keyboard.ts';
import type { Inventory } from '../inventory.ts';
import type { Backplane } from './q35-backplane.ts';
import type { BootList } from './q35-boot-order.ts';
import { addDisplay, displayStates } from './q35-display.ts';
import { addFirmware } from './q35-firmware.ts';
import { addFlash } from './q35-flash.ts';
import { handOver } from './q35-hand-over.ts';
import { type BoardError, hasFirmware } from './q35-options.ts';
import { addRootPorts } from './q35-root-ports.ts';
import { addStorage, type StorageParts } from './q35-storage.ts';
import { addUsb } from './q35-usb.ts';

/** What the functions of the board need beside the backplane. */
export interface PciSetting extends Backplane {
  readonly interrupts: InterruptController;
  readonly ramRegion: MemoryRegion;
  /** Inputs 16-23 of the I/O APIC. */
  readonly ioApicPin: (pin: number, asserted: boolean) => void;
  readonly allocate: (bytes: number) => Uint8Array;
  readonly lpcResources: LpcResources;
  readonly bootList: BootList;
  readonly inventory: Inventory;
}

/** What is always there. */
interface Chipset {
  readonly bus: PciBus;
  readonly bridge: HostBridge;
  readonly lpc: LpcBridge;
  readonly rootComplex: RootComplex;
}

/** Where software has put what the chipset lets it move. */
export interface ChipsetAddresses {
  /** Configuration space window; `undefined`: off. */
  readonly ecam: () => number | undefined;
  /** First I/O port of ACPI power management; `undefined`: not placed. */
  readonly powerManagement: () => number | undefined;
}

export interface PciParts {
  readonly bus: PciBus;
  /** What a processor in system management mode sees in front of memory. */
  readonly managementMemory: MemoryRegion;
  readonly stateSources: readonly StateSource[];
  /** The hard disks that CMOS tells of. */
  readonly firstDisks: StorageParts['firstDisks'];
  readonly addresses: ChipsetAddresses;
  /** The last USB keyboard. */
  readonly keyboard: UsbKeyboard | undefined;
  /** Functions and flash. */
  readonly reset: () => void;
  readonly display: VgaAdapter | undefined;
  /** Leaves PCI as firmware leaves it to a kernel. */
  readonly handOver: () => void;
}

const LPC_DEVICE = 31;
const SMBUS_FUNCTION = 3;
/** QEMU puts PCI memory behind RAM and the chipset's own windows. */
const PCI_PRIORITY = -1;

export function addPci(setting: PciSetting): PciParts | BoardError {
  const { memory, system, options, allocate } = setting;
  const window = new ContainerRegion(memory, 'pci', WHOLE_ADDRESS_SPACE);
  system.addSubregion(0, window, PCI_PRIORITY);
  if (options.firmware !== undefined) addFirmware({ memory, pci: window, allocate }, options.firmware);
  const flash = addFlash({ ...setting, pci: window });
  if ('problem' in flash) return flash;
  const chipset = addChipset(setting, window);
  const { bus, bridge, lpc, rootComplex } = chipset;
  const display = addDisplay({ ...setting, bus, window });
  const ports = addRootPorts({ memory, bus, rootComplex, options });
  if ('problem' in ports) return ports;
  const usb = addUsb({ ...setting, slots: ports.slots });
  if ('problem' in usb) return usb;
  const storage = addStorage({ ...setting, bus, slots: ports.slots });
  if ('problem' in storage) return storage;
  const smbus = new SmbusFunction(memory);
  smbus.plug(bus, LPC_DEVICE, SMBUS_FUNCTION);
  ports.powerOn();
  const buses = [bus, ...ports.list.map(({ secondary }) => secondary)];
  for (const each of buses) each.explainCpuAccesses();
  return {
    bus,
    managementMemory: bridge.dramControl!.managementMemory,
    keyboard: usb.keyboard,
    display,
    stateSources: [
      ...buses.flatMap((each) => each.functions),
      bridge.hostState,
      lpc.wireState,
      ...displayStates(display),
      ...usb.stateSources,
      ...storage.stateSources,
      ...flash.stateSources,
      ...smbus.stateSources,
    ],
    reset: () => {
      bus.reset();
      flash.reset();
    },
    firstDisks: storage.firstDisks,
    addresses: {
      ecam: () => bridge.ecamAddress,
      powerManagement: () => lpc.placement.acpiBase,
    },
    handOver: () => handOver(setting, { ...chipset, smbus, rootPorts: ports.list }),
  };
}

/** What is always there: the root bus with its two bridges. `window`: the PCI side of memory. */
function addChipset(setting: PciSetting, window: MemoryRegion): Chipset {
  const { memory, system, io, trace, interrupts, options, asQemu, ramRegion, ram } = setting;
  const rootComplex = new RootComplex();
  const lpc = new LpcBridge({
    system: memory,
    ioApicPin: setting.ioApicPin,
    picIrq: (irq, asserted) => interrupts.setPicIrq(irq, asserted),
    resources: setting.lpcResources,
  });
  const bus = new PciBus({
    system: memory,
    trace,
    memory: window,
    io,
    dmaRoot: system,
    intx: lpc,
    reportMasterAbort: !asQemu,
  });
  rootComplex.addBus(bus);
  const bridge = new HostBridge({
    system: memory,
    rootComplex,
    memory: system,
    ecamAtReset: !hasFirmware(options),
    dram: { ram: ramRegion, pci: window, below4g: ram.below4g, writeOnlyReadsRam: asQemu },
  });
  bridge.plug(bus, 0);
  lpc.plug(bus, LPC_DEVICE);
  io.addSubregion(CONFIG_ADDRESS_PORT, new MmioRegion(memory, 'pci-conf-idx', 4, rootComplex.addressPorts()));
  io.addSubregion(CONFIG_DATA_PORT, new MmioRegion(memory, 'pci-conf-data', 4, rootComplex.dataPorts()));
  return { bus, bridge, lpc, rootComplex };
}
