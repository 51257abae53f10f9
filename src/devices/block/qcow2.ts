/**
 * QEMU's qcow2 format, versions 2 and 3, read only (docs/interop/qcow2.txt of the QEMU documentation): L1 and L2 tables,
 * unallocated, zero and deflate-compressed clusters.
 *
 * Refused with a reason: backing files, encryption, external data files, zstd, extended L2 entries, images marked
 * corrupt. Internal snapshots are ignored: the active state is read.
 */
import { inflateSync } from 'fflate';
import { assert } from '../../base/assert.ts';
import type { BlockDevice, BlockProblem, HostFile } from './block-device.ts';

export const QCOW2_MAGIC = 0x5146_49fb;
const HEADER_V2 = 72;
const HEADER_V3 = 104;
const CLUSTER_BITS_MIN = 9;
const CLUSTER_BITS_MAX = 21;
/** A table of 32 MiB describes 2 PiB with the usual clusters. */
const L1_ENTRIES_MAX = 4 * 1024 * 1024;
const OFFSET_MASK = 0x00ff_ffff_ffff_fe00n;
const COMPRESSED = 1n << 62n;
const ZERO = 1n;
/** Incompatible features (header bytes 72-79): dirty only means that reference counts may be off. */
const FEATURE_DIRTY = 1n;
const FEATURES: readonly [bigint, string][] = [
  [2n, 'it is marked corrupt (qemu-img check repairs it)'],
  [4n, 'its data stands in an external file'],
  [8n, 'its clusters are compressed with zstd'],
  [16n, 'it has extended L2 entries'],
];

interface Header {
  readonly clusterBits: number;
  readonly size: number;
  readonly l1: readonly bigint[];
}

export class Qcow2Image implements BlockDevice {
  readonly readOnly = true;
  readonly stateSource = undefined;
  readonly #file: HostFile;
  readonly #header: Header;
  readonly #clusterSize: number;
  /** L2 tables by offset, and the compressed cluster read last. */
  readonly #tables = new Map<bigint, DataView>();
  #inflated: { readonly entry: bigint; readonly bytes: Uint8Array } | undefined;

  private constructor(file: HostFile, header: Header) {
    this.#file = file;
    this.#header = header;
    this.#clusterSize = 2 ** header.clusterBits;
  }

  /** Reads the header. A string says why the image cannot be used. */
  static open(file: HostFile): Qcow2Image | string {
    const header = readHeader(file);
    return typeof header === 'string' ? header : new Qcow2Image(file, header);
  }

  get name(): string {
    return this.#file.name;
  }

  get size(): number {
    return this.#header.size;
  }

