/**
 * A PCI Express root port: a bridge (type 1 header) from the root bus to the one slot behind it, as QEMU's
 * `pcie-root-port` with hot-plug off (PCI-to-PCI Bridge 1.2; PCI Express 4.0 §7.5.1.3, §7.5.3).
 *
 * DEVIATION: its own Bus Master Enable does not keep the device behind it from memory (PCI Express 4.0 §7.5.1.1.3), as on
 * QEMU in every personality: SeaBIOS leaves it off and drives the device.
 *
 * Not modelled: hot-plug, error reporting (AER), access control services, VGA forwarding, bridges behind it.
 */
import type { StateValue } from '../base/state.ts';
import type { MemorySystem } from '../memory/memory-system.ts';
import { ContainerRegion, WHOLE_ADDRESS_SPACE } from '../memory/region.ts';
import { BridgeWindow, ioWindow, memoryWindow, prefetchableWindow } from './bridge-window.ts';
import { PciBus } from './bus.ts';
import { CAPABILITY, DEVICE_CONTROL, EXPRESS_PORT_TYPE } from './capabilities.ts';
import * as header from './config-registers.ts';
import { ConfigSpace } from './config-space.ts';
import { PciFunction } from './function.ts';
import type { PciIdentity } from './identity.ts';
import { swizzle } from './intx.ts';

/** Offsets of the type 1 header (PCI-to-PCI Bridge 1.2 §3.2). */
export const PRIMARY_BUS = 0x18;
export const SECONDARY_BUS = 0x19;
export const BRIDGE_CONTROL = 0x3e;
const IO_BASE = 0x1c;
const SECONDARY_STATUS = 0x1e;
const MEMORY_BASE = 0x20;
const PREFETCHABLE_BASE = 0x24;
const PREFETCHABLE_UPPER = 0x28;
const HEADER_BRIDGE = 1;
const SECONDARY_BUS_RESET = 1 << 6;
const IO_SPACE = 0x1_0000;

/** Slot Control and Slot Status (PCI Express 4.0 §7.5.3.10, §7.5.3.11), from the start of the capability. */
const SLOT_CONTROL = 0x18;
const SLOT_STATUS = 0x1a;
const LINK_STATUS = 0x12;
const INTERLOCK_CONTROL = 1 << 11;
const INTERLOCK_STATUS = 1 << 7;
const COMMAND_COMPLETED = 1 << 4;
const PRESENCE_DETECT = 1 << 6;
const LINK_ACTIVE = 1 << 13;
/** Of Link Capabilities and Link Status; 2.5 GT/s by one lane, which is what every card here can do. */
const SPEED_AND_WIDTH = 0x3ff;
const ONE_LANE = 0x011;
/** Both indicators off and on as after a reset with a card in the slot. */
const SLOT_CONTROL_RESET = 0x01c0;

export interface RootPortModel {
  readonly name: string;
  readonly identity: PciIdentity;
  /** Where QEMU puts the capabilities. */
  readonly express: number;
  readonly subsystemIds: number;
  /** Link Capabilities: 16 GT/s and 32 lanes, or 2.5 GT/s and one. */
  readonly link: number;
  /** Link Capabilities 2 and Link Control 2: the speeds, and the one it aims at. */
  readonly link2: readonly [capabilities: number, control: number];
  readonly interrupts:
    | { readonly kind: 'msix'; readonly offset: number }
    | { readonly kind: 'msi'; readonly offset: number };
}

const BRIDGE_CLASS = 0x06_0400;

export const PCIE_ROOT_PORT: RootPortModel = {
  name: 'pcie-root-port',
  identity: {
    vendor: 0x1b36,
    device: 0x000c,
    revision: 0,
    classCode: BRIDGE_CLASS,
    subsystemVendor: 0x1b36,
    subsystem: 0,
  },
  express: 0x54,
  subsystemIds: 0x40,
  link: 0x0030_0604,
  link2: [0x001e, 0x0004],
  interrupts: { kind: 'msix', offset: 0x48 },
};

export const IOH3420: RootPortModel = {
  name: 'ioh3420',
  identity: {
    vendor: 0x8086,
    device: 0x3420,
    revision: 2,
    classCode: BRIDGE_CLASS,
    subsystemVendor: 0x8086,
    subsystem: 0,
  },
  express: 0x90,
  subsystemIds: 0x40,
  link: 0x0000_0411,
  link2: [0, 0],
  interrupts: { kind: 'msi', offset: 0x60 },
};

