/** The I/O APIC, 24 inputs (Intel 82093AA datasheet, 1996; ICH9 datasheet §13.5). Version 0x20 as in QEMU and ICH9. */
import { bit, bits, register32, spec } from '../base/registers.ts';
import type { StateSource, StateValue } from '../base/state.ts';
import type { TraceBus, TraceChannel } from '../base/trace.ts';
import type { MmioOps } from '../memory/mmio-ops.ts';
import { type ApicBus, DELIVERY, type EoiListener } from './apic-bus.ts';

export const IO_APIC_SIZE = 0x1000;
export const IO_APIC_PINS = 24;

const IOREGSEL = 0x00;
const IOWIN = 0x10;
/** Version 0x20 and later: a write of a vector ends its level-triggered interrupts. */
const EOI = 0x40;
const VERSION = 0x20;
const FIRST_ENTRY = 0x10;

/** Low half of a redirection table entry. */
export const REDIRECTION_LOW = register32({
  name: 'IOREDTBL[31:0]',
  spec: spec('Intel 82093AA', '3.2.4'),
  reset: 0x0001_0000,
  fields: {
    vector: bits(7, 0, 'RW', 'Interrupt Vector'),
    deliveryMode: bits(10, 8, 'RW', 'Delivery Mode'),
    logical: bit(11, 'RW', 'Destination Mode'),
    deliveryStatus: bit(12, 'RO', 'Delivery Status'),
    polarity: bit(13, 'RW', 'Interrupt Input Pin Polarity'),
    remoteIrr: bit(14, 'RO', 'Remote IRR'),
    levelTriggered: bit(15, 'RW', 'Trigger Mode'),
    mask: bit(16, 'RW', 'Interrupt Mask'),
  },
});

export const REDIRECTION_HIGH = register32({
  name: 'IOREDTBL[63:32]',
  spec: spec('Intel 82093AA', '3.2.4'),
  reset: 0,
  fields: { destination: bits(31, 24, 'RW', 'Destination Field') },
});

export class IoApic implements EoiListener, StateSource {
  readonly name = 'ioapic';
  readonly version = 1;
  readonly #bus: ApicBus;
  readonly #masked: TraceChannel<'interrupts.ioapic-masked'>;
  readonly #low = new Uint32Array(IO_APIC_PINS).fill(REDIRECTION_LOW.reset);
  readonly #high = new Uint32Array(IO_APIC_PINS);
  /** Level of each input as the wires arrive, one bit per pin; polarity is the firmware's word for them, not theirs. */
  #lines = 0;
  /** Edges that came and were not delivered yet. */
  #edges = 0;
  #select = 0;
  #id = 0;

  /** The 4 KiB window at 0xfec00000: aligned double words. */
  readonly ops: MmioOps = {
    read: (offset) => this.read(offset),
    write: (offset, size, value) => this.write(offset, size, value),
    impl: { minimum: 4, maximum: 4 },
  };

  constructor(bus: ApicBus, trace: TraceBus) {
    this.#bus = bus;
    this.#masked = trace.channel('interrupts.ioapic-masked');
    bus.addEoiListener(this);
  }

  /** The 4-bit APIC id. */
  get id(): number {
    return this.#id;
  }

  /** IOREGSEL: the register that the window shows. */
  get selected(): number {
    return this.#select;
  }

