/**
 * A naive model of the memory system, byte by byte and piece by piece, written from the rules and not from the code:
 * property tests compare the two. A machine is a tree of plain data.
 */
import { AliasRegion, ContainerRegion, type MemoryRegion, type MemorySystem, MmioRegion, RamRegion } from '../index.ts';
import { MEMTX_OK, type MemTxAttrs } from '../memtx.ts';
import type { MmioOps, MmioValue } from '../mmio-ops.ts';

export interface Rules {
  readonly validMinimum: number;
  readonly validMaximum: number;
  readonly validUnaligned: boolean;
  readonly implMinimum: number;
  readonly implMaximum: number;
  readonly implUnaligned: boolean;
  readonly big: boolean;
}

export interface Node {
  readonly kind: 'container' | 'ram' | 'rom' | 'mmio' | 'alias';
  readonly size: number;
  readonly address: number;
  readonly priority: number;
  readonly enabled: boolean;
  readonly readonly: boolean;
  readonly rules: Rules;
  /** For an alias: which node of the forest it shows (by index), and from which offset. */
  readonly target: number;
  readonly offset: number;
  /** In order of adding. */
  readonly children: readonly Node[];
}

/** A device's registers: bytes that a callback of any width reads and writes in the device's own byte order. */
export class Registers {
  readonly bytes = new Map<number, number>();

  constructor(readonly seed: number) {}

  byte(offset: number): number {
    return this.bytes.get(offset) ?? (offset * 7 + this.seed) & 0xff;
  }

  ops(rules: Rules): MmioOps {
    const place = (size: number, index: number): number => (rules.big ? size - 1 - index : index);
    const readWithAttrs = (offset: number, size: number, _attrs: MemTxAttrs, out: MmioValue): number => {
      let value = 0n;
      for (let i = 0; i < size; i += 1) value |= BigInt(this.byte(offset + i)) << BigInt(8 * place(size, i));
      out.low = Number(value & 0xffff_ffffn);
      out.high = Number(value >> 32n);
      return MEMTX_OK;
    };
    const writeWithAttrs = (offset: number, size: number, low: number, high: number): number => {
      const value = (BigInt(high) << 32n) | BigInt(low);
      for (let i = 0; i < size; i += 1)
        this.bytes.set(offset + i, Number((value >> BigInt(8 * place(size, i))) & 0xffn));
      return MEMTX_OK;
    };
    const out = { low: 0, high: 0 };
    const plain: MmioOps = {
      read: (offset, size) => {
        readWithAttrs(offset, size, {}, out);
        return out.low;
      },
      write: (offset, size, value) => {
        writeWithAttrs(offset, size, value, 0);
      },
    };
    const wide = Math.max(rules.implMinimum || 1, rules.implMaximum || 4) === 8;
    return {
      ...(wide ? { readWithAttrs, writeWithAttrs } : plain),
      endianness: rules.big ? 'big' : 'little',
      valid: { minimum: rules.validMinimum, maximum: rules.validMaximum, unaligned: rules.validUnaligned },
      impl: { minimum: rules.implMinimum, maximum: rules.implMaximum, unaligned: rules.implUnaligned },
    };
  }
}

/** One node built twice: as a region, and as the oracle's own record. */
export interface Built {
  readonly node: Node;
  readonly region: MemoryRegion;
  /** RAM and ROM contents as the oracle keeps them. */
  readonly bytes: Uint8Array;
  readonly registers: Registers;
  readonly children: readonly Built[];
  readonly target: Built | undefined;
}

/** Builds `node` and its children; aliases show earlier trees of `forest`, so that none can be cyclic. */
export function build(system: MemorySystem, node: Node, forest: readonly Built[], path: string): Built {
  const seed = path.length * 37 + node.size;
  const bytes = Uint8Array.from({ length: node.size }, (_, index) => (index * 13 + seed) & 0xff);
  const registers = new Registers(seed);
  const shown = node.kind === 'alias' ? forest[node.target % Math.max(forest.length, 1)] : undefined;
  let region: MemoryRegion;
  if (node.kind === 'mmio') region = new MmioRegion(system, path, node.size, registers.ops(node.rules));
  else if (shown !== undefined) region = new AliasRegion(system, path, shown.region, node.offset, node.size);
  else if (node.kind === 'ram' || node.kind === 'rom') region = new RamRegion(system, path, bytes.slice());
  else region = new ContainerRegion(system, path, node.size);
  if (node.kind === 'rom' || node.readonly) region.setReadonly(true);
  region.setEnabled(node.enabled);
  const children: Built[] = [];
  if (region.kind !== 'alias') {
    node.children.forEach((child, index) => {
      const built = build(system, child, forest, `${path}.${index}`);
      region.addSubregion(child.address, built.region, child.priority);
      children.push(built);
    });
  }
  return { node, region, bytes, registers, children, target: shown };
}

