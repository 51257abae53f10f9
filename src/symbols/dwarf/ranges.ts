/** Address ranges: .debug_ranges (DWARF 4 section 2.17.3), .debug_rnglists (DWARF 5 section 2.17.3), .debug_aranges. */
import { ByteReader } from '../bytes.ts';
import { AT } from './constants.ts';
import { addressAt, readAddress, readOffset } from './forms.ts';
import type { DebugSections } from './sections.ts';
import { type Entry, readInitialLength, type Unit } from './units.ts';

/** From `low` up to but not including `high`. */
export interface AddressRange {
  readonly low: bigint;
  readonly high: bigint;
}

/** The ranges of one entry; a section per function gives a unit some 10^5, so more is damage. */
const RANGES_PER_ENTRY_MAX = 1 << 20;

/** The addresses that an entry covers; none when it has neither DW_AT_low_pc nor DW_AT_ranges. */
export function rangesOf(entry: Entry): AddressRange[] {
  const ranges = entry.number(AT.ranges);
  if (ranges !== undefined) {
    const base = entry.unit.root?.address(AT.lowPc) ?? 0n;
    return entry.unit.version >= 5 ? readRangeList(entry.unit, ranges, base) : readOldRanges(entry.unit, ranges, base);
  }
  const low = entry.address(AT.lowPc);
  const high = entry.get(AT.highPc);
  if (low === undefined) return [];
  if (typeof high === 'bigint') return keep([], low, high);
  return typeof high === 'number' && high > 0 && Number.isSafeInteger(high) ? keep([], low, low + BigInt(high)) : [];
}

function keep(ranges: AddressRange[], low: bigint, high: bigint): AddressRange[] {
  if (high > low && ranges.length < RANGES_PER_ENTRY_MAX) ranges.push({ low, high });
  return ranges;
}

function readOldRanges(unit: Unit, offset: number, base: bigint): AddressRange[] {
  const bytes = unit.sections.get('.debug_ranges');
  const reader = new ByteReader(bytes, '.debug_ranges', unit.sections.littleEndian, offset);
  const largest = unit.addressSize === 8 ? 0xffff_ffff_ffff_ffffn : 0xffff_ffffn;
  const ranges: AddressRange[] = [];
  let current = base;
  while (!reader.atEnd) {
    const low = readAddress(reader, unit.addressSize, 'range begin');
    const high = readAddress(reader, unit.addressSize, 'range end');
    if (low === 0n && high === 0n) break;
    if (low === largest) current = high;
    else keep(ranges, current + low, current + high);
  }
  return ranges;
}

/** DW_RLE codes (section 7.25). */
const RLE = {
  endOfList: 0,
  baseAddressx: 1,
  startxEndx: 2,
  startxLength: 3,
  offsetPair: 4,
  baseAddress: 5,
  startEnd: 6,
  startLength: 7,
} as const;

function readRangeList(unit: Unit, offset: number, base: bigint): AddressRange[] {
  const bytes = unit.sections.get('.debug_rnglists');
  const reader = new ByteReader(bytes, '.debug_rnglists', unit.sections.littleEndian, offset);
  const ranges: AddressRange[] = [];
  const address = () => readAddress(reader, unit.addressSize, 'range address');
  const indexed = () => addressAt(unit, reader.uleb('range index'));
  const length = () => BigInt(Math.min(reader.uleb('range length'), Number.MAX_SAFE_INTEGER));
  let current = base;
  while (!reader.atEnd) {
    const kind = reader.u8('range kind');
    if (kind === RLE.endOfList) break;
    if (kind === RLE.baseAddressx) current = indexed();
    else if (kind === RLE.baseAddress) current = address();
    else if (kind === RLE.startxEndx) keep(ranges, indexed(), indexed());
    else if (kind === RLE.startEnd) keep(ranges, address(), address());
    else if (kind === RLE.offsetPair) keep(ranges, current + length(), current + length());
    else if (kind === RLE.startLength || kind === RLE.startxLength) {
      const low = kind === RLE.startLength ? address() : indexed();
      keep(ranges, low, low + length());
    } else reader.fail('range kind', `${kind} is not a range list entry of DWARF 5`);
  }
  return ranges;
}

/** .debug_aranges (section 6.1.2): ranges by the offset of their unit. Only used for units that do not say themselves. */
export function readAranges(sections: DebugSections): Map<number, AddressRange[]> {
  const bytes = sections.get('.debug_aranges');
  const byUnit = new Map<number, AddressRange[]>();
  sections.guard(() => {
    for (let offset = 0; offset < bytes.length; ) {
      const reader = new ByteReader(bytes, '.debug_aranges', sections.littleEndian, offset);
      const start = reader.offset;
      const { length, offsetSize } = readInitialLength(reader);
      reader.end = reader.offset + length;
      offset = reader.end;
      if (reader.u16('version') !== 2) continue;
      const unit = readOffset(reader, offsetSize, 'debug_info_offset');
      const addressSize = reader.u8('address_size');
      const segmentSize = reader.u8('segment_selector_size');
      if ((addressSize !== 4 && addressSize !== 8) || segmentSize !== 0) continue;
      // The tuples are aligned to their own size, counted from the start of the set.
      const tuple = 2 * addressSize;
      reader.offset = Math.min(start + Math.ceil((reader.offset - start) / tuple) * tuple, reader.end);
      const ranges: AddressRange[] = byUnit.get(unit) ?? [];
      while (reader.offset + tuple <= reader.end) {
        const low = readAddress(reader, addressSize, 'address');
        const size = readAddress(reader, addressSize, 'length');
        if (low === 0n && size === 0n) break;
        keep(ranges, low, low + size);
      }
      byUnit.set(unit, ranges);
    }
  });
  return byUnit;
}
