/**
 * The eager audit: every pointer that the controller can reach now, before it uses one. It has no side effects: it reads
 * as a debugger does, and only where memory answers; and it costs nothing while nobody listens.
 */
import { type BusAddress, busFromWords, offsetBus } from '../../base/address.ts';
import type { XhciController } from '../controller.ts';
import type { DevicePointer } from '../events.ts';
import type { ConsumerRing } from '../rings/consumer-ring.ts';
import type { Endpoint } from '../slots/endpoint.ts';
import type { Slot } from '../slots/slot-table.ts';
import { DCI_LAST } from '../spec/contexts.ts';
import { ERST_ENTRY_BYTES, Structure, type StructureRule } from '../spec/structures.ts';
import { TRB_BYTES } from '../spec/trbs.ts';
import { alignPointer, isNull } from '../wire/pointer.ts';
import { lookAhead } from './look-ahead.ts';
import { PeekMemory } from './peek.ts';
import { holderOf, PointerRegisters } from './pointer-registers.ts';

/** Scratchpad entries and table entries that one audit lists; more tell nothing new. */
const ENTRIES_MAX = 1023;

export class PointerAudit {
  readonly registers: PointerRegisters;
  readonly #memory: PeekMemory;
  #working = false;

  constructor(readonly controller: XhciController) {
    this.registers = new PointerRegisters(controller);
    this.#memory = new PeekMemory(controller.dma);
  }

  /** A reachable pointer changed. Says nothing while the controller is halted: then no pointer is reachable yet. */
  changed(cause: string): void {
    const audited = this.controller.facts['xhci.pointers-audited'];
    if (!audited.active || !this.controller.running || this.#working) return;
    this.#working = true;
    const pointers = this.#collect(cause);
    this.#working = false;
    if (pointers.length > 0) audited.emit({ controller: this.controller.name, cause, pointers });
  }

  #collect(cause: string): DevicePointer[] {
    const doorbell = /^doorbell (\d+)$/.exec(cause);
    if (doorbell === null) return this.#everything();
    const into: DevicePointer[] = [];
    const slotId = Number(doorbell[1]);
    if (slotId === 0) this.#commandRing(into);
    else this.#rings(this.controller.slots.get(slotId), into);
    return into;
  }

