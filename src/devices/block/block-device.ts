/**
 * What a disk controller stores on: the contract between a disk's model (AHCI, virtio-blk, USB storage) and its image.
 * Everything is synchronous, so that a command's effect stands at one instant of virtual time.
 */
import type { StateSource } from '../../base/state.ts';

/** A file of the host, opened. Offsets and sizes are bytes. An access either moves every byte or says why not. */
export interface HostFile {
  /** For messages: the path as the user gave it. */
  readonly name: string;
  readonly size: number;
  readonly writable: boolean;
  /** Fills `into`; the file has at least `offset + into.length` bytes. Returns the host's reason on failure. */
  read(offset: number, into: Uint8Array): string | undefined;
  write(offset: number, from: Uint8Array): string | undefined;
  /** Bytes are on the host's disk when it returns. */
  flush(): string | undefined;
}

/** Why an access failed, in words for the log. A controller reports it in its own terms (a media error). */
export type BlockProblem = string;

/** A medium of `size` bytes, a multiple of 512. An access outside of it is a mistake of the caller. */
export interface BlockDevice {
  /** For messages: `disk.img`. */
  readonly name: string;
  readonly size: number;
  readonly readOnly: boolean;
  /** Fills `into` from byte `offset`. */
  read(offset: number, into: Uint8Array): BlockProblem | undefined;
  /** Never called when {@link readOnly}. */
  write(offset: number, from: Uint8Array): BlockProblem | undefined;
  flush(): BlockProblem | undefined;
  /** What was written and stands nowhere else than in memory, for saved state. `undefined`: nothing ever does. */
  readonly stateSource: StateSource | undefined;
}

export const SECTOR_SIZE = 512;
