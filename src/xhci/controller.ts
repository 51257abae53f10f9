/**
 * An eXtensible Host Controller (xHCI 1.2), behind one of the personalities of `personality.ts`.
 *
 * Not implemented: isochronous endpoints, streams, hubs, save and restore, virtualization, debug capability, USB legacy
 * support, LPM. What a guest asks of these is stated as a fact and refused.
 */
import type { BusAddress } from '../base/address.ts';
import type { Timer, VirtualClock } from '../base/clock.ts';
import type { StateValue } from '../base/state.ts';
import type { DmaPort } from '../memory/dma-port.ts';
import type { DmaPurpose } from '../memory/events.ts';
import { MEMTX_OK, type MemTxResult } from '../memory/memtx.ts';
import type { InterruptPort } from '../pci/interrupt-port.ts';
import type { UsbDevice } from '../usb/bus.ts';
import { PointerAudit } from './audit/audit.ts';
import { startedFact } from './audit/started.ts';
import { CommandRing } from './commands/command-ring.ts';
import type { RegisterAccess, RegisterSpace } from './events.ts';
import { type XhciFacts, xhciFacts } from './facts.ts';
import type { EventWords, Host, XhciPorts } from './host.ts';
import { Interrupter } from './interrupter.ts';
import type { XhciModel, XhciPersonality } from './personality.ts';
import { RootHub } from './ports/root-hub.ts';
import type { RootPort } from './ports/root-port.ts';
import { capabilityWords } from './registers/capability.ts';
import { Doorbells } from './registers/doorbells.ts';
import { MicroframeCounter } from './registers/microframe.ts';
import { OperationalRegisters } from './registers/operational.ts';
import { writePortRegister } from './registers/port-registers.ts';
import { registerRanges } from './registers/ranges.ts';
import { reservedMisuse } from './registers/reserved.ts';
import { readRuntime, writeRuntime } from './registers/runtime.ts';
import type { RegisterRange } from './registers/space.ts';
import type { Endpoint } from './slots/endpoint.ts';
import { takeScratchpads } from './slots/scratchpads.ts';
import { loadSlots, saveSlots } from './slots/slot-state.ts';
import { SlotTable } from './slots/slot-table.ts';
import { CONFIG, USBCMD, USBSTS } from './spec/registers.ts';
import { TransferEngine } from './transfers/engine.ts';

export interface XhciOptions {
  /** The PCI function's name, `00:03.0`; a function where it is known only once the function is plugged. */
  readonly name: string | (() => string);
  readonly personality: XhciPersonality;
  readonly model: XhciModel;
}

export class XhciController implements Host {
  readonly #name: () => string;
  readonly personality: XhciPersonality;
  readonly model: XhciModel;
  readonly dma: DmaPort;
  readonly interrupts: InterruptPort;
  readonly clock: VirtualClock;
  readonly facts: XhciFacts;
  readonly hub: RootHub;
  readonly slots: SlotTable;
  readonly engine: TransferEngine;
  readonly commands: CommandRing;
  readonly operational: OperationalRegisters;
  readonly interrupters: readonly Interrupter[];
  readonly doorbells: Doorbells;
  readonly ranges: readonly RegisterRange[];
  readonly #capability: readonly (number | undefined)[];
  readonly #microframes: MicroframeCounter;
  readonly #audit: PointerAudit;
  readonly #ready: Timer;
  /** Pointer registers that a reset cleared after software had written them, for `xhci.started`. */
  #lostByReset: string[] = [];
  #notReadyPhase: 'ready' | 'resetting' | 'not-ready' = 'ready';

