/** The font that a machine without firmware starts with. */
import { describe, expect, it } from 'vitest';
import { codePage437 } from './code-page.ts';
import { FONT_LINES, fontBytes } from './font.ts';

const font = fontBytes();
const glyph = (code: number): Uint8Array => font.subarray(code * FONT_LINES, (code + 1) * FONT_LINES);
const glyphOf = (character: string): Uint8Array =>
  glyph(Array.from({ length: 256 }, (_, code) => code).find((code) => codePage437(code) === character)!);

/** Which of the box-drawing characters reach the edges of their cells, with one line or two. */
const UP_1 = '│┤╡╛└┴├┼╞╧╘╪┘';
const UP_2 = '╢╣║╝╜╟╚╩╠╬╨╙╫';
const DOWN_1 = '│┤╡╕┐┬├┼╞╤╒╪┌';
const DOWN_2 = '╢╖╣║╗╟╔╦╠╬╥╓╫';
const RIGHT_1 = '└┴┬├─┼╟╨╥╙╓╫┌';
const RIGHT_2 = '╞╚╔╩╦╠═╬╧╤╘╒╪';
const LEFT_1 = '┤╢╖╜┐┴┬─┼╨╥╫┘';
const LEFT_2 = '╡╕╣╗╝╛╩╦═╬╧╤╪';
const BOXES = '│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌';

type Edge = (lines: Uint8Array) => readonly number[];
const top: Edge = (lines) => [lines[0]!];
const bottom: Edge = (lines) => [lines[FONT_LINES - 1]!];
const right: Edge = (lines) => Array.from(lines, (line) => line & 1);
const left: Edge = (lines) => Array.from(lines, (line) => line >> 7);

describe('the font of code page 437', () => {
  it('has a glyph of its own for each of the 256 codes; 0, space and 255 are blank', () => {
    expect(font).toHaveLength(256 * 16);
    const blanks = [0, 0x20, 0xff];
    for (const code of blanks) expect(glyph(code)).toEqual(new Uint8Array(16));
    const glyphs = new Set(Array.from({ length: 256 }, (_, code) => Buffer.from(glyph(code)).toString('hex')));
    expect(glyphs.size).toBe(254);
  });

  it('fills half and whole cells with the blocks', () => {
    expect(glyphOf('█')).toEqual(new Uint8Array(16).fill(0xff));
    expect(glyphOf('▌')).toEqual(new Uint8Array(16).fill(0xf0));
    expect(glyphOf('▐')).toEqual(new Uint8Array(16).fill(0x0f));
    expect(glyphOf('▀')).toEqual(new Uint8Array(16).fill(0xff, 0, 8));
    expect(glyphOf('▄')).toEqual(new Uint8Array(16).fill(0xff, 8));
  });

  it.each([
    ['up', top, UP_1, UP_2, '│║'],
    ['down', bottom, DOWN_1, DOWN_2, '│║'],
    ['right', right, RIGHT_1, RIGHT_2, '─═'],
    ['left', left, LEFT_1, LEFT_2, '─═'],
  ] as const)('joins the lines of boxes that go %s', (_name, edge, single, double, [one, two]) => {
    for (const character of BOXES) {
      const like = single.includes(character) ? one : double.includes(character) ? two : ' ';
      expect([character, edge(glyphOf(character))]).toEqual([character, edge(glyphOf(like!))]);
    }
  });

  it('draws double lines that meet as two corners or four', () => {
    const dots = (character: string): string[] =>
      Array.from(glyphOf(character).subarray(4, 11), (line) => line.toString(2).padStart(8, '0'));
    expect(dots('╔')).toEqual(['00000000', '00000000', '01111111', '01100000', '01100111', '01100110', '01100110']);
    expect(dots('╬')).toEqual(['01100110', '01100110', '11100111', '00000000', '11100111', '01100110', '01100110']);
    expect(dots('╪')).toEqual(['00011000', '00011000', '11111111', '00011000', '11111111', '00011000', '00011000']);
    expect(dots('╫')).toEqual(['01100110', '01100110', '01100110', '11111111', '01100110', '01100110', '01100110']);
    expect(dots('╤')).toEqual(['00000000', '00000000', '11111111', '00000000', '11111111', '00011000', '00011000']);
  });
});