  /** Inputs that ask: level-triggered wires that are asserted, and edges not delivered yet. One bit per pin. */
  get requested(): number {
    return (this.#edges | (this.#lines & this.#pinsWhere('levelTriggered'))) >>> 0;
  }

  /** Pins whose level-triggered interrupt waits for its EOI. One bit per pin. */
  get remote(): number {
    return this.#pinsWhere('remoteIrr');
  }

  /** Redirection table entry of `pin` as two 32-bit halves. */
  entry(pin: number): { readonly low: number; readonly high: number } {
    return { low: this.#low[pin]!, high: this.#high[pin]! };
  }

  /** Drives input `pin` (0-23). True is "asserted", whatever polarity the entry names, as QEMU's wires are. */
  setLine(pin: number, asserted: boolean): void {
    const mask = 1 << pin;
    const rose = asserted && (this.#lines & mask) === 0;
    if (asserted) this.#lines |= mask;
    else this.#lines &= ~mask;
    if (!rose) return;
    const low = this.#low[pin]!;
    if (REDIRECTION_LOW.has(low, 'mask') && this.#masked.active) {
      this.#masked.emit({ pin, vector: REDIRECTION_LOW.get(low, 'vector') });
    }
    if (!REDIRECTION_LOW.has(low, 'levelTriggered')) {
      // The 82093AA forgets an edge on a masked input (3.2.4, Interrupt Mask).
      if (REDIRECTION_LOW.has(low, 'mask')) return;
      this.#edges |= mask;
    }
    this.#service(pin);
  }

  /** A read at `offset` of the 4 KiB window; registers are double words at 0x00 and 0x10. */
  read(offset: number): number {
    if (offset === IOREGSEL) return this.#select;
    return offset === IOWIN ? this.#readSelected() : 0;
  }

  write(offset: number, _size: number, value: number): void {
    if (offset === IOREGSEL) this.#select = value & 0xff;
    else if (offset === IOWIN) this.#writeSelected(value);
    else if (offset === EOI) this.endOfInterrupt(value & 0xff);
  }

  /**
   * EOI of a level-triggered vector: its entries may ask again, and do while their wire is asserted. A guest that ends
   * interrupts without quieting the device (catalogue INT-03) storms at its own pace: each round takes one EOI.
   */
  endOfInterrupt(vector: number): void {
    for (let pin = 0; pin < IO_APIC_PINS; pin += 1) {
      const low = this.#low[pin]!;
      if (REDIRECTION_LOW.get(low, 'vector') !== vector || !REDIRECTION_LOW.has(low, 'remoteIrr')) continue;
      this.#low[pin] = REDIRECTION_LOW.with(low, 'remoteIrr', 0);
      this.#service(pin);
    }
  }

  reset(): void {
    this.#low.fill(REDIRECTION_LOW.reset);
    this.#high.fill(0);
    this.#edges = 0;
    this.#select = 0;
    this.#id = 0;
  }

  save(): { readonly [field: string]: StateValue } {
    return {
      low: [...this.#low],
      high: [...this.#high],
      lines: this.#lines,
      edges: this.#edges,
      select: this.#select,
      id: this.#id,
    };
  }

  load(fields: { readonly [field: string]: StateValue }): void {
    this.#low.set(fields.low as readonly number[]);
    this.#high.set(fields.high as readonly number[]);
    this.#lines = fields.lines as number;
    this.#edges = fields.edges as number;
    this.#select = fields.select as number;
    this.#id = fields.id as number;
  }

  #pinsWhere(field: 'levelTriggered' | 'remoteIrr'): number {
    return this.#low.reduce((bits, low, pin) => (REDIRECTION_LOW.has(low, field) ? bits | (1 << pin) : bits), 0);
  }

  #readSelected(): number {
    switch (this.#select) {
      case 0: // IOAPICID
      case 2: // IOAPICARB: follows the id
        return this.#id << 24;
      case 1: // IOAPICVER
        return VERSION | ((IO_APIC_PINS - 1) << 16);
    }
    const pin = (this.#select - FIRST_ENTRY) >> 1;
    if (pin < 0 || pin >= IO_APIC_PINS) return 0;
    return (this.#select & 1) === 0 ? this.#low[pin]! : this.#high[pin]!;
  }

  #writeSelected(value: number): void {
    if (this.#select === 0) this.#id = (value >>> 24) & 0xf;
    const pin = (this.#select - FIRST_ENTRY) >> 1;
    if (pin < 0 || pin >= IO_APIC_PINS) return;
    if ((this.#select & 1) === 1) {
      this.#high[pin] = REDIRECTION_HIGH.afterGuestWrite(this.#high[pin]!, value);
      return;
    }
    let low = REDIRECTION_LOW.afterGuestWrite(this.#low[pin]!, value);
    // Remote IRR has no meaning for an edge; software resets a stuck one by a passage through edge mode.
    if (!REDIRECTION_LOW.has(low, 'levelTriggered')) low = REDIRECTION_LOW.with(low, 'remoteIrr', 0);
    this.#low[pin] = low;
    this.#service(pin);
  }

  /** Sends the message of `pin` if its entry lets it. */
  #service(pin: number): void {
    const low = this.#low[pin]!;
    if (REDIRECTION_LOW.has(low, 'mask')) return;
    const mask = 1 << pin;
    const levelTriggered = REDIRECTION_LOW.has(low, 'levelTriggered');
    if (levelTriggered) {
      if ((this.#lines & mask) === 0 || REDIRECTION_LOW.has(low, 'remoteIrr')) return;
    } else if ((this.#edges & mask) === 0) return;
    this.#edges &= ~mask;
    const deliveryMode = REDIRECTION_LOW.get(low, 'deliveryMode');
    const fixed = deliveryMode === DELIVERY.fixed || deliveryMode === DELIVERY.lowestPriority;
    if (levelTriggered && fixed) this.#low[pin] = REDIRECTION_LOW.with(low, 'remoteIrr', 1);
    const dropped = this.#bus.send({
      source: 'ioapic',
      destination: REDIRECTION_HIGH.get(this.#high[pin]!, 'destination'),
      logical: REDIRECTION_LOW.has(low, 'logical'),
      deliveryMode,
      vector: REDIRECTION_LOW.get(low, 'vector'),
      levelTriggered: levelTriggered && fixed,
    });
    // Nobody accepted it, so nobody will end it: the entry stays ready for a destination that exists.
    if (dropped !== undefined) this.#low[pin] = REDIRECTION_LOW.with(this.#low[pin]!, 'remoteIrr', 0);
  }
}
