/** A raw image: byte n of the file is byte n of the disk. A last sector that the file cuts short reads as zeros. */
import { assert } from '../../base/assert.ts';
import { type BlockDevice, type BlockProblem, type HostFile, SECTOR_SIZE } from './block-device.ts';

export class RawImage implements BlockDevice {
  readonly size: number;
  readonly stateSource = undefined;
  readonly #file: HostFile;

  constructor(file: HostFile) {
    this.#file = file;
    this.size = Math.ceil(file.size / SECTOR_SIZE) * SECTOR_SIZE;
  }

  get name(): string {
    return this.#file.name;
  }

  get readOnly(): boolean {
    return !this.#file.writable;
  }

  read(offset: number, into: Uint8Array): BlockProblem | undefined {
    assert(offset >= 0 && offset + into.length <= this.size, 'a disk is read within its size');
    const stored = Math.max(0, Math.min(into.length, this.#file.size - offset));
    into.fill(0, stored);
    return stored === 0 ? undefined : this.#file.read(offset, into.subarray(0, stored));
  }

  write(offset: number, from: Uint8Array): BlockProblem | undefined {
    assert(offset >= 0 && offset + from.length <= this.size, 'a disk is written within its size');
    return this.#file.write(offset, from);
  }

  flush(): BlockProblem | undefined {
    return this.#file.flush();
  }
}
