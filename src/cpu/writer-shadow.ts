/** Who stored last to each 8 bytes of RAM: the words that the core and the facade keep, in readable form. */
import { type Gpa, gpa, gva } from '../base/address.ts';
import { assert } from '../base/assert.ts';
import type { CoreInstance } from './core-instance.ts';
import { SHADOW_DELTA, SITE_TABLE, SPACE_TABLE, TRACK_WRITERS, WRITER_DEVICE } from './layout.ts';
import type { Writer } from './types.ts';

/** A who-wrote word has room for this many devices. */
const DEVICES_MAX = 0xff_ffff;

export class WriterShadow {
  readonly #core: CoreInstance;
  readonly #devices: string[] = [];
  readonly #numbers = new Map<string, number>();

  constructor(core: CoreInstance) {
    this.#core = core;
  }

  get enabled(): boolean {
    return this.#core.word(TRACK_WRITERS) !== 0;
  }

  /** Names of the devices that wrote, by number; part of the saved state. */
  get devices(): readonly string[] {
    return this.#devices;
  }

  restore(devices: readonly string[]): void {
    this.#devices.length = 0;
    this.#numbers.clear();
    for (const name of devices) this.#numberOf(name);
  }

  /** Index of the word of a backing byte, in 32-bit units. */
  #index(pointer: number): number {
    return ((Math.floor(pointer / 8) * 4 + this.#core.word(SHADOW_DELTA)) >>> 0) / 4;
  }

  #numberOf(device: string): number {
    let number = this.#numbers.get(device);
    if (number === undefined) {
      number = this.#devices.length;
      assert(number < DEVICES_MAX, 'fewer devices than who-wrote words can name');
      this.#devices.push(device);
      this.#numbers.set(device, number);
    }
    return number;
  }

  /** Notes a device as the writer of `size` backing bytes. */
  noteDevice(pointer: number, size: number, device: string): void {
    if (size <= 0 || !this.enabled) return;
    const word = WRITER_DEVICE + this.#numberOf(device);
    this.#core.words.fill(word, this.#index(pointer), this.#index(pointer + size - 1) + 1);
  }

  /** Who wrote the 8 bytes around a backing byte; `undefined`: nobody yet, or nobody known. */
  writerOf(pointer: number): Writer | undefined {
    if (!this.enabled) return undefined;
    const word = this.#core.words[this.#index(pointer)]!;
    if (word >= WRITER_DEVICE) {
      const name = this.#devices[word - WRITER_DEVICE];
      return name === undefined ? undefined : { kind: 'device', name };
    }
    const site = word & 0xff_ffff;
    if (site === 0) return undefined;
    return {
      kind: 'cpu',
      pc: gva(this.#core.quad(SITE_TABLE + site * 8)),
      pageTables: this.#pageTables(word >>> 24),
    };
  }

  #pageTables(space: number): Gpa | undefined {
    return space === 0 ? undefined : gpa(Number(this.#core.quad(SPACE_TABLE + space * 8)));
  }
}
