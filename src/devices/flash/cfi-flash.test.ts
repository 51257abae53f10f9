/** The flash as its driver sees it, in the specification's behaviour and in QEMU's. */
import { beforeEach, describe, expect, it } from 'vitest';
import { StateRegistry } from '../../base/state.ts';
import { CpuMemoryPort } from '../../memory/index.ts';
import { Fixture } from '../../memory/testing/fixture.ts';
import { RawImage } from '../block/raw-image.ts';
import { MemoryFile } from '../block/testing/memory-file.ts';
import { CfiFlash } from './cfi-flash.ts';

const BASE = 0xfff0_0000;
const SIZE = 0x4000;

let fixture: Fixture;
let file: MemoryFile;
let flash: CfiFlash;
let cpu: CpuMemoryPort;
let facts: string[];

function build(asQemu: boolean, readOnly = false): void {
  fixture = new Fixture();
  facts = [];
  const bytes = Uint8Array.from({ length: SIZE }, (_, index) => index ^ (index >> 8));
  file = new MemoryFile('vars.fd', bytes.slice());
  file.writable = !readOnly;
  const { system, trace } = fixture;
  const medium = new RawImage(file);
  flash = new CfiFlash({ system, trace, name: 'system.flash0', bytes, address: BASE, medium, readOnly, asQemu });
  fixture.root.addSubregion(BASE, flash.region);
  cpu = new CpuMemoryPort(fixture.space);
  trace.on('flash.command-refused', ({ cycle, value }) => facts.push(`refused ${cycle} ${value.toString(16)}`));
  trace.on('flash.not-erased', ({ offset, stored }) => facts.push(`not erased ${offset} ${stored.toString(16)}`));
  trace.on('flash.image-failed', ({ image, problem }) => facts.push(`${image}: ${problem}`));
}

const read = (offset: number, size = 1): number => cpu.read((BASE + offset) as never, size);
const write = (offset: number, value: number, size = 1): void => cpu.write((BASE + offset) as never, size, value, 0);
const original = (offset: number): number => (offset ^ (offset >> 8)) & 0xff;

beforeEach(() => build(false));

