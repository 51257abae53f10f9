/**
 * A function as bus master: its own address space whose root holds one alias, "bus master", of the bus's memory. While
 * Command.BusMaster is 0 the alias is disabled, so nothing answers: neither data nor messages (MSI, MSI-X) get through
 * (PCI Local Bus 3.0 §6.2.2; QEMU builds it the same way).
 */

import type { BusAddress } from '../base/address.ts';
import { assert } from '../base/assert.ts';
import { BusMasterGate } from '../memory/bus-master.ts';
import type { DmaPort } from '../memory/dma-port.ts';
import { DmaView } from '../memory/dma-view.ts';
import type { AccessFailure, DmaPurpose } from '../memory/events.ts';
import { MEMTX_DECODE_ERROR, MEMTX_OK, type MemTxAttrs, type MemTxResult } from '../memory/memtx.ts';
import type { PciBus } from './bus.ts';
import type { PciFunction } from './function.ts';
import type { Message } from './msi.ts';

const MESSAGE_PURPOSE: DmaPurpose = { what: 'interrupt message' };

export class BusMaster implements DmaPort {
  readonly #function: PciFunction;
  readonly #messageBytes = new Uint8Array(4);
  #gate: BusMasterGate | undefined;
  #view: DmaView | undefined;
  #requesterId: () => number = () => 0;
  #reportAbort = false;

  constructor(entry: PciFunction) {
    this.#function = entry;
  }

  /** Builds the view when the function is plugged into `bus`. */
  connect(bus: PciBus, label: string, requesterId: () => number): void {
    const { system, deviceName } = this.#function;
    this.#gate = new BusMasterGate(system, deviceName, label, bus.dmaRoot);
    this.#view = new DmaView(this.#gate.space, label);
    this.#requesterId = requesterId;
    this.#reportAbort = bus.reportMasterAbort;
  }

  /** Opens or closes the gate: Command.BusMaster. */
  setEnabled(enabled: boolean): void {
    this.#gate?.setEnabled(enabled);
  }

  get lastFailure(): AccessFailure | undefined {
    return this.#view?.lastFailure;
  }

  read(address: BusAddress, into: Uint8Array, purpose?: DmaPurpose, attrs?: MemTxAttrs): MemTxResult {
    return this.#judge(this.#open.read(address, into, purpose, attrs));
  }

  write(address: BusAddress, from: Uint8Array, purpose?: DmaPurpose, attrs?: MemTxAttrs): MemTxResult {
    return this.#judge(this.#open.write(address, from, purpose, attrs));
  }

  set(address: BusAddress, byte: number, size: number, purpose?: DmaPurpose, attrs?: MemTxAttrs): MemTxResult {
    return this.#judge(this.#open.set(address, byte, size, purpose, attrs));
  }

  readWords(address: BusAddress, into: Uint32Array, purpose?: DmaPurpose, attrs?: MemTxAttrs): MemTxResult {
    return this.#judge(this.#open.readWords(address, into, purpose, attrs));
  }

  writeWords(address: BusAddress, from: Uint32Array, purpose?: DmaPurpose, attrs?: MemTxAttrs): MemTxResult {
    return this.#judge(this.#open.writeWords(address, from, purpose, attrs));
  }

  wouldAnswer(address: BusAddress, size: number, write: boolean): boolean {
    return this.#open.wouldAnswer(address, size, write);
  }

  /** Sends an interrupt message: a 32-bit write that carries the requester id. False when nothing took it. */
  sendMessage(message: Message): boolean {
    const bytes = this.#messageBytes;
    for (let index = 0; index < 4; index += 1) bytes[index] = message.data >>> (8 * index);
    const attrs: MemTxAttrs = { requesterId: this.#requesterId() };
    return this.write(message.address, bytes, MESSAGE_PURPOSE, attrs) === MEMTX_OK;
  }

  get #open(): DmaView {
    assert(this.#view !== undefined, 'a function does DMA only once it is plugged');
    return this.#view;
  }

  /** A request that nobody answered is a master abort; with bus mastering off no request was made. */
  #judge(result: MemTxResult): MemTxResult {
    if (result !== MEMTX_OK && this.#reportAbort && (result & MEMTX_DECODE_ERROR) !== 0) {
      if (this.#function.busMasterEnabled) this.#function.noteMasterAbort();
    }
    return result;
  }
}
