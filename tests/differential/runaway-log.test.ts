/** A guest that runs away into nothing: what it fetches there, byte by byte, as QEMU's log has it. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ourBoard, QEMU_MISSING } from './board-qtest.ts';

const ROM_BYTES = 65_536;
/** Nothing answers from here on, up to the firmware. */
const HOLE = 0xd000_0000;
const INSTRUCTIONS = 400;
/** It never ends by itself. */
const QEMU_MILLISECONDS = 3000;

/** From the reset vector to 32-bit protected mode and to the hole, where every instruction is ADD [EAX], AL: two zeros. */
function runaway(): Uint8Array {
  const rom = new Uint8Array(ROM_BYTES);
  const put = (at: number, hex: string): void => rom.set(Buffer.from(hex.replaceAll(' ', ''), 'hex'), at);
  // jmp 0xff00
  put(0xfff0, 'e9 0d ff');
  // lgdt cs:[0xff80]; mov eax, 1; mov cr0, eax; jmp 8:HOLE
  put(0xff00, '2e 66 0f 01 16 80 ff  66 b8 01 00 00 00  0f 22 c0  66 ea 00 00 00 d0 08 00');
  put(0xff80, '0f 00 90 ff ff ff');
  put(0xff98, 'ff ff 00 00 00 9a cf 00');
  return rom;
}

const line = (address: number): string =>
  `Invalid read at addr 0x${address.toString(16).toUpperCase()}, size 1, region '(null)', reason: rejected`;

it('reads the bytes of each instruction once', () => {
  const machine = ourBoard({ firmware: { kind: 'bios', image: runaway() } });
  const lines: string[] = [];
  machine.trace.on('memory.invalid-access', ({ address, size, write }) =>
    lines.push(!write && size === 1 ? line(Number(address)) : `${write} ${size} ${address}`),
  );
  machine.run({ maxInstructions: 5 + INSTRUCTIONS });
  expect(lines).toEqual(Array.from({ length: 2 * INSTRUCTIONS }, (_, at) => line(HOLE + at)));
});

it.runIf(process.env.DMASCOPE_REQUIRE_ORACLES === '1')('QEMU is there, because DMASCOPE_REQUIRE_ORACLES=1', () =>
  expect(QEMU_MISSING).toBe(false),
);

it.skipIf(QEMU_MISSING)('and so does QEMU', { timeout: 60_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'dmascope-runaway-'));
  try {
    const [rom, log] = [join(folder, 'rom.bin'), join(folder, 'log')];
    writeFileSync(rom, runaway());
    const flags = `-M q35 -accel tcg -m 16 -nodefaults -vga none -display none -bios ${rom} -d guest_errors -D ${log}`;
    spawnSync('qemu-system-x86_64', flags.split(' '), { timeout: QEMU_MILLISECONDS });
    const lines = readFileSync(log, 'latin1')
      .split('\n')
      .slice(0, 2 * INSTRUCTIONS);
    expect(lines).toEqual(Array.from({ length: 2 * INSTRUCTIONS }, (_, at) => line(HOLE + at)));
  } finally {
    rmSync(folder, { recursive: true });
  }
});
