/**
 * The memory system: QEMU's memory API in behaviour (region kinds, flat views, access rules, DMA), and beyond it a
 * reason for every access that failed. See docs/memory.md.
 */
export { AddressSpace, type ExplainUnassigned } from './address-space.ts';
export { AliasRegion } from './alias-region.ts';
export { BusMasterGate } from './bus-master.ts';
export { CpuMemoryPort, CpuPortIo, type DirectRange, directRanges } from './cpu-port.ts';
export {
  DIRTY_ALL,
  DIRTY_CODE,
  DIRTY_MIGRATION,
  DIRTY_PAGE_SIZE,
  DIRTY_VGA,
  type DirtyClient,
  DirtySnapshot,
} from './dirty-log.ts';
export { BOUNCE_BUFFER_BYTES, type DmaDirection, DmaMapper, type DmaMapping, type MapMode } from './dma-map.ts';
export type { DmaPort } from './dma-port.ts';
export { type ByteOrder, TypedDma } from './dma-typed.ts';
export { DmaView } from './dma-view.ts';
export type * from './events.ts';
export { FlatRange, FlatView } from './flat-view.ts';
export { type IommuPermission, IommuRegion, type IommuTranslation, type Translate } from './iommu-region.ts';
export type { MemoryListener, MemorySection } from './listener.ts';
export { type AddressDescription, describeAddress, peek } from './lookup.ts';
export { type MemoryOptions, MemorySystem, type RamWriteListener } from './memory-system.ts';
export * from './memtx.ts';
export type { ImplementedAccess, MmioOps, MmioValue, ValidAccess } from './mmio-ops.ts';
export { createIoPortRoot, IO_PORT_SPACE, MmioRegion, ReservationRegion } from './mmio-region.ts';
export { formatMtree, type MtreeOptions } from './mtree.ts';
export {
  BackedRegion,
  createRom,
  RamDeviceRegion,
  RamRegion,
  ResizeableRamRegion,
  RomDeviceRegion,
} from './ram-region.ts';
export {
  ContainerRegion,
  MemoryRegion,
  type RegionKind,
  type RegionOptions,
  RegionOwner,
  WHOLE_ADDRESS_SPACE,
} from './region.ts';
export { type ScatterGatherEntry, ScatterGatherList, type ScatterGatherOutcome } from './scatter-gather.ts';
export type { WriteHook, WriteHookMatch } from './write-hooks.ts';
