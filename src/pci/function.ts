/**
 * One PCI function: its configuration space, BARs, capabilities, interrupts and view of memory. A device builds one,
 * declares its BARs and capabilities, and plugs it into a bus.
 *
 * Not modelled: extended capabilities, AER, ATS, vital product data.
 */
import { assert } from '../base/assert.ts';
import type { StateSource, StateValue } from '../base/state.ts';
import type { TraceChannel } from '../base/trace.ts';
import type { DmaPort } from '../memory/dma-port.ts';
import type { MemorySystem } from '../memory/memory-system.ts';
import { MmioRegion } from '../memory/mmio-region.ts';
import { ContainerRegion, type MemoryRegion, RegionOwner } from '../memory/region.ts';
import { formatPciAddress, type PciAddress, requesterIdOf } from './address.ts';
import { Bar, ROM_BAR } from './bar.ts';
import type { PciBus } from './bus.ts';
import { BusMaster } from './bus-master.ts';
import {
  addExpressCapability,
  addPowerManagement,
  CapabilityList,
  DEVICE_CONTROL_2_OFFSET,
  DEVICE_CONTROL_OFFSET,
  type ExpressOptions,
  INITIATE_FUNCTION_LEVEL_RESET,
  LINK_CONTROL_OFFSET,
  PMCSR,
  type PowerManagementOptions,
} from './capabilities.ts';
import * as header from './config-registers.ts';
import { ConfigSpace } from './config-space.ts';
import { FunctionInterrupts } from './function-interrupts.ts';
import type { PciIdentity } from './identity.ts';
import type { InterruptPort } from './interrupt-port.ts';
import { type Message, MsiCapability, type MsiOptions } from './msi.ts';
import { MsixCapability, type MsixOptions } from './msix.ts';

export interface PciFunctionOptions {
  /** What the device is, as QEMU names it: `qemu-xhci`. Several functions may share it. */
  readonly name: string;
  readonly identity: PciIdentity;
  readonly system: MemorySystem;
  /** 0: no INTx; 1-4: INTA-INTD. Default 0. */
  readonly interruptPin?: 0 | 1 | 2 | 3 | 4;
  /** Sets Header Type bit 7; needed on function 0 of a device with several. */
  readonly multifunction?: boolean;
  /** Configuration space of 4096 bytes, reached in full through ECAM. Default false: 256 bytes. */
  readonly express?: boolean;
}

export interface MemoryBarOptions {
  /** Its size is the BAR's: a power of two from 16 bytes. */
  readonly region: MemoryRegion;
  /** Takes two BAR slots. Default false. */
  readonly is64?: boolean;
  readonly prefetchable?: boolean;
}

export class PciFunction implements StateSource {
  readonly version = 1;
  /** The device's name, `qemu-xhci`; {@link name} is the function's path for saved state. */
  readonly deviceName: string;
  readonly identity: PciIdentity;
  readonly system: MemorySystem;
  /** Give it to the device's regions: it keeps DMA from entering the device a second time. */
  readonly owner: RegionOwner;
  readonly config: ConfigSpace;
  readonly capabilities: CapabilityList;
  readonly interruptPin: number;
  /** Called after a guest's write to the configuration space took effect. */
  onConfigWritten: ((offset: number, size: number) => void) | undefined;
  /** Called when the bus or the function is reset: the device resets itself. */
  onReset: (() => void) | undefined;
  readonly #bars = new Map<number, Bar>();
  readonly #interrupts: FunctionInterrupts;
  readonly #busMaster: BusMaster;
  #powerManagement: { readonly offset: number; readonly reset: number } | undefined;
  #express: { readonly offset: number; readonly functionLevelReset: boolean } | undefined;
  #place: { readonly bus: PciBus; readonly address: PciAddress; readonly label: string } | undefined;
  #mapped: TraceChannel<'pci.bar-mapped'> | undefined;
  #commandChanged: TraceChannel<'pci.command-changed'> | undefined;
  #message: TraceChannel<'pci.message'> | undefined;

