/**
 * One interrupter: its registers, its Event Ring and the gates between an event and the processor (xHCI 1.2 §4.17,
 * §4.9.4, §5.5.2).
 */
import { type BusAddress, busHigh, busLow } from '../base/address.ts';
import type { Timer } from '../base/clock.ts';
import type { StateValue } from '../base/state.ts';
import type { DmaPurpose } from '../memory/events.ts';
import { MEMTX_OK } from '../memory/memtx.ts';
import type { EventWords, Host } from './host.ts';
import { InterrupterFacts } from './interrupter-facts.ts';
import { EventRing } from './rings/event-ring.ts';
import { readEventTable } from './rings/event-table.ts';
import { CompletionCode, completionName } from './spec/completion-codes.ts';
import { ERDP_LO, ERSTBA_LO, ERSTSZ, IMAN } from './spec/registers.ts';
import { HostControllerEvent, trbName } from './spec/trbs.ts';
import { pointerFromWords } from './wire/pointer.ts';
import { trbWords } from './wire/trb.ts';

/** Events that wait while the ring is full. Rings stop meanwhile, so only port changes and wraps can add to them. */
const WAITING_EVENTS_MAX = 1024;
/** IMODI counts 250 ns (§5.5.2.2). */
const MODERATION_UNIT = 250;
const EVENT_CYCLE = 1;

interface Waiting {
  readonly event: EventWords;
  readonly blockInterrupt: boolean;
}

export class Interrupter {
  iman = 0;
  imod = 0;
  erstsz = 0;
  erstbaLow = 0;
  erstbaHigh = 0;
  erdpLow = 0;
  erdpHigh = 0;
  /** The MSI-X vector is in use (QEMU tells the PCI layer). */
  vectorUsed = false;
  readonly ring = new EventRing();
  #tableStale = false;
  #full = false;
  #waiting: Waiting[] = [];
  /** An interrupt is owed: an event with BEI = 0 was posted since the ring was last empty (§4.17.2, IPE). */
  #owed = false;
  /** Moderation: no interrupt before this time. */
  #quietUntil = 0;
  readonly #facts: InterrupterFacts;
  readonly #moderation: Timer;
  readonly #purpose: DmaPurpose;
  readonly #tablePurpose: DmaPurpose;
  readonly #words = new Uint32Array(4);

  constructor(
    readonly host: Host,
    readonly index: number,
  ) {
    this.#facts = new InterrupterFacts(host, index);
    this.#moderation = host.clock.timer(`xhci ${host.name} interrupter ${index} moderation`, () => this.#signal());
    this.#purpose = { what: 'Event TRB', register: 'ERSTBA', ring: `event ring ${index}` };
    this.#tablePurpose = { what: 'ERST entry', register: 'ERSTBA', ring: `event ring ${index}` };
  }

  reset(): void {
    this.iman = 0;
    this.imod = this.host.personality.imodReset;
    this.erstsz = 0;
    this.erstbaLow = 0;
    this.erstbaHigh = 0;
    this.erdpLow = 0;
    this.erdpHigh = 0;
    // QEMU forgets the registers, not the segments it read: an ERDP inside them still counts.
    this.ring.start(this.host.personality.eventRingFull === 'drop' ? this.ring.segments : []);
    this.#tableStale = false;
    this.#full = false;
    this.#waiting = [];
    this.#owed = false;
    this.#quietUntil = 0;
    this.#moderation.cancel();
  }

  get tableAddress(): BusAddress {
    return pointerFromWords(this.host.personality, this.erstbaLow, this.erstbaHigh);
  }

  /** ERDP without DESI and EHB. */
  get dequeueAddress(): BusAddress {
    return pointerFromWords(this.host.personality, this.erdpLow & ~0xf, this.erdpHigh);
  }

  get blocked(): boolean {
    return this.#waiting.length > 0;
  }

  writeTableSize(value: number): void {
    this.erstsz = value & ERSTSZ.mask('EventRingSegmentTableSize');
  }

  writeTableLow(value: number): void {
    const mask = this.host.model.nec ? ~0xf : this.host.personality.erstbaLowMask;
    this.erstbaLow = (value & mask & ~(ERSTBA_LO.mask('RsvdP5') & 0xf)) >>> 0;
    this.#tableStale = true;
  }

  writeTableHigh(value: number): void {
    this.erstbaHigh = value;
    this.#tableStale = true;
    if (this.host.personality.erstRead === 'at-high-half' || this.host.running) this.#loadTable();
  }

