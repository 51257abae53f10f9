import { describe, expect, it } from 'vitest';
import { formatCount, formatTime, parseCount, parseDuration, parseInteger, parseSize } from './quantities.ts';
import { nearest } from './suggestion.ts';

describe('quantities', () => {
  it.each([
    ['128M', 1, 128 * 2 ** 20],
    ['1g', 1, 2 ** 30],
    ['1.5G', 1, 1.5 * 2 ** 30],
    ['64', 2 ** 20, 64 * 2 ** 20],
    ['2MiB', 1, 2 * 2 ** 20],
    ['', 1, undefined],
    ['-1', 1, undefined],
    ['1e3', 1, undefined],
    ['99999999999T', 1, undefined],
  ])('size %j in units of %i', (text, bare, expected) => {
    expect(parseSize(text, bare)).toBe(expected);
  });

  it.each([
    ['5000000', 5e6],
    ['5M', 5e6],
    ['2.5G', 2.5e9],
    ['1_000', 1000],
  ])('count %j', (text, expected) => {
    expect(parseCount(text)).toBe(expected);
  });

  it.each(['0', '-1', '', 'M', '1.5', '1e9', '0x10'])('no count %j', (text) => {
    expect(() => parseCount(text)).toThrow('is not a count above 0');
  });

  it.each([
    ['2', 2e9],
    ['0.5s', 5e8],
    ['100ms', 1e8],
    ['5us', 5000],
    ['7ns', 7],
  ])('time %j', (text, expected) => {
    expect(parseDuration(text)).toBe(expected);
  });

  it.each(['0', '1h', '-2', ''])('no time %j', (text) => {
    expect(() => parseDuration(text)).toThrow('is not a time above 0');
  });

  it('integers and what is shown of numbers', () => {
    expect([parseInteger('0xf4'), parseInteger('10'), parseInteger('f4')]).toEqual([0xf4, 10, undefined]);
    expect([formatCount(999), formatCount(31_204_118), formatCount(2.5e9)]).toEqual(['999', '31.2 M', '2.50 G']);
    expect([formatTime(44_812_000), formatTime(12.5e9)]).toEqual(['0.0448 s', '12.5 s']);
  });
});

describe('did you mean', () => {
  it.each([
    ['rnu', ['run', 'demo'], 'run'],
    ['usb-kdb', ['usb-kbd', 'usb-mouse'], 'usb-kbd'],
    ['xyz', ['run', 'demo'], undefined],
    ['x'.repeat(1000), ['x'], undefined],
    ['RUN', ['run'], 'run'],
  ])('%j of %j', (typed, names, expected) => {
    expect(nearest(typed, names)).toBe(expected);
  });
});
