/** CPUID of our models against Debian's QEMU, leaf by leaf: a flat Multiboot image dumps them on the debug console. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { RAX, RBX, RCX, RDX, RSI } from '../../src/cpu/testing/assembler.ts';
import { AT, LongModeMachine } from '../../src/cpu/testing/test-machine.ts';

const QEMU = 'qemu-system-x86_64';
const missing = spawnSync(QEMU, ['--version']).status !== 0;
const LOAD = 0x10_0000;
const MULTIBOOT_MAGIC = 0x1bad_b002;
/** The header has load addresses (bit 16). */
const MULTIBOOT_FLAGS = 0x1_0000;
const DEBUG_CONSOLE = 0xe9;
const EXIT_PORT = 0xf4;

type Leaf = readonly [leaf: number, subleaf: number];

const LEAVES: readonly Leaf[] = [
  ...Array.from({ length: 0x15 }, (_, leaf) => leaf).flatMap((leaf): Leaf[] =>
    [4, 7, 0xb, 0xd].includes(leaf) ? [0, 1, 2, 3].map((subleaf) => [leaf, subleaf]) : [[leaf, 0]],
  ),
  [0x4000_0000, 0],
  [0x4000_0001, 0],
  [0x4000_0002, 0],
  ...Array.from({ length: 0x10 }, (_, index): Leaf => [0x8000_0000 + index, 0]),
  [0xffff_ffff, 1],
];

function words(...values: readonly number[]): number[] {
  return values.flatMap((value) => [value & 255, (value >>> 8) & 255, (value >>> 16) & 255, (value >>> 24) & 255]);
}

/** For each leaf: CPUID, its four registers over the leaf's slot, and the slot to the debug console. */
function image(): Uint8Array {
  const start = LOAD + 32;
  const program = (table: number): number[] => [
    ...[0xbc, ...words(0x9_0000)], // mov esp, 0x90000
    ...[0xbe, ...words(table)], // mov esi, table
    ...[0xbf, ...words(LEAVES.length)], // mov edi, count
    ...[0x8b, 0x06, 0x8b, 0x4e, 0x04, 0x0f, 0xa2], // next: mov eax, [esi]; mov ecx, [esi+4]; cpuid
    ...[0x89, 0x06, 0x89, 0x5e, 0x04, 0x89, 0x4e, 0x08, 0x89, 0x56, 0x0c],
    ...[0xb9, ...words(16), 0xba, ...words(DEBUG_CONSOLE), 0xf3, 0x6e], // mov ecx, 16; mov edx, port; rep outsb
    ...[0x4f, 0x75, 0xdf], // dec edi; jnz next
    ...[0xba, ...words(EXIT_PORT), 0xee, 0xf4, 0xeb, 0xfd], // mov edx, port; out dx, al; hlt; jmp to it
  ];
  const table = start + program(0).length;
  const header = [MULTIBOOT_MAGIC, MULTIBOOT_FLAGS, -(MULTIBOOT_MAGIC + MULTIBOOT_FLAGS), LOAD, LOAD, 0, 0, start];
  const slots = LEAVES.flatMap(([leaf, subleaf]) => words(leaf, subleaf, 0, 0));
  return Uint8Array.from([...words(...header), ...program(table), ...slots]);
}

const hex = (value: number) => (value >>> 0).toString(16).padStart(8, '0');
const line = ([leaf, subleaf]: Leaf, registers: readonly number[]) =>
  `${hex(leaf)}.${subleaf}: ${registers.map(hex).join(' ')}`;

function answersOfQemu(model: string): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'cpuid-'));
  try {
    const kernel = join(folder, 'kernel.bin');
    const out = join(folder, 'out');
    writeFileSync(kernel, image());
    const exit = ['-device', `isa-debug-exit,iobase=${EXIT_PORT},iosize=4`];
    const machine = ['-M', 'q35', '-accel', 'tcg', '-m', '32', '-display', 'none', '-no-reboot'];
    const console = ['-debugcon', `file:${out}`];
    spawnSync(QEMU, [...machine, '-cpu', model, '-kernel', kernel, ...console, ...exit], { timeout: 60_000 });
    const bytes = readFileSync(out);
    expect(bytes.length).toBe(LEAVES.length * 16);
    return LEAVES.map((leaf, index) =>
      line(
        leaf,
        [0, 4, 8, 12].map((at) => bytes.readUInt32LE(index * 16 + at)),
      ),
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function ourAnswers(model: string): string[] {
  const machine = new LongModeMachine({ model });
  machine.boot((code) => {
    for (const [index, [leaf, subleaf]] of LEAVES.entries()) {
      code.mov(RAX, leaf).mov(RCX, subleaf).bytes(0x0f, 0xa2);
      code.mov(RSI, AT.data + index * 16);
      for (const [at, register] of [RAX, RBX, RCX, RDX].entries()) code.store(RSI, at * 4, register, 4);
    }
    code.hlt();
  });
  expect(machine.processor.run(10_000)).toBe('halted');
  return LEAVES.map((leaf, index) =>
    line(
      leaf,
      [0, 4, 8, 12].map((at) => machine.view.getUint32(AT.data + index * 16 + at, true)),
    ),
  );
}

describe.skipIf(missing)('CPUID and QEMU', { timeout: 120_000 }, () => {
  it.each([
    // SVM is not implemented, and not advertised.
    ['qemu64', 'qemu64,-svm'],
    ['qemu64,-nx,-cx16,+popcnt', 'qemu64,-svm,-nx,-cx16,+popcnt'],
    ['Nehalem', 'Nehalem'],
  ])('%s answers as -cpu %s', (ours, theirs) => {
    expect(ourAnswers(ours)).toEqual(answersOfQemu(theirs));
  });
});
