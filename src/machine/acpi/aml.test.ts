import { describe, expect, it } from 'vitest';
import { buffer, eisaId, integer, nameString, packageOf, scope, string, uuid, withLength } from './aml.ts';
import { interrupt, io, irq, memoryWindow } from './aml-resources.ts';

const hex = (bytes: readonly number[]) => Buffer.from(bytes).toString('hex');

describe('AML', () => {
  it.each([
    ['\\', '5c00'],
    ['_SB', '5f53425f'],
    ['\\_SB.PCI0', '5c2e5f53425f50434930'],
    ['PCI0.SF8.PIRQ', '2f03504349305346385f50495251'],
  ])('writes the name %s', (path, bytes) => {
    expect(hex(nameString(path))).toBe(bytes);
  });

  // ACPI 6.4, 20.2.4: the length counts its own bytes; 63 is the most for one.
  it.each([
    [0, [1]],
    [62, [63]],
    [63, [0x41, 0x04]],
    [0xffd, [0x4f, 0xff]],
    [0xffe, [0x81, 0x00, 0x01]],
    [0xf_fffc, [0x8f, 0xff, 0xff]],
  ])('gives %i bytes their length', (size, expected) => {
    const bytes = withLength(new Array<number>(size).fill(0));
    expect(bytes.slice(0, expected.length)).toEqual(expected);
    expect(bytes.length).toBe(size + expected.length);
  });

  it.each([
    [0, '00'],
    [1, '01'],
    [2, '0a02'],
    [0x100, '0b0001'],
    [0xffff_ffff, '0cffffffff'],
    [0x1_0000_0000, '0e0000000001000000'],
  ])('writes the integer %i as short as it can', (value, bytes) => {
    expect(hex(integer(value))).toBe(bytes);
  });

  it('compresses identifiers', () => {
    // PNP0A03 is EISA ID 41 d0 0a 03 in every DSDT.
    expect(hex(eisaId('PNP0A03'))).toBe('0c41d00a03');
    // The PCI host bridge's UUID as ToUUID writes it.
    expect(hex(uuid('33db4d5b-1ff7-401c-9657-7441c03dd766'))).toBe('11130a105b4ddb33f71f1c4096577441c03dd766');
  });

  it('nests', () => {
    expect(hex(scope('\\', string('A')))).toBe('10065c000d4100');
    expect(hex(packageOf([integer(1), buffer([7])]))).toBe('1207020111030107');
  });

  it('describes resources', () => {
    expect(hex(io(0x60, 1))).toBe('4701600060000101');
    expect(hex(irq(12))).toBe('220010');
    expect(hex(interrupt(5, 10))).toBe('890a000902050000000a000000');
    expect(hex(memoryWindow(0xc000_0000, 0x3ec0_0000))).toBe('871700000c0100000000000000c0ffffbffe000000000000c03e');
  });
});
