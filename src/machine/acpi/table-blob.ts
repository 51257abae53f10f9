/**
 * Tables in one piece of memory whose place is not known yet: what refers to what, and which bytes sum up to zero. Turned
 * into a script for firmware (QEMU, hw/acpi/bios-linker-loader) or settled at an address.
 */
import { ascii, little } from './aml.ts';

const HEADER_SIZE = 36;
const OEM_ID = 'BOCHS ';
const OEM_TABLE_ID = 'BXPC    ';
const CREATOR_ID = 'BXPC';
const REVISION_OF_OEM_AND_CREATOR = 1;

/** A little-endian address in the blob, relative to a blob's start. */
export interface Pointer {
  readonly at: number;
  readonly size: 4 | 8;
}

/** A byte that makes all bytes from `start` sum up to 0 modulo 256. */
export interface Checksum {
  readonly at: number;
  readonly start: number;
  readonly length: number;
}

export class TableBlob {
  readonly pointers: Pointer[] = [];
  readonly checksums: Checksum[] = [];
  readonly #bytes: number[] = [];

  get size(): number {
    return this.#bytes.length;
  }

  /** Appends bytes as they are; returns where they stand. */
  append(bytes: readonly number[]): number {
    const at = this.#bytes.length;
    for (const byte of bytes) this.#bytes.push(byte);
    return at;
  }

  /** Appends a table with the common header (ACPI 6.4, 5.2.6); `pointers` are offsets within the table. */
  table(signature: string, revision: number, body: readonly number[], pointers: readonly Pointer[] = []): number {
    const length = HEADER_SIZE + body.length;
    const at = this.append([
      ...ascii(signature),
      ...little(length, 4),
      revision,
      0,
      ...ascii(OEM_ID),
      ...ascii(OEM_TABLE_ID),
      ...little(REVISION_OF_OEM_AND_CREATOR, 4),
      ...ascii(CREATOR_ID),
      ...little(REVISION_OF_OEM_AND_CREATOR, 4),
      ...body,
    ]);
    for (const pointer of pointers) this.pointers.push({ at: at + pointer.at, size: pointer.size });
    this.checksums.push({ at: at + 9, start: at, length });
    return at;
  }

  /** The bytes with pointers relative to the blob and checksums 0, in at least `size` bytes. */
  bytes(size = this.size): Uint8Array {
    const bytes = new Uint8Array(Math.max(size, this.size));
    bytes.set(this.#bytes);
    return bytes;
  }

  /** The bytes as they are when the blob that pointers refer to stands at `base`. */
  settle(base: number): Uint8Array {
    const bytes = this.bytes();
    for (const { at, size } of this.pointers) {
      const value = little(base + fromLittle(bytes, at, size), size);
      bytes.set(value, at);
    }
    for (const { at, start, length } of this.checksums) {
      const sum = bytes.subarray(start, start + length).reduce((total, byte) => total + byte, 0);
      bytes[at] = -sum & 0xff;
    }
    return bytes;
  }
}

function fromLittle(bytes: Uint8Array, at: number, size: number): number {
  let value = 0;
  for (let index = size - 1; index >= 0; index -= 1) value = value * 0x100 + bytes[at + index]!;
  return value;
}
