/** What the engine remembers about the devices while facts stream by. Every table here has a bound. */
import { type BusAddress, busFromWords, busToGpa, hex, offsetBus } from '../base/address.ts';
import type { TraceEvents, TraceName } from '../base/trace.ts';
import type { DevicePointer, RegisterAccess } from '../xhci/events.ts';
import type { Frame, GuestView, Site } from './guest-view.ts';
import type { Verdict } from './pointers/verdict.ts';
import { type ConsumedTrb, ControllerRings } from './rings.ts';

/** A board has a handful of controllers; a trace that names more is not one of ours. */
const CONTROLLERS_MAX = 64;
/** 32 interrupters of 3 registers, 256 slots with 31 rings each would be more than anybody reads: the newest are kept. */
const POINTERS_MAX = 1024;
const REGISTERS_MAX = 1024;

/** The writes that reached one register since the last reset, as halves. */
export interface RegisterWrites {
  low: { site: Site | undefined; instruction: number; value: number } | undefined;
  high: { site: Site | undefined; instruction: number; value: number } | undefined;
}

/** One pointer that a device holds, with what is known about it. */
export interface PointerRecord {
  readonly pointer: DevicePointer;
  /** The instruction that stored it, in a register or in memory. */
  readonly site: Site | undefined;
  verdict: Verdict | undefined;
}

/** Interrupter 0's registers have no index in their name, as in all prose about xHCI. */
export function registerKey(access: RegisterAccess): string | undefined {
  if (access.register === undefined) return undefined;
  const base = access.register.replace(/\.(lo|hi|low|high)$/i, '');
  if (access.space === 'runtime' && !base.includes('[')) {
    const interrupter = Math.floor((access.offset - 0x20) / 0x20);
    return interrupter > 0 ? `${base}[${interrupter}]` : base;
  }
  return access.space === 'port' ? `${base}[${access.portId ?? 0}]` : base;
}

/** True when the access writes the upper half of a 64-bit register. */
export function isHighHalf(access: RegisterAccess): boolean {
  return access.register !== undefined && /\.(hi|high)$/i.test(access.register);
}

export class ControllerKnowledge {
  readonly registers = new Map<string, RegisterWrites>();
  readonly pointers = new Map<string, PointerRecord>();
  readonly rings: ControllerRings;
  readonly #contextFields = new Map<string, BusAddress>();
  /** Event ring segments by interrupter, as the controller read them. */
  readonly segments = new Map<number, readonly { base: BusAddress; size: number }[]>();
  running = false;
  /** USBSTS.HSE or HCE stands. */
  failed = false;

  constructor(
    readonly name: string,
    view: GuestView,
  ) {
    this.rings = new ControllerRings(view);
  }

  reset(): void {
    this.registers.clear();
    this.pointers.clear();
    this.segments.clear();
    this.#contextFields.clear();
    this.rings.clear();
    this.running = false;
    this.failed = false;
  }

  noteWrite(access: RegisterAccess, site: Site | undefined, instruction: number): void {
    const key = registerKey(access);
    if (key === undefined) return;
    let writes = this.registers.get(key);
    if (writes === undefined) {
      if (this.registers.size >= REGISTERS_MAX) return;
      writes = { low: undefined, high: undefined };
      this.registers.set(key, writes);
    }
    const entry = { site, instruction, value: access.value };
    if (access.size === 8) {
      writes.low = entry;
      writes.high = entry;
    } else if (isHighHalf(access)) writes.high = entry;
    else writes.low = entry;
  }

  /** Who wrote a register's pointer: its low half, which differs between pointers, or the high half if that is all. */
  writerOf(register: string): Site | undefined {
    const writes = this.registers.get(register);
    return writes?.low?.site ?? writes?.high?.site;
  }

  remember(record: PointerRecord): void {
    const { holder, storedAt } = record.pointer;
    const key = storedAt === undefined ? holder : `${holder}@${hex(storedAt)}`;
    this.pointers.delete(key);
    if (this.pointers.size >= POINTERS_MAX) this.#forgetOldest();
    this.pointers.set(key, record);
  }

  /** Registers stay: there are few, and everything else is reached through them. */
  #forgetOldest(): void {
    for (const [key, { pointer }] of this.pointers) {
      if (pointer.storedAt === undefined) continue;
      this.pointers.delete(key);
      return;
    }
    this.pointers.clear();
  }

  /** Remembers where an Input Context holds a TR Dequeue Pointer: the controller copies it to a place of its own. */
  noteContext(event: TraceEvents['xhci.context-read']): void {
    const stride = event.contextSize / 4;
    // Input Control Context, Slot Context, then one for each endpoint (xHCI 1.2 §6.2.5).
    for (let index = 2; (index + 1) * stride <= event.words.length && index <= 32; index += 1) {
      const low = (event.words[index * stride + 2] ?? 0) & ~0xf;
      const value = busFromWords(low >>> 0, event.words[index * stride + 3] ?? 0);
      if (value === 0) continue;
      if (this.#contextFields.size >= POINTERS_MAX) this.#contextFields.clear();
      this.#contextFields.set(hex(value), offsetBus(event.address, index * event.contextSize + 8));
    }
  }

  /** Where the driver itself stored a TR Dequeue Pointer that now stands in an output context. */
  contextFieldOf(value: BusAddress): BusAddress | undefined {
    return this.#contextFields.get(hex(value));
  }

  recall(pointer: DevicePointer): PointerRecord | undefined {
    return this.pointers.get(
      pointer.storedAt === undefined ? pointer.holder : `${pointer.holder}@${hex(pointer.storedAt)}`,
    );
  }

  /** The register or field of that name, wherever it stands. */
  byHolder(holder: string): PointerRecord | undefined {
    const direct = this.pointers.get(holder);
    if (direct !== undefined) return direct;
    for (const record of this.pointers.values()) if (record.pointer.holder === holder) return record;
    return undefined;
  }
}

