/** The controller's walk over command and transfer rings, as far as rules need to remember it. */
import { type BusAddress, busToGpa, gpa, offsetBus } from '../base/address.ts';
import type { TraceEvents, TraceName } from '../base/trace.ts';
import type { RingRef, TrbWords } from '../xhci/events.ts';
import type { GuestView, Site } from './guest-view.ts';

/** 256 TRBs fill a page; 16 pages of history tell a lap of any ring that people build. */
const HISTORY_MAX = 4096;
/** Command ring plus the endpoints of eight devices. */
const RINGS_MAX = 256;

const LINK_TYPE = 6;

export interface FetchedTrb {
  readonly trb: TrbWords;
  readonly toggles: number;
  /** Who had stored its control word. */
  readonly writer: Site | undefined;
}

export interface RingHistory {
  readonly ref: RingRef;
  /** The first TRB that was fetched since the ring was set up. */
  first: BusAddress | undefined;
  /** Where the segment begins that is being walked: the first TRB, or where the last Link TRB led. */
  segmentStart: BusAddress | undefined;
  /** What each TRB held when it was last fetched, and in which cycle lap (Link TRBs with Toggle Cycle passed). */
  readonly fetched: Map<BusAddress, FetchedTrb>;
  toggles: number;
  /** The ring was used before it was set up anew, so that old TRBs may stand where it has not been yet. */
  readonly reused: boolean;
  /** Doorbells since a TRB was last fetched. */
  doorbellsUnanswered: number;
  consumed: number;
}

export function ringKey(ref: RingRef): string {
  return `${ref.slotId}/${ref.endpointId}/${ref.streamId}`;
}

/** "the command ring", "the transfer ring of slot 1 endpoint 3". */
export function ringName(ref: RingRef): string {
  if (ref.kind === 'command') return 'the command ring';
  const stream = ref.streamId === 0 ? '' : ` stream ${ref.streamId}`;
  return `the transfer ring of slot ${ref.slotId} endpoint ${ref.endpointId}${stream}`;
}

/** {@link ringName} without its article, to stand alone. */
export function ringLabel(ref: RingRef): string {
  return ringName(ref).replace(/^the /, '');
}

export function sameTrb(a: TrbWords, b: TrbWords): boolean {
  return (
    a.parameterLow === b.parameterLow &&
    a.parameterHigh === b.parameterHigh &&
    a.status === b.status &&
    a.control === b.control
  );
}

export type ConsumedTrb = TraceEvents['xhci.trb-fetched'];

export class ControllerRings {
  readonly #rings = new Map<string, RingHistory>();
  /** The last fetch: whether the TRB was owned shows when the next fact is, or is not, that the ring is empty there. */
  #pending: ConsumedTrb | undefined;

  readonly #view: GuestView;

  constructor(view: GuestView) {
    this.#view = view;
  }

  clear(): void {
    this.#rings.clear();
    this.#pending = undefined;
  }

  /** Takes the fetch that `name` proves to have been a TRB of the controller's, if there is one. */
  takeConsumed<N extends TraceName>(name: N, event: TraceEvents[N]): ConsumedTrb | undefined {
    const fetched = this.#pending;
    if (fetched === undefined) return undefined;
    this.#pending = undefined;
    if (name === 'xhci.ring-empty') {
      const empty = event as TraceEvents['xhci.ring-empty'];
      if (empty.address === fetched.address && ringKey(empty) === ringKey(fetched)) return undefined;
    }
    this.#consumed(fetched);
    return fetched;
  }

  forgetCommandRing(): void {
    this.#startAnew('0/0/0');
  }

