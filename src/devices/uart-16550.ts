/**
 * A 16550A serial port as a PC has it: eight ports, at 0x3f8 with IRQ 4 for the first (National PC16550D datasheet,
 * 1995). The transmitter is infinitely fast, as QEMU's is: the holding register is empty again at once. The receiver
 * takes bytes from the host's queue as fast as the driver reads them; only the FIFO's time-out follows the baud rate.
 *
 * Not modelled: parity and framing errors (a host has none), DMA signalling, the alternate function register.
 */
import { assert } from '../base/assert.ts';
import type { VirtualClock } from '../base/clock.ts';
import type { StateSource, StateValue } from '../base/state.ts';
import type { TraceBus, TraceChannel } from '../base/trace.ts';
import type { MmioOps } from '../memory/mmio-ops.ts';
import { UartReceiver } from './uart-receiver.ts';
import { FCR, IER, IIR, LCR_BREAK, LCR_DLAB, LSR, MCR, MSR, TRIGGER_BYTES } from './uart-registers.ts';

/** The crystal's 1.8432 MHz divided by 16: the rate at divisor 1. */
const BASE_BAUD = 115_200;
/** The power-on divisor is undefined; 9600 baud is what firmware sets. */
const RESET_DIVISOR = 12;
/** With no peer to say otherwise, the other end is there and ready. */
const CONNECTED = MSR.dcd | MSR.dsr | MSR.cts;

export interface UartOptions {
  /** `serial0`. */
  readonly name: string;
  readonly clock: VirtualClock;
  readonly trace: TraceBus;
  readonly transmit: (byte: number) => void;
  readonly interrupt: (asserted: boolean) => void;
  /** On a PC the interrupt leaves the card only while MCR.OUT2 is set. QEMU does not ask. Default true. */
  readonly out2GatesInterrupt?: boolean;
}

export class Uart16550 implements StateSource {
  readonly version = 1;
  readonly name: string;
  readonly ops: MmioOps;
  readonly #options: UartOptions;
  readonly #transmitted: TraceChannel<'serial.transmitted'>;
  readonly #receiver: UartReceiver;
  #ier = 0;
  #lcr = 0;
  #mcr = 0;
  #scratch = 0;
  #divisor = RESET_DIVISOR;
  #fcr = 0;
  /** The driver has not been told yet that the transmitter is empty. */
  #transmitterPending = false;
  #modemStatus: number = CONNECTED;
  #asserted = false;

  constructor(options: UartOptions) {
    this.#options = options;
    this.name = options.name;
    this.#transmitted = options.trace.channel('serial.transmitted');
    this.#receiver = new UartReceiver(options.clock, `${options.name}/timeout`, () => this.#update());
    this.#updateTimeout();
    this.ops = {
      read: (offset) => this.#read(offset),
      write: (offset, _size, value) => this.#write(offset, value & 0xff),
      impl: { minimum: 1, maximum: 1 },
    };
  }

  /** Bytes that the driver has not read yet, in the FIFO and in the host's queue. */
  get waiting(): number {
    return this.#receiver.waiting;
  }

