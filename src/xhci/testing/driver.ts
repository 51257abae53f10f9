/**
 * A small driver for tests. It knows xHCI from the specification, not from our tables: every number here is written out,
 * so that a wrong table cannot agree with itself.
 */
import type { TestBench } from './test-bench.ts';

export interface DriverEvent {
  readonly type: number;
  readonly code: number;
  readonly pointer: number;
  readonly slotId: number;
  readonly length: number;
  readonly words: readonly number[];
}

/** Where the driver keeps its structures. */
export interface DriverLayout {
  readonly dcbaa: number;
  readonly commandRing: number;
  readonly erst: number;
  readonly eventRing: number;
  readonly eventRingTrbs: number;
  readonly inputContext: number;
  readonly deviceContext: number;
  readonly transferRing: number;
  readonly interruptRing: number;
  readonly buffer: number;
}

export const LAYOUT: DriverLayout = {
  dcbaa: 0x1_0000,
  commandRing: 0x1_1000,
  erst: 0x1_2000,
  eventRing: 0x1_3000,
  eventRingTrbs: 64,
  inputContext: 0x1_5000,
  deviceContext: 0x1_6000,
  transferRing: 0x1_7000,
  interruptRing: 0x1_8000,
  buffer: 0x1_9000,
};

/** What a driver does to its machine; the recorder for QEMU is another implementation. */
export type DriverBus = Pick<TestBench, 'read' | 'write' | 'write64' | 'advance'> & {
  word(address: number): number;
  setWord(address: number, value: number): void;
};

export function busOf(bench: TestBench): DriverBus {
  return {
    read: (offset, size) => bench.read(offset, size),
    write: (offset, value, size) => bench.write(offset, value, size),
    write64: (offset, low, high) => bench.write64(offset, low, high),
    advance: (nanoseconds) => bench.advance(nanoseconds),
    word: (address) => bench.ram.word(address),
    setWord: (address, value) => bench.ram.setWord(address, value),
  };
}

const USBCMD = 0x40;
const USBSTS = 0x44;
const CRCR = 0x58;
const DCBAAP = 0x70;
const CONFIG = 0x78;
const ERSTSZ = 0x1028;
const ERSTBA = 0x1030;
const ERDP = 0x1038;
const DOORBELLS = 0x2000;

/** A producer's ring of TRBs without a Link: long enough for a test. */
class ProducerRing {
  next: number;
  cycle = 1;

  constructor(
    readonly bus: DriverBus,
    readonly base: number,
  ) {
    this.next = base;
  }

  /** Writes one TRB, the word with the cycle bit last. Returns where it stands. */
  push(parameterLow: number, parameterHigh: number, status: number, control: number): number {
    const at = this.next;
    this.bus.setWord(at, parameterLow);
    this.bus.setWord(at + 4, parameterHigh);
    this.bus.setWord(at + 8, status);
    this.bus.setWord(at + 12, (control | this.cycle) >>> 0);
    this.next += 16;
    return at;
  }

  /** A Link TRB back to the start that toggles the cycle. */
  wrap(): void {
    this.push(this.base, 0, 0, (6 << 10) | 2);
    this.next = this.base;
    this.cycle ^= 1;
  }
}

export class Driver {
  readonly commands: ProducerRing;
  readonly control: ProducerRing;
  readonly interrupt: ProducerRing;
  #eventIndex = 0;
  #eventCycle = 1;

  constructor(
    readonly bus: DriverBus,
    readonly layout: DriverLayout = LAYOUT,
    /** Bytes of a context. */
    readonly stride = 32,
  ) {
    this.commands = new ProducerRing(bus, layout.commandRing);
    this.control = new ProducerRing(bus, layout.transferRing);
    this.interrupt = new ProducerRing(bus, layout.interruptRing);
  }

  /** Halt, reset, wait, as §4.2 begins. */
  reset(): void {
    this.bus.write(USBCMD, 0);
    this.bus.write(USBCMD, 2);
    for (let tries = 0; tries < 1000; tries += 1) {
      if ((this.bus.read(USBCMD) & 2) === 0 && (this.bus.read(USBSTS) & 0x800) === 0) return;
      this.bus.advance(1_000_000);
    }
    throw new Error('the controller did not come out of its reset');
  }

  /** Pointers and sizes, then Run/Stop and Interrupter Enable. */
  start(slots = 8): void {
    const { bus, layout } = this;
    bus.write(CONFIG, slots);
    bus.write64(DCBAAP, layout.dcbaa);
    bus.write64(CRCR, layout.commandRing | 1);
    bus.setWord(layout.erst, layout.eventRing);
    bus.setWord(layout.erst + 4, 0);
    bus.setWord(layout.erst + 8, layout.eventRingTrbs);
    bus.setWord(layout.erst + 12, 0);
    bus.write(ERSTSZ, 1);
    bus.write64(ERDP, layout.eventRing);
    bus.write64(ERSTBA, layout.erst);
    bus.write(USBCMD, 5);
  }

  ring(slotId: number, target = 0): void {
    this.bus.write(DOORBELLS + 4 * slotId, target);
  }

