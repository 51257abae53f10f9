/**
 * One access of 1, 2, 4 or 8 bytes that reaches its region whole, as a processor's load or store does: nothing cuts it
 * to the region's maximum, so a region may refuse its size. (QEMU: `address_space_ldl` and the softmmu slow path.)
 */
import type { BusAddress } from '../base/address.ts';
import type { AddressSpace } from './address-space.ts';
import { loadHigh, loadLow, storeValue } from './bytes.ts';
import type { Initiator } from './events.ts';
import { MEMTX_DECODE_ERROR, MEMTX_OK, type MemTxAttrs, type MemTxResult } from './memtx.ts';
import type { BackedRegion } from './ram-region.ts';
import type { MemoryRegion } from './region.ts';

/** Leaves the value in `space.system.dispatch` (`low`, `high`); zero where nothing answers. */
export function loadScalar(
  space: AddressSpace,
  address: BusAddress,
  size: number,
  initiator: Initiator,
  attrs: MemTxAttrs,
): MemTxResult {
  const { dispatch } = space.system;
  const registers = typeof address === 'number' ? space.view.find(address) : undefined;
  if (registers?.isMmio) {
    const result = dispatch.read(registers.region, (address as number) + registers.offsetDelta, size, attrs);
    return result === MEMTX_OK ? result : failRead(space, registers.region, address, size, result, initiator, attrs);
  }
  space.resolver.resolve(space, address, false, attrs);
  const { range, at } = space.resolver;
  if (range === undefined) {
    dispatch.low = 0;
    dispatch.high = 0;
    return failUnassigned(space, address, size, false, initiator, attrs);
  }
  const offset = (at as number) + range.offsetDelta;
  const { region, readBacking } = range;
  if (readBacking !== undefined && (at as number) + size <= range.end) {
    dispatch.low = loadLow(readBacking, offset, size);
    dispatch.high = loadHigh(readBacking, offset, size);
    return MEMTX_OK;
  }
  if (readBacking !== undefined) {
    // A value that straddles two ranges comes in pieces.
    const bytes = new Uint8Array(size);
    const result = space.read(address, bytes, initiator, attrs);
    dispatch.low = loadLow(bytes, 0, size);
    dispatch.high = loadHigh(bytes, 0, size);
    return result;
  }
  const result = dispatch.read(region, offset, size, attrs);
  return result === MEMTX_OK ? result : failRead(space, region, address, size, result, initiator, attrs);
}

function failRead(
  space: AddressSpace,
  region: MemoryRegion,
  address: BusAddress,
  size: number,
  result: MemTxResult,
  initiator: Initiator,
  attrs: MemTxAttrs,
): MemTxResult {
  const { dispatch } = space.system;
  const { low, high } = dispatch;
  const reason = space.explainDispatch(region);
  space.fail({ initiator, address, size, write: false, result, offset: 0, reason, purpose: undefined }, attrs);
  // Whoever heard of the failure may have read something else since.
  dispatch.low = low;
  dispatch.high = high;
  return result;
}

export function storeScalar(
  space: AddressSpace,
  address: BusAddress,
  size: number,
  low: number,
  high: number,
  initiator: Initiator,
  attrs: MemTxAttrs,
): MemTxResult {
  const { dispatch } = space.system;
  const registers = typeof address === 'number' ? space.view.find(address) : undefined;
  if (registers?.isMmio) {
    const offset = (address as number) + registers.offsetDelta;
    const result = dispatch.write(registers.region, offset, size, low, high, attrs);
    return result === MEMTX_OK ? result : failWrite(space, registers.region, address, size, result, initiator, attrs);
  }
  space.resolver.resolve(space, address, true, attrs);
  const { range, at } = space.resolver;
  if (range === undefined) return failUnassigned(space, address, size, true, initiator, attrs);
  const offset = (at as number) + range.offsetDelta;
  const { region, writeBacking } = range;
  if (writeBacking !== undefined && (at as number) + size <= range.end) {
    storeValue(writeBacking, offset, size, low, high);
    space.noteWritten(region as BackedRegion, offset, size, at as number, initiator);
    return MEMTX_OK;
  }
  if (writeBacking !== undefined) {
    const bytes = new Uint8Array(size);
    storeValue(bytes, 0, size, low, high);
    return space.write(address, bytes, initiator, attrs);
  }
  const result = dispatch.write(region, offset, size, low, high, attrs);
  return result === MEMTX_OK ? result : failWrite(space, region, address, size, result, initiator, attrs);
}

function failWrite(
  space: AddressSpace,
  region: MemoryRegion,
  address: BusAddress,
  size: number,
  result: MemTxResult,
  initiator: Initiator,
  attrs: MemTxAttrs,
): MemTxResult {
  const reason = space.explainDispatch(region);
  return space.fail({ initiator, address, size, write: true, result, offset: 0, reason, purpose: undefined }, attrs);
}

function failUnassigned(
  space: AddressSpace,
  address: BusAddress,
  size: number,
  write: boolean,
  initiator: Initiator,
  attrs: MemTxAttrs,
): MemTxResult {
  const { at } = space.resolver;
  const reason = space.resolver.explain(space, write);
  space.tellUnassigned(at, size, write, attrs);
  const result = MEMTX_DECODE_ERROR;
  return space.fail({ initiator, address, size, write, result, offset: 0, reason, purpose: undefined }, attrs);
}