  /** The driver asked to be interrupted for received bytes. */
  get listens(): boolean {
    return IER.has(this.#ier, 'receivedData');
  }

  /** Reads of the receiver and of the line status since the machine was built: a driver that polls. */
  polls = 0;

  /** The host sends bytes; they wait without limit until the driver takes them. */
  receive(bytes: Iterable<number>): void {
    for (const byte of bytes) {
      assert(byte >= 0 && byte <= 0xff, 'the host sends bytes');
      this.#receiver.enqueue(byte);
    }
    this.#receiver.fill();
    this.#update();
  }

  /** Bits per second of the line as programmed; 0 while the divisor is 0. */
  get baud(): number {
    return this.#divisor === 0 ? 0 : BASE_BAUD / this.#divisor;
  }

  reset(): void {
    this.#ier = 0;
    this.#lcr = 0;
    this.#mcr = 0;
    this.#scratch = 0;
    this.#divisor = RESET_DIVISOR;
    this.#fcr = 0;
    this.#transmitterPending = false;
    this.#modemStatus = CONNECTED;
    this.#updateTimeout();
    this.#receiver.reset();
    this.#update();
  }

  save(): { readonly [field: string]: StateValue } {
    return {
      receiver: this.#receiver.save(),
      registers: [this.#ier, this.#lcr, this.#mcr, this.#scratch, this.#divisor, this.#fcr, this.#modemStatus],
      transmitterPending: this.#transmitterPending,
      asserted: this.#asserted,
    };
  }

  load(fields: { readonly [field: string]: StateValue }): void {
    this.#receiver.load(fields.receiver as { readonly [field: string]: StateValue });
    const registers = fields.registers as readonly number[];
    this.#ier = registers[0]!;
    this.#lcr = registers[1]!;
    this.#mcr = registers[2]!;
    this.#scratch = registers[3]!;
    this.#divisor = registers[4]!;
    this.#fcr = registers[5]!;
    this.#modemStatus = registers[6]!;
    this.#transmitterPending = fields.transmitterPending as boolean;
    this.#asserted = fields.asserted as boolean;
  }

  get #fifosEnabled(): boolean {
    return FCR.has(this.#fcr, 'enable');
  }

  get #loop(): boolean {
    return MCR.has(this.#mcr, 'loop');
  }

  #read(offset: number): number {
    const latch = (this.#lcr & LCR_DLAB) !== 0;
    switch (offset) {
      case 0:
        return latch ? this.#divisor & 0xff : this.#readReceiver();
      case 1:
        return latch ? this.#divisor >> 8 : this.#ier;
      case 2:
        return this.#readIdentification();
      case 3:
        return this.#lcr;
      case 4:
        return this.#mcr;
      case 5:
        return this.#readLineStatus();
      case 6:
        return this.#readModemStatus();
      default:
        return this.#scratch;
    }
  }

  #write(offset: number, value: number): void {
    const latch = (this.#lcr & LCR_DLAB) !== 0;
    switch (offset) {
      case 0:
        if (latch) this.#writeDivisor((this.#divisor & 0xff00) | value);
        else this.#send(value);
        break;
      case 1:
        if (latch) this.#writeDivisor((this.#divisor & 0x00ff) | (value << 8));
        else this.#writeInterruptEnable(value);
        break;
      case 2:
        this.#writeFifoControl(value);
        break;
      case 3:
        this.#writeLineControl(value);
        break;
      case 4:
        this.#writeModemControl(value);
        break;
      case 7:
        this.#scratch = value;
        break;
      default: // LSR and MSR are for factory testing; writes do nothing.
    }
    this.#update();
  }

  #readReceiver(): number {
    this.polls += 1;
    const byte = this.#receiver.read();
    this.#update();
    return byte;
  }

  #send(byte: number): void {
    this.#transmitterPending = true;
    if (this.#loop) {
      this.#receiver.take(byte);
      return;
    }
    if (this.#transmitted.active) this.#transmitted.emit({ device: this.name, byte });
    this.#options.transmit(byte);
  }

  #writeDivisor(value: number): void {
    this.#divisor = value;
    this.#updateTimeout();
  }

