import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { guestImage, guests, markedLines } from './guests.ts';

/** The rules that issue a diagnosis now; each needs a guest that breaks it and one that nearly does. */
const RULES =
  'DMA-01 DMA-02 DMA-03 DMA-04 DMA-06 DMA-09 DMA-10 DMA-13 PCI-01 PCI-06 INIT-04 INIT-05 INIT-06 INIT-07 INIT-08 INIT-09 ' +
  'INIT-11 CTX-08 RING-01 RING-02 RING-08 RING-09 RING-11 RING-15 REG-01 REG-04 REG-09 PORT-05';

const MULTIBOOT_MAGIC = 0x1bad_b002;
/** Multiboot 0.6.96 section 3.1: the header stands in the first 8192 bytes, aligned to 4. */
const MULTIBOOT_SEARCH = 8192;

describe('the manifest of guests', () => {
  it.each(RULES.split(' '))('has a mistake and a near miss for %s', (rule) => {
    const of = (kind: string) => guests.filter((guest) => guest.kind === kind && guest.rules.includes(rule));
    expect(of('mistake').length).toBeGreaterThan(0);
    expect(of('near-miss').length).toBeGreaterThan(0);
  });

  it('names every guest once', () => {
    expect(new Set(guests.map((guest) => guest.name)).size).toBe(guests.length);
  });

  it.each(guests.filter((guest) => guest.kind === 'mistake' || guest.kind === 'near-miss'))(
    'marks in the source what $name does',
    (guest) => {
      expect(markedLines(guest).length).toBeGreaterThan(0);
    },
  );

  it.each(guests)('has a Multiboot image of $name', (guest) => {
    expect(existsSync(guestImage(guest))).toBe(true);
    const head = readFileSync(guestImage(guest)).subarray(0, MULTIBOOT_SEARCH);
    let header: number | undefined;
    for (let at = 0; at + 32 <= head.length && header === undefined; at += 4) {
      if (head.readUInt32LE(at) === MULTIBOOT_MAGIC) header = at;
    }
    expect(header).toBeDefined();
    const [magic, flags, checksum, headerAddress, loadAddress] = [0, 4, 8, 12, 16].map((offset) =>
      head.readUInt32LE(header! + offset),
    );
    expect((magic! + flags! + checksum!) % 2 ** 32).toBe(0);
    expect(flags! & 0x1_0000).not.toBe(0);
    expect(loadAddress).toBe(0x20_0000);
    expect(headerAddress).toBe(0x20_0000);
  });
});
