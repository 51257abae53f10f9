/** Who stored last to each 8 bytes of RAM: the words that the core and the facade keep, in readable form. */
import { type Gpa, gpa, gva } from '../base/address.ts';
import { assert } from '../base/assert.ts';
import type { StateSource, StateValue } from '../base/state.ts';
import type { CoreInstance } from './core-instance.ts';
import {
  SHADOW_DELTA,
  SITE_TABLE,
  SITES_MAX,
  SPACE_COUNT,
  SPACE_TABLE,
  SPACES_MAX,
  TRACK_WRITERS,
  WRITER_DEVICE,
} from './layout.ts';
import type { Writer } from './types.ts';

/** A who-wrote word has room for this many devices. */
const DEVICES_MAX = 0xff_ffff;
/** Saved words come in runs of this many, and only runs that hold any. */
const RUN_WORDS = 1024;

export class WriterShadow implements StateSource {
  readonly name = 'cpu-writers';
  readonly version = 1;
  readonly #core: CoreInstance;
  readonly #devices: string[] = [];
  readonly #numbers = new Map<string, number>();

  constructor(core: CoreInstance) {
    this.#core = core;
  }

  get enabled(): boolean {
    return this.#core.word(TRACK_WRITERS) !== 0;
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

  // --- Saved state --------------------------------------------------------------------------------------------------

  save(): { readonly [field: string]: StateValue } {
    const core = this.#core;
    const sites: bigint[] = [];
    for (let site = 1; site < SITES_MAX && core.quad(SITE_TABLE + site * 8) !== 0n; site++) {
      sites.push(core.quad(SITE_TABLE + site * 8));
    }
    const spaces: bigint[] = [];
    for (let space = 1; space < core.word(SPACE_COUNT); space++) spaces.push(core.quad(SPACE_TABLE + space * 8));
    const runs: StateValue[] = [];
    for (let first = 0; first < core.shadow.length; first += RUN_WORDS) {
      const run = core.shadow.subarray(first, first + RUN_WORDS);
      if (run.some((word) => word !== 0)) {
        runs.push({ first, words: new Uint8Array(run.buffer, run.byteOffset, run.byteLength).slice() });
      }
    }
    return { sites, spaces, devices: [...this.#devices], runs };
  }

  /** Numbers are those of the core that saved: they are found again, or added, in this one. */
  load(fields: { readonly [field: string]: StateValue }): void {
    const list = (name: string) => (Array.isArray(fields[name]) ? (fields[name] as readonly StateValue[]) : []);
    const sites = [0, ...list('sites').map((address) => this.#core.exports.siteOf(BigInt(address as bigint)))];
    const spaces = [0, ...list('spaces').map((root) => this.#spaceOf(root as bigint))];
    const devices = list('devices').map((name) => this.#numberOf(name as string));
    const translated = (word: number): number => {
      if (word >= WRITER_DEVICE) return WRITER_DEVICE + (devices[word - WRITER_DEVICE] ?? 0);
      const site = sites[word & 0xff_ffff] ?? 0;
      return site === 0 ? 0 : (((spaces[word >>> 24] ?? 0) << 24) | site) >>> 0;
    };
    this.#core.shadow.fill(0);
    for (const run of list('runs') as readonly { first: number; words: Uint8Array }[]) {
      const words = new Uint32Array(run.words.slice().buffer);
      for (const [index, word] of words.entries()) this.#core.shadow[run.first + index] = translated(word);
    }
  }

  #spaceOf(root: bigint): number {
    const count = this.#core.word(SPACE_COUNT);
    for (let space = 1; space < count; space++) if (this.#core.quad(SPACE_TABLE + space * 8) === root) return space;
    if (count >= SPACES_MAX) return 0;
    this.#core.setQuad(SPACE_TABLE + count * 8, root);
    this.#core.setWord(SPACE_COUNT, count + 1);
    return count;
  }
}
