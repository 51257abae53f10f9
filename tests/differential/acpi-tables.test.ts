/** Our ACPI tables judged by ACPICA's compiler, and their methods run by its interpreter (Debian: acpica-tools). */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BoardFacts } from '../../src/machine/acpi/board-facts.ts';
import { acpiInMemory } from '../../src/machine/acpi/tables.ts';
import { pirqOf } from '../../src/pci/lpc-bridge.ts';

const missing = spawnSync('iasl', ['-v']).status !== 0;

const FACTS: BoardFacts = {
  apicIds: [0, 1, 2, 3],
  powerManagementBase: 0x600,
  ecam: { base: 0xb000_0000, size: 0x1000_0000 },
  windows: [
    { start: 0x8000_0000, size: 0x3000_0000, cacheable: false },
    { start: 0xc000_0000, size: 0x3ec0_0000, cacheable: false },
    { start: 0x1_4000_0000, size: 0x8_0000_0000, cacheable: true },
  ],
  pirqOf,
  pirqFirstInput: 16,
  hpet: true,
  suspend: true,
};

describe.skipIf(missing)(`ACPI tables and ACPICA${missing ? ' (skipped: acpica-tools is not installed)' : ''}`, () => {
  let folder = '';
  const signatures: string[] = [];

  const run = (program: string, ...flags: string[]): string => {
    const { status, stdout, stderr } = spawnSync(program, flags, { cwd: folder, encoding: 'utf8', timeout: 60_000 });
    expect([program, flags, status]).toEqual([program, flags, 0]);
    return stdout + stderr;
  };

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'acpi-'));
    const { tables } = acpiInMemory(FACTS, 0xf_0040);
    const view = new DataView(tables.buffer);
    for (let at = 0; at < tables.length; at += view.getUint32(at + 4, true)) {
      const signature = String.fromCharCode(...tables.subarray(at, at + 4));
      signatures.push(signature);
      writeFileSync(join(folder, `${signature}.aml`), tables.subarray(at, at + view.getUint32(at + 4, true)));
    }
  });

  afterAll(() => {
    if (folder !== '') rmSync(folder, { recursive: true });
  });

  it('disassembles every table without a complaint', () => {
    expect(signatures).toEqual(['FACS', 'DSDT', 'FACP', 'APIC', 'HPET', 'MCFG', 'WAET', 'RSDT', 'XSDT']);
    for (const signature of signatures) {
      expect(run('iasl', '-d', `${signature}.aml`)).not.toMatch(/error|warning|incorrect|invalid/i);
    }
  });

  it('compiles the DSDT again without errors or warnings', () => {
    run('iasl', '-d', 'DSDT.aml');
    expect(run('iasl', '-p', 'again', 'DSDT.dsl')).toMatch(/Compilation successful. 0 Errors, 0 Warnings/);
  });

  it('runs its methods', () => {
    // Not _PRT: its 128 routes do not fit into the interpreter's buffer for printing.
    const evaluate = (path: string): string => {
      const text = run('acpiexec', '-b', `evaluate ${path}`, 'DSDT.aml');
      expect(text).not.toMatch(/ACPI (Error|Exception)|AE_/);
      return text;
    };
    expect(evaluate('\\_SB.PCI0._CRS')).toMatch(/\[Buffer\] Length/);
    expect(evaluate('\\_SB.GSIH._CRS')).toMatch(/17 00 00 00/);
    expect(evaluate('\\_S5')).toMatch(/Package\] Contains 4 Elements/);
  });
});
