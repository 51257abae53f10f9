/** How much RAM a board can have: it lies in the one WebAssembly memory of 4 GiB, with decoded code and TLBs. */
const MIB = 2 ** 20;

/** Bytes of RAM at most. */
export const RAM_MAX = 3584 * MIB;
/** Bytes at most while the core keeps who wrote each 8 bytes: half as much again for the notes. */
export const RAM_TRACKED_MAX = 2304 * MIB;