  #everything(): DevicePointer[] {
    const into: DevicePointer[] = [];
    for (const { index } of this.controller.interrupters) this.#eventRing(index, into);
    this.#commandRing(into);
    this.#contexts(into);
    for (const slot of this.controller.slots.all()) this.#rings(slot, into);
    return into;
  }

  #eventRing(index: number, into: DevicePointer[]): void {
    const interrupter = this.controller.interrupters[index]!;
    const { tableAddress, erstsz, dequeueAddress } = interrupter;
    if (erstsz === 0 && isNull(tableAddress)) return;
    const holder = holderOf('ERSTBA', index);
    const size = ERST_ENTRY_BYTES * Math.max(1, erstsz);
    into.push(this.#inRegister(Structure.erst, holder, tableAddress, size));
    const entries = Math.min(erstsz, ENTRIES_MAX);
    for (let entry = 0; entry < entries; entry += 1) {
      const storedAt = offsetBus(tableAddress, entry * ERST_ENTRY_BYTES);
      const words = this.#memory.words(storedAt, 4);
      if (words === undefined) break;
      const written = busFromWords(words[0]!, words[1]!);
      const table = index === 0 ? 'ERST' : `ERST of interrupter ${index}, entry `;
      into.push({
        ...this.#stored(Structure.eventRingSegment, `${table}[${entry}].base`, storedAt, written),
        size: TRB_BYTES * (words[2]! & 0xffff),
        write: true,
      });
    }
    into.push(this.#inRegister(Structure.eventRingDequeue, holderOf('ERDP', index), dequeueAddress, TRB_BYTES));
  }

  #commandRing(into: DevicePointer[]): void {
    const { commands } = this.controller;
    const { ring } = commands;
    const started = ring.consumed > 0 || commands.running;
    const base = started ? ring.dequeue : commands.pointer;
    into.push(this.#inRegister(Structure.commandRing, 'CRCR', commands.pointer, TRB_BYTES));
    if (isNull(base)) return;
    const honoured = this.controller.personality.ringCycleState === 'honoured';
    const first = honoured ? commands.low & 1 : 1;
    const from = { dequeue: base, cycle: (started ? ring.cycle : first) as 0 | 1 };
    this.#ahead(ring, from, undefined, into);
  }

  #contexts(into: DevicePointer[]): void {
    const { controller } = this;
    const array = controller.deviceContextArray;
    const size = 8 * (controller.slotsEnabled + 1);
    into.push(this.#inRegister(Structure.dcbaa, 'DCBAAP', array, size));
    if (isNull(array)) return;
    if (controller.personality.scratchpadBuffers > 0) this.#scratchpads(array, into);
    const contextBytes = controller.personality.contextSize * (DCI_LAST + 1);
    for (const slot of controller.slots.all()) {
      if (!slot.enabled) continue;
      const storedAt = offsetBus(array, 8 * slot.slotId);
      const words = this.#memory.words(storedAt, 2);
      if (words === undefined) break;
      const written = busFromWords(words[0]!, words[1]!);
      // An enabled slot needs its entry only from Address Device on (§4.6.5).
      if (isNull(written) && !slot.addressed) continue;
      into.push({
        ...this.#stored(Structure.deviceContext, `DCBAA[${slot.slotId}]`, storedAt, written),
        size: contextBytes,
        write: true,
      });
    }
  }

  /** §4.20: DCBAA[0] points to an array of page pointers. */
  #scratchpads(array: BusAddress, into: DevicePointer[]): void {
    const buffers = this.controller.personality.scratchpadBuffers;
    const words = this.#memory.words(array, 2);
    if (words === undefined) return;
    const written = busFromWords(words[0]!, words[1]!);
    const list = this.#stored(Structure.scratchpadArray, 'DCBAA[0]', array, written);
    into.push({ ...list, size: 8 * buffers, write: false });
    if (isNull(list.value)) return;
    for (let index = 0; index < Math.min(buffers, ENTRIES_MAX); index += 1) {
      const storedAt = offsetBus(list.value, 8 * index);
      const entry = this.#memory.words(storedAt, 2);
      if (entry === undefined) return;
      const page = busFromWords(entry[0]!, entry[1]!);
      const pointer = this.#stored(Structure.scratchpad, `Scratchpad Buffer Array[${index}]`, storedAt, page);
      into.push({ ...pointer, size: 4096, write: true });
    }
  }

  #rings(slot: Slot | undefined, into: DevicePointer[]): void {
    if (slot === undefined || !slot.enabled) return;
    for (const endpoint of slot.endpoints) if (endpoint !== undefined) this.#transferRing(endpoint, into);
  }

  #transferRing(endpoint: Endpoint, into: DevicePointer[]): void {
    const { ring, slotId, dci } = endpoint;
    const storedAt = offsetBus(endpoint.contextAddress, 8);
    const holder = `Endpoint Context of slot ${slotId} endpoint ${dci}, TR Dequeue Pointer`;
    const pointer = this.#stored(Structure.transferRing, holder, storedAt, ring.dequeue);
    into.push({ ...pointer, value: ring.dequeue, size: TRB_BYTES, write: false });
    this.#ahead(ring, ring, endpoint, into);
  }

  #ahead(
    ring: ConsumerRing,
    from: { readonly dequeue: BusAddress; readonly cycle: 0 | 1 },
    endpoint: Endpoint | undefined,
    into: DevicePointer[],
  ): void {
    for (const found of lookAhead(this.#memory, ring, from, endpoint)) {
      const { size, write } = found;
      into.push({ ...this.#stored(found.rule, found.holder, found.storedAt, found.written), size, write });
    }
  }

  #inRegister(rule: StructureRule, holder: string, value: BusAddress, size: number): DevicePointer {
    const written = this.registers.writtenTo(holder) ?? value;
    return { ...this.#base(rule, holder), value, storedAt: undefined, size, written, write: false };
  }

  #stored(rule: StructureRule, holder: string, storedAt: BusAddress, written: BusAddress) {
    const value = rule.alignment > 1 ? alignPointer(written, rule.alignment) : written;
    return { ...this.#base(rule, holder), value, storedAt, written };
  }

  #base(rule: StructureRule, holder: string) {
    const { target, alignment, boundary } = rule;
    return { controller: this.controller.name, target, holder, alignment, boundary };
  }
}
