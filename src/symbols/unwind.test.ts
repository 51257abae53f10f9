import { describe, expect, it } from 'vitest';
import { type Gva, gva } from '../base/address.ts';
import { type UnwindPorts, unwind } from './unwind.ts';

const STACK = 0xffff_ff80_0030_0000n;
const CODE = 0xffff_ff80_0020_0000n;

/** A stack of 64-bit words from {@link STACK} up, and 64 KiB of code. */
function guest(words: Readonly<Record<number, bigint>>, code: Readonly<Record<number, readonly number[]>> = {}) {
  const ports: UnwindPorts = {
    readWord: (address) => {
      const offset = Number((address as bigint) - STACK);
      return offset >= 0 && offset < 0x1000 ? (words[offset] ?? 0n) : undefined;
    },
    isCode: (address) => address >= CODE && address < CODE + 0x1_0000n,
    functionStart: (pc) => gva((pc as bigint) & ~0xffn),
    readCode: (address, size) => {
      const bytes = new Uint8Array(size).fill(0x90);
      for (const [at, values] of Object.entries(code)) {
        const start = Number(CODE + BigInt(at) - (address as bigint));
        values.forEach((value, index) => {
          if (start + index >= 0 && start + index < size) bytes[start + index] = value;
        });
      }
      return bytes;
    },
  };
  return ports;
}

function start(pc: bigint, framePointer: bigint, stackPointer = STACK) {
  return { pc: gva(CODE + pc), framePointer: gva(framePointer), stackPointer: gva(stackPointer), wordSize: 8 as const };
}

const pcs = (frames: readonly { pc: Gva }[]) => frames.map(({ pc }) => Number((pc as bigint) - CODE));

