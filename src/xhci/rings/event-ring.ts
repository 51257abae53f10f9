/**
 * The producer's side of an Event Ring (xHCI 1.2 §4.9.4): one to many segments, named by a table that software wrote.
 * Positions are counted in TRBs from the first segment's start; the ring knows nothing of interrupts.
 */
import { type BusAddress, bus, offsetBus } from '../../base/address.ts';
import { TRB_BYTES } from '../spec/trbs.ts';
import { offsetWithin } from '../wire/pointer.ts';

export interface EventSegment {
  readonly base: BusAddress;
  /** TRBs. */
  readonly size: number;
}

export class EventRing {
  #segments: readonly EventSegment[] = [];
  /** TRBs in all segments; 0: no ring. */
  size = 0;
  /** Where the next event goes. */
  enqueue = 0;
  cycle: 0 | 1 = 1;

  get segments(): readonly EventSegment[] {
    return this.#segments;
  }

  /** Starts an empty ring. */
  start(segments: readonly EventSegment[]): void {
    this.replace(segments);
    this.enqueue = 0;
    this.cycle = 1;
  }

  /** No ring, with the producer's position kept. */
  clear(): void {
    this.replace([]);
  }

  /** Takes other segments and keeps the position: for saved state. */
  replace(segments: readonly EventSegment[]): void {
    this.#segments = segments;
    this.size = segments.reduce((sum, segment) => sum + segment.size, 0);
  }

  addressOf(position: number): BusAddress {
    let rest = position;
    for (const segment of this.#segments) {
      if (rest < segment.size) return offsetBus(segment.base, rest * TRB_BYTES);
      rest -= segment.size;
    }
    return bus(0);
  }

  /** The position of the TRB at `address`, or `undefined` when it is not in the ring. */
  positionOf(address: BusAddress): number | undefined {
    let before = 0;
    for (const segment of this.#segments) {
      const offset = offsetWithin(address, segment.base, segment.size * TRB_BYTES);
      if (offset !== undefined) return before + Math.floor(offset / TRB_BYTES);
      before += segment.size;
    }
    return undefined;
  }

  /** Position `steps` after the next one to be written. */
  ahead(steps: number): number {
    return this.size === 0 ? 0 : (this.enqueue + steps) % this.size;
  }

  advance(): void {
    this.enqueue += 1;
    if (this.enqueue >= this.size) {
      this.enqueue = 0;
      this.cycle = this.cycle === 1 ? 0 : 1;
    }
  }
}
