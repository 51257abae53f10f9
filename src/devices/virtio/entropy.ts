/**
 * The entropy device, `virtio-rng` (Virtio 1.1 §5.4). Its bytes come from a seeded generator, so that two runs of the
 * same machine are equal: they are no secret.
 */
import type { StateValue } from '../../base/state.ts';
import type { VirtioDevice, VirtioHost } from './device.ts';
import { lengthOf, type VirtQueue } from './virtqueue.ts';

const QUEUE_SIZE = 8;
/** Most bytes for one request: a driver asks for a page at most, and gets told how much it got. */
const REQUEST_BYTES_MAX = 64 * 1024;
export const DEFAULT_SEED = 0x64_6d_61_73;

export class VirtioEntropy implements VirtioDevice {
  readonly name = 'virtio-rng-pci';
  readonly type = 4;
  readonly pciDevice = 0x1005;
  readonly classCode = 0x00_ff00;
  readonly features: readonly number[] = [];
  readonly queueSizes: readonly number[] = [QUEUE_SIZE];
  readonly configBytes = 0;
  /** xorshift128 (Marsaglia 2003). */
  readonly #state: Uint32Array;

  constructor(seed: number = DEFAULT_SEED) {
    this.#state = Uint32Array.of(seed, 0x9e37_79b9, 0x7f4a_7c15, 0x2545_f491);
  }

  config(): Uint8Array {
    return new Uint8Array(0);
  }

  writeConfig(): void {}

  /** The generator runs on: a reset gives no byte twice. */
  reset(): void {}

  serve(queue: VirtQueue, host: VirtioHost): void {
    for (let served = 0; served < queue.size; served += 1) {
      const chain = queue.take();
      if (chain === undefined) break;
      if (typeof chain === 'string') {
        host.broken(chain);
        break;
      }
      const bytes = this.#bytes(Math.min(lengthOf(chain.writable), REQUEST_BYTES_MAX));
      if (!queue.write(chain, 0, bytes) || !queue.give(chain, bytes.length)) {
        host.broken('no-answer');
        break;
      }
    }
    host.completed(queue);
  }

  save(): { readonly [field: string]: StateValue } {
    return { state: [...this.#state] };
  }

  load(fields: { readonly [field: string]: StateValue }): void {
    this.#state.set(fields.state as readonly number[]);
  }

  #bytes(count: number): Uint8Array {
    const bytes = new Uint8Array(count);
    for (let at = 0; at < count; at += 4) {
      const word = this.#next();
      for (let index = 0; index < 4 && at + index < count; index += 1) bytes[at + index] = word >>> (8 * index);
    }
    return bytes;
  }

  #next(): number {
    const state = this.#state;
    const first = state[0]!;
    const mixed = first ^ (first << 11);
    const last = state[3]!;
    state[0] = state[1]!;
    state[1] = state[2]!;
    state[2] = last;
    state[3] = last ^ (last >>> 19) ^ mixed ^ (mixed >>> 8);
    return state[3]!;
  }
}
