import { describe, expect, it } from 'vitest';
import { gpa } from '../../base/address.ts';
import { loadImage } from './image.ts';
import type { LoadOptions, LoadPlan, LoadSegment } from './load-plan.ts';

const MIB = 1024 * 1024;
const options: LoadOptions = {
  commandLine: 'console=ttyS0',
  imageName: 'vmlinuz',
  modules: [],
  memoryMap: [
    { start: 0, size: 0x9_fc00, type: 'usable' },
    { start: 0xf_0000, size: 0x1_0000, type: 'reserved' },
    { start: MIB, size: 127 * MIB, type: 'usable' },
    { start: 128 * MIB, size: MIB, type: 'acpi' },
  ],
};

interface Header {
  readonly version?: number;
  readonly xloadflags?: number;
  readonly loadflags?: number;
  readonly relocatable?: number;
  readonly preferred?: number;
  readonly initSize?: number;
  readonly initrdMax?: number;
  readonly commandLineMax?: number;
}

/** A bzImage with one setup sector, whose code is `0xcc` all over. Offsets: boot.rst, "Details of Header Fields". */
function bzImage(header: Header = {}): Uint8Array {
  const bytes = new Uint8Array(1024 + 4096).fill(0xcc, 1024);
  const view = new DataView(bytes.buffer);
  view.setUint8(0x1f1, 1);
  view.setUint32(0x1f4, 4096 / 16, true);
  view.setUint8(0x201, 0x6a);
  view.setUint32(0x202, 0x5372_6448, true);
  view.setUint16(0x206, header.version ?? 0x20f, true);
  view.setUint8(0x211, header.loadflags ?? 1);
  view.setUint32(0x214, 0x10_0000, true);
  view.setUint32(0x22c, header.initrdMax ?? 0x7fff_ffff, true);
  view.setUint8(0x234, header.relocatable ?? 1);
  view.setUint16(0x236, header.xloadflags ?? 1, true);
  view.setUint32(0x238, header.commandLineMax ?? 2047, true);
  view.setBigUint64(0x258, BigInt(header.preferred ?? 16 * MIB), true);
  view.setUint32(0x260, header.initSize ?? 8 * MIB, true);
  return bytes;
}

function planOf(image: Uint8Array, more: Partial<LoadOptions> = {}): LoadPlan {
  const result = loadImage(image, { ...options, ...more });
  if (!result.ok) throw new Error(result.error.problem);
  return result.plan;
}

function part(plan: LoadPlan, what: string): LoadSegment {
  const found = plan.segments.find((segment) => segment.what === what);
  if (found === undefined) throw new Error(`no ${what}`);
  return found;
}

const module = (length: number) => ({ name: 'initrd', bytes: new Uint8Array(length).fill(7), commandLine: '' });

describe('a Linux bzImage', () => {
  it('is entered in 64-bit mode, 0x200 behind its preferred address, with RSI at boot_params', () => {
    const plan = planOf(bzImage());
    const kernel = part(plan, 'kernel');
    expect([kernel.address, kernel.bytes.length, kernel.memorySize]).toEqual([16 * MIB, 4096, 8 * MIB]);
    const parameters = part(plan, 'boot_params');
    expect(plan.entry).toMatchObject({
      mode: 'long64',
      entry: BigInt(16 * MIB + 0x200),
      registers: { esi: parameters.address },
      gdt: { code: 0x10, data: 0x18 },
    });
    const view = new DataView(parameters.bytes.buffer);
    const commandLine = part(plan, 'command line');
    expect(view.getUint32(0x228, true)).toBe(commandLine.address);
    expect(new TextDecoder().decode(commandLine.bytes)).toBe('console=ttyS0\0');
    expect(view.getUint32(0x202, true)).toBe(0x5372_6448);
    expect(view.getUint8(0x210)).not.toBe(0);
  });

  it('has the memory map, the ACPI root and the screen in boot_params', () => {
    const plan = planOf(bzImage(), { acpiRoot: gpa(0xf_5a00), textDisplay: true });
    const view = new DataView(part(plan, 'boot_params').bytes.buffer);
    expect(view.getUint8(0x1e8)).toBe(4);
    const rows = [0, 1, 2, 3].map((row) => [
      Number(view.getBigUint64(0x2d0 + row * 20, true)),
      Number(view.getBigUint64(0x2d8 + row * 20, true)),
      view.getUint32(0x2e0 + row * 20, true),
    ]);
    expect(rows).toEqual([
      [0, 0x9_fc00, 1],
      [0xf_0000, 0x1_0000, 2],
      [MIB, 127 * MIB, 1],
      [128 * MIB, MIB, 3],
    ]);
    expect(Number(view.getBigUint64(0x70, true))).toBe(0xf_5a00);
    expect([view.getUint8(0x06), view.getUint8(0x07), view.getUint8(0x0e), view.getUint8(0x0f)]).toEqual([
      3, 80, 25, 1,
    ]);
  });

  it('without a 64-bit entry is entered in 32-bit mode at its start', () => {
    const plan = planOf(bzImage({ xloadflags: 0, relocatable: 0 }));
    expect(plan.entry).toMatchObject({ mode: 'protected32', entry: 0x10_0000, gdt: { code: 0x10, data: 0x18 } });
    const gdt = new DataView(part(plan, 'GDT').bytes.buffer);
    expect(gdt.getBigUint64(0x10, true)).toBe(0x00cf_9b00_0000_ffffn);
  });

  it('gets the initial RAM disk as high as memory and initrd_addr_max allow', () => {
    const placed = part(planOf(bzImage(), { modules: [module(5000)] }), 'initial RAM disk');
    expect(placed.address).toBe(128 * MIB - 8192);
    const lower = part(planOf(bzImage({ initrdMax: 64 * MIB - 1 }), { modules: [module(4096)] }), 'initial RAM disk');
    expect(lower.address).toBe(64 * MIB - 4096);
    const joined = part(planOf(bzImage(), { modules: [module(5), module(3)] }), 'initial RAM disk');
    expect([...joined.bytes]).toEqual([7, 7, 7, 7, 7, 0, 0, 0, 7, 7, 7]);
  });

  it.each<[string, Uint8Array, Partial<LoadOptions>, string]>([
    ['an old protocol', bzImage({ version: 0x204 }), {}, 'boot protocol 2.04'],
    ['a zImage', bzImage({ loadflags: 0 }), {}, 'is a zImage'],
    ['a cut file', bzImage().subarray(0, 3000), {}, 'cut off: its header says 5120 bytes, the file has 3000'],
    ['a long command line', bzImage({ commandLineMax: 12 }), {}, 'has 13 bytes, this kernel takes 12'],
    ['too little memory', bzImage({ initSize: 512 * MIB }), {}, 'not all RAM'],
    ['too large a RAM disk', bzImage(), { modules: [module(120 * MIB)] }, 'does not fit behind the kernel'],
  ])('is refused with a reason: %s', (_, image, more, problem) => {
    const result = loadImage(image, { ...options, ...more });
    expect(result).toMatchObject({ ok: false, error: { problem: expect.stringContaining(problem) } });
  });
});

