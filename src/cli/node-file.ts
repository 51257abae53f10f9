/** A file of the host that is read and written in place: disk images, flash. All access is synchronous. */
import { closeSync, fstatSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs';
import { getSystemErrorMap } from 'node:util';
import { FileProblem, type OpenFile } from './host.ts';

/** Where a block special file's size is found: by halving, since `stat` says 0. */
const DEVICE_SIZE_MAX = 2 ** 52;

export class NodeFile implements OpenFile {
  readonly name: string;
  readonly identity: string;
  readonly size: number;
  readonly writable: boolean;
  readonly #descriptor: number;
  readonly #buffered: boolean;

  /** Throws what the operating system says when the file cannot be opened so. */
  constructor(path: string, access: 'read' | 'read-write') {
    this.name = path;
    this.writable = access === 'read-write';
    this.#descriptor = openSync(path, this.writable ? 'r+' : 'r');
    try {
      const status = fstatSync(this.#descriptor);
      // Reading tells: a directory opens for reading, and fails only then.
      if (status.isDirectory()) readSync(this.#descriptor, new Uint8Array(1), 0, 1, 0);
      this.identity = `${status.dev}:${status.ino}`;
      this.#buffered = status.isFile() || status.isBlockDevice();
      this.size = status.isBlockDevice() ? this.#deviceSize() : status.size;
    } catch (error) {
      closeSync(this.#descriptor);
      throw error;
    }
  }

  read(offset: number, into: Uint8Array): string | undefined {
    return reasonOf(() => {
      for (let at = 0; at < into.length; ) {
        const count = readSync(this.#descriptor, into, at, into.length - at, offset + at);
        if (count === 0) return 'the file is shorter than it was when it was opened';
        at += count;
      }
      return undefined;
    });
  }

  write(offset: number, from: Uint8Array): string | undefined {
    return reasonOf(() => {
      for (let at = 0; at < from.length; ) {
        at += writeSync(this.#descriptor, from, at, from.length - at, offset + at);
      }
      return undefined;
    });
  }

  flush(): string | undefined {
    // A character device has nothing to bring to a disk, and refuses.
    if (!this.#buffered) return undefined;
    return reasonOf(() => {
      fsyncSync(this.#descriptor);
      return undefined;
    });
  }

  close(): void {
    closeSync(this.#descriptor);
  }

  #deviceSize(): number {
    const byte = new Uint8Array(1);
    let [low, high] = [0, DEVICE_SIZE_MAX];
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if (readSync(this.#descriptor, byte, 0, 1, middle) === 1) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** The operating system's word for a failed access. */
function reasonOf(access: () => string | undefined): string | undefined {
  try {
    return access();
  } catch (error) {
    const { code, errno } = error as NodeJS.ErrnoException;
    if (code === undefined || errno === undefined) throw error;
    return systemWords(code, errno);
  }
}

/** What `access` returns; what the operating system says against it is thrown as a {@link FileProblem}. */
export function asFileProblem<T>(path: string, access: () => T): T {
  try {
    return access();
  } catch (error) {
    const { code, errno } = error as NodeJS.ErrnoException;
    if (code === undefined || errno === undefined) throw error;
    throw new FileProblem(path, systemWords(code, errno));
  }
}

/** The operating system's words for an error, where they are good ones. */
export function systemWords(code: string, errno: number): string {
  if (code === 'EISDIR') return 'it is a directory';
  return getSystemErrorMap().get(errno)?.[1] ?? code;
}
