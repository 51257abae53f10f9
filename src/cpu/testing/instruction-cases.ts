/** Processor states for single-instruction tests: the same seed gives the same registers and memory, for ever. */
import { X87_PLAIN, type X87State, x87Memory, x87Of } from './x87-cases.ts';

/** Guest addresses that the cases use; the native runner maps the same ones. */
export const CASE_CODE = 0x4_0000;
export const CASE_DATA = 0x5_0000;
export const CASE_DATA_BYTES = 1024;

/** Values at which integer instructions change their minds. */
const EDGES = [
  0n,
  1n,
  0x7fn,
  0x80n,
  0xffn,
  0x7fffn,
  0x8000n,
  0xffffn,
  0x7fff_ffffn,
  0x8000_0000n,
  0xffff_ffffn,
  0x1_0000_0000n,
  0x7fff_ffff_ffff_ffffn,
  0x8000_0000_0000_0000n,
  0xffff_ffff_ffff_fffen,
  0xffff_ffff_ffff_ffffn,
] as const;
const FLOATS = [0, -0, 1, -1, 0.5, 1.5, 2.5, -2.5, 3, 1e10, 1e20, 2 ** 31, -(2 ** 31) - 1, 2 ** 63, 123.456];
const ODD_FLOATS = [
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  Number.NaN,
  1e-310,
  1e-40,
  3.4e38,
  1e308,
  5e-324,
];

/** xorshift32: small, and fixed by its seed alone. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = (Math.imul(seed, 0x9e37_79b1) ^ 0x5bd1_e995) >>> 0 || 1;
  }

  next(): number {
    let state = this.#state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#state = state >>> 0;
    return this.#state;
  }

  below(limit: number): number {
    return this.next() % limit;
  }

  integer(): bigint {
    const full = (BigInt(this.next()) << 32n) | BigInt(this.next());
    const kind = this.below(8);
    if (kind < 3) return EDGES[this.below(EDGES.length)]!;
    if (kind === 3) return full & 0x7fn;
    return kind === 4 ? full >> BigInt(this.below(64)) : full;
  }

  /** 64 bits that mean something as a double or as two floats. */
  floating(): bigint {
    const view = new DataView(new ArrayBuffer(8));
    const pick = () => {
      const list = this.below(3) === 0 ? ODD_FLOATS : FLOATS;
      return list[this.below(list.length)]!;
    };
    switch (this.below(4)) {
      case 0:
        view.setFloat64(0, pick(), true);
        break;
      case 1:
        view.setFloat32(0, pick(), true);
        view.setFloat32(4, pick(), true);
        break;
      case 2:
        view.setFloat64(0, (this.below(4001) - 2000) / 7, true);
        break;
      default:
        return this.integer();
    }
    return view.getBigUint64(0, true);
  }
}

export interface CaseState {
  /** rax rcx rdx rbx rsp rbp rsi rdi r8..r15 */
  readonly gpr: bigint[];
  flags: number;
  mxcsr: number;
  /** xmm0-15 as pairs of 64 bits, low half first. */
  readonly xmm: bigint[];
  /** {@link CASE_DATA_BYTES} at {@link CASE_DATA}, as 64-bit words. */
  readonly memory: bigint[];
  readonly x87: X87State;
}

/**
 * The state of a seed. rbx, rsp, rsi and rdi point into the data. With `x87` the x87 registers, and memory from rbx on,
 * hold values that matter to it; without, they are as FNINIT leaves them.
 */
export function stateOf(seed: number, x87 = false): CaseState {
  const random = new Random(seed);
  const gpr = Array.from({ length: 16 }, () => random.integer());
  gpr[3] = BigInt(CASE_DATA + 0x80);
  gpr[4] = BigInt(CASE_DATA + 0x200);
  gpr[6] = BigInt(CASE_DATA + 0x100 + random.below(16));
  gpr[7] = BigInt(CASE_DATA + 0x180 + random.below(16));
  let flags = 0x202;
  for (const bit of [0, 2, 4, 6, 7, 11]) if (random.below(2) === 1) flags |= 1 << bit;
  if (random.below(6) === 0) flags |= 0x400;
  const mxcsr = 0x1f80 | (random.below(3) === 0 ? random.below(4) << 13 : 0);
  const xmm = Array.from({ length: 32 }, () => random.floating());
  const memory = Array.from({ length: CASE_DATA_BYTES / 8 }, () =>
    random.below(2) === 0 ? random.floating() : random.integer(),
  );
  if (!x87) return { gpr, flags, mxcsr, xmm, memory, x87: X87_PLAIN };
  const second = new Random(seed ^ 0x7654_3210);
  x87Memory(second, memory, 16);
  return { gpr, flags, mxcsr, xmm, memory, x87: x87Of(second) };
}

/** What a fixture file holds for one instruction. Numbers are hexadecimal text. */
export interface NativeCase {
  readonly name: string;
  /** Code bytes; the harness adds what ends the case. */
  readonly code: string;
  readonly seed: number;
  /** General registers that are not the seed's: number and value. */
  readonly set?: readonly (readonly [number, string])[];
  /** EFLAGS bits that the manual leaves undefined. */
  readonly undefinedFlags: number;
  /** The exception it raised, or -1; nothing else is compared then. */
  readonly vector: number;
  readonly flags: number;
  readonly mxcsr: number;
  /** What changed: index and new value. */
  readonly gpr: readonly (readonly [number, string])[];
  readonly xmm: readonly (readonly [number, string])[];
  readonly memory: readonly (readonly [number, string])[];
  /** For instructions that use it: control and status word, abridged tags, and which words of ST0-ST7 changed. */
  readonly x87?: {
    readonly control: number;
    readonly status: number;
    readonly tags: number;
    readonly registers: readonly (readonly [number, string])[];
  };
}