describe.each([
  ['as specified', false],
  ['as on QEMU', true],
])('a flash %s', (_, asQemu) => {
  beforeEach(() => build(asQemu));

  it('is memory until it gets a command, and again after read array', () => {
    expect(fixture.space.view.find(BASE)?.readBacking).toBeDefined();
    expect(read(0x1234, 2)).toBe(original(0x1234) | (original(0x1235) << 8));
    write(0, 0x70);
    expect(fixture.space.view.find(BASE)?.readBacking).toBeUndefined();
    expect(read(0x1234)).toBe(0x80);
    write(0, 0xff);
    expect(fixture.space.view.find(BASE)?.readBacking).toBeDefined();
    expect(read(0x1234)).toBe(original(0x1234));
  });

  it('tells in query mode what it is: 4 blocks of 4 KiB, Intel commands, a buffer of 256 bytes', () => {
    write(0x55, 0x98);
    const at = (offset: number): number => read(offset);
    expect(String.fromCharCode(at(0x10), at(0x11), at(0x12))).toBe('QRY');
    expect(at(0x13) | (at(0x14) << 8)).toBe(1);
    expect(2 ** at(0x27)).toBe(SIZE);
    expect(2 ** at(0x2a)).toBe(256);
    expect([at(0x2c), at(0x2d), at(0x2e)]).toEqual([1, 3, 0]);
    expect((at(0x2f) | (at(0x30) << 8)) * 256).toBe(4096);
    write(0, 0xff);
    expect(read(0x10)).toBe(original(0x10));
  });

  it('erases the block that is named, and programs bytes of it, in the image too', () => {
    write(0x1010, 0x20);
    write(0x1010, 0xd0);
    expect(read(0)).toBe(0x80);
    for (const [offset, value] of [
      [0x1000, 0x5a],
      [0x1fff, 0xa5],
    ] as const) {
      write(offset, 0x40);
      write(offset, value);
    }
    expect(read(0)).toBe(0x80);
    write(0, 0xff);
    expect([read(0xfff), read(0x1000), read(0x1001), read(0x1fff), read(0x2000)]).toEqual([
      original(0xfff),
      0x5a,
      0xff,
      0xa5,
      original(0x2000),
    ]);
    expect(Buffer.compare(file.bytes, flash.region.backing.subarray(0, SIZE))).toBe(0);
    expect(facts).toEqual([]);
  });

  it('programs a buffer', () => {
    write(0x2000, 0x20);
    write(0x2000, 0xd0);
    write(0x2000, 0xe8);
    expect(read(0x2000)).toBe(0x80);
    write(0x2000, 3);
    for (const index of [0, 1, 2, 3]) write(0x2000 + index, 0x10 + index);
    write(0x2000, 0xd0);
    expect(read(0x2000)).toBe(0x80);
    write(0, 0xff);
    expect(read(0x2000, 4)).toBe(0x1312_1110);
    expect(read(0x2004)).toBe(0xff);
  });

  it('clears its status, by which OVMF knows a flash', () => {
    write(0, 0x50);
    write(0, 0x70);
    expect(read(0)).toBe(0);
  });

  it('forgets a command that it does not know', () => {
    write(0x10, 0x33);
    expect(read(0x10)).toBe(original(0x10));
    expect(facts).toEqual(['refused 0 33']);
  });

  it('says when the image does not take what was written', () => {
    file.failure = 'No space left on device';
    write(0, 0x40);
    write(0, 0);
    expect(facts).toEqual(['vars.fd: No space left on device']);
  });

  it('comes back to read array by a reset, ready', () => {
    write(0, 0x50);
    write(0, 0x40);
    flash.reset();
    expect(read(0x44)).toBe(original(0x44));
    write(0, 0x70);
    expect(read(0)).toBe(0x80);
  });

  it('goes on from a saved state in the middle of a command', () => {
    const other = [0xe8, 1, 0x0f, 0xf0, 0xd0];
    for (const cut of other.keys()) {
      build(asQemu);
      write(0, 0x20);
      write(0, 0xd0);
      for (const value of other.slice(0, cut)) write(value === 0xf0 ? 1 : 0, value);
      const registry = new StateRegistry();
      registry.register(flash);
      const saved = structuredClone(registry.save());
      build(asQemu);
      const next = new StateRegistry();
      next.register(flash);
      expect(next.load(saved)).toEqual([]);
      for (const value of other.slice(cut)) write(value === 0xf0 ? 1 : 0, value);
      expect(read(0)).toBe(0x80);
      write(0, 0xff);
      expect([read(0), read(1), read(2)]).toEqual([0x0f, 0xf0, 0xff]);
      expect(Buffer.compare(file.bytes, flash.region.backing.subarray(0, SIZE))).toBe(0);
    }
  });

  it('changes nothing while it is read-only, and says why', () => {
    build(asQemu, true);
    write(0, 0x40);
    write(0, 0);
    expect(read(0)).toBe(0x90);
    write(0, 0x50);
    write(0, 0x20);
    write(0, 0xd0);
    expect(read(0)).toBe(0xa0);
    write(0, 0xff);
    expect(read(0x100)).toBe(original(0x100));
    expect(Buffer.compare(file.bytes, flash.region.backing.subarray(0, SIZE))).toBe(0);
  });

  it('tells the processors what changed once they see it again', () => {
    const heard: (readonly (number | undefined)[])[] = [];
    fixture.system.onRamWritten = (_region, offset, size, address) => heard.push([offset, size, address]);
    write(0x3000, 0x20);
    write(0x3000, 0xd0);
    write(0x3456, 0x40);
    write(0x3456, 0x12);
    expect(heard).toEqual([]);
    write(0, 0xff);
    expect(heard).toEqual([[0x3000, 0x1000, BASE + 0x3000]]);
  });
});

describe('by the specification', () => {
  it('programming makes zeros only, and says so', () => {
    write(0x0f, 0x40);
    write(0x0f, 0xf1);
    write(0, 0xff);
    expect(read(0x0f)).toBe(0x01);
    expect(facts).toEqual(['not erased 15 1']);
  });

  it('an erase that is not confirmed erases nothing and is a sequence error', () => {
    write(0, 0x20);
    write(0, 0x00);
    expect(read(0)).toBe(0xb0);
    write(0, 0xff);
    expect(read(0x20)).toBe(original(0x20));
  });

  it('a buffer that is not confirmed programs nothing and is a sequence error', () => {
    for (const value of [0xe8, 0, 0x00, 0x42]) write(0x20, value);
    expect(read(0)).toBe(0xb0);
    write(0, 0xff);
    expect(read(0x20)).toBe(original(0x20));
  });

  it('each byte of a longer write is a cycle', () => {
    write(0x10, 0x0040, 2); // program, and what it programs
    expect(read(0)).toBe(0x80);
    write(0, 0xff);
    expect(read(0x11)).toBe(0);
  });
});

describe('as QEMU', () => {
  it('an erase happens before it is confirmed, and programming overwrites', () => {
    build(true);
    write(0x1000, 0x20);
    write(0, 0xff);
    expect(read(0x1000)).toBe(0xff);
    write(0x10, 0x10);
    write(0x10, 0x1234_5678, 4);
    write(0, 0xff);
    expect(read(0x10, 4)).toBe(0x1234_5678);
  });
});
