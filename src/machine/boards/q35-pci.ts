/** The root bus: host bridge, LPC bridge, and the controllers of the command line. */
import type { VirtualClock } from '../../base/clock.ts';
import type { StateSource } from '../../base/state.ts';
import type { TraceBus } from '../../base/trace.ts';
import { HOSTC_OFFSET, SMB_BASE_OFFSET, SmbusFunction } from '../../devices/smbus/pci-function.ts';
import type { VgaAdapter } from '../../devices/vga/adapter.ts';
import type { InterruptController } from '../../interrupts/interrupt-controller.ts';
import {
  ContainerRegion,
  type MemoryRegion,
  type MemorySystem,
  MmioRegion,
  WHOLE_ADDRESS_SPACE,
} from '../../memory/index.ts';
import { PciBus } from '../../pci/bus.ts';
import { COMMAND, COMMAND_BUS_MASTER } from '../../pci/config-registers.ts';
import { PAM_REGISTERS, PAM0 } from '../../pci/dram-control.ts';
import { assignResources, placeChipset, routePirqs } from '../../pci/firmware-setup.ts';
import { HostBridge } from '../../pci/host-bridge.ts';
import { LpcBridge } from '../../pci/lpc-bridge.ts';
import type { LpcResources } from '../../pci/lpc-placement.ts';
import { CONFIG_ADDRESS_PORT, CONFIG_DATA_PORT, RootComplex } from '../../pci/root-complex.ts';
import type { UsbKeyboard } from '../../usb/devices/keyboard.ts';
import type { Inventory } from '../inventory.ts';
import type { BootList } from './q35-boot-order.ts';
import { addDisplay, displayStates } from './q35-display.ts';
import { addFirmware } from './q35-firmware.ts';
import { addFlash } from './q35-flash.ts';
import { POWER_MANAGEMENT_BASE, type RamLayout } from './q35-memory-map.ts';
import { type BoardError, type HandOver, hasFirmware, type Q35Options } from './q35-options.ts';
import { addRootPorts } from './q35-root-ports.ts';
import { placeDevices } from './q35-slots.ts';
import { addStorage, type StorageParts } from './q35-storage.ts';
import { addUsb } from './q35-usb.ts';

export interface PciSetting {
  readonly memory: MemorySystem;
  readonly system: MemoryRegion;
  readonly io: MemoryRegion;
  readonly clock: VirtualClock;
  readonly trace: TraceBus;
  readonly interrupts: InterruptController;
  readonly options: Q35Options;
  readonly ram: MemoryRegion;
  readonly ramLayout: RamLayout;
  /** Inputs 16-23 of the I/O APIC. */
  readonly ioApicPin: (pin: number, asserted: boolean) => void;
  readonly allocate: (bytes: number) => Uint8Array;
  readonly lpcResources: LpcResources;
  readonly bootList: BootList;
  readonly inventory: Inventory;
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
  readonly lpc: LpcBridge;
  readonly stateSources: readonly StateSource[];
  /** The hard disks that CMOS tells of. */
  readonly firstDisks: StorageParts['firstDisks'];
  readonly addresses: ChipsetAddresses;
  /** The last USB keyboard. */
  readonly keyboard: UsbKeyboard | undefined;
  readonly resetFlash: () => void;
  readonly display: VgaAdapter | undefined;
  /** Leaves PCI as firmware leaves it to a kernel. */
  readonly handOver: () => void;
}

/** Where SeaBIOS puts the SMBus host's registers. */
const SMBUS_BASE = 0x700;
const LPC_DEVICE = 31;
const SMBUS_FUNCTION = 3;
/** QEMU puts PCI memory behind RAM and the chipset's own windows. */
const PCI_PRIORITY = -1;
const CLASS_USB = 0x0c_03;
/** Both halves of a PAM register: reads and writes go to RAM. */
const PAM_ALL_RAM = 0x33;
/** The 8259 inputs of the PIRQs are level-triggered (ELCR2 bits 2 and 3: IRQ 10 and 11). */
const ELCR2_PIRQS = 0x0c;