  /** The next event, or `undefined`; ERDP is advanced past it with EHB cleared. */
  event(acknowledge = true): DriverEvent | undefined {
    const { bus, layout } = this;
    const at = layout.eventRing + 16 * this.#eventIndex;
    const words = [0, 4, 8, 12].map((offset) => bus.word(at + offset));
    const [low = 0, , status = 0, control = 0] = words;
    if ((control & 1) !== this.#eventCycle) return undefined;
    this.#eventIndex += 1;
    if (this.#eventIndex === layout.eventRingTrbs) {
      this.#eventIndex = 0;
      this.#eventCycle ^= 1;
    }
    if (acknowledge) bus.write64(ERDP, (layout.eventRing + 16 * this.#eventIndex) | 8);
    const type = (control >>> 10) & 0x3f;
    return { type, code: status >>> 24, pointer: low, slotId: control >>> 24, length: status & 0xff_ffff, words };
  }

  /** All waiting events. */
  events(): DriverEvent[] {
    const all: DriverEvent[] = [];
    for (let event = this.event(); event !== undefined; event = this.event()) all.push(event);
    return all;
  }

  /** Queues a command and rings doorbell 0. Returns its completion event. */
  command(type: number, slotId = 0, low = 0, high = 0, extra = 0, status = 0): DriverEvent {
    const at = this.commands.push(low, high, status, ((slotId << 24) | (type << 10) | extra) >>> 0);
    this.ring(0);
    const event = this.events().find((candidate) => candidate.type === 33 && candidate.pointer === at);
    if (event === undefined) throw new Error(`no completion for command ${type}`);
    return event;
  }

  /** Resets the port with a device on it and acknowledges the change bits (§4.19.1.1). */
  resetPort(portId: number): number {
    const portsc = 0x440 + 0x10 * (portId - 1);
    this.bus.write(portsc, 0x200 | 0x00fe_0000);
    this.bus.write(portsc, 0x200 | 0x10);
    for (let tries = 0; tries < 1000 && (this.bus.read(portsc) & 0x20_0000) === 0; tries += 1)
      this.bus.advance(1_000_000);
    this.bus.write(portsc, 0x200 | 0x00fe_0000);
    return this.bus.read(portsc);
  }

  /** Fills input and output contexts for Address Device (§4.3.3). */
  prepareAddress(slotId: number, portId: number, speed = 3, maxPacket = 64): void {
    const { bus, layout, stride } = this;
    bus.setWord(layout.inputContext, 0);
    bus.setWord(layout.inputContext + 4, 3);
    const slot = layout.inputContext + stride;
    bus.setWord(slot, (1 << 27) | (speed << 20));
    bus.setWord(slot + 4, portId << 16);
    const endpoint = slot + stride;
    // CErr 3, EP Type Control (4).
    bus.setWord(endpoint + 4, (maxPacket << 16) | (4 << 3) | (3 << 1));
    bus.setWord(endpoint + 8, layout.transferRing | 1);
    bus.setWord(endpoint + 16, 8);
    bus.setWord(layout.dcbaa + 8 * slotId, layout.deviceContext);
    bus.setWord(layout.dcbaa + 8 * slotId + 4, 0);
  }

  /** Enable Slot and Address Device for the device on a port. Returns the slot id. */
  address(portId: number): number {
    const enabled = this.command(9);
    if (enabled.code !== 1) throw new Error(`Enable Slot: ${enabled.code}`);
    this.prepareAddress(enabled.slotId, portId);
    const addressed = this.command(11, enabled.slotId, this.layout.inputContext);
    if (addressed.code !== 1) throw new Error(`Address Device: ${addressed.code}`);
    return enabled.slotId;
  }

  /** Queues a control transfer with IOC on its Status Stage, rings the doorbell and returns the transfer events. */
  controlTransfer(
    slotId: number,
    setup: readonly [number, number, number, number, number],
    buffer?: number,
  ): DriverEvent[] {
    const [bmRequestType, bRequest, wValue, wIndex, wLength] = setup;
    const isIn = (bmRequestType & 0x80) !== 0;
    const transferType = wLength === 0 ? 0 : isIn ? 3 : 2;
    const low = (bmRequestType | (bRequest << 8) | (wValue << 16)) >>> 0;
    this.control.push(low, (wIndex | (wLength << 16)) >>> 0, 8, (2 << 10) | 0x40 | (transferType << 16));
    if (wLength > 0) {
      this.control.push(buffer ?? this.layout.buffer, 0, wLength, (3 << 10) | 4 | (isIn ? 1 << 16 : 0));
    }
    this.control.push(0, 0, 0, (4 << 10) | 0x20 | (isIn && wLength > 0 ? 0 : 1 << 16));
    this.ring(slotId, 1);
    return this.events().filter(({ type }) => type === 32);
  }

  bytes(address: number, count: number): number[] {
    return Array.from({ length: count }, (_, index) => {
      const at = address + index;
      return (this.bus.word(at - (at % 4)) >>> (8 * (at % 4))) & 0xff;
    });
  }
}
