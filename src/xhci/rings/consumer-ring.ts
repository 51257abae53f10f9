/**
 * A ring whose producer is software: the Command Ring and Transfer Rings (xHCI 1.2 §4.9).
 *
 * Every walk is bounded, and the dequeue pointer only moves over TRBs that software has handed over.
 */
import { type BusAddress, bus, offsetBus } from '../../base/address.ts';
import type { DmaPurpose } from '../../memory/events.ts';
import { MEMTX_OK } from '../../memory/memtx.ts';
import type { RingKind, RingRef } from '../events.ts';
import type { Host } from '../host.ts';
import { Link, SetupStage, StatusStage, TRB_BYTES, trbName } from '../spec/trbs.ts';
import { alignPointer, pointerFromWords } from '../wire/pointer.ts';
import { Trb, trbWords } from '../wire/trb.ts';

/** Link TRBs followed in one walk. A ring of nothing but links never ends; Windows chains up to a few dozen. */
export const LINKS_PER_WALK_MAX = 32;

/** TRBs in one Transfer Descriptor: as many as the links of one walk can join in full 64 KiB segments. */
export const TD_TRBS_MAX = (LINKS_PER_WALK_MAX * 0x1_0000) / TRB_BYTES;

const TOGGLE_CYCLE = 1 << 1;
const CHAIN = 1 << 4;

/** `trb`: fetched, and the dequeue pointer stands behind it. */
export type Fetched = 'trb' | 'empty' | 'dma' | 'link-loop';

/** How a transfer ring's next TD ends. */
export type TdLength = { readonly kind: 'complete'; readonly trbs: number } | { readonly kind: 'partial' | 'failed' };

export class ConsumerRing {
  dequeue: BusAddress = bus(0);
  cycle: 0 | 1 = 1;
  /** TRBs taken since {@link start}. */
  consumed = 0;
  readonly #scratch = new Trb();

  constructor(
    readonly host: Host,
    readonly ref: RingRef,
    readonly purpose: DmaPurpose,
  ) {}

  start(base: BusAddress, cycle: 0 | 1): void {
    this.dequeue = base;
    this.cycle = cycle;
    this.consumed = 0;
  }

  /** Takes the next TRB that software has handed over into `trb`, following Link TRBs. */
  next(trb: Trb): Fetched {
    for (let links = 0; ; ) {
      const address = this.dequeue;
      const result = this.host.dma.readWords(address, trb.words, this.purpose);
      if (result !== MEMTX_OK) {
        this.#failed('dma', address, undefined);
        this.host.ringUnreadable(result, this.purpose.ring ?? 'ring', 'xhci_ring_fetch');
        return 'dma';
      }
      trb.address = address;
      trb.cycleState = this.cycle;
      this.#announce(trb);
      if (trb.cycle !== this.cycle) {
        this.announceEmpty(trb);
        return 'empty';
      }
      if (trb.type !== Link.type) {
        this.dequeue = offsetBus(address, TRB_BYTES);
        this.consumed += 1;
        return 'trb';
      }
      links += 1;
      if (links > LINKS_PER_WALK_MAX) {
        const limit = this.host.facts['xhci.limit-enforced'];
        if (limit.active) limit.emit({ controller: this.host.name, what: 'trb-link' });
        this.#failed('link-loop', address, trb);
        return 'link-loop';
      }
      this.#follow(trb);
    }
  }

  /** How many TRBs the next Transfer Descriptor has, without moving. `bundled`: Setup to Status count as one. */
  nextTd(bundled: boolean): TdLength {
    const trb = this.#scratch;
    let at = this.dequeue;
    let cycle = this.cycle;
    let trbs = 0;
    let links = 0;
    let insideControl = false;
    while (trbs < TD_TRBS_MAX) {
      const result = this.host.dma.readWords(at, trb.words, this.purpose);
      if (result !== MEMTX_OK) {
        this.#failed('dma', at, undefined);
        this.host.ringUnreadable(result, this.purpose.ring ?? 'ring', 'xhci_ring_chain_length');
        return { kind: 'failed' };
      }
      trb.address = at;
      if (trb.cycle !== cycle) {
        trb.cycleState = cycle;
        this.announceEmpty(trb);
        return { kind: 'partial' };
      }
      const type = trb.type;
      if (type === Link.type) {
        links += 1;
        if (links > LINKS_PER_WALK_MAX) {
          this.#failed('link-loop', at, trb);
          return { kind: 'partial' };
        }
        at = this.linkTarget(trb.words);
        if ((trb.control & TOGGLE_CYCLE) !== 0) cycle = cycle === 1 ? 0 : 1;
        continue;
      }
      trbs += 1;
      at = offsetBus(at, TRB_BYTES);
      if (type === SetupStage.type) insideControl = bundled;
      else if (type === StatusStage.type) insideControl = false;
      if (!insideControl && (trb.control & CHAIN) === 0) return { kind: 'complete', trbs };
    }
    this.#failed('td-too-long', at, trb);
    const guestError = this.host.facts['xhci.guest-error'];
    if (guestError.active && this.host.personality.memoryFailure === 'cosmetic-hce') {
      guestError.emit({
        controller: this.host.name,
        function: 'xhci_ring_chain_length',
        message: 'exceeded maximum transfer ring size!',
      });
    }
    return { kind: 'failed' };
  }

  /** Where a Link TRB leads. Its low four bits are reserved (§6.4.4.1); QEMU takes them as they stand. */
  linkTarget(words: ArrayLike<number>): BusAddress {
    const target = pointerFromWords(this.host.personality, words[0] ?? 0, words[1] ?? 0);
    return this.host.personality.memoryFailure === 'cosmetic-hce' ? target : alignPointer(target, TRB_BYTES);
  }

  #follow(link: Trb): void {
    const target = this.linkTarget(link.words);
    const toggled = (link.control & TOGGLE_CYCLE) !== 0;
    const wrapped = this.host.facts['xhci.ring-wrapped'];
    if (wrapped.active) wrapped.emit({ ...this.ref, link: link.address, target, toggled });
    this.dequeue = target;
    if (toggled) this.cycle = this.cycle === 1 ? 0 : 1;
  }

  #announce(trb: Trb): void {
    const fetched = this.host.facts['xhci.trb-fetched'];
    if (!fetched.active) return;
    fetched.emit({ ...this.ref, address: trb.address, trb: trbWords(trb.words), typeName: trbName(trb.type) });
  }

  /** States that the ring stands on a TRB that software still owns. */
  announceEmpty(trb: Trb): void {
    const empty = this.host.facts['xhci.ring-empty'];
    if (!empty.active) return;
    empty.emit({
      ...this.ref,
      address: trb.address,
      trb: trbWords(trb.words),
      consumerCycle: trb.cycleState,
      consumed: this.consumed,
    });
  }

  #failed(because: 'dma' | 'link-loop' | 'td-too-long', address: BusAddress, trb: Trb | undefined): void {
    const failed = this.host.facts['xhci.ring-failed'];
    if (!failed.active) return;
    failed.emit({ ...this.ref, address, because, trb: trb === undefined ? undefined : trbWords(trb.words) });
  }
}

/** The identity of a ring in facts. The controller's name is known only once its function is plugged. */
export function ringRef(host: Host, kind: RingKind, slotId = 0, endpointId = 0): RingRef {
  return {
    get controller() {
      return host.name;
    },
    kind,
    slotId,
    endpointId,
    streamId: 0,
  };
}
