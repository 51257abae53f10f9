/**
 * The guest `screens` under SeaBIOS and its video BIOS on Debian's QEMU 7.2 and here: the pictures of every kind of mode,
 * pixel by pixel. Skipped, visibly, without QEMU and seabios; with DMASCOPE_REQUIRE_ORACLES=1 that is a failure.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import type { GraphicsScreen } from '../../src/devices/vga/screen.ts';
import { type GuestScreen, ourScreens, QemuScreens, TOOLS_MISSING } from './guest-screens.ts';

const TIMEOUT = 180_000;
const SCREENS = 27;
const required = process.env.DMASCOPE_REQUIRE_ORACLES === '1';
type Pixels = Pick<GraphicsScreen, 'width' | 'height' | 'rgb'>;

/** A difference of the personality `spec` from QEMU, at a pixel of a screen. Colours as 0xrrggbb. */
interface KnownDifference {
  readonly reason: string;
  readonly screens: RegExp;
  readonly fits: (screen: GuestScreen, x: number, y: number, ours: number, qemu: number) => boolean;
}

const KNOWN: readonly KnownDifference[] = [
  {
    reason: 'bit 7 of an attribute blinks as the video BIOS sets it up; QEMU shows a bright background',
    screens: /text(, the cursor in the first cell| again)?$/,
    fits: (screen, x, y) => (cellAt(screen, x, y).attribute & 0x80) !== 0,
  },
  {
    reason: 'codes 0xc0-0xdf reach into the ninth column (IBM); QEMU begins at 0xb0',
    screens: /text/,
    fits: (screen, x, y) => x % 9 === 8 && (cellAt(screen, x, y).character & 0xf0) === 0xb0,
  },
  {
    reason: 'five bits of a colour become eight that reach 255; QEMU leaves the lowest three bits 0',
    screens: /15 bits/,
    fits: (_screen, _x, _y, ours, qemu) => (ours & 0xf8_f8f8) === qemu,
  },
];

function cellAt(screen: GuestScreen, x: number, y: number): { character: number; attribute: number } {
  const { screen: text, picture } = screen;
  if (text.kind !== 'text') throw new Error(`${screen.name} is no text`);
  const column = Math.floor(x / (picture.width / text.columns));
  const cell = Math.floor(y / (picture.height / text.rows)) * text.columns + column;
  return { character: text.characters[cell]!, attribute: text.attributes[cell]! };
}

function colorAt({ width, rgb }: Pixels, x: number, y: number): number {
  const at = 3 * (y * width + x);
  return (rgb[at]! << 16) | (rgb[at + 1]! << 8) | rgb[at + 2]!;
}

function same(one: Pixels, other: Pixels): boolean {
  return one.width === other.width && one.height === other.height && Buffer.compare(one.rgb, other.rgb) === 0;
}

/** In words, for the message of a failure. */
function firstDifference(ours: Pixels, qemu: Pixels): string {
  const size = ({ width, height }: Pixels): string => `${width}x${height}`;
  if (size(ours) !== size(qemu)) return `${size(ours)}; QEMU: ${size(qemu)}`;
  const hex = (color: number): string => color.toString(16).padStart(6, '0');
  for (let y = 0; y < ours.height; y += 1) {
    for (let x = 0; x < ours.width; x += 1) {
      const [mine, theirs] = [colorAt(ours, x, y), colorAt(qemu, x, y)];
      if (mine !== theirs) return `(${x}, ${y}) is ${hex(mine)}; QEMU: ${hex(theirs)}`;
    }
  }
  return 'the same';
}

/** A picture of text without the ninth dots of its double-width characters, which QEMU does not show. */
function withoutNinthDots({ width, height, rgb }: Pixels): Pixels {
  const kept = Uint8Array.from(rgb.filter((_, at) => Math.floor(at / 3) % 18 < 16));
  return { width: (width / 18) * 16, height, rgb: kept };
}

it.runIf(required)('QEMU and seabios are there, because DMASCOPE_REQUIRE_ORACLES=1', () => {
  expect(TOOLS_MISSING).toBe(false);
});

describe.skipIf(TOOLS_MISSING)(
  `pictures and QEMU's${TOOLS_MISSING ? ' (skipped: QEMU or seabios is missing)' : ''}`,
  { timeout: TIMEOUT },
  () => {
    let screens: readonly GuestScreen[] = [];
    beforeAll(() => {
      screens = ourScreens('qemu');
    }, TIMEOUT);

    it('are the same to the pixel in the personality qemu', async () => {
      const qemu = new QemuScreens();
      const differences: string[] = [];
      try {
        await qemu.open();
        for (const { name, picture } of screens) {
          expect(await qemu.name()).toBe(name);
          const theirs = await qemu.picture((each) => same(picture, each));
          if (!same(picture, theirs)) differences.push(`${name}: ${firstDifference(picture, theirs)}`);
          qemu.goOn();
        }
        expect(await qemu.name()).toBe('end');
      } finally {
        await qemu.close();
      }
      expect(differences).toEqual([]);
      expect(screens).toHaveLength(SCREENS);
    });

    it('show something different on each screen', () => {
      const colors = (picture: Pixels): number =>
        new Set(Array.from({ length: 64 * 200 }, (_, at) => colorAt(picture, at % 64, at >> 6))).size;
      for (const { name, picture } of screens) {
        expect([name, colors(picture)]).toEqual([name, expect.toSatisfy((count: number) => count >= 2)]);
      }
      // The text with its cursor off comes three times, as QEMU blinks nothing; the first screen comes again at the end.
      const pictures = new Set(screens.map(({ picture }) => Buffer.from(picture.rgb).toString('base64')));
      expect(pictures.size).toBe(SCREENS - 3);
    });

    it('differ in the personality spec where the VGA differs from QEMU, and nowhere else', () => {
      const unexplained: string[] = [];
      const seen = new Set<string>();
      for (const [index, screen] of ourScreens('spec').entries()) {
        const qemu = screens[index]!.picture;
        const known = KNOWN.filter(({ screens: names }) => names.test(screen.name));
        const narrow = screen.name === '40x25 text';
        const ours = narrow ? withoutNinthDots(screen.picture) : screen.picture;
        if (ours.width !== qemu.width || ours.height !== qemu.height) unexplained.push(screen.name);
        for (let y = 0; y < ours.height; y += 1) {
          for (let x = 0; x < ours.width; x += 1) {
            const [mine, theirs] = [colorAt(ours, x, y), colorAt(qemu, x, y)];
            if (mine === theirs) continue;
            const where = narrow ? { ...screen, picture: { ...screen.picture, ...ours } } : screen;
            const found = known.find(({ fits }) => fits(where, x, y, mine, theirs));
            if (found === undefined) unexplained.push(`${screen.name}: (${x}, ${y})`);
            else seen.add(found.reason);
          }
        }
      }
      expect(unexplained.slice(0, 20)).toEqual([]);
      expect([...seen].sort()).toEqual(KNOWN.map(({ reason }) => reason).sort());
    });
  },
);
