/** One case as host.c reads and writes it: the state before an instruction, and in its place the state after it. */

export const CASE_BYTES = 2048;

/** Byte offsets in a case. */
export const AT = {
  gpr: 0,
  rip: 128,
  flags: 136,
  fsBase: 144,
  gsBase: 152,
  /** cs ss ds es fs gs, 16 bits each. */
  segments: 160,
  /** Where {@link WINDOW_BYTES} of memory with the case's data start. */
  window: 176,
  codeLength: 180,
  /** What ended it: vector, error code, CR2. */
  vector: 184,
  error: 188,
  address: 192,
  /** 1: something outside of the window was written. */
  outside: 200,
  /** What its base state was made from; nothing to the processor. */
  seed: 204,
  fx: 208,
  mxcsr: 208 + 24,
  st: 208 + 32,
  xmm: 208 + 160,
  ymmHigh: 720,
  code: 976,
  data: 992,
  /** Base of the code segment that the case begins in: RIP counts from there. */
  codeBase: 2016,
} as const;

/** Linear addresses; the same on both sides. What is not here is not mapped. */
export const CODE = 0x4_0000;
export const CODE_BYTES = 0x2000;
export const READ_ONLY = 0x4_f000;
export const DATA = 0x5_0000;
export const DATA_BYTES = 0x2000;
export const WINDOW_BYTES = 1024;
/** Fills code and data where the case has nothing. */
export const BREAKPOINT = 0xcc;
export const FILLER = 0x5a;

/** Selectors of Linux: 64-bit and 32-bit code, flat data. Those of the LDT are in local-segments.ts. */
export const CODE_64 = 0x33;
export const CODE_32 = 0x23;
export const FLAT_DATA = 0x2b;

export const TRAP_FLAG = 0x100;
export const ALIGNMENT_CHECK = 0x4_0000;

/** Views of one case within a larger buffer. */
export class CaseView {
  readonly bytes: Uint8Array;
  readonly view: DataView;

  constructor(buffer: Uint8Array, index: number) {
    this.bytes = buffer.subarray(index * CASE_BYTES, (index + 1) * CASE_BYTES);
    this.view = new DataView(this.bytes.buffer, this.bytes.byteOffset, CASE_BYTES);
  }

  u64(at: number): bigint {
    return this.view.getBigUint64(at, true);
  }

  setU64(at: number, value: bigint): void {
    this.view.setBigUint64(at, BigInt.asUintN(64, value), true);
  }

  u32(at: number): number {
    return this.view.getUint32(at, true);
  }

  setU32(at: number, value: number): void {
    this.view.setUint32(at, value >>> 0, true);
  }

  gpr(number: number): bigint {
    return this.u64(AT.gpr + number * 8);
  }

  setGpr(number: number, value: bigint): void {
    this.setU64(AT.gpr + number * 8, value);
  }

  /** cs 0, ss 1, ds 2, es 3, fs 4, gs 5. */
  segment(index: number): number {
    return this.view.getUint16(AT.segments + index * 2, true);
  }

  setSegment(index: number, selector: number): void {
    this.view.setUint16(AT.segments + index * 2, selector, true);
  }

  /** Linear address of the instruction. */
  get linearRip(): bigint {
    return this.u64(AT.rip) + BigInt(this.u32(AT.codeBase));
  }

  get is64(): boolean {
    return this.segment(0) === CODE_64;
  }
}
