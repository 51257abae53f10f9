/**
 * The bytes of one function's configuration space with, for each byte, which bits software may write, clear by writing
 * 1, or not touch. Little-endian, as PCI is. What a write *does* beyond its bits stands in {@link PciFunction}.
 */
import { assert } from '../base/assert.ts';
import type { Register32 } from '../base/registers.ts';

export class ConfigSpace {
  readonly size: number;
  readonly bytes: Uint8Array;
  /** Bits that a guest's write replaces. */
  readonly writeMask: Uint8Array;
  /** Bits that a guest's 1 clears. */
  readonly clearMask: Uint8Array;

  constructor(size: number) {
    this.size = size;
    this.bytes = new Uint8Array(size);
    this.writeMask = new Uint8Array(size);
    this.clearMask = new Uint8Array(size);
  }

  /** Reads `size` (1-4) bytes; bytes beyond the end read as ones, as an absent register would. */
  read(offset: number, size: number): number {
    let value = 0;
    for (let index = size - 1; index >= 0; index -= 1) value = (value << 8) | (this.bytes[offset + index] ?? 0xff);
    return value >>> 0;
  }

  /** A guest's write of `size` (1-4) bytes: each byte obeys its masks; read-only bits stay. */
  guestWrite(offset: number, size: number, value: number): void {
    for (let index = 0; index < size; index += 1) {
      const at = offset + index;
      if (at >= this.size) return;
      const written = (value >>> (8 * index)) & 0xff;
      const writable = this.writeMask[at]!;
      const kept = this.bytes[at]! & ~writable & ~(written & this.clearMask[at]!);
      this.bytes[at] = kept | (written & writable);
    }
  }

  /** The device's own write: no masks. */
  set(offset: number, size: number, value: number): void {
    assert(offset + size <= this.size, 'a register lies inside the configuration space');
    for (let index = 0; index < size; index += 1) this.bytes[offset + index] = (value >>> (8 * index)) & 0xff;
  }

  /** Declares `size` (1-4) bytes: reset value, the bits software may write and those it clears by writing 1. */
  declare(offset: number, size: number, value: number, writeMask = 0, clearMask = 0): void {
    this.set(offset, size, value);
    for (let index = 0; index < size; index += 1) {
      this.writeMask[offset + index] = (writeMask >>> (8 * index)) & 0xff;
      this.clearMask[offset + index] = (clearMask >>> (8 * index)) & 0xff;
    }
  }

  /** Declares an aligned double word from its register table. */
  declareRegister(offset: number, register: Register32, value: number = register.reset): void {
    assert(register.setMask === 0, `${register.name} has no write-1-to-set bits`);
    this.declare(offset, 4, value, register.writeMask, register.clearMask);
  }

  /** True when an access of `size` bytes at `offset` touches any of the `length` bytes at `start`. */
  static touches(offset: number, size: number, start: number, length: number): boolean {
    return offset < start + length && start < offset + size;
  }
}
