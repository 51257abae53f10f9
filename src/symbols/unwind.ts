/**
 * Who called whom: by the call frame information of the image as far as it goes, then by the chain of saved frame pointers
 * (System V ABI for x86-64, section 3.2.2). Where neither says anything, words on the stack that follow a call instruction
 * are offered, marked as guessed.
 */
import { type Gva, gva } from '../base/address.ts';
import type { CallFrameRules } from './dwarf/call-frames.ts';

export interface UnwindStart {
  readonly pc: Gva;
  /** rbp, or ebp. */
  readonly framePointer: Gva;
  /** rsp, or esp. */
  readonly stackPointer: Gva;
  /** Bytes of a saved register: 8, or 4 in 32-bit code. */
  readonly wordSize: 4 | 8;
}

export interface UnwindPorts {
  /** A word of the guest's memory as the guest's page tables show it; `undefined` where nothing is mapped. */
  readWord(address: Gva): bigint | undefined;
  /** True when an address is in code that the symbols know, or (without symbols) could be code at all. */
  isCode(address: Gva): boolean;
  /** First address of the function that holds `pc`; sees that a function is still in its first instructions. */
  functionStart?(pc: Gva): Gva | undefined;
  /** How the caller of the code at an address is found. */
  callFrame?(address: Gva): CallFrameRules | undefined;
  /** The bytes before a return address, for telling a return address from a stray pointer. */
  readCode?(address: Gva, size: number): Uint8Array | undefined;
}

export interface UnwoundFrame {
  /** Where the frame stands: the instruction itself in the innermost one, a return address in the others. */
  readonly pc: Gva;
  /** What to look up in line tables: a return address minus one, so that it falls on the call. */
  readonly lookup: Gva;
  /** Found by scanning the stack, not by the chain. */
  readonly guessed: boolean;
}

/** Frames shown at most: recursion without end is one of the things that go wrong. */
const FRAMES_MAX = 64;
/** A frame larger than this is no frame but a wild frame pointer. */
const FRAME_BYTES_MAX = 1n << 20n;
/** Words of the stack searched for return addresses where the chain does not help. */
const SCAN_WORDS_MAX = 256;

/** Innermost first; always at least the frame of `start.pc`. */
export function unwind(start: UnwindStart, ports: UnwindPorts): UnwoundFrame[] {
  const frames: UnwoundFrame[] = [{ pc: start.pc, lookup: start.pc, guessed: false }];
  const word = BigInt(start.wordSize);
  const described = new DescribedFrames(start, ports);
  described.follow(frames);
  if (frames.length === 1) {
    const early = callerInPrologue(start, ports);
    if (early !== undefined) push(frames, early);
  }
  let frame = described.framePointer;
  let floor = described.stackPointer;
  while (frames.length < FRAMES_MAX) {
    if (frame % word !== 0n || frame < floor || frame - floor > FRAME_BYTES_MAX) break;
    const saved = ports.readWord(gva(frame));
    const returnAddress = ports.readWord(gva(frame + word));
    if (saved === undefined || returnAddress === undefined || !ports.isCode(gva(returnAddress))) break;
    push(frames, returnAddress);
    floor = frame + 2n * word;
    if (saved === 0n) return frames;
    frame = saved;
  }
  // Neither gave anything beyond the innermost frame: code built without frame pointers and without debug information.
  if (frames.length === 1) scan(start, ports, frames);
  return frames;
}

function push(frames: UnwoundFrame[], returnAddress: bigint, guessed = false): void {
  frames.push({ pc: gva(returnAddress), lookup: gva(returnAddress - 1n), guessed });
}

/** DWARF numbers of the frame pointer and the stack pointer (System V ABIs: x86-64 figure 3.36, i386 table 2.14). */
const REGISTERS = { 8: { frame: 6, stack: 7 }, 4: { frame: 5, stack: 4 } } as const;

/** Frames that call frame information describes, and where it left the two registers that lead on. */
class DescribedFrames {
  framePointer: bigint;
  stackPointer: bigint;

  constructor(
    private readonly start: UnwindStart,
    private readonly ports: UnwindPorts,
  ) {
    this.framePointer = start.framePointer;
    this.stackPointer = start.stackPointer;
  }

  /** Adds the callers of the innermost frame up to the first that is not described. */
  follow(frames: UnwoundFrame[]): void {
    while (frames.length < FRAMES_MAX) {
      const rules = this.ports.callFrame?.(frames.at(-1)!.lookup);
      const returnAddress = rules === undefined ? undefined : this.#leave(rules);
      if (rules === undefined || returnAddress === undefined) return;
      const lookup = gva(rules.interrupted ? returnAddress : returnAddress - 1n);
      frames.push({ pc: gva(returnAddress), lookup, guessed: false });
    }
  }

