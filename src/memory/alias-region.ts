import { assert } from '../base/assert.ts';
import type { MemorySystem } from './memory-system.ts';
import { MemoryRegion, type RegionOptions } from './region.ts';

/** A window on another region: bytes `offset` .. `offset + size` of `target`, with everything in it. */
export class AliasRegion extends MemoryRegion {
  readonly kind = 'alias';
  #offset: number;

  constructor(
    system: MemorySystem,
    name: string,
    readonly target: MemoryRegion,
    offset: number,
    size: number,
    options?: RegionOptions,
  ) {
    super(system, name, size, options);
    this.#offset = offset;
  }

  get offset(): number {
    return this.#offset;
  }

  /** Moves the window over the target. */
  setOffset(offset: number): void {
    if (this.#offset === offset) return;
    assert(offset >= 0, 'an alias begins inside its target');
    this.changed(() => {
      this.#offset = offset;
    });
  }

  override get terminates(): boolean {
    return false;
  }

  override get typeWord(): 'ram' | 'ramd' | 'rom' | 'romd' | 'i/o' {
    return this.target.typeWord;
  }
}