describe('unwind', () => {
  it('follows saved frame pointers to the outermost frame, whose saved pointer is 0', () => {
    const ports = guest({ 16: STACK + 0x40n, 24: CODE + 0x210n, 64: 0n, 72: CODE + 0x320n });
    const frames = unwind(start(0x120n, STACK + 0x10n), ports);
    expect(pcs(frames)).toEqual([0x120, 0x210, 0x320]);
    expect(frames.map(({ guessed }) => guessed)).toEqual([false, false, false]);
    expect(frames[1]!.lookup).toBe(CODE + 0x20fn);
  });

  it('finds the caller before and after push rbp', () => {
    const ports = guest(
      { 0: CODE + 0x210n, 8: CODE + 0x210n, 64: 0n, 72: CODE + 0x320n },
      { 256: [0x55, 0x48, 0x89, 0xe5] },
    );
    expect(pcs(unwind(start(0x100n, STACK + 0x40n), ports))).toEqual([0x100, 0x210, 0x320]);
    const pushed = guest({ 0: 7n, 8: CODE + 0x210n, 64: 0n, 72: CODE + 0x320n }, { 256: [0x55] });
    expect(pcs(unwind(start(0x101n, STACK + 0x40n), pushed))).toEqual([0x101, 0x210, 0x320]);
  });

  it('finds the caller of a leaf that keeps no frame, if a call put it on top of the stack', () => {
    const words = { 0: CODE + 0x210n, 64: 0n, 72: CODE + 0x320n };
    const call = { 523: [0xe8, 0, 0, 0, 0] };
    expect(pcs(unwind(start(0x120n, STACK + 0x40n), guest(words, call)))).toEqual([0x120, 0x210, 0x320]);
    // No call before it: a local variable. With push rbp at its start the function keeps a frame.
    expect(pcs(unwind(start(0x120n, STACK + 0x40n), guest(words)))).toEqual([0x120, 0x320]);
    const framed = guest(words, { ...call, 256: [0x55] });
    expect(pcs(unwind(start(0x120n, STACK + 0x40n), framed))).toEqual([0x120, 0x320]);
  });

  it('stops at a chain that turns back, is not aligned, leaves the stack or returns to data', () => {
    const back = guest({ 64: STACK + 0x10n, 72: CODE + 0x210n, 16: STACK + 0x40n, 24: CODE + 0x210n });
    expect(pcs(unwind(start(0x120n, STACK + 0x40n), back))).toEqual([0x120, 0x210]);
    expect(pcs(unwind(start(0x120n, STACK + 0x41n), guest({})))).toEqual([0x120]);
    expect(pcs(unwind(start(0x120n, 0x1234_5678n), guest({})))).toEqual([0x120]);
    expect(pcs(unwind(start(0x120n, STACK + 0x10n), guest({ 24: 0x1000n })))).toEqual([0x120]);
  });

  it('marks what it found by scanning, and takes only words that follow a call', () => {
    const ports = guest(
      { 8: CODE + 0x234n, 32: CODE + 0x345n, 40: CODE + 0x456n },
      { 832: [0xe8, 0, 0, 0, 0], 1108: [0xff, 0xd0] },
    );
    const frames = unwind(start(0x120n, 0n), ports);
    expect(pcs(frames)).toEqual([0x120, 0x345, 0x456]);
    expect(frames.map(({ guessed }) => guessed)).toEqual([false, true, true]);
  });

  it('goes by call frame information, and on by the chain where that ends', () => {
    const rules = { saved: new Map([[16, -8]]), lost: new Set<number>(), returnAddress: 16, interrupted: false };
    const words = { 8: CODE + 0x210n, 32: STACK + 0x40n, 40: CODE + 0x320n, 64: 0n, 72: CODE + 0x410n };
    const ports: UnwindPorts = {
      ...guest(words),
      callFrame: (address) => {
        const function_ = ((address as bigint) - CODE) >> 8n;
        if (function_ === 1n) return { ...rules, base: 7, offset: 16 };
        if (function_ !== 2n) return undefined;
        return { ...rules, base: 7, offset: 32, saved: new Map([...rules.saved, [6, -16]]) };
      },
    };
    const frames = unwind(start(0x120n, 0x77n), ports);
    expect(pcs(frames)).toEqual([0x120, 0x210, 0x320, 0x410]);
    expect(frames.some(({ guessed }) => guessed)).toBe(false);
  });

  it('takes a caller that was interrupted at its instruction', () => {
    const saved = new Map([[16, -40]]);
    const ports: UnwindPorts = {
      ...guest({ 8: CODE + 0x210n }),
      callFrame: (address) =>
        address < CODE + 0x200n
          ? { base: 7, offset: 48, saved, lost: new Set(), returnAddress: 16, interrupted: true }
          : undefined,
    };
    expect(unwind(start(0x120n, 0n), ports).map(({ lookup }) => (lookup as bigint) - CODE)).toEqual([0x120n, 0x210n]);
  });

  it('leaves call frame information that leads down the stack, away from it, or to data', () => {
    const rules = { saved: new Map([[16, -8]]), lost: new Set<number>(), returnAddress: 16, interrupted: false };
    const from = (base: number, offset: number, words: Readonly<Record<number, bigint>>) =>
      pcs(unwind(start(0x120n, 0n), { ...guest(words), callFrame: () => ({ ...rules, base, offset }) }));
    expect(from(7, 0, { 0: CODE + 0x210n })).toEqual([0x120]);
    expect(from(7, 1 << 24, {})).toEqual([0x120]);
    expect(from(7, 16, { 8: 0x1000n })).toEqual([0x120]);
    // A register that is not followed.
    expect(from(3, 16, { 8: CODE + 0x210n })).toEqual([0x120]);
  });

  it('is bounded by 64 frames of endless recursion', () => {
    const words: Record<number, bigint> = {};
    for (let at = 0; at < 0x1000; at += 16)
      Object.assign(words, { [at]: STACK + BigInt(at + 16), [at + 8]: CODE + 0x210n });
    expect(unwind(start(0x120n, STACK), guest(words))).toHaveLength(64);
  });
});
