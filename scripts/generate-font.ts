/**
 * Writes src/devices/vga/font.ts: the glyphs of Spleen (Debian's package fonts-spleen) for the characters of code page 437
 * that it has, those of scripts/font/drawn-glyphs.txt for the others, double lines by rule.
 */
import { writeFileSync } from 'node:fs';
import { fontSource } from './font/font-source.ts';

writeFileSync('src/devices/vga/font.ts', fontSource());