export interface Answer {
  readonly built: Built;
  readonly offset: number;
  readonly readonly: boolean;
}

/** What answers the byte at `offset` of `built`, or `undefined`. */
export function answerAt(built: Built, offset: number, readonly = false): Answer | undefined {
  const { node } = built;
  if (!node.enabled || offset < 0 || offset >= node.size) return undefined;
  const protectedHere = readonly || node.readonly || node.kind === 'rom';
  if (built.target !== undefined) return answerAt(built.target, offset + node.offset, protectedHere);
  const inFront = built.children
    .map((child, added) => ({ child, added }))
    .sort((a, b) => b.child.node.priority - a.child.node.priority || b.added - a.added);
  for (const { child } of inFront) {
    const found = answerAt(child, offset - child.node.address, protectedHere);
    if (found !== undefined) return found;
  }
  if (built.region.kind === 'container') return undefined;
  return { built, offset, readonly: protectedHere };
}

/** The longest power of two up to `limit` bytes that divides `offset` (unless `unaligned`) and is not over `left`. */
function pieceOf(limit: number, offset: number, left: number, unaligned: boolean): number {
  let size = 8;
  while (size > limit || size > left || (!unaligned && offset % size !== 0)) size /= 2;
  return size;
}

export interface Refusal {
  readonly address: number;
  readonly size: number;
  readonly region: string | undefined;
  readonly reason: string;
}

export interface Transfer {
  readonly result: number;
  readonly refusals: readonly Refusal[];
}

function refusalOf(rules: Rules, offset: number, size: number): string | undefined {
  if (!rules.validUnaligned && offset % size !== 0) return 'unaligned';
  if (rules.validMaximum === 0) return undefined;
  return size > rules.validMaximum || size < rules.validMinimum ? 'invalid-size' : undefined;
}

/** MEMTX_DECODE_ERROR, written down again on purpose. */
const DECODE_ERROR = 2;

/** Carries out an access on the oracle's own records. For a read, `data` is filled. */
export function transfer(root: Built, address: number, data: Uint8Array, write: boolean): Transfer {
  const refusals: Refusal[] = [];
  for (let done = 0; done < data.length; ) {
    const here = address + done;
    const left = data.length - done;
    const answer = answerAt(root, here);
    if (answer === undefined) {
      const size = pieceOf(4, here, left, false);
      if (!write) data.fill(0, done, done + size);
      refusals.push({ address: here, size, region: undefined, reason: 'rejected' });
      done += size;
      continue;
    }
    const { built, offset } = answer;
    if (built.region.kind === 'mmio') done += registersPiece(built, offset, data, done, write, refusals);
    else if (write && answer.readonly) {
      const size = pieceOf(4, offset, Math.min(left, runLength(root, here, answer, left)), false);
      refusals.push({ address: offset, size, region: built.region.name, reason: 'rejected' });
      done += size;
    } else {
      if (write) built.bytes[offset] = data[done]!;
      else data[done] = built.bytes[offset]!;
      done += 1;
    }
  }
  return { result: refusals.length > 0 ? DECODE_ERROR : 0, refusals };
}

function registersPiece(
  built: Built,
  offset: number,
  data: Uint8Array,
  done: number,
  write: boolean,
  refusals: Refusal[],
): number {
  const { rules } = built.node;
  const size = pieceOf(rules.validMaximum || 4, offset, data.length - done, rules.implUnaligned);
  const reason = refusalOf(rules, offset, size);
  if (reason !== undefined) {
    refusals.push({ address: offset, size, region: built.region.name, reason });
    if (!write) data.fill(0, done, done + size);
  } else if (write) {
    const width = Math.max(size, rules.implMinimum);
    for (let i = 0; i < width; i += 1) built.registers.bytes.set(offset + i, i < size ? data[done + i]! : 0);
  } else for (let i = 0; i < size; i += 1) data[done + i] = built.registers.byte(offset + i);
  return size;
}

/** Bytes from `address` on that the same region answers in a row under the same flags. */
function runLength(root: Built, address: number, first: Answer, left: number): number {
  let length = 1;
  while (length < left) {
    const next = answerAt(root, address + length);
    if (next?.built !== first.built || next.offset !== first.offset + length || next.readonly !== first.readonly) break;
    length += 1;
  }
  return length;
}
