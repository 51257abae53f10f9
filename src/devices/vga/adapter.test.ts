/** The display adapter as a driver sees it: ports, window, what the screen shows, saved state. */
import { describe, expect, it } from 'vitest';
import { gpa } from '../../base/address.ts';
import { VirtualClock } from '../../base/clock.ts';
import { AliasRegion } from '../../memory/index.ts';
import { TestBus } from '../../pci/testing/test-bus.ts';
import { VgaAdapter } from './adapter.ts';
import { screenLines } from './code-page.ts';
import { fontBytes } from './font.ts';
import type { TextScreen } from './screen.ts';
import { readText } from './testing/glyph-reader.ts';

class Guest {
  readonly bus = new TestBus();
  readonly clock = new VirtualClock();
  readonly adapter: VgaAdapter;

  constructor(asQemu = false) {
    const { system, ports, pci } = this.bus;
    this.bus.root.addSubregion(0xa_0000, this.#legacyHole(), 1);
    this.adapter = new VgaAdapter({
      system,
      clock: this.clock,
      allocate: (bytes) => new Uint8Array(bytes),
      io: ports,
      memory: pci,
      asQemu,
    });
    this.adapter.pci.plug(this.bus.bus, 1);
    this.bus.configWrite(this.adapter.pci, 0x10, 0xe000_0000);
    this.bus.configWrite(this.adapter.pci, 0x04, 3);
  }

  out(port: number, value: number, size = 1): void {
    this.bus.io.write(port, size, value);
  }

  in(port: number): number {
    return this.bus.io.read(port, 1);
  }

  index(port: number, index: number, value: number): void {
    this.out(port, index);
    this.out(port + 1, value);
  }

  store(address: number, ...bytes: number[]): void {
    for (const [at, byte] of bytes.entries()) this.bus.cpu.write(gpa(address + at), 1, byte, 0);
  }

  load(address: number): number {
    return this.bus.cpu.read(gpa(address), 1);
  }

  dispi(index: number, value: number): void {
    this.out(0x1ce, index, 2);
    this.out(0x1cf, value, 2);
  }

  get text(): TextScreen {
    const screen = this.adapter.screen();
    if (screen.kind !== 'text') throw new Error('the screen shows graphics');
    return screen;
  }

  #legacyHole() {
    const { system, pci } = this.bus;
    return new AliasRegion(system, 'smram-region', pci, 0xa_0000, 0x2_0000);
  }
}