  /** The controller starts: a table written while it was halted is read now. */
  started(): void {
    if (this.#tableStale && this.host.personality.erstRead === 'when-running') this.#loadTable();
  }

  writeDequeueLow(value: number): void {
    const clears = ERDP_LO.has(value, 'EHB');
    const busy = clears ? 0 : this.erdpLow & ERDP_LO.mask('EHB');
    this.erdpLow = ((value & ~ERDP_LO.mask('EHB')) | busy) >>> 0;
    if (this.host.personality.eventRingFull === 'drop') {
      this.#announceDequeue(clears);
      if (!clears) return;
      const position = this.ring.positionOf(this.#rawDequeue());
      if (position !== undefined && position !== this.ring.enqueue) this.#raise();
      return;
    }
    this.#dequeueMoved(clears);
  }

  writeDequeueHigh(value: number): void {
    this.erdpHigh = value;
    if (this.host.personality.eventRingFull === 'wait') this.#dequeueMoved(false);
  }

  writeManagement(value: number): void {
    const previous = this.iman;
    this.iman = IMAN.afterGuestWrite(this.iman, value) & 3;
    if (IMAN.has(previous, 'IP') && !IMAN.has(this.iman, 'IP')) this.#startModeration();
    if (this.host.personality.interruptModeration) this.#signal();
    this.updateLevel();
    if (this.host.interrupts.mode === 'msix') this.#useVector(IMAN.has(this.iman, 'IE'));
  }

  writeModeration(value: number): void {
    this.imod = value;
  }

  /** IMODC counts down since the last interrupt (§5.5.2.2). */
  readModeration(): number {
    if (!this.host.personality.interruptModeration) return this.imod;
    const rest = Math.max(0, this.#quietUntil - this.host.clock.now());
    return ((this.imod & 0xffff) | (Math.min(0xffff, Math.ceil(rest / MODERATION_UNIT)) << 16)) >>> 0;
  }

  post(event: EventWords, blockInterrupt: boolean): void {
    if (this.host.personality.eventRingFull === 'drop') this.#postAsQemu(event);
    else this.#post(event, blockInterrupt);
  }

  /** INTx follows interrupter 0 (§4.17); messages are edges and are sent when the interrupt is raised. */
  updateLevel(): void {
    if (this.index !== 0 || this.host.interrupts.mode !== 'intx') {
      if (this.index === 0 && this.host.personality.name === 'qemu') this.#notifyMessage();
      return;
    }
    const level = IMAN.has(this.iman, 'IP') && IMAN.has(this.iman, 'IE') && this.host.interruptsEnabled;
    this.host.interrupts.setLevel(level);
    this.#facts.interrupt('intx', level ? 1 : 0);
  }

  #rawDequeue(): BusAddress {
    return pointerFromWords(this.host.personality, this.erdpLow, this.erdpHigh);
  }

  // ---- the table -------------------------------------------------------------------------------------------------

  #loadTable(): void {
    this.#tableStale = false;
    const { outcome, segments } = readEventTable(this.host, this.tableAddress, this.erstsz, this.#tablePurpose);
    const reset = this.host.facts['xhci.event-ring-reset'];
    if (reset.active) {
      const { name } = this.host;
      const { index, erstsz } = this;
      reset.emit({ controller: name, interrupter: index, erstba: this.tableAddress, erstsz, segments, outcome });
    }
    if (outcome === 'ok') {
      this.#full = false;
      this.#owed = false;
      this.#waiting = [];
      this.ring.start(segments);
    } else if (outcome === 'size-zero') {
      this.ring.clear();
    } else if (outcome !== 'dma') {
      this.host.controllerFailed(`ERST of interrupter ${this.index}: ${outcome}`);
    }
    this.host.pointersChanged('ERSTBA');
  }

  // ---- events, as the specification has them (§4.9.4) ------------------------------------------------------------

  #post(event: EventWords, blockInterrupt: boolean): void {
    if (this.#tableStale) this.#loadTable();
    if (this.ring.size === 0) {
      this.#facts.lost(event, 'no-ring');
      return;
    }
    if (this.#waiting.length > 0 || !this.#hasRoom()) {
      if (this.#waiting.length >= WAITING_EVENTS_MAX) this.#facts.lost(event, 'full');
      else this.#waiting.push({ event, blockInterrupt });
      if (!this.#full) this.#announceFull();
      return;
    }
    if (this.#write(event) && !blockInterrupt) this.#owed = true;
    this.#signal();
  }

  /** True while two TRBs are free: the last one is for the Event Ring Full Error. */
  #hasRoom(): boolean {
    const dequeue = this.ring.positionOf(this.dequeueAddress);
    // An ERDP outside the ring never meets the producer: nothing in §4.9.4 could notice it.
    if (dequeue === undefined) return true;
    return this.ring.ahead(1) !== dequeue && this.ring.ahead(2) !== dequeue;
  }

  #announceFull(): void {
    this.#full = true;
    const full = this.host.facts['xhci.event-ring-full'];
    if (full.active) full.emit({ controller: this.host.name, interrupter: this.index });
    const control = HostControllerEvent.type << 10;
    this.#write([0, 0, (CompletionCode.EventRingFullError << 24) >>> 0, control]);
    this.#owed = true;
    this.#signal();
  }

  #dequeueMoved(clearedBusy: boolean): void {
    this.#announceDequeue(clearedBusy);
    if (this.ring.size === 0) return;
    if (this.ring.positionOf(this.dequeueAddress) === this.ring.enqueue) this.#owed = false;
    const waited = this.#waiting.length > 0;
    if (waited && this.#hasRoom()) this.#full = false;
    // Bounded: each turn takes one event out of a list of at most WAITING_EVENTS_MAX.
    while (this.#waiting.length > 0 && this.host.running && this.#hasRoom()) {
      const { event, blockInterrupt } = this.#waiting.shift()!;
      if (this.#write(event) && !blockInterrupt) this.#owed = true;
    }
    this.#signal();
    if (waited && this.#waiting.length === 0) this.host.resume();
  }

  // ---- interrupts (§4.17.2) --------------------------------------------------------------------------------------

  /** Sets IP when an interrupt is owed and no gate is closed, and sends it. */
  #signal(): void {
    if (!this.#owed || IMAN.has(this.iman, 'IP')) return;
    if (ERDP_LO.has(this.erdpLow, 'EHB')) {
      this.#facts.blocked('EHB');
      return;
    }
    const now = this.host.clock.now();
    if (this.host.personality.interruptModeration && now < this.#quietUntil) {
      this.#facts.blocked('IMOD');
      this.#moderation.at(this.#quietUntil);
      return;
    }
    this.#owed = false;
    this.iman |= IMAN.mask('IP');
    this.erdpLow = (this.erdpLow | ERDP_LO.mask('EHB')) >>> 0;
    this.host.eventInterrupt();
    this.#deliver();
  }

  #deliver(): void {
    if (!IMAN.has(this.iman, 'IE')) {
      this.#facts.blocked('IE');
      return;
    }
    if (!this.host.interruptsEnabled) {
      this.#facts.blocked('INTE');
      return;
    }
    if (this.#notifyMessage()) this.#startModeration();
    else this.updateLevel();
  }

  /** Sends the message when the guest enabled MSI or MSI-X; sending clears IP (§4.17.5). */
  #notifyMessage(): boolean {
    const { interrupts } = this.host;
    const { mode } = interrupts;
    if (mode === 'intx' || !IMAN.has(this.iman, 'IP')) return false;
    if (!IMAN.has(this.iman, 'IE') || !this.host.interruptsEnabled) return false;
    interrupts.sendMessage(this.index);
    this.iman &= ~IMAN.mask('IP');
    this.#facts.interrupt(mode, 1);
    return true;
  }

  #startModeration(): void {
    if (!this.host.personality.interruptModeration) return;
    this.#quietUntil = this.host.clock.now() + (this.imod & 0xffff) * MODERATION_UNIT;
    if (this.#owed) this.#moderation.at(this.#quietUntil);
  }

  #useVector(used: boolean): void {
    if (used === this.vectorUsed) return;
    this.vectorUsed = used;
    const use = this.host.facts['xhci.msix-use'];
    if (use.active) use.emit({ controller: this.host.name, vector: this.index, used });
  }

  /** USBCMD.INTE rose: what waited for it goes out. */
  interruptsEnabledNow(): void {
    if (IMAN.has(this.iman, 'IP')) this.#deliver();
  }

  // ---- events, as QEMU has them ----------------------------------------------------------------------------------

  #postAsQemu(event: EventWords): void {
    const { ring } = this;
    const position = ring.positionOf(this.#rawDequeue());
    if (position === undefined) {
      this.#facts.lost(event, ring.size === 0 ? 'no-ring' : 'erdp-out-of-range');
      this.host.controllerFailed(`ERDP of interrupter ${this.index} is outside its ring`);
      return;
    }
    if (ring.ahead(2) === position) {
      const full = this.host.facts['xhci.event-ring-full'];
      if (full.active) full.emit({ controller: this.host.name, interrupter: this.index });
      this.#facts.lost(event, 'full');
      this.#write([0, 0, (CompletionCode.EventRingFullError << 24) >>> 0, HostControllerEvent.type << 10]);
    } else if (ring.ahead(1) === position) {
      this.#facts.lost(event, 'full');
    } else {
      this.#write(event);
    }
    this.#raise();
  }

  #raise(): void {
    const busy = ERDP_LO.has(this.erdpLow, 'EHB');
    this.erdpLow = (this.erdpLow | ERDP_LO.mask('EHB')) >>> 0;
    this.iman |= IMAN.mask('IP');
    this.host.eventInterrupt();
    if (busy) {
      this.#facts.blocked('EHB');
      return;
    }
    this.#deliver();
  }

  // ---- shared ----------------------------------------------------------------------------------------------------

  /** Puts one event into memory and moves on, as QEMU does even when the write failed. */
  #write(event: EventWords): boolean {
    const { ring, host } = this;
    const words = this.#words;
    words[0] = event[0];
    words[1] = event[1];
    words[2] = event[2];
    words[3] = (event[3] & ~EVENT_CYCLE) | ring.cycle;
    const index = ring.enqueue;
    const address = ring.addressOf(index);
    const posted = host.facts['xhci.event-posted'];
    if (posted.active) {
      posted.emit({
        controller: host.name,
        interrupter: this.index,
        index,
        address,
        trb: trbWords(words),
        typeName: trbName((words[3]! >>> 10) & 0x3f),
        completionName: completionName(words[2]! >>> 24),
      });
    }
    const result = host.dma.writeWords(address, words, this.#purpose);
    if (result !== MEMTX_OK) {
      this.#facts.lost(event, 'dma');
      host.memoryFailed(result, `event ring ${this.index}`, 'xhci_write_event');
    }
    ring.advance();
    return result === MEMTX_OK;
  }

  #announceDequeue(clearedBusy: boolean): void {
    const written = this.host.facts['xhci.erdp-written'];
    if (!written.active) return;
    const value = this.dequeueAddress;
    const inRing = this.ring.positionOf(value) !== undefined;
    written.emit({ controller: this.host.name, interrupter: this.index, value, inRing, clearedBusy });
  }

  // ---- state -----------------------------------------------------------------------------------------------------

  save(): { readonly [field: string]: StateValue } {
    const { ring } = this;
    return {
      registers: [this.iman, this.imod, this.erstsz, this.erstbaLow, this.erstbaHigh, this.erdpLow, this.erdpHigh],
      segments: ring.segments.map(({ base, size }) => [busLow(base), busHigh(base), size]),
      ring: [ring.enqueue, ring.cycle],
      waiting: this.#waiting.map(({ event, blockInterrupt }) => [...event, blockInterrupt ? 1 : 0]),
      flags: [this.#tableStale, this.#full, this.#owed, this.vectorUsed],
      quietUntil: this.#quietUntil,
      moderation: this.#moderation.deadline,
    };
  }

  load(fields: { readonly [field: string]: StateValue }): void {
    const [iman, imod, erstsz, tableLow, tableHigh, dequeueLow, dequeueHigh] = fields.registers as number[];
    this.iman = iman!;
    this.imod = imod!;
    this.erstsz = erstsz!;
    this.erstbaLow = tableLow!;
    this.erstbaHigh = tableHigh!;
    this.erdpLow = dequeueLow!;
    this.erdpHigh = dequeueHigh!;
    const segments = fields.segments as number[][];
    this.ring.replace(
      segments.map(([low, high, size]) => ({
        base: pointerFromWords(this.host.personality, low!, high!),
        size: size!,
      })),
    );
    const [enqueue, cycle] = fields.ring as number[];
    this.ring.enqueue = enqueue!;
    this.ring.cycle = cycle as 0 | 1;
    this.#waiting = (fields.waiting as number[][]).map(([a, b, c, d, block]) => ({
      event: [a!, b!, c!, d!],
      blockInterrupt: block === 1,
    }));
    const [stale, full, owed, used] = fields.flags as boolean[];
    this.#tableStale = stale!;
    this.#full = full!;
    this.#owed = owed!;
    this.vectorUsed = used!;
    this.#quietUntil = fields.quietUntil as number;
    if (fields.moderation === undefined) this.#moderation.cancel();
    else this.#moderation.at(fields.moderation as number);
  }
}
