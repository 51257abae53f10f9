/** A serial EEPROM of 256 bytes, as memory modules describe themselves with (JEDEC SPD); the first byte written is an address. */
import type { StateSource, StateValue } from '../../base/state.ts';

/** A device on the SMBus, once it has acknowledged its address. */
export interface SmbusDevice {
  /** The host wrote `bytes`, up to the stop or the repeated start. */
  write(bytes: readonly number[]): void;
  /** The host reads the next byte. */
  read(): number;
}

const EEPROM_BYTES = 256;

export class SmbusEeprom implements SmbusDevice, StateSource {
  readonly name: string;
  readonly version = 1;
  readonly #bytes = new Uint8Array(EEPROM_BYTES);
  #offset = 0;

  /** `content` up to 256 bytes; the rest is zero. */
  constructor(name: string, content: Uint8Array = new Uint8Array(0)) {
    this.name = name;
    this.#bytes.set(content.subarray(0, EEPROM_BYTES));
  }

  write(bytes: readonly number[]): void {
    if (bytes.length === 0) return;
    this.#offset = bytes[0]!;
    for (const byte of bytes.slice(1)) {
      this.#bytes[this.#offset] = byte;
      this.#offset = (this.#offset + 1) % EEPROM_BYTES;
    }
  }

  read(): number {
    const byte = this.#bytes[this.#offset]!;
    this.#offset = (this.#offset + 1) % EEPROM_BYTES;
    return byte;
  }

  save(): { readonly [field: string]: StateValue } {
    return { bytes: this.#bytes.slice(), offset: this.#offset };
  }

  load(fields: { readonly [field: string]: StateValue }): void {
    this.#bytes.set(fields.bytes as Uint8Array);
    this.#offset = fields.offset as number;
  }
}