/** An ELF64 with one loadable segment at 2 MiB and a note segment. */
function pvhKernel(noteName: string, noteType: number): Uint8Array {
  const bytes = new Uint8Array(0x200);
  const view = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(16, 2, true);
  view.setUint16(18, 62, true);
  view.setUint32(20, 1, true);
  view.setBigUint64(24, 0xffff_ffff_8020_0000n, true);
  view.setBigUint64(32, 64n, true);
  view.setUint16(52, 64, true);
  view.setUint16(54, 56, true);
  view.setUint16(56, 2, true);
  const header = (index: number, type: number, offset: number, address: bigint, size: number): void => {
    const at = 64 + index * 56;
    view.setUint32(at, type, true);
    view.setBigUint64(at + 8, BigInt(offset), true);
    view.setBigUint64(at + 16, 0xffff_ffff_8000_0000n + address, true);
    view.setBigUint64(at + 24, address, true);
    view.setBigUint64(at + 32, BigInt(size), true);
    view.setBigUint64(at + 40, BigInt(size), true);
  };
  header(0, 1, 0x180, 0x20_0000n, 0x80);
  header(1, 4, 0x100, 0n, 0x30);
  // A note of somebody else first.
  const note = (at: number, name: string, type: number, value: number): void => {
    view.setUint32(at, name.length + 1, true);
    view.setUint32(at + 4, 4, true);
    view.setUint32(at + 8, type, true);
    for (let index = 0; index < name.length; index += 1) bytes[at + 12 + index] = name.charCodeAt(index);
    view.setUint32(at + 16, value, true);
  };
  note(0x100, 'GNU', 1, 0x1111);
  note(0x114, noteName, noteType, 0x20_0040);
  return bytes;
}

describe('a PVH kernel', () => {
  it('is entered where its note says, with EBX at the start information', () => {
    const plan = planOf(pvhKernel('Xen', 18), { modules: [module(100)], acpiRoot: gpa(0xf_0000) });
    const info = part(plan, 'PVH start information');
    expect(plan.protocol).toBe('pvh');
    expect(plan.entry).toMatchObject({ mode: 'protected32', entry: 0x20_0040, registers: { ebx: info.address } });
    const view = new DataView(info.bytes.buffer, info.bytes.byteOffset);
    const pointer = (offset: number): number => Number(view.getBigUint64(offset, true)) - info.address;
    expect([view.getUint32(0, true), view.getUint32(4, true), view.getUint32(12, true)]).toEqual([0x336e_c578, 1, 1]);
    expect(Number(view.getBigUint64(pointer(16), true))).toBe(part(plan, 'initial RAM disk').address);
    expect(Number(view.getBigUint64(pointer(16) + 8, true))).toBe(100);
    expect(new TextDecoder().decode(info.bytes.subarray(pointer(24), pointer(24) + 13))).toBe('console=ttyS0');
    expect(Number(view.getBigUint64(32, true))).toBe(0xf_0000);
    expect(view.getUint32(48, true)).toBe(4);
    expect(Number(view.getBigUint64(pointer(40) + 24, true))).toBe(0xf_0000);
  });

  it('is told from a plain ELF file by the note', () => {
    expect(planOf(pvhKernel('Xen', 17)).protocol).toBe('elf64');
    expect(planOf(pvhKernel('Xfn', 18)).protocol).toBe('elf64');
  });
});
