/** The WebAssembly core: one memory of fixed size, its views, and the functions that cross the boundary. */

import { assert } from '../base/assert.ts';
import { alignUp } from '../base/bits.ts';
import { CORE_BASE64 } from './generated/core-binary.ts';
import {
  ACTIVE_CPU,
  CPU_COUNT,
  CPUS_MAX,
  RAM_BASE,
  RAM_END,
  SHADOW_DELTA,
  SPACE_COUNT,
  TRACK_WRITERS,
  VCPU_AREA,
  VCPU_AREA_SIZE,
} from './layout.ts';

/** What the core calls: plain 32-bit numbers only (`host.ts` in the core says what each means). */
export interface CoreImports {
  mmioRead(low: number, high: number, size: number): number;
  mmioWrite(low: number, high: number, size: number, valueLow: number, valueHigh: number): void;
  portRead(port: number, size: number): number;
  portWrite(port: number, size: number, value: number): void;
  acknowledgeInterrupt(): number;
  msrRead(msr: number): number;
  msrWrite(msr: number, low: number, high: number): number;
  numericError(): number;
  traceInterrupt(vector: number, hasError: number, errorCode: number, kind: number): void;
  pageTablesChanged(): void;
  watchedAccess(pointer: number, size: number, write: number): void;
  managementMode(entered: number): void;
  readClock(): void;
  readTaskPriority(): number;
  writeTaskPriority(priority: number): void;
  pause(): void;
  randomWord(): number;
  blockDecoded(backing: number, bytes: number): void;
}

/** What the core exports. */
export interface CoreExports {
  /** Runs at most `budget` (>= 0) instructions; returns an EXIT_* reason. */
  run(budget: number): number;
  /** Instructions executed in this run, or the last; inside an import the running one is not counted. */
  executed(): number;
  /** RIP of the running instruction, or of the next one. */
  position(): bigint;
  /** Number of an instruction address in the site table; a new one is added. 0: the table is full. */
  siteOf(address: bigint): number;
  /**
   * Decodes one instruction for a test, at bytes [from, to) of the core's memory with MODE as given, and runs nothing:
   * length in bits 7-0 (0: the bytes end too early), number of its row counted from 1 in bits 31-8 (0: invalid).
   */
  probe(from: number, to: number, mode: number): number;
  initialise(): void;
  resetActive(): void;
  switchTo(cpu: number): void;
  invalidate(pointer: number, size: number): void;
  rangesChanged(): void;
  observe(on: number): void;
  stateChanged(): void;
  flags(): number;
  setFlags(value: number): void;
}

const PAGE = 0x1_0000;
/** A 32-bit WebAssembly memory. */
const MEMORY_LIMIT = 2 ** 32;

export interface CoreSize {
  readonly memoryBytes: number;
  readonly cpus: number;
  readonly trackWriters: boolean;
}

let compiled: WebAssembly.Module | undefined;

/** The core's binary is compiled once, however many processors a test makes. */
function coreModule(): WebAssembly.Module {
  if (compiled === undefined) {
    const text = atob(CORE_BASE64);
    const bytes = new Uint8Array(text.length);
    for (let index = 0; index < text.length; index++) bytes[index] = text.charCodeAt(index);
    compiled = new WebAssembly.Module(bytes);
  }
  return compiled;
}

export class CoreInstance {
  readonly memory: WebAssembly.Memory;
  readonly bytes: Uint8Array;
  readonly words: Uint32Array;
  readonly quads: BigUint64Array;
  readonly exports: CoreExports;
  readonly ramBase: number;
  readonly ramEnd: number;
  /** The who-wrote words: none when writers are not tracked. */
  readonly shadow: Uint32Array;
  #allocated: number;

  /** Throws an InternalError when the sizes do not fit into 4 GiB. */
  constructor(size: CoreSize, imports: CoreImports) {
    assert(size.cpus >= 1 && size.cpus <= CPUS_MAX, `1 to ${CPUS_MAX} processors`);
    const memoryBytes = alignUp(size.memoryBytes, PAGE);
    const shadow = VCPU_AREA + size.cpus * VCPU_AREA_SIZE;
    // One 4-byte word per 8 bytes, and one to spare for a unit at the very end.
    const shadowBytes = size.trackWriters ? memoryBytes / 2 + 8 : 0;
    this.ramBase = alignUp(shadow + shadowBytes, PAGE);
    this.ramEnd = this.ramBase + memoryBytes;
    assert(this.ramEnd <= MEMORY_LIMIT, 'guest memory and the core fit into 4 GiB');
    const pages = this.ramEnd / PAGE;
    this.memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    this.bytes = new Uint8Array(this.memory.buffer);
    this.words = new Uint32Array(this.memory.buffer);
    this.quads = new BigUint64Array(this.memory.buffer);
    this.shadow = new Uint32Array(this.memory.buffer, shadow, shadowBytes / 4);
    this.#allocated = this.ramBase;
    const instance = new WebAssembly.Instance(coreModule(), {
      env: { memory: this.memory, abort: () => assert(false, 'the processor core aborted') },
      host: imports as unknown as Record<string, () => void>,
    });
    this.exports = instance.exports as unknown as CoreExports;
    this.setWord(CPU_COUNT, size.cpus);
    this.setWord(RAM_BASE, this.ramBase);
    this.setWord(RAM_END, this.ramEnd);
    this.setWord(SHADOW_DELTA, shadow - this.ramBase / 2);
    this.setWord(TRACK_WRITERS, size.trackWriters ? 1 : 0);
    // Index 0 means "not known".
    this.setWord(SPACE_COUNT, 1);
  }

  /** Index of the processor whose state stands in place. */
  get activeCpu(): number {
    return this.word(ACTIVE_CPU);
  }

  word(address: number): number {
    return this.words[address >>> 2]!;
  }

  setWord(address: number, value: number): void {
    this.words[address >>> 2] = value;
  }

  /** `address` must be a multiple of 8. */
  quad(address: number): bigint {
    return this.quads[address / 8]!;
  }

  setQuad(address: number, value: bigint): void {
    this.quads[address / 8] = BigInt.asUintN(64, value);
  }

  /** Zeroed bytes of guest memory, aligned to 4 KiB. */
  allocate(bytes: number): Uint8Array {
    const size = alignUp(bytes, 0x1000);
    assert(this.#allocated + size <= this.ramEnd, 'the processor was made with enough memory for all regions');
    const view = new Uint8Array(this.memory.buffer, this.#allocated, bytes);
    this.#allocated += size;
    return view;
  }
}
