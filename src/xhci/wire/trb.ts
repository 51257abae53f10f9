/** One TRB as the controller holds it after fetching it. */
import { type BusAddress, bus, busFromWords } from '../../base/address.ts';
import type { TrbWords } from '../events.ts';

export class Trb {
  /** The four 32-bit words. */
  readonly words = new Uint32Array(4);
  /** Where it was fetched from. */
  address: BusAddress = bus(0);
  /** The consumer's cycle state when it was fetched. */
  cycleState: 0 | 1 = 0;

  /** TRB Type, 0-63 (word 3, 15:10). */
  get type(): number {
    return (this.words[3]! >>> 10) & 0x3f;
  }

  get cycle(): 0 | 1 {
    return (this.words[3]! & 1) as 0 | 1;
  }

  /** Word 3. */
  get control(): number {
    return this.words[3]!;
  }

  /** Word 2. */
  get status(): number {
    return this.words[2]!;
  }

  /** The 64-bit parameter as a bus address, all bits as they stand. */
  get parameter(): BusAddress {
    return busFromWords(this.words[0]!, this.words[1]!);
  }
}

/** The words as facts carry them. */
export function trbWords(words: ArrayLike<number>): TrbWords {
  return {
    parameterLow: words[0] ?? 0,
    parameterHigh: words[1] ?? 0,
    status: words[2] ?? 0,
    control: words[3] ?? 0,
  };
}
