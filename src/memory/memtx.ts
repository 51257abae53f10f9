/** Results and attributes of one memory transaction, as QEMU's memory API defines them (include/exec/memattrs.h). */

/** A bit mask: the results of the pieces of one access are OR-ed together. */
export type MemTxResult = number;
export const MEMTX_OK = 0;
/** The target answered with an error. */
export const MEMTX_ERROR = 1 << 0;
/** Nothing is at that address (PCIe: Unsupported Request / master abort). */
export const MEMTX_DECODE_ERROR = 1 << 1;
/** The access is not allowed. */
export const MEMTX_ACCESS_ERROR = 1 << 2;

export interface MemTxAttrs {
  readonly unspecified?: boolean;
  /** System management mode on x86. */
  readonly secure?: boolean;
  readonly user?: boolean;
  /** Only normal memory may answer; a device's registers give {@link MEMTX_ACCESS_ERROR}. */
  readonly memory?: boolean;
  /** A debugger's access: may write ROM, has no side effects in the diagnosis. */
  readonly debug?: boolean;
  /** PCI requester id: bus << 8 | device << 3 | function. */
  readonly requesterId?: number;
  /** PASID. */
  readonly pid?: number;
}

export const MEMTXATTRS_UNSPECIFIED: MemTxAttrs = Object.freeze({ unspecified: true });