export class Knowledge {
  readonly controllers = new Map<string, ControllerKnowledge>();
  readonly #view: GuestView;
  /** Backtraces of instructions that a later finding may blame; they live as long as somebody remembers the site. */
  readonly #frames = new WeakMap<Site, readonly Frame[]>();

  constructor(view: GuestView) {
    this.#view = view;
  }

  /** The instruction that executes now, with its callers, to be blamed later on. */
  here(): Site | undefined {
    const site = this.#view.currentSite();
    if (site !== undefined) this.#frames.set(site, this.#view.backtrace());
    return site;
  }

  /** Callers of a site that {@link here} returned, innermost first; `undefined` when they were not kept. */
  framesOf(site: Site): readonly Frame[] | undefined {
    return this.#frames.get(site);
  }

  controller(name: string): ControllerKnowledge {
    let known = this.controllers.get(name);
    if (known === undefined) {
      known = new ControllerKnowledge(name, this.#view);
      if (this.controllers.size < CONTROLLERS_MAX) this.controllers.set(name, known);
    }
    return known;
  }

  /** Takes in a fact before any rule sees it. Returns the TRB that this fact proves to have been consumed. */
  learn<N extends TraceName>(name: N, event: TraceEvents[N]): ConsumedTrb | undefined {
    const controller = name.startsWith('xhci.') ? (event as { controller?: string }).controller : undefined;
    const consumed = controller === undefined ? undefined : this.controller(controller).rings.takeConsumed(name, event);
    this.#learn(name, event);
    return consumed;
  }

  #learn<N extends TraceName>(name: N, event: TraceEvents[N]): void {
    switch (name) {
      case 'xhci.register-written':
        this.#registerWritten(event as RegisterAccess);
        break;
      case 'xhci.reset':
        this.controller((event as TraceEvents['xhci.reset']).controller).reset();
        break;
      case 'xhci.run':
      case 'xhci.started':
        this.controller((event as TraceEvents['xhci.run']).controller).running = true;
        break;
      case 'xhci.stop':
        this.controller((event as TraceEvents['xhci.stop']).controller).running = false;
        break;
      case 'xhci.host-error': {
        const known = this.controller((event as TraceEvents['xhci.host-error']).controller);
        known.failed = true;
        break;
      }
      case 'xhci.event-ring-reset': {
        const reset = event as TraceEvents['xhci.event-ring-reset'];
        this.controller(reset.controller).segments.set(reset.interrupter, reset.segments.slice(0, 64));
        break;
      }
      case 'xhci.context-read': {
        const read = event as TraceEvents['xhci.context-read'];
        this.controller(read.controller).noteContext(read);
        break;
      }
      default:
        this.#ringEvent(name, event);
    }
  }

  #registerWritten(access: RegisterAccess): void {
    const known = this.controller(access.controller);
    // While it runs, what a write does is judged at once; during bring-up it is judged only at R/S = 1.
    const site = known.running ? this.#view.currentSite() : this.here();
    known.noteWrite(access, site, this.#view.now().instruction);
    // A new command ring: what was seen on the old one says nothing about it.
    if (registerKey(access) === 'CRCR') known.rings.forgetCommandRing();
  }

  #ringEvent<N extends TraceName>(name: N, event: TraceEvents[N]): void {
    if (!name.startsWith('xhci.')) return;
    const controller = (event as { controller?: string }).controller;
    if (controller !== undefined) this.controller(controller).rings.learn(name, event);
  }

  /** Holder of the pointer whose object contains `pointer`, if there is one. */
  parentOf(pointer: DevicePointer): string | undefined {
    if (pointer.storedAt === undefined) return undefined;
    const at = BigInt(pointer.storedAt);
    for (const { pointer: other } of this.controller(pointer.controller).pointers.values()) {
      const start = BigInt(other.value);
      if (other.holder !== pointer.holder && at >= start && at < start + BigInt(other.size)) return other.holder;
    }
    return undefined;
  }

  /** Who stored a pointer: the register's writer, or whoever wrote that memory last. */
  siteOf(pointer: DevicePointer): Site | undefined {
    if (pointer.storedAt === undefined) return this.controller(pointer.controller).writerOf(pointer.holder);
    const writer = this.#writerAt(pointer.storedAt);
    if (writer !== undefined) return writer;
    // The controller copied it there itself: who wrote the original?
    return this.#writerAt(this.controller(pointer.controller).contextFieldOf(pointer.value));
  }

  #writerAt(address: BusAddress | undefined): Site | undefined {
    const at = address === undefined ? undefined : busToGpa(address);
    return at === undefined ? undefined : this.#view.whoWrote(at);
  }
}
