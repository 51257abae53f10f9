/** Looks up every pointer that a device is given, once it is certain that the driver has finished writing it. */
import { type BusAddress, bus, busToGpa, type Gpa, gpa, hex, offsetBus } from '../../base/address.ts';
import type { TraceEvents, TraceName } from '../../base/trace.ts';
import type { AccessFailure } from '../../memory/events.ts';
import type { DevicePointer, RegisterAccess } from '../../xhci/events.ts';
import type { GuestView, Site } from '../guest-view.ts';
import { type ControllerKnowledge, type Knowledge, type PointerRecord, registerKey } from '../knowledge.ts';
import { classify } from './classify.ts';
import { linkIndex, readPointer } from './recognise.ts';

/** Half-written registers that wait for their other half: there are a few 64-bit registers for each interrupter. */
const WAITING_MAX = 128;

/** A ring segment is the largest structure: 4096 TRBs (xHCI 1.2 §6.5, Table 6-1). */
const STRUCTURE_BYTES_MAX = 0x1_0000;

export type JudgedEmitter = (event: TraceEvents['diagnosis.pointer-judged']) => void;

interface Waiting {
  readonly controller: string;
  readonly register: string;
  readonly judge: () => void;
}

/** Stands in for a pointer that no audit has announced: all that is known is what the access says of itself. */
function pointerOfFailure(failure: AccessFailure, known: ControllerKnowledge): DevicePointer {
  const { purpose } = failure;
  const what = purpose?.what ?? 'memory';
  const common = {
    controller: known.name,
    target: what,
    size: failure.size,
    alignment: 1,
    boundary: 0,
    write: failure.write,
  };
  const segment = segmentOfFailure(failure, known);
  if (segment !== undefined) {
    const target = 'event ring segment';
    return {
      ...common,
      target,
      holder: segment.holder,
      value: segment.base,
      written: segment.base,
      storedAt: segment.at,
    };
  }
  const holder = purpose?.register ?? (purpose?.index === undefined ? what : `${what}[${purpose.index}]`);
  return { ...common, holder, value: failure.address, written: failure.address, storedAt: purpose?.trb };
}

/** The table entry through which the controller came to an event ring segment. */
function segmentOfFailure(
  failure: AccessFailure,
  known: ControllerKnowledge,
): { holder: string; base: BusAddress; at: BusAddress | undefined } | undefined {
  const address = BigInt(failure.address);
  for (const [interrupter, segments] of known.segments) {
    for (const [index, { base, size }] of segments.entries()) {
      if (address < BigInt(base) || address >= BigInt(base) + BigInt(size) * 16n) continue;
      const table = known.byHolder(interrupter === 0 ? 'ERSTBA' : `ERSTBA[${interrupter}]`)?.pointer.value;
      return {
        holder: `ERST[${index}].base`,
        base,
        at: table === undefined ? undefined : offsetBus(table, index * 16),
      };
    }
  }
  return undefined;
}

/** A Device Context is at most 32 contexts of 64 bytes (xHCI 1.2 §6.2.1). */
const DEVICE_CONTEXT_BYTES = 2048;
/** MaxSlots is at most 255 (xHCI 1.2 §5.3.3). */
const SLOTS_MAX = 255;

/** The entry of the Device Context Base Address Array through which the controller came to a context. */
function contextOfFailure(
  failure: AccessFailure,
  known: ControllerKnowledge,
  view: GuestView,
): DevicePointer | undefined {
  const array = known.byHolder('DCBAAP')?.pointer.value;
  const table = array === undefined ? undefined : busToGpa(array);
  if (failure.purpose?.register !== 'DCBAAP' || table === undefined) return undefined;
  for (let slotId = 1; slotId <= SLOTS_MAX; slotId += 1) {
    const storedAt = gpa(table + 8 * slotId);
    const value = readPointer(view, storedAt);
    if (value === undefined) return undefined;
    const distance = BigInt(failure.address) - BigInt(value);
    if (value === 0 || distance < 0n || distance >= BigInt(DEVICE_CONTEXT_BYTES)) continue;
    return {
      controller: known.name,
      target: 'Device Context',
      holder: `DCBAA[${slotId}]`,
      value,
      storedAt: bus(storedAt),
      size: 1024,
      alignment: 64,
      boundary: 4096,
      written: value,
      write: true,
    };
  }
  return undefined;
}

