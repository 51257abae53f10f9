/** The committed font is what scripts/generate-font.ts writes. Skipped, visibly, without Debian's package fonts-spleen. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { fontSource } from '../../scripts/font/font-source.ts';
import { MissingPart } from '../oracles/debian-packages.ts';

it('src/devices/vga/font.ts is what its sources give', { timeout: 120_000 }, (context) => {
  let source: string;
  try {
    source = fontSource();
  } catch (problem) {
    if (!(problem instanceof MissingPart) || process.env.DMASCOPE_REQUIRE_ORACLES === '1') throw problem;
    return context.skip(problem.message);
  }
  expect(readFileSync('src/devices/vga/font.ts', 'utf8')).toBe(source);
});