  #writeInterruptEnable(value: number): void {
    const next = IER.afterGuestWrite(this.#ier, value);
    // Enabling the transmitter's interrupt while it is empty raises it at once.
    if (!IER.has(this.#ier, 'transmitterEmpty') && IER.has(next, 'transmitterEmpty')) this.#transmitterPending = true;
    this.#ier = next;
  }

  #writeFifoControl(value: number): void {
    const toggled = ((this.#fcr ^ value) & 1) !== 0;
    // The other bits count only while the enable bit is written as 1 (§8.5).
    const written = (value & 1) === 0 ? 0 : value;
    this.#fcr = FCR.afterGuestWrite(0, written);
    if (toggled || FCR.has(written, 'clearTransmitter')) this.#transmitterPending = true;
    this.#receiver.configure(this.#fifosEnabled, toggled || FCR.has(written, 'clearReceiver'));
  }

  #writeLineControl(value: number): void {
    const rose = (~this.#lcr & value & LCR_BREAK) !== 0;
    this.#lcr = value;
    this.#updateTimeout();
    // In loop mode the break comes back as a zero byte (§8.8).
    if (rose && this.#loop) this.#receiver.take(0);
  }

  #writeModemControl(value: number): void {
    const wasLoop = this.#loop;
    this.#mcr = MCR.afterGuestWrite(0, value);
    if (wasLoop || this.#loop) this.#setModemLines(this.#loop ? this.#loopedLines : CONNECTED);
    this.#receiver.connect(!this.#loop);
  }

  /** In loop mode the outputs come back as the inputs: RTS-CTS, DTR-DSR, OUT1-RI, OUT2-DCD (§8.8). */
  get #loopedLines(): number {
    return (
      (MCR.has(this.#mcr, 'rts') ? MSR.cts : 0) |
      (MCR.has(this.#mcr, 'dtr') ? MSR.dsr : 0) |
      (MCR.has(this.#mcr, 'out1') ? MSR.ring : 0) |
      (MCR.has(this.#mcr, 'out2') ? MSR.dcd : 0)
    );
  }

  #setModemLines(levels: number): void {
    const changed = this.#modemStatus ^ levels;
    const ringFell = (this.#modemStatus & ~levels & MSR.ring) !== 0;
    const deltas =
      ((changed & MSR.cts) !== 0 ? MSR.deltaCts : 0) |
      ((changed & MSR.dsr) !== 0 ? MSR.deltaDsr : 0) |
      (ringFell ? MSR.trailingRing : 0) |
      ((changed & MSR.dcd) !== 0 ? MSR.deltaDcd : 0);
    this.#modemStatus = levels | (this.#modemStatus & 0x0f) | deltas;
  }

  #readLineStatus(): number {
    this.polls += 1;
    const status =
      LSR.transmitterHoldingEmpty |
      LSR.transmitterEmpty |
      (this.#receiver.ready > 0 ? LSR.dataReady : 0) |
      (this.#receiver.overrun ? LSR.overrun : 0);
    this.#receiver.clearOverrun();
    this.#update();
    return status;
  }

  #readModemStatus(): number {
    const status = this.#modemStatus;
    this.#modemStatus &= 0xf0;
    this.#update();
    return status;
  }

  #readIdentification(): number {
    const source = this.#source;
    // Reading the identification is what clears the transmitter's interrupt (§8.6).
    if (source === IIR.transmitterEmpty) {
      this.#transmitterPending = false;
      this.#update();
    }
    return source | (this.#fifosEnabled ? IIR.fifosEnabled : 0);
  }

  /** The cause with the highest priority. */
  get #source(): number {
    if (IER.has(this.#ier, 'lineStatus') && this.#receiver.overrun) return IIR.lineStatus;
    if (IER.has(this.#ier, 'receivedData')) {
      if (this.#receiver.ready >= this.#triggerBytes) return IIR.receivedData;
      if (this.#receiver.timedOut) return IIR.timeout;
    }
    if (IER.has(this.#ier, 'transmitterEmpty') && this.#transmitterPending) return IIR.transmitterEmpty;
    if (IER.has(this.#ier, 'modemStatus') && (this.#modemStatus & 0x0f) !== 0) return IIR.modemStatus;
    return IIR.none;
  }

  get #triggerBytes(): number {
    return this.#fifosEnabled ? TRIGGER_BYTES[FCR.get(this.#fcr, 'trigger')]! : 1;
  }

  /** Bytes below the trigger level raise the time-out after four character times (§8.11). */
  #updateTimeout(): void {
    const bitsPerCharacter = 1 + 5 + (this.#lcr & 3) + (this.#lcr & 0x08 ? 1 : 0) + 1 + (this.#lcr & 0x04 ? 1 : 0);
    this.#receiver.timeoutNanoseconds = Math.round((4 * bitsPerCharacter * 1e9) / Math.max(this.baud, 1));
  }

  #update(): void {
    const gated = (this.#options.out2GatesInterrupt ?? true) && (this.#loop || !MCR.has(this.#mcr, 'out2'));
    const asserted = this.#source !== IIR.none && !gated;
    if (asserted === this.#asserted) return;
    this.#asserted = asserted;
    this.#options.interrupt(asserted);
  }
}
