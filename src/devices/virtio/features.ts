/** Feature bits that belong to no single device (Virtio 1.1 §6). */

export const NOTIFY_ON_EMPTY = 24;
export const ANY_LAYOUT = 27;
export const RING_INDIRECT_DESC = 28;
export const RING_EVENT_IDX = 29;
/** QEMU offers it to legacy drivers only; a driver that accepts everything without understanding takes it. */
export const BAD_FEATURE = 30;
export const VERSION_1 = 32;
/** A single queue can be reset (Virtio 1.2 §2.6.1). */
export const RING_RESET = 40;

/** A set of feature bits: 64 bits as two words. */
export class FeatureSet {
  readonly words: [number, number] = [0, 0];

  constructor(bits: readonly number[] = []) {
    for (const bit of bits) this.words[bit >> 5] = (this.words[bit >> 5]! | (1 << (bit & 31))) >>> 0;
  }

  has(bit: number): boolean {
    return (this.words[bit >> 5]! & (1 << (bit & 31))) !== 0;
  }

  /** Both halves from a driver's words, as far as `offered` has them. */
  accept(low: number, high: number, offered: FeatureSet): void {
    this.words[0] = (low & offered.words[0]) >>> 0;
    this.words[1] = (high & offered.words[1]) >>> 0;
  }
}
