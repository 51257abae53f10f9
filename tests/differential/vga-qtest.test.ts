/** The display adapter of our q35 in the personality `qemu` against QEMU's `-vga std`: answers to the same script. */
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { answersOfOurs, answersOfQemu, ourBoard, QEMU_MISSING, Script } from './board-qtest.ts';

const TIMEOUT = 120_000;
const ROM = '/usr/share/seabios/vgabios-stdvga.bin';
const FRAMEBUFFER = 0xe000_0000;
const REGISTERS = 0xe200_0000;
const missing = QEMU_MISSING || !existsSync(ROM);

async function expectAlike(script: Script): Promise<void> {
  const ours = answersOfOurs(script, ourBoard({ display: { rom: new Uint8Array(readFileSync(ROM)) } }));
  const theirs = await answersOfQemu(script, ['-vga', 'std']);
  const differences = ours.flatMap((line, index) =>
    line === theirs[index] ? [] : [`${line}; QEMU: ${theirs[index]}`],
  );
  expect(differences.slice(0, 20)).toEqual([]);
}

/** BARs assigned, decoding on, and everything visible in the colour ports. */
function prepared(): Script {
  return new Script()
    .config(1, 0, 0x10, 4, FRAMEBUFFER)
    .config(1, 0, 0x18, 4, REGISTERS)
    .config(1, 0, 0x04, 2, 3)
    .out(0x3c2, 0x67);
}

const indexed = (script: Script, port: number, index: number, value: number): Script =>
  script.out(port, index).out(port + 1, value);

