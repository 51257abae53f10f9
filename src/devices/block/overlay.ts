/**
 * `snapshot=on`: what the guest writes stays in memory, the image stays as it is. Saved state carries what was written.
 */
import { assert } from '../../base/assert.ts';
import type { StateSource, StateValue } from '../../base/state.ts';
import type { BlockDevice, BlockProblem } from './block-device.ts';

/** Written bytes are kept in pieces of this size. */
const CLUSTER = 64 * 1024;

export class Overlay implements BlockDevice {
  readonly readOnly = false;
  readonly stateSource: StateSource;
  readonly #base: BlockDevice;
  readonly #clusters = new Map<number, Uint8Array>();

  /** `id` names the disk in saved state: unique in the machine. */
  constructor(base: BlockDevice, id: string) {
    this.#base = base;
    this.stateSource = {
      name: `disk/${id}`,
      version: 1,
      save: () => ({ clusters: [...this.#clusters].map(([index, bytes]) => ({ index, bytes: bytes.slice() })) }),
      load: ({ clusters }) => this.#load(clusters as readonly StateValue[]),
    };
  }

  #load(clusters: readonly StateValue[]): void {
    this.#clusters.clear();
    for (const cluster of clusters) {
      const { index, bytes } = cluster as { index: number; bytes: Uint8Array };
      this.#clusters.set(index, bytes.slice());
    }
  }

  get name(): string {
    return this.#base.name;
  }

  get size(): number {
    return this.#base.size;
  }

  read(offset: number, into: Uint8Array): BlockProblem | undefined {
    return this.#eachPiece(offset, into, (index, start, piece) => {
      const own = this.#clusters.get(index);
      if (own === undefined) return this.#base.read(index * CLUSTER + start, piece);
      piece.set(own.subarray(start, start + piece.length));
      return undefined;
    });
  }

  write(offset: number, from: Uint8Array): BlockProblem | undefined {
    return this.#eachPiece(offset, from, (index, start, piece) => {
      let own = this.#clusters.get(index);
      if (own === undefined) {
        own = new Uint8Array(Math.min(CLUSTER, this.size - index * CLUSTER));
        const whole = piece.length === own.length;
        const problem = whole ? undefined : this.#base.read(index * CLUSTER, own);
        if (problem !== undefined) return problem;
        this.#clusters.set(index, own);
      }
      own.set(piece, start);
      return undefined;
    });
  }

  flush(): BlockProblem | undefined {
    return undefined;
  }

  #eachPiece(
    offset: number,
    bytes: Uint8Array,
    visit: (index: number, start: number, piece: Uint8Array) => BlockProblem | undefined,
  ): BlockProblem | undefined {
    assert(offset >= 0 && offset + bytes.length <= this.size, 'a disk is accessed within its size');
    for (let done = 0; done < bytes.length; ) {
      const index = Math.floor((offset + done) / CLUSTER);
      const start = offset + done - index * CLUSTER;
      const length = Math.min(bytes.length - done, CLUSTER - start);
      const problem = visit(index, start, bytes.subarray(done, done + length));
      if (problem !== undefined) return problem;
      done += length;
    }
    return undefined;
  }
}