export interface RootPortOptions {
  readonly system: MemorySystem;
  readonly model: RootPortModel;
  /** The bus that it stands on. */
  readonly parent: PciBus;
  /** Counts the bridges of the machine from 1: names what is behind it, whatever number software gives its bus. */
  readonly ordinal: number;
  /** Physical slot number, unique in the machine. */
  readonly slotNumber: number;
}

export class PcieRootPort extends PciFunction {
  /** The bus behind it; its only device is number 0. */
  readonly secondary: PciBus;
  readonly #model: RootPortModel;
  readonly #windows: { readonly io: BridgeWindow; readonly memory: BridgeWindow; readonly prefetchable: BridgeWindow };

  constructor(options: RootPortOptions) {
    const { system, model, parent, ordinal } = options;
    super({ name: model.name, identity: model.identity, system, interruptPin: 1, express: true });
    this.#model = model;
    const memory = new ContainerRegion(system, `${model.name} memory`, WHOLE_ADDRESS_SPACE);
    const io = new ContainerRegion(system, `${model.name} I/O`, IO_SPACE);
    this.#windows = {
      io: new BridgeWindow(system, 'pci_bridge_io', parent.io, io),
      memory: new BridgeWindow(system, 'pci_bridge_mem', parent.memory, memory),
      prefetchable: new BridgeWindow(system, 'pci_bridge_pref_mem', parent.memory, memory),
    };
    this.secondary = new PciBus({
      system,
      trace: parent.trace,
      number: ordinal,
      bridge: this,
      currentNumber: () => this.config.read(SECONDARY_BUS, 1),
      memory,
      io,
      dmaRoot: parent.dmaRoot,
      intx: {
        setIntx: (device, pin, asserted) => parent.setIntx(this.address.device, swizzle(device, pin), asserted),
      },
      reportMasterAbort: parent.reportMasterAbort,
    });
    this.#declareHeader();
    this.#declareCapabilities(options.slotNumber);
    this.onReset = () => {
      this.#resetRegisters();
      this.#apply();
      this.secondary.reset();
    };
  }

  override configWrite(offset: number, size: number, value: number): void {
    const { express } = this.#model;
    const control = this.config.read(BRIDGE_CONTROL, 2);
    super.configWrite(offset, size, value);
    if ((this.config.read(BRIDGE_CONTROL, 2) & ~control & SECONDARY_BUS_RESET) !== 0) this.secondary.reset();
    if (ConfigSpace.touches(offset, size, express + SLOT_CONTROL, 2)) this.#slotCommand(offset, value);
    this.#apply();
  }

  override load(fields: { readonly [field: string]: StateValue }): void {
    super.load(fields);
    this.#apply();
  }

  /** Firmware's work: the bus behind it gets a number. */
  assignBus(bus: number): void {
    this.configWrite(PRIMARY_BUS, 4, (bus << 16) | (bus << 8));
  }

  /** Firmware's work: a window of `bytes` at `base`, both multiples of its unit (4 KiB, or 1 MiB below 4 GiB). */
  open(kind: 'io' | 'memory' | 'prefetchable', base: number, bytes: number): void {
    const last = base + bytes - 1;
    if (kind === 'io') this.configWrite(IO_BASE, 2, (last & 0xf000) | (base >>> 8));
    else {
      const offset = kind === 'memory' ? MEMORY_BASE : PREFETCHABLE_BASE;
      this.configWrite(offset, 4, ((last & 0xfff0_0000) | (base >>> 16)) >>> 0);
    }
  }

  #declareHeader(): void {
    const { config } = this;
    config.declare(header.HEADER_TYPE, 1, HEADER_BRIDGE);
    config.declare(PRIMARY_BUS, 4, 0, 0xffff_ffff);
    config.declare(IO_BASE, 2, 0, 0xf0f0);
    config.declare(SECONDARY_STATUS, 2, 0, 0, 0xf900);
    config.declare(MEMORY_BASE, 4, 0, 0xfff0_fff0);
    config.declare(PREFETCHABLE_BASE, 4, 0x0001_0001, 0xfff0_fff0);
    config.declare(PREFETCHABLE_UPPER, 4, 0, 0xffff_ffff);
    config.declare(PREFETCHABLE_UPPER + 4, 4, 0, 0xffff_ffff);
    config.declare(BRIDGE_CONTROL, 2, 0, 0x005f);
    this.#resetRegisters();
  }

  #declareCapabilities(slotNumber: number): void {
    const { config, identity } = this;
    const { express, subsystemIds, link, link2, interrupts } = this.#model;
    const ids = this.addCapability(CAPABILITY.subsystemIds, 8, subsystemIds);
    config.declare(ids + 4, 4, (identity.subsystemVendor | (identity.subsystem << 16)) >>> 0);
    if (interrupts.kind === 'msi')
      this.addMsi({ vectors: 2, offset: interrupts.offset, address64: false, maskable: true });
    else {
      this.addMemoryBar(0, { region: new ContainerRegion(this.system, `${this.deviceName} msix`, 0x1000) });
      const at = (offset: number) => ({ bar: 0, offset });
      this.addMsix({ vectors: 1, table: at(0), pendingBits: at(0x800), offset: interrupts.offset });
    }
    this.addExpress({ offset: express, portType: EXPRESS_PORT_TYPE.rootPort });
    // Version 2, root port, slot implemented.
    config.declare(express + 2, 2, 0x0142);
    config.declareRegister(express + 0x08, DEVICE_CONTROL);
    config.declare(express + 0x0c, 4, link);
    // Attention button and indicators, an interlock, no hot-plug; the number in bits 31-19.
    config.declare(express + 0x14, 4, ((slotNumber << 19) | 0x0002_001b) >>> 0);
    config.declare(express + SLOT_CONTROL, 2, SLOT_CONTROL_RESET, 0x07f9);
    config.declare(express + SLOT_STATUS, 2, 0, 0, 0x011f);
    config.declare(express + 0x1c, 2, 0, 0x0007);
    // ARI forwarding is offered.
    config.declare(express + 0x24, 4, 0x0030_0020);
    config.declare(express + 0x28, 2, 0, 0x8020);
    config.declare(express + 0x2c, 4, link2[0]);
    config.declare(express + 0x30, 4, link2[1]);
  }

  /** Windows are closed: their bases lie behind their limits. */
  #resetRegisters(): void {
    const { config } = this;
    config.set(PRIMARY_BUS, 4, 0);
    config.set(IO_BASE, 4, 0x00f0);
    config.set(MEMORY_BASE, 4, 0xfff0);
    config.set(PREFETCHABLE_BASE, 4, 0x0001_fff1);
    config.set(PREFETCHABLE_UPPER, 4, 0);
    config.set(PREFETCHABLE_UPPER + 4, 4, 0);
    config.set(BRIDGE_CONTROL, 2, 0);
    if (!this.plugged) return;
    const { express, link } = this.#model;
    const [card] = this.secondary.functions;
    const populated = card !== undefined;
    // What both ends can do: a card that is no Express function says nothing, as on QEMU.
    const speedAndWidth = card?.isExpress === true ? ONE_LANE : link & SPEED_AND_WIDTH;
    config.set(express + LINK_STATUS, 2, speedAndWidth | (populated ? LINK_ACTIVE : 0));
    config.set(express + SLOT_CONTROL, 2, SLOT_CONTROL_RESET);
    config.set(express + SLOT_STATUS, 2, populated ? PRESENCE_DETECT : 0);
  }

  /** Every write to Slot Control is a command, and done at once; bit 11 turns the interlock. */
  #slotCommand(offset: number, value: number): void {
    const at = this.#model.express + SLOT_STATUS;
    const written = value << (8 * (offset - (this.#model.express + SLOT_CONTROL)));
    const turned = (written & INTERLOCK_CONTROL) !== 0 ? INTERLOCK_STATUS : 0;
    this.config.set(at, 2, (this.config.read(at, 2) ^ turned) | COMMAND_COMPLETED);
  }

  #apply(): void {
    const { config, command } = this;
    const { io, memory, prefetchable } = this.#windows;
    const memoryOn = (command & header.COMMAND_MEMORY) !== 0;
    this.system.transaction(() => {
      io.place((command & header.COMMAND_IO) !== 0 ? ioWindow(config.read(IO_BASE, 2)) : undefined);
      memory.place(memoryOn ? memoryWindow(config.read(MEMORY_BASE, 4)) : undefined);
      const [base, limit] = [config.read(PREFETCHABLE_UPPER, 4), config.read(PREFETCHABLE_UPPER + 4, 4)];
      const window = prefetchableWindow(config.read(PREFETCHABLE_BASE, 4), base, limit);
      prefetchable.place(memoryOn ? window : undefined);
    });
  }
}