describe.skipIf(missing)(
  `VGA and QEMU${missing ? ' (skipped: QEMU or seabios is missing)' : ''}`,
  { timeout: TIMEOUT },
  () => {
    it('have the same configuration space and BAR sizes', async () => {
      const script = new Script();
      for (let offset = 0; offset < 0x100; offset += 4) script.config(1, 0, offset);
      for (const bar of [0x10, 0x14, 0x18, 0x1c, 0x20, 0x24, 0x30]) {
        script.config(1, 0, bar, 4, 0xffff_ffff).config(1, 0, bar).config(1, 0, bar, 4, 0);
      }
      await expectAlike(script);
    });

    it('have the same ports after reset and keep the same bits', async () => {
      const script = new Script();
      const dump = (): void => {
        for (let port = 0x3b0; port < 0x3e0; port += 1) if (port !== 0x3c9) script.in(port);
        for (const port of [0x3c4, 0x3ce, 0x3d4]) script.in(port, 2).in(port, 4);
      };
      dump();
      script.out(0x3c2, 0xff);
      dump();
      for (const value of [0xff, 0x5a, 0]) {
        for (const [port, count] of [
          [0x3c4, 10],
          [0x3ce, 17],
          [0x3d4, 0x20],
        ] as const) {
          for (let index = 0; index < count; index += 1) {
            // The protection of CRTC registers 0 to 7 has a test of its own.
            if (port === 0x3d4 && index === 0x11) continue;
            indexed(script, port, index, value)
              .in(port)
              .in(port + 1);
          }
        }
        for (let index = 0; index < 0x16; index += 1) {
          script.in(0x3da).out(0x3c0, index).out(0x3c0, value).in(0x3c0).out(0x3c0, index).in(0x3c1).in(0x3c0);
        }
      }
      indexed(script, 0x3d4, 0x11, 0x80);
      for (let index = 0; index < 9; index += 1) indexed(script, 0x3d4, index, 0xff).in(0x3d5);
      script.out(0x3c2, 0xfe);
      dump();
      await expectAlike(script);
    });

    it('load and read the palette alike', async () => {
      const script = prepared().out(0x3c8, 0xfe);
      for (let index = 0; index < 10; index += 1) script.out(0x3c9, 0x3f - 3 * index);
      script.in(0x3c7).in(0x3c8).out(0x3c7, 0xfe);
      for (let index = 0; index < 12; index += 1) script.in(0x3c9).in(0x3c7);
      await expectAlike(script);
    });

    it('write and read memory alike in every addressing, write and read mode', async () => {
      const script = prepared();
      for (const memoryMode of [0x02, 0x06, 0x0e]) {
        for (const mode of [0x00, 0x01, 0x02, 0x03, 0x08, 0x0a, 0x10]) {
          for (const map of [0x05, 0x01, 0x09, 0x0d]) {
            indexed(script, 0x3c4, 4, memoryMode);
            indexed(script, 0x3c4, 2, (mode + map) & 15);
            indexed(script, 0x3ce, 6, map);
            indexed(script, 0x3ce, 0, 0x0a);
            indexed(script, 0x3ce, 1, 0x06);
            indexed(script, 0x3ce, 2, 0x05);
            indexed(script, 0x3ce, 3, (mode * 3 + map) & 0x1f);
            indexed(script, 0x3ce, 4, map & 3);
            indexed(script, 0x3ce, 5, mode);
            indexed(script, 0x3ce, 7, 0x0b);
            indexed(script, 0x3ce, 8, 0x3c);
            for (const base of [0xa_0000, 0xb_0000, 0xb_8000]) {
              script
                .read(base + 0x10)
                .write(base + 0x10, 0xa539_c671 + mode)
                .write(base + 0x13, 0x5c, 1);
              script
                .read(base + 0x10)
                .read(base + 0x11, 1)
                .read(base + 0x14, 2);
            }
          }
        }
      }
      for (let offset = 0; offset < 0x100; offset += 4) script.read(FRAMEBUFFER + offset);
      await expectAlike(script);
    });

    it('treat the Bochs registers alike, in ports and in BAR 2', async () => {
      const script = prepared();
      const dump = (): void => {
        for (let index = 0; index < 12; index += 1) script.out(0x1ce, index, 2).in(0x1cf, 2).in(0x1d0, 2);
        for (const index of [1, 7, 9, 0x12, 0x13, 0x17, 0x18]) script.out(0x3d4, index).in(0x3d5);
        for (const index of [5, 6]) script.out(0x3ce, index).in(0x3cf);
      };
      dump();
      const set = (index: number, value: number): Script => script.out(0x1ce, index, 2).out(0x1cf, value, 2);
      for (const id of [0xb0c0, 0xb0c5, 0xb0c6, 0x1234]) set(0, id).in(0x1cf, 2);
      set(4, 2);
      dump();
      for (const [x, y, bpp] of [
        [640, 480, 8],
        [1023, 0, 32],
        [0, 65_535, 16],
        [16_001, 12_001, 24],
        [800, 600, 4],
        [1280, 800, 15],
        [320, 200, 7],
      ] as const) {
        set(4, 0);
        set(1, x);
        set(2, y);
        set(3, bpp);
        script.write(FRAMEBUFFER, 0x1234_5678);
        set(4, x === 800 ? 0xe1 : 0x41);
        script.read(FRAMEBUFFER);
        dump();
        set(6, 2048);
        set(8, 24);
        set(9, 77);
        set(5, 0x1ff);
        dump();
        // In its planar mode QEMU keeps chain 4 from the linear mode before.
        if (bpp !== 4)
          script
            .write(0xa_0010, 0xdead_beef)
            .read(0xa_0010)
            .read(FRAMEBUFFER + 0xff_0010);
        set(9, 0xffff);
        set(8, 0xffff);
        dump();
      }
      for (let offset = 0; offset < 0x16; offset += 2) script.read(REGISTERS + 0x500 + offset, 2);
      script
        .write(REGISTERS + 0x502, 1024, 2)
        .read(REGISTERS + 0x500)
        .in(0x1ce, 2)
        .in(0x1ce)
        .in(0x1ce, 4);
      await expectAlike(script);
    });

    it('show the same EDID, remapped ports and extension in BAR 2', async () => {
      const script = prepared();
      for (let offset = 0; offset < 0x200; offset += 4) script.read(REGISTERS + offset);
      script
        .write(REGISTERS + 0x404, 0x0302, 2)
        .read(REGISTERS + 0x404, 2)
        .read(REGISTERS + 0x40c)
        .in(0x3c5);
      for (let offset = 0x600; offset < 0x610; offset += 4) script.read(REGISTERS + offset);
      script.write(REGISTERS + 0x604, 0xbebe_bebe).read(REGISTERS + 0x604);
      script.write(REGISTERS + 0x604, 0x1234_5678).read(REGISTERS + 0x604);
      script.write(REGISTERS + 0x604, 0x1e1e_1e1e).read(REGISTERS + 0x604);
      await expectAlike(script);
    });
  },
);