export function addPci(setting: PciSetting): PciParts | BoardError {
  const { memory, system, io, trace, interrupts } = setting;
  const options = { ...setting.options, devices: placeDevices(setting.options.devices) };
  const window = new ContainerRegion(memory, 'pci', WHOLE_ADDRESS_SPACE);
  system.addSubregion(0, window, PCI_PRIORITY);
  if (options.firmware !== undefined)
    addFirmware({ memory, pci: window, allocate: setting.allocate }, options.firmware);
  const flash = addFlash({ ...setting, options, pci: window });
  if ('problem' in flash) return flash;
  const rootComplex = new RootComplex();
  const lpc = new LpcBridge({
    system: memory,
    ioApicPin: setting.ioApicPin,
    picIrq: (irq, asserted) => interrupts.setPicIrq(irq, asserted),
    resources: setting.lpcResources,
  });
  const qemu = options.personality === 'qemu';
  const bus = new PciBus({
    system: memory,
    trace,
    memory: window,
    io,
    dmaRoot: system,
    intx: lpc,
    reportMasterAbort: !qemu,
  });
  rootComplex.addBus(bus);
  const bridge = new HostBridge({
    system: memory,
    rootComplex,
    memory: system,
    ecamAtReset: !hasFirmware(options),
    dram: { ram: setting.ram, pci: window, below4g: setting.ramLayout.below4g, writeOnlyReadsRam: qemu },
  });
  bridge.plug(bus, 0);
  lpc.plug(bus, 31);
  io.addSubregion(CONFIG_ADDRESS_PORT, new MmioRegion(memory, 'pci-conf-idx', 4, rootComplex.addressPorts()));
  io.addSubregion(CONFIG_DATA_PORT, new MmioRegion(memory, 'pci-conf-data', 4, rootComplex.dataPorts()));
  const display = addDisplay({ ...setting, bus, window });
  const ports = addRootPorts({ memory, bus, rootComplex, options });
  if ('problem' in ports) return ports;
  const usb = addUsb({ ...setting, options, bus, rootPorts: ports.byId });
  if ('problem' in usb) return usb;
  const storage = addStorage({ ...setting, options, bus });
  if ('problem' in storage) return storage;
  const smbus = new SmbusFunction(memory);
  smbus.plug(bus, LPC_DEVICE, SMBUS_FUNCTION);
  ports.powerOn();
  const buses = [bus, ...ports.list.map(({ secondary }) => secondary)];
  for (const each of buses) each.explainCpuAccesses();

  const handOver: HandOver = { resourcesAssigned: true, usbBusMaster: qemu, ...options.handOver };
  return {
    bus,
    lpc,
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
    resetFlash: flash.reset,
    firstDisks: storage.firstDisks,
    addresses: {
      ecam: () => bridge.ecamAddress,
      powerManagement: () => lpc.placement.acpiBase,
    },
    handOver: () => {
      for (let index = 0; index < PAM_REGISTERS; index += 1) bridge.configWrite(PAM0 + index, 1, PAM_ALL_RAM);
      if (!handOver.resourcesAssigned) return;
      assignResources(bus, ports.list);
      routePirqs(lpc);
      placeChipset(lpc, POWER_MANAGEMENT_BASE);
      smbus.configWrite(SMB_BASE_OFFSET, 4, SMBUS_BASE);
      smbus.configWrite(HOSTC_OFFSET, 1, 1);
      interrupts.pic.slave.writeElcr(ELCR2_PIRQS);
      for (const entry of buses.flatMap((each) => each.functions)) {
        if (!handOver.usbBusMaster || entry.identity.classCode >>> 8 !== CLASS_USB) continue;
        entry.configWrite(COMMAND, 2, entry.command | COMMAND_BUS_MASTER);
      }
    },
  };
}