  constructor(ports: XhciPorts, options: XhciOptions) {
    const { name } = options;
    this.#name = typeof name === 'string' ? () => name : name;
    this.personality = options.personality;
    this.model = options.model;
    this.dma = ports.dma;
    this.interrupts = ports.interrupts;
    this.clock = ports.clock;
    this.facts = xhciFacts(ports.trace);
    this.hub = new RootHub(this);
    this.slots = new SlotTable(
      this,
      (endpoint) => this.engine.kick(endpoint),
      (endpoint, report) => this.engine.abandon(endpoint, report),
    );
    this.#microframes = new MicroframeCounter(this);
    this.engine = new TransferEngine(this, { slots: this.slots, microframe: () => this.#microframes.count() });
    this.commands = new CommandRing(this, { host: this, slots: this.slots, hub: this.hub, engine: this.engine });
    this.operational = new OperationalRegisters(this, this.commands, {
      run: () => this.#run(),
      stop: () => this.#stop(),
      hostControllerReset: () => this.#hostControllerReset(),
      commandChanged: (inteRose) => this.#commandChanged(inteRose),
    });
    this.interrupters = Array.from({ length: this.model.interrupters }, (_, index) => new Interrupter(this, index));
    this.doorbells = new Doorbells(this, this.commands, this.slots, this.engine, () => this.failedAlready);
    this.#capability = capabilityWords(this.model, this.personality);
    this.#ready = this.clock.timer(`xhci ${this.name} reset`, () => this.#becomeReady());
    this.#audit = new PointerAudit(this);
    this.ranges = registerRanges(this);
  }

  /** `00:03.0`. */
  get name(): string {
    return this.#name();
  }

  // ---- what the parts ask of the whole ---------------------------------------------------------------------------

  get running(): boolean {
    return !USBSTS.has(this.operational.usbsts, 'HCH');
  }

  get interruptsEnabled(): boolean {
    return USBCMD.has(this.operational.usbcmd, 'INTE');
  }

  get deviceContextArray(): BusAddress {
    return this.operational.deviceContextArray;
  }

  get slotsEnabled(): number {
    return CONFIG.get(this.operational.config, 'MaxSlotsEn');
  }

  /** HSE or HCE stands in USBSTS. */
  get failedAlready(): boolean {
    return (this.operational.usbsts & (USBSTS.mask('HSE') | USBSTS.mask('HCE'))) !== 0;
  }

  /** HCRST or CNR is 1: registers do not take writes (§5.4.1, §5.4.2). */
  get notReady(): boolean {
    return this.#notReadyPhase !== 'ready';
  }

  post(interrupter: number, event: EventWords, blockInterrupt = false): void {
    this.interrupters[interrupter]?.post(event, blockInterrupt);
  }

  blocked(interrupter: number): boolean {
    return this.interrupters[interrupter]?.blocked ?? false;
  }

  memoryFailed(result: MemTxResult, where: string, qemuFunction: string): void {
    if (this.personality.memoryFailure === 'cosmetic-hce') {
      this.#guestError(qemuFunction);
      this.#die(result, where);
      return;
    }
    this.operational.usbsts = (this.operational.usbsts | USBSTS.mask('HSE')) >>> 0;
    this.#halt();
    this.#announceError('HSE', result, where);
  }

  ringUnreadable(result: MemTxResult, where: string, qemuFunction: string): void {
    if (this.personality.memoryFailure === 'cosmetic-hce') this.#guestError(qemuFunction);
    else this.memoryFailed(result, where, qemuFunction);
  }

  controllerFailed(where: string): void {
    this.#die(MEMTX_OK, where);
    if (this.personality.memoryFailure === 'host-system-error') this.#halt();
  }

  eventInterrupt(): void {
    this.operational.usbsts |= USBSTS.mask('EINT');
  }

  portChanged(): void {
    if (this.personality.ports.reportAtRun) this.operational.usbsts |= USBSTS.mask('PCD');
  }

  resume(): void {
    if (!this.running) return;
    if (this.commands.running) this.commands.process();
    for (const slot of this.slots.all()) {
      if (!slot.enabled) continue;
      for (const endpoint of slot.endpoints) if (endpoint?.state === 1) this.engine.kick(endpoint);
    }
  }

  pointersChanged(cause: string): void {
    this.#audit.changed(cause);
  }

  readWords(address: BusAddress, into: Uint32Array, purpose: DmaPurpose): boolean {
    const result = this.dma.readWords(address, into, purpose);
    if (result === MEMTX_OK) return true;
    into.fill(0xffff_ffff);
    this.memoryFailed(result, purpose.what, 'xhci_dma_read_u32s');
    return false;
  }

  writeWords(address: BusAddress, from: Uint32Array, purpose: DmaPurpose): boolean {
    const result = this.dma.writeWords(address, from, purpose);
    if (result === MEMTX_OK) return true;
    this.memoryFailed(result, purpose.what, 'xhci_dma_write_u32s');
    return false;
  }

  // ---- registers -------------------------------------------------------------------------------------------------

  readCapability(offset: number): number | undefined {
    return offset % 4 === 0 ? this.#capability[offset / 4] : undefined;
  }

  readPort(port: RootPort, offset: number): number | undefined {
    switch (offset) {
      case 0x0:
        return port.portsc;
      case 0x4:
        return port.portpmsc;
      case 0x8:
        return 0;
      case 0xc:
        return this.personality.registers.portPowerManagement ? port.porthlpmc : undefined;
      default:
        return undefined;
    }
  }

  writePort(port: RootPort, offset: number, value: number): boolean {
    return writePortRegister(this.personality, port, offset, value);
  }

  readRuntime(offset: number): number | undefined {
    return readRuntime(this.interrupters, () => this.#microframes.index(), offset);
  }

  writeRuntime(offset: number, value: number): boolean {
    return writeRuntime(this.interrupters, offset, value);
  }

  ringDoorbell(offset: number, value: number): boolean {
    if (offset % 4 !== 0) return false;
    this.doorbells.ring(offset / 4, value);
    return true;
  }

  /** A register is about to be written: pointers are stated. */
  noteWritten(space: RegisterSpace, offset: number, value: number): void {
    if (space === 'operational' || space === 'runtime') this.#audit.registers.note(space, offset, value);
  }

  /** States reserved bits that a write touched (§5.1.1). */
  reportMisuse(access: RegisterAccess): void {
    const misused = this.facts['xhci.register-misused'];
    if (!misused.active) return;
    const bits = reservedMisuse(this, access);
    if (bits !== 0) misused.emit({ ...access, problem: 'reserved-bits', bits });
  }

  // ---- run, stop, reset ------------------------------------------------------------------------------------------

  #run(): void {
    const run = this.facts['xhci.run'];
    if (run.active) run.emit({ controller: this.name });
    const started = this.facts['xhci.started'];
    if (started.active) started.emit(startedFact(this, this.#lostByReset));
    this.#lostByReset = [];
    this.operational.usbsts = (this.operational.usbsts & ~USBSTS.mask('HCH')) >>> 0;
    this.#microframes.start();
    this.#audit.changed('R/S');
    takeScratchpads(this);
    for (const interrupter of this.interrupters) interrupter.started();
    if (!this.personality.ports.reportAtRun) return;
    // §4.19.2: ports that changed while the controller was halted report now.
    for (const port of this.hub.ports) if (port.changed && this.running) port.postEvent();
  }

  #stop(): void {
    const stop = this.facts['xhci.stop'];
    if (stop.active) stop.emit({ controller: this.name });
    this.#halt();
  }

  #halt(): void {
    this.#microframes.stop();
    this.operational.usbsts = (this.operational.usbsts | USBSTS.mask('HCH')) >>> 0;
    this.commands.stop();
    if (this.personality.memoryFailure === 'host-system-error') this.operational.usbcmd &= ~USBCMD.mask('RS');
  }

  /** Power-on, or the machine's reset button: everything at once, ready when it returns. */
  reset(): void {
    const reset = this.facts['xhci.reset'];
    if (reset.active) reset.emit({ controller: this.name });
    this.#lostByReset = [...new Set([...this.#lostByReset, ...this.writtenPointers()])];
    this.#audit.registers.reset();
    this.#ready.cancel();
    this.#notReadyPhase = 'ready';
    this.operational.reset();
    for (const slot of this.slots.all()) this.slots.disable(slot);
    this.hub.reset();
    for (const interrupter of this.interrupters) interrupter.reset();
    this.#microframes.reset();
    this.interrupters[0]?.updateLevel();
  }

  #hostControllerReset(): void {
    this.reset();
    const { resetDelay, notReadyDelay } = this.personality;
    if (resetDelay + notReadyDelay === 0) return;
    this.#notReadyPhase = 'resetting';
    this.operational.usbcmd |= USBCMD.mask('HCRST');
    this.operational.usbsts |= USBSTS.mask('CNR');
    this.#ready.after(resetDelay);
  }

  #becomeReady(): void {
    if (this.#notReadyPhase === 'resetting') {
      this.operational.usbcmd &= ~USBCMD.mask('HCRST');
      this.#notReadyPhase = 'not-ready';
      this.#ready.after(this.personality.notReadyDelay);
      return;
    }
    this.#notReadyPhase = 'ready';
    this.operational.usbsts &= ~USBSTS.mask('CNR');
  }