  /** The dequeue pointer was moved: what was seen on the ring so far says nothing about what comes. */
  #startAnew(key: string): void {
    const old = this.#rings.get(key);
    if (old === undefined || old.consumed + old.doorbellsUnanswered === 0) return;
    this.#rings.delete(key);
    this.#create(key, old.ref, true);
  }

  get(ref: RingRef): RingHistory {
    const key = ringKey(ref);
    return this.#rings.get(key) ?? this.#create(key, ref, false);
  }

  #create(key: string, ref: RingRef, reused: boolean): RingHistory {
    const ring: RingHistory = {
      ref,
      reused,
      first: undefined,
      segmentStart: undefined,
      fetched: new Map(),
      toggles: 0,
      doorbellsUnanswered: 0,
      consumed: 0,
    };
    if (this.#rings.size >= RINGS_MAX) {
      const oldest = this.#rings.keys().next().value;
      if (oldest !== undefined) this.#rings.delete(oldest);
    }
    this.#rings.set(key, ring);
    return ring;
  }

  learn<N extends TraceName>(name: N, event: TraceEvents[N]): void {
    switch (name) {
      case 'xhci.doorbell':
        this.#doorbell(event as TraceEvents['xhci.doorbell']);
        break;
      case 'xhci.trb-fetched':
        this.#pending = event as TraceEvents['xhci.trb-fetched'];
        break;
      case 'xhci.ring-wrapped': {
        const wrap = event as TraceEvents['xhci.ring-wrapped'];
        const ring = this.get(wrap);
        ring.segmentStart = wrap.target;
        if (wrap.toggled) ring.toggles += 1;
        break;
      }
      case 'xhci.endpoint-changed': {
        const change = event as TraceEvents['xhci.endpoint-changed'];
        const key = `${change.slotId}/${change.endpointId}/${change.streamId}`;
        if (change.what === 'set-dequeue') this.#startAnew(key);
        else if (change.what === 'enable' || change.what === 'disable') this.#rings.delete(key);
        break;
      }
      case 'xhci.slot-changed': {
        const change = event as TraceEvents['xhci.slot-changed'];
        if (change.what === 'disable' || change.what === 'reset' || change.what === 'enable') {
          for (const key of this.#rings.keys()) if (key.startsWith(`${change.slotId}/`)) this.#rings.delete(key);
        }
        break;
      }
      default:
    }
  }

  #doorbell(bell: TraceEvents['xhci.doorbell']): void {
    if (bell.outcome !== 'rung') return;
    const command = bell.slotId === 0;
    this.get({
      controller: bell.controller,
      kind: command ? 'command' : 'transfer',
      slotId: bell.slotId,
      endpointId: command ? 0 : bell.target,
      streamId: command ? 0 : bell.streamId,
    }).doorbellsUnanswered += 1;
  }

  #consumed(event: ConsumedTrb): void {
    const ring = this.get(event);
    ring.first ??= event.address;
    ring.segmentStart ??= event.address;
    // A Link TRB is only the way to the work that a doorbell announced.
    if (((event.trb.control >>> 10) & 0x3f) !== LINK_TYPE) {
      ring.doorbellsUnanswered = 0;
      ring.consumed += 1;
    }
    ring.fetched.delete(event.address);
    ring.fetched.set(event.address, { trb: event.trb, toggles: ring.toggles, writer: this.#takeWriter(event.address) });
    if (ring.fetched.size > HISTORY_MAX) {
      const oldest = ring.fetched.keys().next().value;
      if (oldest !== undefined) ring.fetched.delete(oldest);
    }
  }

  /** From here on an answer to who wrote the TRB proves that it was stored again, with the same bytes perhaps. */
  #takeWriter(address: BusAddress): Site | undefined {
    const at = busToGpa(address);
    const writer = storedSince(this.#view, address);
    if (at !== undefined && writer !== undefined) this.#view.forgetWriter(gpa(at + 8));
    return writer;
  }
}

/** Who stored the control word of a TRB: since the controller took it last, else before that. */
export function trbWriter(view: GuestView, ring: RingHistory, address: BusAddress): Site | undefined {
  return storedSince(view, address) ?? ring.fetched.get(address)?.writer;
}

/** Who stored the control word of a TRB, if that was after the controller took it last. */
export function storedSince(view: GuestView, address: BusAddress): Site | undefined {
  const at = busToGpa(address);
  return at === undefined ? undefined : view.whoWrote(gpa(at + 8));
}

/** The TRB after `address` in memory. */
export function nextTrb(address: BusAddress): BusAddress {
  return offsetBus(address, 16);
}
