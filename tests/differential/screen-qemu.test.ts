/**
 * What the screen shows here and on Debian's QEMU 7.2, pixel by pixel: the BIOS's modes drawn by a boot sector under SeaBIOS
 * and its video BIOS, and the Bochs interface's modes drawn register by register. Skipped, visibly, without QEMU or seabios;
 * with DMASCOPE_REQUIRE_ORACLES=1 that is a failure.
 */
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Picture } from '../../src/debug/png.ts';
import { answersOfOurs, ourBoard, pictureOfQemu, QEMU_MISSING, Script } from './board-qtest.ts';
import { colorCount, pictureDifferences, pixelAt } from './picture.ts';
import { BIOS, bytesSector, drawnByQemu, drawnHere, planarSector, textSector, VIDEO_BIOS } from './screen-guest.ts';

const TIMEOUT = 180_000;
const missing = QEMU_MISSING || !existsSync(BIOS) || !existsSync(VIDEO_BIOS);
const required = process.env.DMASCOPE_REQUIRE_ORACLES === '1';
const CELL_WIDTH = 9;
const CELL_LINES = 16;

it.runIf(required)('QEMU and seabios are there, because DMASCOPE_REQUIRE_ORACLES=1', () => expect(missing).toBe(false));

describe.skipIf(missing)(
  `the screen and QEMU's${missing ? ' (skipped: QEMU or seabios is missing)' : ''}`,
  { timeout: TIMEOUT },
  () => {
    it('text: mode 3, every character and colour, no blinking, with a cursor', async () => {
      const disk = textSector(3);
      const machine = drawnHere(disk);
      const ours = machine.picture()!;
      const screen = machine.screen()!;
      if (screen.kind !== 'text') throw new Error('the screen shows graphics');
      expect([ours.width, ours.height, screen.cursor]).toEqual([720, 400, { column: 18, row: 3 }]);
      const theirs = await drawnByQemu(disk, true);
      expect(theirs, 'QEMU shows the cursor and hides it').toHaveLength(2);
      const codeAt = (x: number, y: number): number =>
        screen.characters[Math.floor(y / CELL_LINES) * screen.columns + Math.floor(x / CELL_WIDTH)]!;
      // QEMU repeats the eighth dot of 0xb0-0xbf too; a VGA does so for 0xc0-0xdf only.
      const repeatedByQemu = (x: number, y: number): boolean =>
        x % CELL_WIDTH === 8 && codeAt(x, y) >= 0xb0 && codeAt(x, y) <= 0xbf;
      const differences = theirs.map((picture) => pictureDifferences(ours, picture, repeatedByQemu));
      const best = differences.findIndex((found) => found.length === 0);
      expect(best, JSON.stringify(differences)).not.toBe(-1);
      // The other one is that without the cursor: lines of nine dots at that cell, and no other pixel.
      const inCursor = (x: number, y: number): boolean =>
        Math.floor(x / CELL_WIDTH) === 18 && Math.floor(y / CELL_LINES) === 3;
      const skip = (x: number, y: number): boolean => inCursor(x, y) || repeatedByQemu(x, y);
      expect(pictureDifferences(ours, theirs[1 - best]!, skip)).toEqual([]);
      for (let y = 0; y < ours.height; y += 1) {
        for (let x = CELL_WIDTH - 1; x < ours.width; x += CELL_WIDTH) {
          if (repeatedByQemu(x, y)) expect(pixelAt(theirs[best]!, x, y)).toBe(pixelAt(ours, x - 1, y));
        }
      }
    });

    it('text: mode 1, whose cells are 9 dots wide here and 8 doubled dots on QEMU', async () => {
      const disk = textSector(1);
      const ours = drawnHere(disk).picture()!;
      expect([ours.width, ours.height]).toEqual([40 * CELL_WIDTH, 400]);
      const theirs = await drawnByQemu(disk, true);
      const different = theirs.map((picture) => {
        expect([picture.width, picture.height]).toEqual([640, 400]);
        let count = 0;
        for (let y = 0; y < 400; y += 1) {
          for (let x = 0; x < 640; x += 1) {
            const mine = pixelAt(ours, Math.floor(x / 16) * CELL_WIDTH + ((x % 16) >> 1), y);
            if (mine !== pixelAt(picture, x, y)) count += 1;
          }
        }
        return count;
      });
      expect(Math.min(...different)).toBe(0);
    });

    it.each([
      ['13h, 320x200 in 256 colours', bytesSector(0x13, 0xa000, 64_000), 200],
      ['4, 320x200 in CGA colours', bytesSector(4, 0xb800, 0x4000), 4],
      ['6, 640x200 in two colours', bytesSector(6, 0xb800, 0x4000), 2],
      ['0dh, 320x200 in 16 colours', planarSector(0x0d, 8000), 16],
      ['12h, 640x480 in 16 colours', planarSector(0x12, 38_400), 16],
    ])('graphics: mode %s', async (_name, disk, colors) => {
      const ours = drawnHere(disk).picture()!;
      const [theirs] = await drawnByQemu(disk);
      expect(pictureDifferences(ours, theirs!)).toEqual([]);
      expect(colorCount(ours)).toBeGreaterThanOrEqual(colors);
    });

    it.each([
      ['32 bits', 32, 0x41, 1000],
      ['24 bits', 24, 0x41, 1000],
      ['16 bits', 16, 0x41, 1000],
      ['8 bits, a palette of 6 bits', 8, 0x41, 64],
      ['8 bits, a palette of 8 bits', 8, 0x61, 256],
    ])('the Bochs interface: %s', async (_name, bits, enable, colors) => {
      const script = bochsScript(bits, enable);
      const ours = drawnByScript(script);
      expect(pictureDifferences(ours, await pictureOfQemu(script, ['-vga', 'std']))).toEqual([]);
      expect(colorCount(ours)).toBeGreaterThanOrEqual(colors);
    });

    it('the Bochs interface: 15 bits, whose lowest bits QEMU leaves clear, so that its white is not white', async () => {
      const script = bochsScript(15, 0x41);
      const ours = drawnByScript(script);
      const theirs = await pictureOfQemu(script, ['-vga', 'std']);
      const top = { ...ours, rgb: ours.rgb.map((value) => value & 0xf8) };
      expect(pictureDifferences(top, theirs)).toEqual([]);
      expect(ours.rgb).toEqual(top.rgb.map((value) => value | (value >> 5)));
      expect(colorCount(ours)).toBeGreaterThan(1000);
    });
  },
);