  constructor(options: PciFunctionOptions) {
    const { name, identity, system, interruptPin = 0, multifunction = false, express = false } = options;
    this.deviceName = name;
    this.identity = identity;
    this.system = system;
    this.interruptPin = interruptPin;
    this.owner = new RegionOwner(name);
    const config = new ConfigSpace(express ? header.EXPRESS_SIZE : header.CONVENTIONAL_SIZE);
    this.config = config;
    config.declare(header.VENDOR_ID, 2, identity.vendor);
    config.declare(header.DEVICE_ID, 2, identity.device);
    config.declareRegister(header.COMMAND, header.COMMAND_STATUS);
    config.declare(header.REVISION_ID, 4, ((identity.classCode << 8) | identity.revision) >>> 0);
    config.declare(header.CACHE_LINE_SIZE, 1, 0, 0xff);
    config.declare(header.HEADER_TYPE, 1, multifunction ? header.HEADER_MULTIFUNCTION : 0);
    config.declare(header.SUBSYSTEM_VENDOR_ID, 2, identity.subsystemVendor);
    config.declare(header.SUBSYSTEM_ID, 2, identity.subsystem);
    config.declare(header.INTERRUPT_LINE, 1, 0, 0xff);
    config.declare(header.INTERRUPT_PIN, 1, interruptPin);
    this.capabilities = new CapabilityList(config);
    this.#interrupts = new FunctionInterrupts(config, (asserted) => this.#driveIntx(asserted));
    this.#busMaster = new BusMaster(this);
  }

  /** The device's memory accesses as a bus master: refused while Command.BusMaster is 0. */
  get dma(): DmaPort {
    return this.#busMaster;
  }

  get interrupts(): InterruptPort {
    return this.#interrupts;
  }

  get msi(): MsiCapability | undefined {
    return this.#interrupts.msi;
  }

  get msix(): MsixCapability | undefined {
    return this.#interrupts.msix;
  }

  /** The BARs by index; {@link ROM_BAR} is the expansion ROM. */
  get bars(): ReadonlyMap<number, Bar> {
    return this.#bars;
  }

  /** It has an Express capability. */
  get isExpress(): boolean {
    return this.#express !== undefined;
  }