  read(offset: number, into: Uint8Array): BlockProblem | undefined {
    assert(offset >= 0 && offset + into.length <= this.size, 'a disk is read within its size');
    for (let done = 0; done < into.length; ) {
      const at = offset + done;
      const start = at % this.#clusterSize;
      const piece = into.subarray(done, done + Math.min(into.length - done, this.#clusterSize - start));
      const problem = this.#readPiece(Math.floor(at / this.#clusterSize), start, piece);
      if (problem !== undefined) return problem;
      done += piece.length;
    }
    return undefined;
  }

  write(): BlockProblem {
    return `${this.name}: qcow2 images are read only`;
  }

  flush(): BlockProblem | undefined {
    return undefined;
  }

  #readPiece(cluster: number, start: number, into: Uint8Array): BlockProblem | undefined {
    const entry = this.#entryOf(cluster);
    if (typeof entry === 'string') return entry;
    if ((entry & COMPRESSED) !== 0n) return this.#readCompressed(entry, start, into);
    const offset = Number(entry & OFFSET_MASK);
    if (offset === 0 || (entry & ZERO) !== 0n) {
      into.fill(0);
      return undefined;
    }
    return this.#readFile(offset + start, into);
  }

  /** The L2 entry of a cluster; 0 if nothing is allocated. */
  #entryOf(cluster: number): bigint | BlockProblem {
    const perTable = this.#clusterSize / 8;
    const l1 = (this.#header.l1[Math.floor(cluster / perTable)] ?? 0n) & OFFSET_MASK;
    if (l1 === 0n) return 0n;
    let table = this.#tables.get(l1);
    if (table === undefined) {
      const bytes = new Uint8Array(this.#clusterSize);
      const problem = this.#readFile(Number(l1), bytes);
      if (problem !== undefined) return problem;
      table = new DataView(bytes.buffer);
      this.#tables.set(l1, table);
    }
    return table.getBigUint64((cluster % perTable) * 8);
  }

  /** Compressed: the offset, and above it how many more 512-byte sectors the data touches ("Compressed Clusters"). */
  #readCompressed(entry: bigint, start: number, into: Uint8Array): BlockProblem | undefined {
    if (this.#inflated?.entry !== entry) {
      const split = BigInt(62 - (this.#header.clusterBits - 8));
      const offset = Number(entry & ((1n << split) - 1n));
      const sectors = Number((entry & (COMPRESSED - 1n)) >> split) + 1;
      const length = Math.min(sectors * 512 - (offset % 512), this.#file.size - offset);
      if (length <= 0) return `${this.name}: a compressed cluster lies behind the end of the file`;
      const packed = new Uint8Array(length);
      const problem = this.#readFile(offset, packed);
      if (problem !== undefined) return problem;
      const bytes = new Uint8Array(this.#clusterSize);
      try {
        inflateSync(packed, { out: bytes });
      } catch {
        return `${this.name}: the compressed cluster at ${offset} of the file is damaged`;
      }
      this.#inflated = { entry, bytes };
    }
    into.set(this.#inflated.bytes.subarray(start, start + into.length));
    return undefined;
  }

  #readFile(offset: number, into: Uint8Array): BlockProblem | undefined {
    if (offset + into.length > this.#file.size) {
      // The last cluster may be cut short: the rest is zeros.
      const stored = this.#file.size - offset;
      if (stored < 0) return `${this.name}: refers to byte ${offset}, behind the end of the file`;
      into.fill(0, stored);
      return stored === 0 ? undefined : this.#file.read(offset, into.subarray(0, stored));
    }
    return this.#file.read(offset, into);
  }
}

function readHeader(file: HostFile): Header | string {
  if (file.size < HEADER_V2) return 'the header is cut short';
  const bytes = new Uint8Array(Math.min(HEADER_V3, file.size));
  const problem = file.read(0, bytes);
  if (problem !== undefined) return problem;
  const view = new DataView(bytes.buffer);
  const version = view.getUint32(4);
  if (version !== 2 && version !== 3) return `qcow2 version ${version} is not known: 2 and 3 are`;
  if (version === 3 && bytes.length < HEADER_V3) return 'the header is cut short';
  if (view.getBigUint64(8) !== 0n) return 'it has a backing file: make one image of both with qemu-img convert';
  if (view.getUint32(32) !== 0) return 'it is encrypted';
  const clusterBits = view.getUint32(20);
  if (clusterBits < CLUSTER_BITS_MIN || clusterBits > CLUSTER_BITS_MAX) return `clusters of 2^${clusterBits} bytes`;
  if (version === 3) {
    const features = view.getBigUint64(72) & ~FEATURE_DIRTY;
    for (const [bit, reason] of FEATURES) if ((features & bit) !== 0n) return reason;
    if (features !== 0n) return `it needs a feature that is not known (bits ${features.toString(16)})`;
  }
  const size = view.getBigUint64(24);
  if (size % 512n !== 0n || size > BigInt(Number.MAX_SAFE_INTEGER)) return `a size of ${size} bytes`;
  const count = view.getUint32(36);
  const needed = Math.ceil(Number(size) / 2 ** clusterBits / (2 ** clusterBits / 8));
  if (count > L1_ENTRIES_MAX || count < needed) return `an L1 table of ${count} entries, ${needed} are needed`;
  const offset = Number(view.getBigUint64(40));
  if (offset + count * 8 > file.size) return 'the L1 table is cut short';
  const table = new Uint8Array(count * 8);
  const failed = file.read(offset, table);
  if (failed !== undefined) return failed;
  const entries = new DataView(table.buffer);
  return {
    clusterBits,
    size: Number(size),
    l1: Array.from({ length: count }, (_, index) => entries.getBigUint64(index * 8)),
  };
}
