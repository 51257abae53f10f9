/** A driver for a USB stick on top of {@link Driver}: endpoints, wrappers and rings as an operating system uses them. */
import type { Driver, DriverEvent } from './driver.ts';

/** DCIs of bulk-in 81h and bulk-out 02h. */
export const BULK_IN_DCI = 3;
export const BULK_OUT_DCI = 4;
const CHAIN = 0x10;
const IOC = 0x20;
const ISP = 0x04;
const NORMAL = 1 << 10;

export interface BulkLayout {
  readonly inRing: number;
  readonly outRing: number;
  readonly wrapper: number;
  readonly status: number;
  readonly data: number;
}

export const BULK_LAYOUT: BulkLayout = {
  inRing: 0x1_8000,
  outRing: 0x1_a000,
  wrapper: 0x1_c000,
  status: 0x1_c100,
  data: 0x2_0000,
};

export class StorageDriver {
  #in: number;
  #out: number;
  #tag = 0x100;

  constructor(
    readonly driver: Driver,
    readonly slotId: number,
    readonly layout: BulkLayout = BULK_LAYOUT,
    /** Called behind each doorbell: lets another machine finish its work. */
    readonly settle: () => void = () => {},
  ) {
    this.#in = layout.inRing;
    this.#out = layout.outRing;
  }

  /** Configure Endpoint for both bulk endpoints, and SET_CONFIGURATION. `burst` is bMaxBurst. */
  configure(maxPacket: number, burst: number): DriverEvent {
    const { driver, layout, slotId } = this;
    const { bus, stride } = driver;
    const input = driver.layout.inputContext;
    bus.setWord(input, 0);
    bus.setWord(input + 4, 1 | (1 << BULK_IN_DCI) | (1 << BULK_OUT_DCI));
    bus.setWord(input + stride, (4 << 27) | (4 << 20));
    for (const [dci, type, ring] of [
      [BULK_IN_DCI, 6, layout.inRing],
      [BULK_OUT_DCI, 2, layout.outRing],
    ] as const) {
      const endpoint = input + stride * (1 + dci);
      bus.setWord(endpoint, 0);
      bus.setWord(endpoint + 4, (maxPacket << 16) | (burst << 8) | (type << 3) | (3 << 1));
      bus.setWord(endpoint + 8, ring | 1);
      bus.setWord(endpoint + 12, 0);
      bus.setWord(endpoint + 16, 4096);
    }
    const event = driver.command(12, slotId, input);
    driver.controlTransfer(slotId, [0x00, 9, 1, 0, 0]);
    this.settle();
    return event;
  }

  /** Queues a TD of several buffers, rings, and returns the transfer events. */
  bulk(dci: number, pieces: readonly (readonly [address: number, length: number])[], flags = IOC): DriverEvent[] {
    const { bus } = this.driver;
    for (const [index, [address, length]] of pieces.entries()) {
      const last = index === pieces.length - 1;
      const at = dci === BULK_IN_DCI ? this.#in : this.#out;
      const control = NORMAL | (last ? flags : CHAIN | (flags & ISP)) | 1;
      for (const [word, value] of [address, 0, length, control].entries()) bus.setWord(at + 4 * word, value);
      if (dci === BULK_IN_DCI) this.#in += 16;
      else this.#out += 16;
    }
    this.driver.ring(this.slotId, dci);
    this.settle();
    return this.driver.events().filter(({ type }) => type === 32);
  }

  /** Puts a Command Block Wrapper into memory and sends it. */
  wrapper(command: readonly number[], length: number, toHost: boolean, lun = 0): DriverEvent[] {
    const { bus } = this.driver;
    const at = this.layout.wrapper;
    const bytes = new Uint8Array(32);
    const view = new DataView(bytes.buffer);
    this.#tag += 1;
    view.setUint32(0, 0x4342_5355, true);
    view.setUint32(4, this.#tag, true);
    view.setUint32(8, length, true);
    bytes[12] = toHost ? 0x80 : 0;
    bytes[13] = lun;
    bytes[14] = command.length;
    bytes.set(command, 15);
    for (let offset = 0; offset < 32; offset += 4) bus.setWord(at + offset, view.getUint32(offset, true));
    return this.bulk(BULK_OUT_DCI, [[at, 31]]);
  }

  /** Reads the Command Status Wrapper: tag - ours, residue, status; or the completion code that came instead. */
  status(): { readonly code: number; readonly residue: number; readonly status: number } {
    const { bus } = this.driver;
    const at = this.layout.status;
    const [event] = this.bulk(BULK_IN_DCI, [[at, 13]]);
    const signed = bus.word(at) === 0x5342_5355 && bus.word(at + 4) === this.#tag;
    return { code: signed ? (event?.code ?? -1) : 0, residue: bus.word(at + 8), status: bus.word(at + 12) & 0xff };
  }

  /** A whole command; `length` bytes go from or to the data buffer. */
  command(command: readonly number[], length = 0, toHost = true) {
    this.wrapper(command, length, toHost);
    const data =
      length === 0 ? [] : this.bulk(toHost ? BULK_IN_DCI : BULK_OUT_DCI, [[this.layout.data, length]], IOC | ISP);
    return { data: data.map(({ code, length: left }) => [code, left]), ...this.status() };
  }

  /** Brings a halted endpoint back: Reset Endpoint, Set TR Dequeue behind the failed TD, CLEAR_FEATURE (§4.6.8). */
  recover(dci: number): number[] {
    const { driver, slotId } = this;
    const pointer = (dci === BULK_IN_DCI ? this.#in : this.#out) | 1;
    const codes = [
      driver.command(14, slotId, 0, 0, dci << 16).code,
      driver.command(16, slotId, pointer, 0, dci << 16).code,
    ];
    const endpoint = dci === BULK_IN_DCI ? 0x81 : 0x02;
    return [...codes, ...driver.controlTransfer(slotId, [0x02, 1, 0, endpoint, 0]).map(({ code }) => code)];
  }
}
