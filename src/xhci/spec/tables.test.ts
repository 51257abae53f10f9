import { describe, expect, it } from 'vitest';
import { Register32 } from '../../base/registers.ts';
import * as registers from './registers.ts';
import { ALL_TRBS, trbName } from './trbs.ts';

describe('the tables', () => {
  it('give every register and TRB a section of the specification', () => {
    const all = Object.values(registers).filter((entry) => entry instanceof Register32);
    expect(all.length).toBeGreaterThan(25);
    for (const { name, spec } of [...all, ...ALL_TRBS]) expect(spec.section, name).toMatch(/^[456]\.\d+(\.\d+)*$/);
  });

  it('number TRBs as Table 6-91 does', () => {
    const types = [1, 6, 8, 9, 11, 17, 23, 32, 33, 34, 37, 39];
    expect(types.map(trbName)).toEqual([
      'Normal',
      'Link',
      'No Op',
      'Enable Slot Command',
      'Address Device Command',
      'Reset Device Command',
      'No Op Command',
      'Transfer Event',
      'Command Completion Event',
      'Port Status Change Event',
      'Host Controller Event',
      'MFINDEX Wrap Event',
    ]);
    expect(new Set(ALL_TRBS.map(({ type }) => type)).size).toBe(ALL_TRBS.length);
  });

  it('have the change bits of PORTSC as RW1C (Table 5-27)', () => {
    expect(registers.PORTSC.clearMask).toBe(0x00fe_0002);
    expect(registers.USBSTS.clearMask).toBe(0x0000_041c);
  });
});
