import { describe, expect, it } from 'vitest';
import { createRom, describeAddress, peek } from './index.ts';
import { at, Fixture, noting } from './testing/fixture.ts';

function machine(): Fixture {
  const fixture = new Fixture();
  fixture.ram(0, 0x1000).backing.fill(1);
  fixture.root.addSubregion(0x1000, createRom(fixture.system, 'rom', new Uint8Array(0x1000).fill(2)));
  fixture.mmio(0x8000, 0x100, noting([]));
  return fixture;
}

describe('a look at an address', () => {
  it('names what stands there', () => {
    const { space } = machine();
    const rom = { kind: 'rom', region: 'rom', start: 0x1000, last: 0x1fff, offset: 0x10 };
    expect(describeAddress(space, at(0x1010))).toEqual(rom);
    expect(describeAddress(space, at(0x8004))).toMatchObject({ kind: 'mmio', region: 'regs', offset: 4 });
    expect(describeAddress(space, at(0xfff))).toMatchObject({ kind: 'ram', region: 'ram' });
  });

  it('names what stands around a hole, and below what no number can name', () => {
    const { space } = machine();
    const below = { region: 'rom', kind: 'rom', start: 0x1000, last: 0x1fff };
    const above = { region: 'regs', kind: 'mmio', start: 0x8000, last: 0x80ff };
    expect(describeAddress(space, at(0x4000))).toEqual({ kind: 'nothing', below, above });
    const nothing = { kind: 'nothing', below: above, above: undefined };
    expect(describeAddress(space, at(0xffff_ff80_0000_0000n))).toEqual(nothing);
  });

  it('reads memory alone, whole or not at all, and says nothing', () => {
    const fixture = machine();
    expect(peek(fixture.space, at(0xffe), 4)).toEqual(Uint8Array.from([1, 1, 2, 2]));
    expect(peek(fixture.space, at(0x1ffe), 4)).toBeUndefined();
    expect(peek(fixture.space, at(0x8000), 4)).toBeUndefined();
    expect(peek(fixture.space, at(0), 2 ** 40)).toBeUndefined();
    expect([fixture.failures, fixture.invalid, fixture.space.lastFailure]).toEqual([[], [], undefined]);
  });
});