  /** Pointer registers that are not 0. */
  writtenPointers(): string[] {
    const { commands, operational, interrupters } = this;
    const lost: string[] = [];
    if (commands.low !== 0 || commands.high !== 0) lost.push('CRCR');
    if (operational.dcbaapLow !== 0 || operational.dcbaapHigh !== 0) lost.push('DCBAAP');
    if (operational.config !== 0) lost.push('CONFIG');
    for (const { index, erstsz, erstbaLow, erstbaHigh, erdpLow, erdpHigh } of interrupters) {
      if (erstsz !== 0) lost.push(`ERSTSZ[${index}]`);
      if (erstbaLow !== 0 || erstbaHigh !== 0) lost.push(`ERSTBA[${index}]`);
      if (erdpLow !== 0 || erdpHigh !== 0) lost.push(`ERDP[${index}]`);
    }
    return lost;
  }

  #commandChanged(inteRose: boolean): void {
    this.#microframes.updateWrap(USBCMD.has(this.operational.usbcmd, 'EWE'));
    if (inteRose && this.personality.interruptModeration) {
      for (const interrupter of this.interrupters) interrupter.interruptsEnabledNow();
    }
    this.interrupters[0]?.updateLevel();
  }

  // ---- errors ----------------------------------------------------------------------------------------------------

  #die(result: MemTxResult, where: string): void {
    this.operational.usbsts = (this.operational.usbsts | USBSTS.mask('HCE')) >>> 0;
    this.#announceError('HCE', result, where);
  }

  #announceError(bit: 'HSE' | 'HCE', result: MemTxResult, where: string): void {
    const error = this.facts['xhci.host-error'];
    if (error.active) error.emit({ controller: this.name, bit, result, where });
  }

  #guestError(qemuFunction: string): void {
    const guestError = this.facts['xhci.guest-error'];
    if (!guestError.active || qemuFunction === '') return;
    guestError.emit({ controller: this.name, function: qemuFunction, message: 'DMA memory access failed!' });
  }

  // ---- devices ---------------------------------------------------------------------------------------------------

  /** Plugs a device into the first free port of its speed, or into socket `socketIndex` (0-based). Returns the port id. */
  attach(device: UsbDevice, socketIndex?: number): number | undefined {
    device.onReady = (address) => this.#deviceReady(device, address);
    return this.hub.attach(device, socketIndex);
  }

  detach(portId: number): UsbDevice | undefined {
    return this.hub.detach(portId);
  }

  /** A device that answered NAK has something to say. */
  #deviceReady(device: UsbDevice, address: number): void {
    const slot = this.slots.all().find(({ enabled, socket }) => enabled && socket?.device === device);
    const dci = (address & 0xf) === 0 ? 1 : 2 * (address & 0xf) + (address >> 7);
    const endpoint: Endpoint | undefined = slot?.endpoints[dci];
    if (endpoint !== undefined) this.engine.kick(endpoint);
  }

  // ---- state -----------------------------------------------------------------------------------------------------

  save(): { readonly [field: string]: StateValue } {
    const { usbcmd, usbsts, dnctrl, dcbaapLow, dcbaapHigh, config } = this.operational;
    return {
      operational: [usbcmd, usbsts, dnctrl, dcbaapLow, dcbaapHigh, config],
      commands: this.commands.save(),
      interrupters: this.interrupters.map((interrupter) => interrupter.save()),
      ports: this.hub.ports.map((port) => port.save()),
      devices: this.hub.sockets.map(({ device }) => device?.save()),
      slots: saveSlots(this.slots),
      microframes: this.#microframes.save(),
      ready: [this.#notReadyPhase, this.#ready.deadline],
      lostByReset: this.#lostByReset,
      lastTransferId: this.engine.lastId,
    };
  }

  load(fields: { readonly [field: string]: StateValue }): void {
    const [usbcmd, usbsts, dnctrl, dcbaapLow, dcbaapHigh, config] = fields.operational as number[];
    Object.assign(this.operational, { usbcmd, usbsts, dnctrl, dcbaapLow, dcbaapHigh, config });
    this.commands.load(fields.commands as { readonly [field: string]: StateValue });
    const interrupters = fields.interrupters as { readonly [field: string]: StateValue }[];
    for (const [index, saved] of interrupters.entries()) this.interrupters[index]!.load(saved);
    const ports = fields.ports as (number | boolean | undefined)[][];
    for (const [index, saved] of ports.entries()) this.hub.ports[index]!.load(saved);
    const devices = fields.devices as ({ readonly [field: string]: StateValue } | undefined)[];
    for (const [index, saved] of devices.entries())
      if (saved !== undefined) this.hub.sockets[index]!.device?.load(saved);
    loadSlots(this.slots, this.hub, fields.slots);
    this.#microframes.load(fields.microframes as readonly (number | boolean | undefined)[]);
    const [phase, deadline] = fields.ready as ['ready' | 'resetting' | 'not-ready', number | undefined];
    this.#notReadyPhase = phase;
    if (deadline === undefined) this.#ready.cancel();
    else this.#ready.at(deadline);
    this.#lostByReset = [...(fields.lostByReset as string[])];
    this.engine.lastId = fields.lastTransferId as number;
  }
}
