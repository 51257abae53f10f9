import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Gva, gpa } from '../base/address.ts';
import { isCanonical, type PagingControls, walkPageTables } from './page-walk.ts';

const CONTROLS: PagingControls = { mode: '4-level', root: 0x1000n, largePages: true, noExecute: true };
const P = 1n;
const W = 2n;
const U = 4n;
const PS = 0x80n;
const NX = 1n << 63n;

function memory(entries: Record<number, bigint>) {
  return (address: number, size: number) => {
    const value = entries[address];
    return value === undefined ? 0n : BigInt.asUintN(size * 8, value);
  };
}

describe('walkPageTables', () => {
  it('walks four levels and combines the rights', () => {
    const address = 0xffff_8000_0040_5678n as Gva;
    const walk = walkPageTables(
      address,
      CONTROLS,
      memory({
        [0x1000 + 256 * 8]: 0x2000n | P | W | U,
        8192: 0x3000n | P | W | U,
        [0x3000 + 2 * 8]: 0x4000n | P | W,
        [0x4000 + 5 * 8]: 0x12_3000n | P | U | NX,
      }),
    );
    expect(walk).toMatchObject({
      physical: 0x12_3678,
      pageSize: 4096,
      writable: false,
      user: false,
      executable: false,
    });
    expect(walk.steps.map(({ level, index, entryAddress }) => [level, index, entryAddress])).toEqual([
      ['PML4', 256, 0x1800],
      ['PDPT', 0, 0x2000],
      ['PD', 2, 0x3010],
      ['PT', 5, 0x4028],
    ]);
  });

  it('stops at 2 MiB and 1 GiB pages', () => {
    const tables = memory({
      4096: 0x2000n | P,
      8192: 0x4000_0000n | P | PS,
      8200: 0x3000n | P,
      12288: 0x60_0000n | P | PS,
    });
    expect(walkPageTables(0x1234_5678n as Gva, CONTROLS, tables)).toMatchObject({
      physical: 0x4000_0000 + 0x1234_5678,
      pageSize: 2 ** 30,
    });
    expect(walkPageTables(0x4001_2345n as Gva, CONTROLS, tables)).toMatchObject({
      physical: 0x61_2345,
      pageSize: 2 ** 21,
    });
  });

  it('says how far it came when an entry is not present, or not RAM', () => {
    const missing = walkPageTables(0x1000n as Gva, CONTROLS, memory({ 4096: 0x2000n | P }));
    expect(missing).toMatchObject({ physical: undefined, pageSize: undefined });
    expect(missing.steps).toHaveLength(2);
    expect(walkPageTables(0n as Gva, CONTROLS, () => undefined).steps).toHaveLength(0);
  });

  it('never finds a non-canonical address', () => {
    fc.assert(
      fc.property(fc.bigInt(0n, 2n ** 64n - 1n), (address) => {
        const top = address >> 47n;
        expect(isCanonical(address)).toBe(top === 0n || top === 0x1_ffffn);
        if (!isCanonical(address)) expect(walkPageTables(address as Gva, CONTROLS, () => P).physical).toBeUndefined();
      }),
    );
  });

  it('walks 32-bit tables with 4 MiB pages, PAE tables, and nothing at all', () => {
    const legacy = { ...CONTROLS, mode: '32-bit' as const };
    // PSE-36: bits 20-13 give physical bits 39-32.
    const tables = memory({ 4096: 0x0080_0000n | P | PS | (1n << 13n), 4100: 0x5000n | P, 20484: 0x9000n | P });
    expect(walkPageTables(0x1234n as Gva, legacy, tables).physical).toBe(2 ** 32 + 0x80_1234);
    expect(walkPageTables(0x40_1234n as Gva, legacy, tables).physical).toBe(0x9234);
    const pae = { ...CONTROLS, mode: 'pae' as const, root: 0x1020n };
    const paeTables = memory({ 4152: 0x2000n | P, 8200: 0x20_0000n | P | PS });
    expect(walkPageTables(0xc020_0042n as Gva, pae, paeTables).physical).toBe(0x20_0042);
    expect(walkPageTables(0xffff_0000n as Gva, { ...CONTROLS, mode: 'none' }, paeTables).physical).toBe(
      gpa(0xffff_0000),
    );
  });
});
