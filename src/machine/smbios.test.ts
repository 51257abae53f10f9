import { describe, expect, it } from 'vitest';
import { smbios } from './smbios.ts';

const MIB = 1024 * 1024;
const FACTS = {
  ramBytes: 3072 * MIB,
  below4g: 2048 * MIB,
  above4g: 1024 * MIB,
  packages: [
    { cores: 2, threads: 1 },
    { cores: 2, threads: 1 },
  ],
  processorSignature: 0x6_0fb1,
  processorFeatures: 0x78b_fbfd,
  uuid: Uint8Array.from({ length: 16 }, (_, index) => index * 17),
};

/** Type, handle and length of each structure, walked as a driver does: over the strings to the double zero. */
function walk(bytes: Uint8Array) {
  const found: { type: number; handle: number; at: number }[] = [];
  for (let at = 0; at < bytes.length; ) {
    found.push({ type: bytes[at]!, handle: bytes[at + 2]! | (bytes[at + 3]! << 8), at });
    at += bytes[at + 1]!;
    while (bytes[at] !== 0 || bytes[at + 1] !== 0) at += 1;
    at += 2;
  }
  return found;
}

const sum = (bytes: Uint8Array) => bytes.reduce((total, byte) => (total + byte) & 0xff, 0);

describe('SMBIOS', () => {
  const { tables, entry } = smbios(FACTS, true);

  it('has a structure for everything, each with a handle of its own', () => {
    const found = walk(tables);
    expect(found.map(({ type }) => type)).toEqual([0, 1, 3, 4, 4, 16, 17, 19, 19, 32, 127]);
    expect(new Set(found.map(({ handle }) => handle)).size).toBe(found.length);
  });

  it('has an entry point that sums up to zero, twice, and knows the structures', () => {
    const bytes = entry(0xf_8020);
    const view = new DataView(bytes.buffer);
    expect([bytes.length, sum(bytes), sum(bytes.subarray(16))]).toEqual([31, 0, 0]);
    expect([view.getUint32(24, true), view.getUint16(22, true), view.getUint16(28, true)]).toEqual([
      0xf_8020,
      tables.length,
      walk(tables).length,
    ]);
    const sizes = walk(tables).map(({ at }, index, all) => (all[index + 1]?.at ?? tables.length) - at);
    expect(view.getUint16(8, true)).toBe(Math.max(...sizes));
  });

  it('writes the UUID in mixed byte order, and where memory ends', () => {
    const found = walk(tables);
    const system = found.find(({ type }) => type === 1)!.at;
    expect(Buffer.from(tables.subarray(system + 8, system + 24)).toString('hex')).toBe(
      '33221100554477668899aabbccddeeff',
    );
    const view = new DataView(tables.buffer);
    const ranges = found.filter(({ type }) => type === 19).map(({ at }) => [at + 4, at + 8]);
    expect(ranges.map((range) => range.map((at) => view.getUint32(at, true)))).toEqual([
      [0, 0x1f_ffff],
      [0x40_0000, 0x4f_ffff],
    ]);
  });
});
