/** The text of src/devices/vga/font.ts, from where its glyphs come from. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { codePage437 } from '../../src/devices/vga/code-page.ts';
import { MissingPart, packageFile } from '../../tests/oracles/debian-packages.ts';
import { doubleBoxGlyphs } from './box-drawing.ts';

const DRAWN = 'scripts/font/drawn-glyphs.txt';
const PACKAGE = 'fonts-spleen';
/** Of version 1.9.1, unpacked. */
const SPLEEN_SHA256 = 'd89664a21162597f9bf4e3d6f9071e2ba95e12c4c8457d09d40bc92df4741699';
const HEAD = 'scripts/font/head.txt';
const LINES = 16;
/** PC Screen Font, version 1: magic, mode, bytes a glyph; glyphs; for each its characters in UTF-16, up to 0xffff. */
const PSF1_MAGIC = 0x0436;
const PSF1_MODE_512 = 1;
const PSF1_HEADER_BYTES = 4;
const PSF1_END = 0xffff;
const PSF1_SEQUENCE = 0xfffe;

type Glyphs = ReadonlyMap<string, Uint8Array>;

function glyphsOfPsf(file: Buffer): Glyphs {
  if (file.readUInt16LE(0) !== PSF1_MAGIC || file[3] !== LINES) throw new Error('not a PSF version 1 font of 16 lines');
  const count = (file[2]! & PSF1_MODE_512) !== 0 ? 512 : 256;
  const glyphs = new Map<string, Uint8Array>();
  let at = PSF1_HEADER_BYTES + count * LINES;
  for (let glyph = 0; glyph < count; glyph += 1) {
    const first = PSF1_HEADER_BYTES + glyph * LINES;
    let alone = true;
    for (; file.readUInt16LE(at) !== PSF1_END; at += 2) {
      const unit = file.readUInt16LE(at);
      if (unit === PSF1_SEQUENCE) alone = false;
      const character = String.fromCharCode(unit);
      if (alone && !glyphs.has(character)) glyphs.set(character, file.subarray(first, first + LINES));
    }
    at += 2;
  }
  return glyphs;
}

function drawnGlyphs(text: string): Glyphs {
  const glyphs = new Map<string, Uint8Array>();
  for (const block of text.trimEnd().split('\n\n').slice(1)) {
    const [names, ...rows] = block.split('\n').map((line) => line.split(' '));
    for (const [column, name] of names!.entries()) {
      const lines = rows.map((row) => Number.parseInt(row[column]!.replaceAll('.', '0').replaceAll('#', '1'), 2));
      if (lines.length !== LINES) throw new Error(`${DRAWN}: ${name} has ${lines.length} lines`);
      glyphs.set(name, Uint8Array.from(lines));
    }
  }
  return glyphs;
}

function glyphRow(code: number, sources: readonly Glyphs[]): string {
  const character = codePage437(code);
  const dots = sources.map((glyphs) => glyphs.get(character)).find((found) => found !== undefined);
  if (dots === undefined) throw new Error(`no glyph for ${character}`);
  return `  '${Buffer.from(dots).toString('hex')}', // ${code.toString(16).padStart(2, '0')} ${character}`.trimEnd();
}

function spleen(): Buffer {
  const path = packageFile(PACKAGE, '/usr/share/consolefonts', /^spleen-8x16\.psfu\.gz$/);
  const file = gunzipSync(readFileSync(path));
  if (createHash('sha256').update(file).digest('hex') !== SPLEEN_SHA256)
    throw new MissingPart(`${path} is not of 1.9.1`);
  return file;
}

/** What the generated file is to hold. Throws MissingPart without Spleen 1.9.1. */
export function fontSource(): string {
  const sources = [doubleBoxGlyphs(), glyphsOfPsf(spleen()), drawnGlyphs(readFileSync(DRAWN, 'utf8'))];
  const rows = Array.from({ length: 256 }, (_, code) => glyphRow(code, sources));
  return `${readFileSync(HEAD, 'utf8')}const GLYPHS: readonly string[] = [\n${rows.join('\n')}\n];\n`;
}