describe('VGA', () => {
  it('shows text that was stored at 0xb8000, and where the cursor is', () => {
    const guest = new Guest();
    guest.adapter.handOver();
    guest.store(0xb_8000 + 2 * 81, 0x48, 0x1f, 0x69, 0x1f, 0xda, 0x07);
    guest.index(0x3d4, 0x0e, 0);
    guest.index(0x3d4, 0x0f, 83);
    const { text } = guest;
    expect(text).toMatchObject({ columns: 80, rows: 25, cursor: { column: 3, row: 1 }, blanked: false });
    expect(screenLines(text).slice(0, 3)).toEqual(['', ' Hi┌', '']);
    expect(text.attributes[81]).toBe(0x1f);
    expect(guest.load(0xb_8000 + 2 * 82)).toBe(0x69);
  });

  it('draws a character with the font of plane 2, nine dots wide', () => {
    const guest = new Guest();
    guest.adapter.handOver();
    // Plane 2 alone, as it is: a full line more in glyph 0xc4.
    guest.index(0x3c4, 2, 4);
    guest.index(0x3c4, 4, 6);
    guest.index(0x3ce, 5, 0);
    guest.index(0x3ce, 6, 4);
    guest.store(0xa_0000 + 32 * 0xc4 + 3, 0xff);
    guest.index(0x3c4, 2, 3);
    guest.index(0x3c4, 4, 2);
    guest.index(0x3ce, 5, 0x10);
    guest.index(0x3ce, 6, 0x0e);
    guest.index(0x3d4, 0x0a, 0x20);
    guest.store(0xb_8000, 0xc4, 0x1e);
    const { width, height, rgb } = guest.adapter.picture();
    expect([width, height]).toEqual([720, 400]);
    const dot = (x: number, y: number) => [...rgb.subarray(3 * (y * 720 + x), 3 * (y * 720 + x) + 3)];
    // Yellow is 0x3f, 0x3f, 0x15 in the DAC, blue 0, 0, 0x2a.
    expect(dot(0, 3)).toEqual([255, 255, 87]);
    expect(dot(8, 3)).toEqual([255, 255, 87]);
    expect(dot(8, 2)).toEqual([0, 0, 168]);
    expect(dot(9, 3)).toEqual([0, 0, 0]);
  });

  it('starts without firmware in mode 3, with a font that has every character', () => {
    const guest = new Guest();
    guest.adapter.handOver();
    expect(guest.text).toMatchObject({ columns: 80, rows: 25, cursor: { column: 0, row: 0 }, blanked: false });
    guest.index(0x3d4, 0x0a, 0x20);
    // Every code in every foreground but black, on each of the eight backgrounds that it differs from.
    for (let cell = 0; cell < 2000; cell += 1) {
      const foreground = 1 + (cell % 15);
      const background = cell >> 8;
      const attribute = foreground | ((background === foreground ? 0 : background) << 4);
      guest.store(0xb_8000 + 2 * cell, cell & 0xff, attribute);
    }
    const { text } = guest;
    const lines = screenLines(text);
    expect(lines.join('')).toContain('☺☻♥♦♣♠');
    expect(readText(guest.adapter.picture(), text.attributes, fontBytes())).toEqual(lines);
  });

  it('answers nowhere while Command is 0, except to QEMU’s habits', () => {
    const guest = new Guest();
    guest.out(0x3c2, 0x67);
    expect(guest.in(0x3cc)).toBe(0x67);
    guest.bus.configWrite(guest.adapter.pci, 0x04, 0);
    expect(guest.in(0x3cc)).toBe(0xff);
    const qemu = new Guest(true);
    qemu.out(0x3c2, 0x67);
    qemu.bus.configWrite(qemu.adapter.pci, 0x04, 0);
    expect(qemu.in(0x3cc)).toBe(0x67);
  });

  it('shows the two scan lines of a CGA row from banks of their own, each twice (CRTC Mode Control bit 0)', () => {
    const guest = new Guest();
    guest.adapter.handOver();
    // BIOS mode 6: 640x200, one plane at 0xb8000.
    guest.index(0x3c4, 1, 0x01);
    guest.index(0x3c4, 2, 0x01);
    guest.index(0x3c4, 4, 0x06);
    guest.index(0x3ce, 5, 0x00);
    guest.index(0x3ce, 6, 0x0d);
    guest.index(0x3d4, 0x09, 0xc1);
    guest.index(0x3d4, 0x17, 0xc2);
    guest.store(0xb_8000, 0x80);
    guest.store(0xb_8000 + 80, 0x10);
    guest.store(0xb_a000, 0x40);
    guest.store(0xb_a000 + 80, 0x00);
    const { width, rgb } = guest.adapter.picture();
    const lit = Array.from({ length: 8 }, (_, y) => [0, 1, 2, 3].filter((x) => rgb[3 * (y * width + x) + 2] !== 0));
    expect(lit).toEqual([[0], [0], [1], [1], [3], [3], [], []]);
  });

  it('shows text of 40 columns in dots of double width', () => {
    const guest = new Guest();
    guest.adapter.handOver();
    guest.index(0x3c4, 1, 0x08);
    guest.out(0x3d4, 0x11);
    guest.out(0x3d5, guest.in(0x3d5) & 0x7f);
    guest.index(0x3d4, 0x01, 39);
    guest.index(0x3d4, 0x0a, 0x20);
    guest.store(0xb_8000, 0xdd, 0x0f);
    const { width, height, rgb } = guest.adapter.picture();
    expect([width, height]).toEqual([720, 400]);
    expect(Array.from({ length: 18 }, (_, x) => rgb[3 * x] === 255)).toEqual([
      ...new Array<boolean>(8).fill(true),
      ...new Array<boolean>(10).fill(false),
    ]);
  });

  it('shows pixels of a 32-bit linear mode', () => {
    const guest = new Guest();
    guest.adapter.handOver();
    guest.dispi(1, 64);
    guest.dispi(2, 48);
    guest.dispi(3, 32);
    guest.dispi(4, 0x41);
    guest.store(0xe000_0000 + 4 * (64 * 47 + 63), 0x11, 0x22, 0x33, 0);
    const screen = guest.adapter.screen();
    if (screen.kind !== 'graphics') throw new Error('the screen shows text');
    expect([screen.width, screen.height]).toEqual([64, 48]);
    expect([...screen.rgb.subarray(-3)]).toEqual([0x33, 0x22, 0x11]);
  });

  it('retraces 70 times a second in text mode', () => {
    const guest = new Guest();
    guest.adapter.handOver();
    let frames = 0;
    let before = 0;
    for (let time = 0; time < 1_000_000_000; time += 20_000) {
      guest.clock.advanceTo(time);
      const now = guest.in(0x3da) & 8;
      if (now !== 0 && before === 0) frames += 1;
      before = now;
    }
    expect(frames).toBe(70);
  });

  it('comes back from its saved state', () => {
    const guest = new Guest();
    guest.adapter.handOver();
    guest.store(0xb_8000, 0x41, 0x07);
    guest.load(0xb_8000);
    guest.out(0x3c7, 5);
    guest.dispi(3, 16);
    const saved = guest.adapter.save();
    const memory = guest.adapter.videoMemory.stateSource().save();
    const other = new Guest();
    other.adapter.load(saved);
    other.adapter.videoMemory.stateSource().load(memory);
    expect(other.adapter.save()).toEqual(saved);
    expect(other.load(0xb_8000)).toBe(0x41);
    expect(screenLines(other.text)[0]).toBe('A');
  });
});
