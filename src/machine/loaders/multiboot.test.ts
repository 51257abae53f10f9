import { describe, expect, it } from 'vitest';
import { loadImage } from './image.ts';
import type { LoadOptions } from './load-plan.ts';

const options: LoadOptions = {
  commandLine: 'quiet',
  imageName: 'kernel.elf',
  modules: [],
  memoryMap: [
    { start: 0, size: 0x9_fc00, type: 'usable' },
    { start: 0x10_0000, size: 0x700_0000, type: 'usable' },
  ],
};

/** A Multiboot 1 image with address fields: header at file offset 16, loaded so that offset 0 lands at 1 MiB. */
function image(
  flags: number,
  fields: readonly number[] = [0x10_0010, 0x10_0000, 0x10_0100, 0x10_2000, 0x10_0040],
): Uint8Array {
  const words = new Uint32Array(64);
  words[4] = 0x1bad_b002;
  words[5] = flags;
  words[6] = -(0x1bad_b002 + flags) >>> 0;
  words.set(fields, 7);
  words[60] = 0xfeed_f00d;
  return new Uint8Array(words.buffer);
}

function word(bytes: Uint8Array, offset: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(offset, true);
}

describe('Multiboot 1 (specification 0.6.96)', () => {
  it('loads by the address fields when flag bit 16 is set, and enters in 32-bit mode (3.1.3, 3.2)', () => {
    const result = loadImage(image(0x1_0003), options);
    if (!result.ok) throw new Error(result.error.problem);
    const kernel = result.plan.segments[0]!;
    expect(kernel.address).toBe(0x10_0000);
    expect(kernel.bytes.length).toBe(0x100);
    expect(kernel.memorySize).toBe(0x2000);
    expect(word(kernel.bytes, 240)).toBe(0xfeed_f00d);
    expect(result.plan.entry).toMatchObject({ mode: 'protected32', entry: 0x10_0040, registers: { eax: 0x2bad_b002 } });
  });

  it('hands over the memory map, the command line and the modules (3.3)', () => {
    const module = { name: 'initrd', bytes: new Uint8Array([1, 2, 3]), commandLine: 'initrd root=/' };
    const result = loadImage(image(0x1_0003), { ...options, modules: [module] });
    if (!result.ok || result.plan.entry.mode !== 'protected32') throw new Error('not loaded');
    const information = result.plan.segments.at(-1)!;
    expect(information.address).toBe(result.plan.entry.registers?.ebx);
    const at = (address: number): Uint8Array => information.bytes.subarray(address - information.address);
    const text = (address: number): string => String.fromCharCode(...at(address).subarray(0, at(address).indexOf(0)));
    expect(word(information.bytes, 0) & 0x4d).toBe(0x4d);
    expect(word(information.bytes, 4)).toBe(639);
    expect(word(information.bytes, 8)).toBe(0x700_0000 / 1024);
    expect(text(word(information.bytes, 16))).toBe('kernel.elf quiet');
    const modules = at(word(information.bytes, 24));
    expect(word(information.bytes, 20)).toBe(1);
    expect(word(modules, 0) % 4096).toBe(0);
    expect(word(modules, 4) - word(modules, 0)).toBe(3);
    expect(text(word(modules, 8))).toBe('initrd root=/');
    const map = at(word(information.bytes, 48));
    expect(word(information.bytes, 44)).toBe(48);
    expect([word(map, 0), word(map, 20), word(map, 24 + 4)]).toEqual([20, 1, 0x10_0000]);
  });

  it('refuses a header whose requirements it cannot meet', () => {
    const result = loadImage(image(0x1_0004), options);
    expect(result).toMatchObject({ ok: false, error: { problem: expect.stringContaining('video mode') } });
  });

  it('refuses address fields that contradict each other', () => {
    const result = loadImage(image(0x1_0003, [0x10_0010, 0x10_0000, 0x0f_0000, 0, 0x10_0040]), options);
    expect(result).toMatchObject({ ok: false, error: { problem: expect.stringContaining('contradict') } });
  });

  it('refuses a kernel that does not fit the RAM, and says what to do', () => {
    const result = loadImage(image(0x1_0003, [0x10_0010, 0x10_0000, 0x10_0100, 0x9000_0000, 0x10_0040]), options);
    expect(result).toMatchObject({ ok: false, error: { hint: 'give the machine more memory with --ram' } });
  });
});

describe('files that are no kernel', () => {
  it.each([
    ['a text file', new TextEncoder().encode('hello, this is not a kernel\n')],
    ['the file is empty', new Uint8Array(0)],
    ['a boot sector', Object.assign(new Uint8Array(512).fill(0x90), { 510: 0x55, 511: 0xaa })],
    ['gzip', new Uint8Array([0x1f, 0x8b, 8, 0, 0xff, 0, 0, 0])],
  ])('says what it looks like: %s', (words, bytes) => {
    const result = loadImage(bytes, options);
    expect(result).toMatchObject({ ok: false, error: { problem: expect.stringContaining(words) } });
  });

  it('names the damage of a cut-off ELF file', () => {
    const result = loadImage(new Uint8Array([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0, 0, 0]), options);
    expect(result).toMatchObject({ ok: false, error: { problem: expect.stringContaining('damaged') } });
  });
});
