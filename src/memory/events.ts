/** The facts that the memory system states on the trace bus. */
import type { BusAddress } from '../base/address.ts';
import type { MemTxResult } from './memtx.ts';

/** A range of the flat view next to a failed access, so that a report can say how far off the address was. */
export interface Neighbour {
  readonly region: string;
  /** `ram`, `rom`, `romd`, `mmio`, `ramd`. */
  readonly kind: string;
  readonly start: number;
  /** Last byte, inclusive. */
  readonly last: number;
}

/** Why an access failed: what QEMU collapses into one result code. */
export type AccessFailureReason =
  | { readonly kind: 'unassigned'; readonly below: Neighbour | undefined; readonly above: Neighbour | undefined }
  | { readonly kind: 'beyond-physical' }
  | { readonly kind: 'bus-master-off'; readonly device: string }
  | {
      readonly kind: 'iommu-fault';
      readonly iommu: string;
      readonly walk: readonly string[];
      readonly permission: 'none' | 'read-only' | 'write-only';
    }
  | { readonly kind: 'rom-write'; readonly region: string }
  | {
      readonly kind: 'refused';
      readonly region: string;
      readonly because: 'size' | 'unaligned' | 'accepts';
      readonly minimum?: number;
      readonly maximum?: number;
    }
  | { readonly kind: 'reentrancy'; readonly region: string }
  | { readonly kind: 'not-memory'; readonly region: string }
  | { readonly kind: 'device-error'; readonly region: string };

/** What a device wanted with an access. Pass a constant where possible: the fast path allocates nothing. */
export interface DmaPurpose {
  /** The structure in the specification's words: `ERST entry`, `Command TRB`, `DCBAA entry`, `Input Context`, `data`. */
  readonly what: string;
  /** The register that led here, if one did: `ERSTBA`, `CRCR`, `DCBAAP`. */
  readonly register?: string;
  /** Index within the structure. */
  readonly index?: number;
  /** The ring being walked: `command ring`, `event ring 0`, `slot 1 endpoint 1`. */
  readonly ring?: string;
  /** Where the TRB stands that holds the address used. */
  readonly trb?: BusAddress;
}

/** Who started an access: the CPU, or a device by its name (`00:03.0`, or a path such as `isa-dma`). */
export type Initiator =
  | { readonly kind: 'cpu'; readonly cpu: number }
  | { readonly kind: 'device'; readonly name: string };

/** One access as its initiator issued it, after it failed in whole or in part. */
export interface AccessFailure {
  readonly initiator: Initiator;
  readonly address: BusAddress;
  readonly size: number;
  readonly write: boolean;
  readonly result: MemTxResult;
  /** Bytes from the start of the access to the first byte that failed. */
  readonly offset: number;
  readonly reason: AccessFailureReason;
  readonly purpose: DmaPurpose | undefined;
}

/** One refused piece of an access, at most 8 bytes: QEMU's `Invalid read at addr ...` line. */
export interface InvalidAccess {
  readonly write: boolean;
  /** Relative to the region; absolute for unassigned memory. */
  readonly address: BusAddress;
  readonly size: number;
  /** `undefined` prints as `(null)`: QEMU's nameless unassigned region. */
  readonly region: string | undefined;
  readonly reason: 'rejected' | 'unaligned' | 'invalid-size' | 'non-ram';
  readonly minimum?: number;
  readonly maximum?: number;
}

/** One successful or failed DMA access, emitted only while somebody listens. */
export interface DmaAccess {
  readonly device: string;
  readonly address: BusAddress;
  readonly size: number;
  readonly write: boolean;
  readonly result: MemTxResult;
  readonly purpose: DmaPurpose | undefined;
}

declare module '../base/trace.ts' {
  interface TraceEvents {
    'memory.access-failed': AccessFailure;
    'memory.invalid-access': InvalidAccess;
    'memory.dma': DmaAccess;
    'memory.reentrancy-blocked': { readonly region: string; readonly address: number };
    'memory.topology-changed': { readonly addressSpace: string };
  }
}