  /** The bus that it is plugged into. */
  get bus(): PciBus {
    assert(this.#place !== undefined, `${this.deviceName} is plugged into a bus`);
    return this.#place.bus;
  }

  get plugged(): boolean {
    return this.#place !== undefined;
  }

  /** As software knows it now: bridges get their bus numbers from it. */
  get address(): PciAddress {
    assert(this.#place !== undefined, `${this.deviceName} is plugged into a bus`);
    const { bus, address } = this.#place;
    return { ...address, bus: bus.number };
  }

  /** "00:03.0" once plugged; before that the device's name. */
  get label(): string {
    return this.#place?.label ?? this.deviceName;
  }

  get name(): string {
    return `pci/${this.label}`;
  }

  get command(): number {
    return this.config.read(header.COMMAND, 2);
  }

  get busMasterEnabled(): boolean {
    return (this.command & header.COMMAND_BUS_MASTER) !== 0;
  }

  /** D-state 0-3; functions without power management are always in D0. */
  get powerState(): number {
    if (this.#powerManagement === undefined) return 0;
    return PMCSR.get(this.config.read(this.#powerManagement.offset + 4, 4), 'powerState');
  }

  addMemoryBar(index: number, options: MemoryBarOptions): void {
    const { region, is64 = false, prefetchable = false } = options;
    assert(index >= 0 && index <= (is64 ? 4 : 5), 'BAR indices are 0 to 5; a 64-bit BAR takes two');
    this.#addBar(new Bar(this.config, { index, kind: is64 ? 'memory64' : 'memory32', region, prefetchable }));
  }

  addIoBar(index: number, region: MemoryRegion): void {
    this.#addBar(new Bar(this.config, { index, kind: 'io', region, prefetchable: false }));
  }

  addRomBar(region: MemoryRegion): void {
    assert(region.size >= 2048, 'an expansion ROM has at least 2 KiB');
    this.#addBar(new Bar(this.config, { index: ROM_BAR, kind: 'rom', region, prefetchable: false }));
  }

  /** A capability whose bytes the caller declares in {@link config}. Returns its offset. */
  addCapability(id: number, length: number, offset?: number): number {
    return this.capabilities.add(id, length, offset);
  }

  addPowerManagement(options: PowerManagementOptions = {}): void {
    const offset = addPowerManagement(this.capabilities, this.config, options);
    this.#powerManagement = { offset, reset: (options.control ?? PMCSR).reset };
  }

  addExpress(options: ExpressOptions = {}): void {
    const offset = addExpressCapability(this.capabilities, this.config, options);
    this.#express = { offset, functionLevelReset: options.functionLevelReset === true };
  }

  addMsi(options: MsiOptions): MsiCapability {
    const msi = new MsiCapability(
      this.capabilities,
      this.config,
      options,
      (message) => this.#sendMessage(message),
      (vector) => this.#tellHeld(vector, 'vector-mask'),
    );
    this.#interrupts.msi = msi;
    return msi;
  }

  /** Adds MSI-X and lays its table and pending bits over the given BARs, which must be containers added before. */
  addMsix(options: MsixOptions): MsixCapability {
    const msix = new MsixCapability(
      this.capabilities,
      this.config,
      options,
      (message) => this.#sendMessage(message),
      (vector, by) => this.#tellHeld(vector, by),
    );
    this.#interrupts.msix = msix;
    const { table, pendingBits } = options;
    const rules = { valid: { minimum: 4, maximum: 8 }, impl: { minimum: 4, maximum: 4 } } as const;
    this.#layOver(table, `${this.deviceName} msix-table`, msix.tableBytes, {
      read: (offset, size) => msix.readTable(offset, size),
      write: (offset, size, value) => msix.writeTable(offset, size, value),
      ...rules,
    });
    this.#layOver(pendingBits, `${this.deviceName} msix-pba`, msix.pendingBytes, {
      read: (offset, size) => msix.readPending(offset, size),
      write: () => {},
      ...rules,
    });
    return msix;
  }

  /** Puts the function at `device`.`function` of `bus`. */
  plug(bus: PciBus, device: number, functionNumber = 0): void {
    assert(this.#place === undefined, `${this.deviceName} is plugged once`);
    const address = { bus: bus.nameNumber, device, function: functionNumber };
    this.#place = { bus, address, label: formatPciAddress(address) };
    this.#mapped = bus.trace.channel('pci.bar-mapped');
    this.#commandChanged = bus.trace.channel('pci.command-changed');
    this.#message = bus.trace.channel('pci.message');
    bus.attach(this);
    this.#busMaster.connect(bus, this.label, () => requesterIdOf(this.address));
    this.update();
  }

  configRead(offset: number, size: number): number {
    return this.config.read(offset, size);
  }

  configWrite(offset: number, size: number, value: number): void {
    const previous = this.command;
    const state = this.powerState;
    this.config.guestWrite(offset, size, value);
    if (this.#resetsFunction(offset, size, value)) {
      this.reset();
      return;
    }
    const { command } = this;
    if (command !== previous && this.#commandChanged?.active) {
      this.#commandChanged.emit({ device: this.label, name: this.deviceName, previous, command });
    }
    this.#tellPowerState(state);
    this.update();
    this.#place?.bus.notice(this, previous, command);
    this.#tellMsixControl(offset, size);
    this.#interrupts.configWritten();
    this.onConfigWritten?.(offset, size);
  }

  /** Applies the configuration space to the bus: BARs and the bus master gate. */
  update(): void {
    this.system.transaction(() => {
      for (const bar of this.#bars.values()) this.#updateBar(bar);
      this.#busMaster.setEnabled(this.busMasterEnabled);
    });
  }

  /** A bus reset (PCI Local Bus 3.0 §4.3.2): writable configuration returns to zero, BARs leave the bus. */
  reset(): void {
    const { config } = this;
    this.#interrupts.reset();
    config.set(header.COMMAND, 2, 0);
    config.set(header.STATUS, 2, config.read(header.STATUS, 2) & ~0xf900);
    config.set(header.CACHE_LINE_SIZE, 1, 0);
    config.set(header.INTERRUPT_LINE, 1, 0);
    if (this.#powerManagement !== undefined)
      config.set(this.#powerManagement.offset + 4, 4, this.#powerManagement.reset);
    if (this.#express !== undefined) {
      for (const control of [DEVICE_CONTROL_OFFSET, LINK_CONTROL_OFFSET, DEVICE_CONTROL_2_OFFSET])
        config.set(this.#express.offset + control, 2, 0);
    }
    for (const bar of this.#bars.values()) bar.reset();
    this.onReset?.();
    this.update();
  }

  /** Notes that a memory access of this function ended in a master abort (Unsupported Request). */
  noteMasterAbort(): void {
    const status = this.config.read(header.STATUS, 2);
    this.config.set(header.STATUS, 2, status | header.STATUS_RECEIVED_MASTER_ABORT);
  }

  save(): { readonly [field: string]: StateValue } {
    const interrupts: StateValue = { ...this.#interrupts.save() };
    const msix: StateValue = this.msix === undefined ? undefined : { ...this.msix.save() };
    return { config: this.config.bytes.slice(), interrupts, msix };
  }

  load(fields: { readonly [field: string]: StateValue }): void {
    this.config.bytes.set(fields.config as Uint8Array);
    this.#interrupts.load(fields.interrupts as { wanted: boolean; driven: boolean });
    if (fields.msix !== undefined) this.msix?.load(fields.msix as { table: number[]; pending: number[] });
    this.update();
  }

  #resetsFunction(offset: number, size: number, value: number): boolean {
    if (this.#express?.functionLevelReset !== true) return false;
    const control = this.#express.offset + DEVICE_CONTROL_OFFSET;
    if (!ConfigSpace.touches(offset, size, control + 1, 1)) return false;
    return ((value * 2 ** (8 * (offset - control))) & INITIATE_FUNCTION_LEVEL_RESET) !== 0;
  }

  #addBar(bar: Bar): void {
    assert(this.#place === undefined, 'BARs are declared before the function is plugged');
    assert(!this.#bars.has(bar.index), `BAR ${bar.index} is declared once`);
    this.#bars.set(bar.index, bar);
  }

  #layOver(
    place: { readonly bar: number; readonly offset: number },
    name: string,
    size: number,
    ops: ConstructorParameters<typeof MmioRegion>[3],
  ): void {
    const bar = this.#bars.get(place.bar);
    assert(bar !== undefined && bar.region instanceof ContainerRegion, 'MSI-X lies in a BAR that is a container');
    const region = new MmioRegion(this.system, name, size, ops, { owner: this.owner });
    bar.region.addSubregion(place.offset, region, 1);
  }

  #updateBar(bar: Bar): void {
    const bus = this.#place?.bus;
    if (bus === undefined) return;
    const space = bar.isIo ? header.COMMAND_IO : header.COMMAND_MEMORY;
    const decodes = (this.command & space) !== 0 && this.powerState === 0;
    const before = bar.mappedAt;
    const changed = bar.map(bar.isIo ? bus.io : bus.memory, decodes ? bar.decodedAddress : undefined);
    if (!changed || !this.#mapped?.active) return;
    const common = { device: this.label, name: this.deviceName, bar: bar.index, size: bar.size };
    if (before !== undefined) this.#mapped.emit({ ...common, address: before, mapped: false });
    if (bar.mappedAt !== undefined) this.#mapped.emit({ ...common, address: bar.mappedAt, mapped: true });
  }

  #tellPowerState(from: number): void {
    const to = this.powerState;
    if (to === from || this.#place === undefined) return;
    const channel = this.#place.bus.trace.channel('pci.power-state-changed');
    if (channel.active) channel.emit({ device: this.label, name: this.deviceName, from, to });
  }

  #tellMsixControl(offset: number, size: number): void {
    const { msix } = this;
    if (msix === undefined || this.#place === undefined) return;
    if (!ConfigSpace.touches(offset, size, msix.offset + 2, 2)) return;
    const channel = this.#place.bus.trace.channel('pci.msix-control');
    if (!channel.active) return;
    const { enabled, functionMasked: masked } = msix;
    channel.emit({ device: this.label, name: this.deviceName, enabled, masked });
  }

  #driveIntx(asserted: boolean): void {
    if (this.interruptPin === 0 || this.#place === undefined) return;
    this.#place.bus.setIntx(this.#place.address.device, this.interruptPin - 1, asserted);
  }

  #tellHeld(vector: number, by: 'function-mask' | 'vector-mask'): void {
    const channel = this.#place?.bus.trace.channel('pci.message-held');
    if (channel?.active) channel.emit({ device: this.label, vector, by });
  }

  #sendMessage(message: Message): void {
    const delivered = this.#busMaster.sendMessage(message);
    if (!this.#message?.active) return;
    this.#message.emit({ device: this.label, address: Number(message.address), data: message.data, delivered });
  }
}
