import { describe, expect, it } from 'vitest';
import { pirqOf } from '../../pci/lpc-bridge.ts';
import type { BoardFacts } from './board-facts.ts';
import { acpiFiles, acpiInMemory } from './tables.ts';

const FACTS: BoardFacts = {
  apicIds: [0, 1, 4],
  powerManagementBase: 0x600,
  ecam: { base: 0xb000_0000, size: 0x1000_0000 },
  windows: [{ start: 0xc000_0000, size: 0x3ec0_0000, cacheable: false }],
  pirqOf,
  pirqFirstInput: 16,
  hpet: true,
  suspend: true,
};

const text = (bytes: Uint8Array, at: number, size: number) =>
  String.fromCharCode(...bytes.subarray(at, at + size)).replace(/\0+$/, '');
const sum = (bytes: Uint8Array) => bytes.reduce((total, byte) => (total + byte) & 0xff, 0);
const u32 = (bytes: Uint8Array, at: number) => new DataView(bytes.buffer, bytes.byteOffset).getUint32(at, true);
const u64 = (bytes: Uint8Array, at: number) =>
  Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(at, true));

/** Runs the loader script as firmware does, with files placed where `places` says. */
function runLoader(facts: BoardFacts, places: Readonly<Record<string, number>>): Record<string, Uint8Array> {
  const { rsdp, tables, loader } = acpiFiles(facts);
  const files: Record<string, Uint8Array> = { 'etc/acpi/rsdp': rsdp, 'etc/acpi/tables': tables };
  const allocated = new Set<string>();
  for (let at = 0; at < loader.length; at += 128) {
    const entry = loader.subarray(at, at + 128);
    const name = text(entry, 4, 56);
    const bytes = files[name]!;
    const command = u32(entry, 0);
    if (command === 0) break;
    if (command === 1) {
      expect(places[name]! % u32(entry, 60)).toBe(0);
      allocated.add(name);
    } else if (command === 2) {
      const base = places[text(entry, 60, 56)]!;
      expect(allocated.has(text(entry, 60, 56))).toBe(true);
      const [offset, size] = [u32(entry, 116), entry[120]!];
      const view = new DataView(bytes.buffer, bytes.byteOffset);
      if (size === 8) view.setBigUint64(offset, view.getBigUint64(offset, true) + BigInt(base), true);
      else view.setUint32(offset, view.getUint32(offset, true) + base, true);
    } else {
      expect(command).toBe(3);
      const [where, start, length] = [u32(entry, 60), u32(entry, 64), u32(entry, 68)];
      bytes[where] = (bytes[where]! - sum(bytes.subarray(start, start + length))) & 0xff;
    }
  }
  return files;
}

/** The tables behind a root table with entries of `size` bytes, all checked. */
function walk(memory: Uint8Array, base: number, root: number, size: 4 | 8): Map<string, Uint8Array> {
  const table = (address: number): [string, Uint8Array] => {
    const at = address - base;
    const bytes = memory.subarray(at, at + u32(memory, at + 4));
    const signature = text(bytes, 0, 4);
    if (signature !== 'FACS') expect([signature, sum(bytes)]).toEqual([signature, 0]);
    return [signature, bytes];
  };
  const [, list] = table(root);
  const found = new Map<string, Uint8Array>();
  for (let at = 36; at < list.length; at += size) {
    found.set(...table(size === 8 ? u64(list, at) : u32(list, at)));
  }
  const fadt = found.get('FACP')!;
  found.set(...table(u32(fadt, 36)));
  found.set(...table(u32(fadt, 40)));
  expect(u64(fadt, 140)).toBe(u32(fadt, 40));
  return found;
}

describe('ACPI tables', () => {
  it('are found and sum up to zero once firmware has run the loader script', () => {
    const tables = 0x7fe_0000;
    const files = runLoader(FACTS, { 'etc/acpi/rsdp': 0xf_5000, 'etc/acpi/tables': tables });
    const rsdp = files['etc/acpi/rsdp']!;
    expect(text(rsdp, 0, 8)).toBe('RSD PTR ');
    expect([rsdp.length, rsdp[15], sum(rsdp)]).toEqual([20, 0, 0]);
    const found = walk(files['etc/acpi/tables']!, tables, u32(rsdp, 16), 4);
    expect([...found.keys()].sort()).toEqual(['APIC', 'DSDT', 'FACP', 'FACS', 'HPET', 'MCFG', 'WAET']);
  });

  it('say the same when they are placed directly, with a root pointer of revision 2', () => {
    const base = 0xf_0040;
    const files = runLoader(FACTS, { 'etc/acpi/rsdp': 0xf_0000, 'etc/acpi/tables': base });
    const { rsdp, tables } = acpiInMemory(FACTS, base);
    expect([rsdp.length, rsdp[15], sum(rsdp), sum(rsdp.subarray(0, 20))]).toEqual([36, 2, 0, 0]);
    const extended = walk(tables, base, u64(rsdp, 24), 8);
    const plain = walk(tables, base, u32(rsdp, 16), 4);
    const firmware = walk(files['etc/acpi/tables']!, base, u32(files['etc/acpi/rsdp']!, 16), 4);
    for (const [signature, bytes] of firmware) {
      expect([signature, extended.get(signature)]).toEqual([signature, bytes]);
      expect(plain.get(signature)).toEqual(bytes);
    }
  });

  it('keep their size while firmware sets up PCI', () => {
    const before = acpiFiles({ ...FACTS, ecam: undefined, powerManagementBase: undefined, windows: [] });
    const after = acpiFiles({ ...FACTS, apicIds: Array.from({ length: 64 }, (_, id) => id) });
    for (const file of ['rsdp', 'tables', 'loader'] as const) expect(after[file].length).toBe(before[file].length);
  });

  it('tell each processor by its APIC ID', () => {
    const { tables, rsdp } = acpiInMemory(FACTS, 0);
    const madt = walk(tables, 0, u64(rsdp, 24), 8).get('APIC')!;
    const processors: number[][] = [];
    for (let at = 44; at < madt.length; at += madt[at + 1]!) {
      if (madt[at] === 0) processors.push([...madt.subarray(at + 2, at + 5)]);
    }
    expect(processors).toEqual([
      [0, 0, 1],
      [1, 1, 1],
      [2, 4, 1],
    ]);
  });
});
