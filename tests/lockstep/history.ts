/** The instructions that ran last. */

import { gva } from '../../src/base/address.ts';
import { SEG_CS, SEGMENT_BASE, SEGMENT_SIZE, SEGMENTS } from '../../src/cpu/layout.ts';
import type { Board } from './board.ts';

const LONGEST_INSTRUCTION = 15;
const PAGE_MASK = 0xfffn;

export interface Executed {
  /** Number of the instruction since the start of the comparison. */
  readonly step: number;
  readonly selector: number;
  readonly ip: bigint;
  readonly bits: 16 | 32 | 64;
  readonly bytes: Uint8Array;
}

/** Where the code segment begins. */
export function codeBase(board: Board): bigint {
  return board.processor.core.quad(SEGMENTS + SEG_CS * SEGMENT_SIZE + SEGMENT_BASE);
}

/** The bytes of the instruction at `ip`, as far as they are in RAM or ROM. */
export function codeBytes(board: Board, ip: bigint): Uint8Array {
  const { core } = board.processor;
  const bytes = new Uint8Array(LONGEST_INSTRUCTION);
  const linear = BigInt.asUintN(64, codeBase(board) + ip);
  let pointer: number | undefined;
  for (let index = 0; index < LONGEST_INSTRUCTION; index++) {
    const at = linear + BigInt(index);
    if (index === 0 || (at & PAGE_MASK) === 0n) {
      const physical = board.processor.translate(gva(at));
      pointer = physical === undefined ? undefined : board.pointerTo(physical);
    } else if (pointer !== undefined) pointer += 1;
    if (pointer === undefined) return bytes.subarray(0, index);
    bytes[index] = core.bytes[pointer]!;
  }
  return bytes;
}

export class History {
  readonly #entries: Executed[] = [];
  #next = 0;

  constructor(readonly size: number) {}

  push(entry: Executed): void {
    this.#entries[this.#next] = entry;
    this.#next = (this.#next + 1) % this.size;
  }

  get last(): Executed | undefined {
    return this.#entries[(this.#next + this.size - 1) % this.size];
  }

  /** Oldest first. */
  list(): Executed[] {
    return [...this.#entries.slice(this.#next), ...this.#entries.slice(0, this.#next)];
  }
}