function drawnByScript(script: Script): Picture {
  const machine = ourBoard({ display: { rom: new Uint8Array(readFileSync(VIDEO_BIOS)) } });
  answersOfOurs(script, machine);
  const picture = machine.picture()!;
  expect([picture.width, picture.height]).toEqual([WIDTH, HEIGHT]);
  return picture;
}

const WIDTH = 64;
const HEIGHT = 48;
/** Lines are longer than what is shown, and the picture begins inside. */
const VIRTUAL_WIDTH = 80;
const OFFSET = { x: 8, y: 3 } as const;
const FRAMEBUFFER = 0xe000_0000;

/** A mode, a palette, and words that look random all over the virtual screen. */
function bochsScript(bits: number, enable: number): Script {
  const script = new Script().config(1, 0, 0x10, 4, FRAMEBUFFER).config(1, 0, 0x04, 2, 3).out(0x3c2, 0x67);
  const values = [
    [4, 0],
    [1, WIDTH],
    [2, HEIGHT],
    [3, bits],
    [4, enable],
    [6, VIRTUAL_WIDTH],
    [8, OFFSET.x],
    [9, OFFSET.y],
  ];
  for (const [index, value] of values) script.out(0x1ce, index!, 2).out(0x1cf, value!, 2);
  // The attribute controller shows the picture from then on.
  script.in(0x3da).out(0x3c0, 0x20).out(0x3c8, 0);
  for (let index = 0; index < 256; index += 1) {
    for (const factor of [1, 3, 7]) script.out(0x3c9, (index * factor) & (enable === 0x61 ? 0xff : 0x3f));
  }
  const bytes = VIRTUAL_WIDTH * (HEIGHT + OFFSET.y) * Math.ceil(bits / 8);
  let value = 1;
  for (let at = 0; at < bytes; at += 4) {
    value = (Math.imul(value, 1_664_525) + 1_013_904_223) >>> 0;
    script.write(FRAMEBUFFER + at, value ^ (value >>> 15));
  }
  return script;
}