  /** Goes from one frame to its caller's; the return address, or `undefined` (nothing changed) where that leads nowhere. */
  #leave(rules: CallFrameRules): bigint | undefined {
    const { wordSize } = this.start;
    const { frame, stack } = REGISTERS[wordSize];
    if (rules.base !== frame && rules.base !== stack) return undefined;
    const base = rules.base === frame ? this.framePointer : this.stackPointer;
    const address = BigInt.asUintN(wordSize * 8, base + BigInt(rules.offset));
    if (address <= this.stackPointer || address - this.stackPointer > FRAME_BYTES_MAX) return undefined;
    const returnAddress = this.#saved(rules, rules.returnAddress, address);
    if (returnAddress === undefined || !this.ports.isCode(gva(returnAddress))) return undefined;
    // A caller whose frame pointer is gone can still be found by its stack pointer.
    this.framePointer = rules.lost.has(frame) ? 0n : (this.#saved(rules, frame, address) ?? this.framePointer);
    this.stackPointer = address;
    return returnAddress;
  }

  #saved(rules: CallFrameRules, register: number, address: bigint): bigint | undefined {
    const offset = rules.saved.get(register);
    return offset === undefined ? undefined : this.ports.readWord(gva(address + BigInt(offset)));
  }
}

/** Bytes of `push rbp`, with and without an `endbr64` before it; after them the frame pointer is still the caller's. */
const ENDBR = [0xf3, 0x0f, 0x1e];

/**
 * In the first instructions of a function the chain misses the caller: its return address is still on top of the stack
 * (before `push rbp`) or just below the saved frame pointer (before `mov rbp, rsp`). In a leaf without a frame it stays
 * on top.
 */
function callerInPrologue(start: UnwindStart, ports: UnwindPorts): bigint | undefined {
  const begin = ports.functionStart?.(start.pc);
  if (begin === undefined) return undefined;
  const code = ports.readCode?.(begin, 5);
  const hasEndbr = code !== undefined && ENDBR.every((byte, index) => code[index] === byte);
  const pushAt = hasEndbr ? 4n : 0n;
  const distance = start.pc - begin;
  const word = BigInt(start.wordSize);
  // A leaf seldom keeps a frame, even where the compiler was told to keep them.
  if (distance > pushAt + 1n) {
    return code === undefined || code[Number(pushAt)] === 0x55 ? undefined : callerOnTop(start, ports);
  }
  const pushed = distance === pushAt + 1n;
  // Without `push rbp` there the function keeps no frame, and one byte on the stack is anything.
  if (pushed && code?.[Number(pushAt)] !== 0x55) return undefined;
  const slot = (start.stackPointer as bigint) + (pushed ? word : 0n);
  const value = ports.readWord(gva(slot));
  return value !== undefined && ports.isCode(gva(value)) ? value : undefined;
}

/** The word on top of the stack, if a call put it there: the caller of a function that has pushed nothing. */
function callerOnTop(start: UnwindStart, ports: UnwindPorts): bigint | undefined {
  const value = ports.readWord(start.stackPointer);
  return value !== undefined && ports.isCode(gva(value)) && followsCall(gva(value), ports) ? value : undefined;
}

function scan(start: UnwindStart, ports: UnwindPorts, frames: UnwoundFrame[]): void {
  const word = BigInt(start.wordSize);
  let slot = (start.stackPointer as bigint) - ((start.stackPointer as bigint) % word);
  for (let count = 0; count < SCAN_WORDS_MAX && frames.length < FRAMES_MAX; count += 1, slot += word) {
    const value = ports.readWord(gva(slot));
    if (value === undefined) return;
    if (ports.isCode(gva(value)) && followsCall(gva(value), ports)) push(frames, value, true);
  }
}

/** True when a call instruction ends just before `address` (Intel SDM Vol. 2A, CALL: E8 rel32 and FF /2). */
function followsCall(address: Gva, ports: UnwindPorts): boolean {
  const code = ports.readCode?.(gva((address as bigint) - 7n), 7);
  if (code === undefined || code.length < 7) return false;
  if (code[2] === 0xe8) return true;
  // FF /2 is 2, 3, 4, 6 or 7 bytes long by its addressing form; a REX prefix before it changes nothing here.
  for (const length of [2, 3, 4, 6, 7]) {
    const at = 7 - length;
    if (code[at] === 0xff && ((code[at + 1]! >> 3) & 7) === 2) return true;
  }
  return false;
}
