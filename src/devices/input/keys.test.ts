import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../base/clock.ts';
import { KeyScript } from './key-script.ts';
import { chordsOf, KEY_NAMES, parseChord, usageOf } from './keys.ts';

const MS = 1_000_000;

describe('keys', () => {
  it('are named as QEMU names them, with the usages of HID Usage Tables §10', () => {
    expect(['a', 'z', '1', '0', 'ret', 'f1', 'f12', 'up', 'shift', 'meta_r'].map(usageOf)).toEqual([
      0x04, 0x1d, 0x1e, 0x27, 0x28, 0x3a, 0x45, 0x52, 0xe1, 0xe7,
    ]);
    expect(usageOf('toString')).toBeUndefined();
    expect(KEY_NAMES.every((name) => name !== '' && !name.includes('-'))).toBe(true);
  });

  it('make chords of names and of text', () => {
    expect(parseChord('ctrl-alt-delete')).toEqual({ chord: ['ctrl', 'alt', 'delete'] });
    expect(parseChord('ctrl-nothing')).toEqual({ unknown: 'nothing' });
    expect(chordsOf('aB$\n')).toEqual({ chords: [['a'], ['shift', 'b'], ['shift', '4'], ['ret']] });
    expect(chordsOf('aä')).toEqual({ unknown: 'ä' });
  });
});

describe('a key script', () => {
  function scene() {
    const clock = new VirtualClock();
    const pressed: string[] = [];
    const sink = {
      pressKey: (name: string, down: boolean) => pressed.push(`${clock.now() / MS} ${name}${down ? '' : '^'}`),
    };
    return { clock, pressed, script: new KeyScript(clock, () => sink) };
  }

  it('presses, holds and releases on the clock, one chord after the other', () => {
    const { clock, pressed, script } = scene();
    expect(script.type([['shift', 'a'], ['b']], { at: 10 * MS, hold: 20 * MS, gap: 5 * MS })).toBe(60 * MS);
    clock.advanceTo(9 * MS);
    expect(pressed).toEqual([]);
    for (let at = 10; at <= 70; at += 1) clock.advanceTo(at * MS);
    expect(pressed).toEqual(['10 shift', '11 a', '32 a^', '33 shift^', '39 b', '60 b^']);
  });

  it('types what comes later behind what is still to be typed', () => {
    const { clock, pressed, script } = scene();
    script.type([['a']], { at: 0, hold: 10 * MS });
    script.type([['b']], { at: 0, hold: 10 * MS, gap: 2 * MS });
    for (let at = 0; at <= 40; at += 1) clock.advanceTo(at * MS);
    expect(pressed).toEqual(['0 a', '11 a^', '13 b', '24 b^']);
  });

  it('saves and loads what is still to be typed', () => {
    const { clock, script } = scene();
    script.type([['a']], { at: 3 * MS, hold: 10 * MS });
    clock.advanceTo(5 * MS);
    const other = scene();
    other.script.load(structuredClone(script.save()));
    expect(other.script.save()).toEqual(script.save());
    other.clock.advanceTo(14 * MS);
    expect(other.pressed).toEqual(['14 a^']);
  });
});
