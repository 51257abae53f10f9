/** Where the spaces stand in BAR 0 (offsets and sizes in bytes). The same for both models, and the same as QEMU's. */
export const BAR_BYTES = 0x4000;
export const CAPABILITY_BASE = 0x0000;
export const CAPABILITY_BYTES = 0x40;
export const OPERATIONAL_BASE = 0x0040;
export const OPERATIONAL_BYTES = 0x400;
/** xHCI 1.2 Table 5-18: the port register sets begin at operational base + 400h. */
export const PORTS_BASE = OPERATIONAL_BASE + OPERATIONAL_BYTES;
export const PORT_SET_BYTES = 0x10;
export const RUNTIME_BASE = 0x1000;
export const INTERRUPTER_SET_BYTES = 0x20;
export const DOORBELL_BASE = 0x2000;
export const MSIX_TABLE_OFFSET = 0x3000;
export const MSIX_PBA_OFFSET = 0x3800;
/** Offset of the first extended capability (xHCI 1.2 §7). */
export const EXTENDED_CAPABILITIES = 0x20;

export const SLOTS_MAX = 64;
export const INTERRUPTERS_MAX = 16;
