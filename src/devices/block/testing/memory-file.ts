/** A file of the host that is only bytes in memory, for tests and for embedders that have no files. */
import type { HostFile } from '../block-device.ts';

export class MemoryFile implements HostFile {
  writable = true;
  /** Set: every access fails with these words. */
  failure: string | undefined;
  flushes = 0;

  constructor(
    readonly name: string,
    readonly bytes: Uint8Array,
  ) {}

  get size(): number {
    return this.bytes.length;
  }

  read(offset: number, into: Uint8Array): string | undefined {
    if (this.failure === undefined) into.set(this.bytes.subarray(offset, offset + into.length));
    return this.failure;
  }

  write(offset: number, from: Uint8Array): string | undefined {
    if (this.failure === undefined) this.bytes.set(from, offset);
    return this.failure;
  }

  flush(): string | undefined {
    this.flushes += 1;
    return this.failure;
  }
}
