import { describe, expect, it } from 'vitest';
import * as layout from './layout.ts';

/** Regions of the core's memory: start and size in bytes. */
const REGIONS: readonly (readonly [string, number, number])[] = [
  ['state', layout.STATE, layout.STATE_SIZE],
  ['control', layout.CONTROL, 0x2000],
  ['direct ranges', layout.DIRECT_RANGES, layout.DIRECT_RANGES_MAX * layout.DIRECT_RANGE_SIZE],
  ['CPUID', layout.CPUID_TABLE, layout.CPUID_ENTRIES_MAX * layout.CPUID_ENTRY_SIZE],
  ['address spaces', layout.SPACE_TABLE, layout.SPACES_MAX * 8],
  ['static data', layout.STATIC_DATA, layout.PAGE_FLAGS - layout.STATIC_DATA],
  ['page flags', layout.PAGE_FLAGS, 2 ** 32 / 4096],
  ['code granules', layout.CODE_GRANULES, (2 ** 32 / 4096) * 8],
  ['block table', layout.BLOCK_TABLE, layout.BLOCK_TABLE_END - layout.BLOCK_TABLE],
  ['sites', layout.SITE_TABLE, layout.SITES_MAX * 8],
  ['site hash', layout.SITE_HASH, layout.SITE_HASH_END - layout.SITE_HASH],
  ['µops', layout.UOP_ARENA, layout.UOP_ARENA_END - layout.UOP_ARENA],
  ['processors', layout.VCPU_AREA, layout.CPUS_MAX * layout.VCPU_AREA_SIZE],
];

/** Parts of a processor's state, and of its area. */
const STATE_PARTS: readonly (readonly [string, number, number])[] = [
  ['general', layout.GPR, 24 * 8],
  ['rip and flags', layout.RIP, layout.FAULT - layout.RIP],
  ['words', layout.FAULT, layout.NMI_BLOCKED + 4 - layout.FAULT],
  ['segments', layout.SEGMENTS, 8 * layout.SEGMENT_SIZE],
  ['tables and control', layout.GDT_BASE, layout.MTRR_DEFAULT_TYPE - layout.GDT_BASE],
  ['MTRRs', layout.MTRR_DEFAULT_TYPE, layout.MTRR_VARIABLE + 16 * 8 - layout.MTRR_DEFAULT_TYPE],
  ['debug', layout.DEBUG_REGISTERS, 64],
  ['index', layout.CPU_INDEX, 4],
  ['xmm', layout.XMM, 16 * 16],
  ['mxcsr', layout.MXCSR, 8],
  ['x87', layout.X87, 0xb0],
  ['debug, SMM, MONITOR', layout.DEBUG_PENDING, layout.MWAIT_LINE + 4 - layout.DEBUG_PENDING],
  ['scratch', layout.SCRATCH, 64],
  ['scratch for read-modify-write', layout.SCRATCH_RMW, 64],
  ['scratch for code', layout.SCRATCH_CODE, 64],
  ['host words', layout.HOST_LOW, 8],
];

function overlaps(parts: readonly (readonly [string, number, number])[]): string[] {
  const sorted = [...parts].sort((a, b) => a[1] - b[1]);
  return sorted.slice(1).flatMap(([name, start], index) => {
    const [before, from, size] = sorted[index]!;
    return from + size > start ? [`${before} reaches into ${name}`] : [];
  });
}

describe('the layout of the core’s memory', () => {
  it('has no two regions that overlap', () => {
    expect(overlaps(REGIONS)).toEqual([]);
    expect(overlaps(STATE_PARTS)).toEqual([]);
  });

  it('keeps every state part within the state, and every control word within its page', () => {
    for (const [name, start, size] of STATE_PARTS) {
      expect(start + size, name).toBeLessThanOrEqual(layout.STATE_FREE);
    }
    expect(layout.FRAME + layout.FRAME_SIZE).toBeLessThanOrEqual(layout.CONTROL_FREE);
    expect(layout.STATE_FREE).toBeLessThanOrEqual(layout.YMM_HIGH);
    expect(layout.YMM_HIGH + 256).toBeLessThanOrEqual(layout.PDPTES);
    expect(layout.CONTROL_STATE_END).toBeLessThanOrEqual(layout.STATE + layout.STATE_SIZE);
    expect(layout.WALK_ENTRIES + 4 * 16).toBeLessThanOrEqual(layout.FRAME);
    expect(layout.VCPU_TLB + layout.TLB_SETS * layout.TLB_SET_SIZE).toBeLessThanOrEqual(layout.VCPU_AREA_SIZE);
    expect(layout.TLB_ENTRIES * layout.TLB_ENTRY_SIZE).toBe(layout.TLB_SET_SIZE);
  });

  it('aligns what is accessed as 8 and 16 bytes', () => {
    for (const address of [layout.XMM, layout.X87, layout.SCRATCH, layout.SCRATCH_RMW]) expect(address % 16).toBe(0);
    for (const address of [
      layout.RIP,
      layout.FAULT_ADDRESS,
      layout.SEGMENTS,
      layout.CR0,
      layout.PAT,
      layout.MTRR_FIXED,
    ]) {
      expect(address % 8).toBe(0);
    }
  });

  it('tells devices from address spaces in a who-wrote word', () => {
    // A space index takes the top byte, and must stay below the devices'.
    expect(layout.SPACES_MAX).toBeLessThanOrEqual(layout.WRITER_DEVICE >>> 24);
    expect(layout.SITES_MAX).toBeLessThanOrEqual(2 ** 24);
  });
});
