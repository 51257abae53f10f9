import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { gva } from '../../base/address.ts';
import { SymbolTable } from '../symbol-table.ts';
import { ask, fixtureBytes, fixturePath, hasTool, inflate } from '../testing/fixture.ts';
import { readElf } from './file.ts';
import { readNotes, readSymbols } from './sections.ts';

function elf(name: string) {
  const read = readElf(fixtureBytes(name));
  if (!read.ok) throw new Error(read.problem.message);
  return read.value;
}

describe('the ELF reader', () => {
  it('reads both widths', () => {
    expect(elf('kernel-dwarf5.elf')).toMatchObject({ bits: 64, littleEndian: true, type: 2, machine: 62 });
    expect(elf('kernel-32.elf')).toMatchObject({ bits: 32, littleEndian: true, type: 2, machine: 3 });
  });

  it('sorts nothing out: the segments are where the linker put them', () => {
    const load = elf('kernel-dwarf5.elf').segments.filter((segment) => segment.type === 1);
    expect(load[0]?.virtualAddress).toBe(0xffff_ffff_8020_0000n);
    expect(load.every((segment) => segment.fileSize <= segment.memorySize)).toBe(true);
  });

  it.each(['kernel-dwarf5.elf', 'kernel-32.elf', 'driver-rust-v0.elf'])(
    'reads the symbols of %s as nm does',
    (name) => {
      if (!hasTool('nm')) return;
      const theirs = ask('nm', ['-a', '--format=posix', fixturePath(name)], [])
        .map((line) => line.split(' '))
        .filter(([, type]) => 'tTbBdDrR'.includes(type!))
        .map(([symbol, , value]) => `${symbol} ${BigInt(`0x${value}`).toString(16)}`);
      const ours = readSymbols(elf(name))
        .filter(({ section, type }) => section !== 0 && section < 0xff00 && type < 3)
        .map((symbol) => `${symbol.name} ${symbol.value.toString(16)}`);
      expect(ours.sort()).toEqual(expect.arrayContaining(theirs.filter((line) => !line.startsWith('.')).sort()));
    },
  );

  it('reads notes from sections', () => {
    expect(readNotes(elf('kernel-dwarf5.elf')).map(({ name, type }) => ({ name, type }))).toContainEqual({
      name: 'GNU',
      type: 3,
    });
  });
});

/** Where a field of the 64-bit file header stands, and its bytes (System V ABI, "ELF Header"). */
const DAMAGE: readonly [field: string, offset: number, bytes: readonly number[], problem: RegExp][] = [
  ['the magic', 1, [0x00], /^e_ident\[EI_MAG0\]$/],
  ['EI_CLASS', 4, [3], /^e_ident\[EI_CLASS\]$/],
  ['EI_DATA', 5, [0], /^e_ident\[EI_DATA\]$/],
  ['e_phentsize', 54, [55, 0], /e_phentsize$/],
  ['e_shentsize', 58, [1, 0], /e_shentsize$/],
  ['e_phnum', 56, [0xfe, 0xff], /^e_phnum$/],
  ['e_shnum', 60, [0xff, 0xfe], /^e_shnum$/],
  ['e_shstrndx', 62, [0x00, 0x10], /^e_shstrndx$/],
  ['e_shoff', 40, [0xff, 0xff, 0xff, 0x7f], /^e_shoff$/],
  ['e_shoff beyond 2^53', 40, [0, 0, 0, 0, 0, 0, 0, 0x80], /e_shoff$/],
  ['e_phoff', 32, [0xff, 0xff, 0xff, 0x7f], /^e_phnum$/],
];

describe('a damaged file', () => {
  it.each(DAMAGE)('names the field: %s', (_, offset, values, problem) => {
    const bytes = fixtureBytes('kernel-dwarf5.elf');
    bytes.set(values, offset);
    const read = readElf(bytes);
    expect(read.ok).toBe(false);
    if (!read.ok) expect(read.problem.field).toMatch(problem);
  });

  it.each([0, 4, 15, 16, 40, 63])('is refused when only %i bytes are left', (length) => {
    const read = readElf(fixtureBytes('kernel-dwarf5.elf').subarray(0, length));
    expect(read.ok).toBe(false);
  });

  it('answers or says nothing, but never throws, whatever is broken in it', () => {
    const whole = fixtureBytes('kernel-dwarf5.elf');
    const damage = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.integer({ min: 0, max: 255 })), {
      minLength: 1,
      maxLength: 24,
    });
    fc.assert(
      fc.property(damage, (changes) => {
        const bytes = whole.slice();
        for (const [at, value] of changes) bytes[at] = value;
        exercise(bytes);
      }),
      { numRuns: 300 },
    );
  });

  it('survives damage to every byte of the debug sections, one at a time', () => {
    const whole = fixtureBytes('kernel-dwarf4.elf');
    const file = elf('kernel-dwarf4.elf');
    for (const { name, offset, size } of file.sections) {
      if (!name.startsWith('.debug')) continue;
      for (let at = offset; at < offset + size; at += 7) {
        const bytes = whole.slice();
        bytes[at] = bytes[at]! ^ 0xff;
        exercise(bytes);
      }
    }
  });
});

/** Asks everything that a report asks. */
function exercise(bytes: Uint8Array): void {
  const read = SymbolTable.read(bytes, { module: 'damaged', inflate });
  if (!read.ok) return;
  const symbols = read.value;
  for (const at of [0xffff_ffff_8020_1010n, 0xffff_ffff_8020_1060n, 0xffff_ffff_8020_4010n, 0n]) {
    symbols.symbolAt(gva(at));
    symbols.locationOf(gva(at));
    symbols.functionsAt(gva(at));
    symbols.variablePathAt(gva(at));
  }
  symbols.findSymbol('ERST_TABLE');
  void symbols.buildId;
}