export class PointerJudge {
  readonly #view: GuestView;
  readonly #known: Knowledge;
  readonly #emit: JudgedEmitter;
  readonly #waiting: Waiting[] = [];

  constructor(view: GuestView, known: Knowledge, emit: JudgedEmitter) {
    this.#view = view;
    this.#known = known;
    this.#emit = emit;
  }

  see<N extends TraceName>(name: N, event: TraceEvents[N]): void {
    switch (name) {
      case 'xhci.register-written':
        this.#settle(event as RegisterAccess);
        break;
      case 'xhci.reset':
        this.#forget((event as TraceEvents['xhci.reset']).controller);
        break;
      case 'xhci.run':
      case 'xhci.doorbell':
      case 'machine.idle':
      case 'diagnosis.run-ended':
        this.#settle(undefined);
        break;
      case 'xhci.pointer-set':
        this.#remember(event as DevicePointer, this.#view.currentSite());
        break;
      case 'xhci.pointers-audited':
        this.#audit(event as TraceEvents['xhci.pointers-audited']);
        break;
      case 'memory.access-failed':
        this.#failed(event as AccessFailure);
        break;
      default:
    }
  }

  /** Judges what waited for its second half, except when the second half is being written right now. */
  #settle(access: RegisterAccess | undefined): void {
    const register = access === undefined ? undefined : registerKey(access);
    for (let index = this.#waiting.length - 1; index >= 0; index -= 1) {
      const waiting = this.#waiting[index]!;
      const same = waiting.controller === access?.controller && waiting.register === register;
      this.#waiting.splice(index, 1);
      if (!same) waiting.judge();
    }
  }

  #forget(controller: string): void {
    for (let index = this.#waiting.length - 1; index >= 0; index -= 1) {
      if (this.#waiting[index]!.controller === controller) this.#waiting.splice(index, 1);
    }
  }

  #remember(pointer: DevicePointer, setter?: Site): PointerRecord {
    const known = this.#known.controller(pointer.controller);
    const old = known.recall(pointer);
    if (old !== undefined && old.pointer.value === pointer.value && old.pointer.written === pointer.written) return old;
    const site = this.#known.siteOf(pointer) ?? (pointer.storedAt === undefined ? setter : undefined);
    const record: PointerRecord = { pointer, site, verdict: undefined };
    known.remember(record);
    return record;
  }

  #audit(event: TraceEvents['xhci.pointers-audited']): void {
    // All are remembered first: each is judged in the light of the others.
    const records = event.pointers.map((pointer) => this.#remember(pointer));
    const fresh = records.filter((record) => record.verdict === undefined);
    for (const pass of [true, false]) {
      for (const record of fresh) {
        if ((record.pointer.storedAt === undefined) !== pass) continue;
        this.#judgeWhenWhole(record, undefined);
      }
    }
  }

  /** True while only the first of a register's two halves has been written. */
  #isHalfWay(record: PointerRecord): boolean {
    const { controller, holder, storedAt } = record.pointer;
    if (storedAt !== undefined) return false;
    const known = this.#known.controller(controller);
    const writes = known.registers.get(holder);
    if (writes === undefined) return false;
    // Low half first, high half second (xHCI 1.2 §5.1): between the two, the value is nobody's word.
    const { instruction } = this.#view.now();
    const lowNow = writes.low?.instruction === instruction && writes.high?.instruction !== instruction;
    if (lowNow) return true;
    return !known.running && (writes.low === undefined) !== (writes.high === undefined);
  }

  #judgeWhenWhole(record: PointerRecord, failure: AccessFailure | undefined): void {
    if (!this.#isHalfWay(record) || this.#waiting.length >= WAITING_MAX) {
      this.#judge(record, failure);
      return;
    }
    const { controller, holder } = record.pointer;
    this.#waiting.push({ controller, register: holder, judge: () => this.#judge(record, failure) });
  }

  #judge(record: PointerRecord, failure: AccessFailure | undefined): void {
    const known = this.#known.controller(record.pointer.controller);
    const input = { view: this.#view, known, pointer: record.pointer, site: record.site };
    const verdict = classify(input, failure);
    record.verdict = failure === undefined || verdict.kind !== 'ok' ? verdict : (record.verdict ?? verdict);
    this.#emit({ record: { ...record, verdict }, failure });
    if (verdict.kind === 'virtual') this.#lookBehind(record.pointer, verdict.physical);
  }

  /** The next faults of the same kind: what the controller would meet once this pointer is mended. */
  #lookBehind(pointer: DevicePointer, physical: Gpa): void {
    const ring = /^(Command|Transfer) Ring segment$/.exec(pointer.target);
    if (pointer.target === 'Event Ring Segment Table') {
      this.#foresee(pointer, 'Event Ring segment', 'ERST[0].base', physical, true);
    } else if (ring !== null && !pointer.holder.startsWith('Link TRB')) {
      const index = linkIndex(this.#view, physical);
      if (index === undefined) return;
      const name = ring[1] === 'Command' ? 'the command ring' : 'the transfer ring';
      this.#foresee(pointer, pointer.target, `Link TRB of ${name}`, gpa(physical + 16 * index), false);
    }
  }

  #foresee(parent: DevicePointer, target: string, holder: string, storedAt: Gpa, write: boolean): void {
    const value = readPointer(this.#view, storedAt);
    if (value === undefined || value === 0) return;
    const at = bus(storedAt);
    const pointer = { ...parent, target, holder, value, written: value, storedAt: at, alignment: 16, size: 16, write };
    const record = this.#remember(pointer);
    if (record.verdict === undefined) this.#judge(record, undefined);
  }

  #failed(failure: AccessFailure): void {
    if (failure.initiator.kind !== 'device' || failure.reason.kind === 'bus-master-off') return;
    const controller = failure.initiator.name;
    const known = this.#known.controller(controller);
    const blamed = this.#holderOf(failure, controller);
    if (blamed !== undefined) {
      this.#judgeWhenWhole(blamed, failure);
      return;
    }
    const pointer = contextOfFailure(failure, known, this.#view) ?? pointerOfFailure(failure, known);
    const register = pointer.storedAt === undefined ? known.writerOf(pointer.holder) : undefined;
    const site = register ?? this.#known.siteOf(pointer) ?? this.#view.currentSite();
    this.#judge({ pointer, site, verdict: undefined }, failure);
  }

  /** The pointer from which a failed access was derived. */
  #holderOf(failure: AccessFailure, controller: string): PointerRecord | undefined {
    const known = this.#known.controller(controller);
    const address = BigInt(failure.address);
    const contains = (record: PointerRecord): boolean => {
      const start = BigInt(record.pointer.value);
      return address >= start && address < start + BigInt(Math.max(record.pointer.size, 16));
    };
    const { purpose } = failure;
    if (purpose?.trb !== undefined) {
      for (const record of known.pointers.values()) {
        if (record.pointer.storedAt !== undefined && hex(record.pointer.storedAt) === hex(purpose.trb)) return record;
      }
      return undefined;
    }
    for (const record of known.pointers.values()) if (contains(record)) return record;
    const register = purpose?.register === undefined ? undefined : known.byHolder(purpose.register);
    if (register === undefined) return undefined;
    // A table or ring is walked on from its register; what is further away came out of a structure.
    const distance = address - BigInt(register.pointer.value);
    return distance >= 0n && distance < BigInt(STRUCTURE_BYTES_MAX) ? register : undefined;
  }
}
