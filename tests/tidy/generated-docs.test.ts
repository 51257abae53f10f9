import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { xhciPages } from '../../scripts/docs/xhci-pages.ts';

describe('the pages generated from the controller', () => {
  it.each(xhciPages().map((page) => [page.path, page.text] as const))('%s is what the tables say', (path, text) => {
    // If this fails: npm run docs
    expect(readFileSync(path, 'utf8')).toBe(text);
  });

  it('describes every register at its offset, with the numbers of the specification', () => {
    const [registers] = xhciPages().map((page) => page.text);
    const offsets = [...registers!.matchAll(/^### (\S+)\n\nOffset (\w+), BAR (\w+)/gm)].map((match) => match.slice(1));
    expect(offsets).toContainEqual(['ERSTBA.lo', '0x30', '0x1030']);
    expect(offsets).toContainEqual(['DCBAAP.lo', '0x30', '0x0070']);
    expect(offsets).toContainEqual(['PORTSC', '0x00', '0x0440']);
    // 8 capability, 9 operational, 4 of a port, 8 runtime (64-bit ones as two halves), the doorbell.
    expect(offsets).toHaveLength(8 + 9 + 4 + 8 + 1);
    expect(registers).toContain('| 12 | `HCE` | RO | Host Controller Error | 0x0 |');
  });

  it('says what every setting means', () => {
    const personalities = xhciPages()[1]!.text;
    const rows = personalities.split('## Every setting')[1]!.match(/^\| `.*$/gm)!;
    expect(rows.length).toBeGreaterThan(30);
    for (const row of rows) expect(row.split(' | ').at(-1)!.length, row).toBeGreaterThan(15);
  });
});
