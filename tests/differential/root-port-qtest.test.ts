/** Root ports in the `qemu` personality against Debian's QEMU: every register, and what a write leaves of it. */
import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { TraceBus } from '../../src/base/trace.ts';
import { createQ35 } from '../../src/machine/boards/q35.ts';
import { CpuPortIo } from '../../src/memory/index.ts';

const QEMU = 'qemu-system-x86_64';
const missing = spawnSync(QEMU, ['--version']).status !== 0;
const MIB = 1024 * 1024;
const PORT = 0x8000_0000 + (4 << 11);
const CARD = 0x8001_0000;

/** QEMU leaves hot-plug to ACPI and shows an empty slot whose link is down, though there is a card; ours shows the card. */
const CARD_SHOWN: Readonly<Record<string, readonly [offset: number, bits: number][]>> = {
  'pcie-root-port': [
    [0x64, 0x2000_0000],
    [0x6c, 0x0040_0000],
  ],
  ioh3420: [
    [0xa0, 0x2000_0000],
    [0xa8, 0x0040_0000],
  ],
};

/** Bytes that belong to no register keep what is written on QEMU; and it corrects Multiple Message Enable. */
function isSkipped(model: string, offset: number): boolean {
  return model === 'ioh3420' && ((offset >= 0x48 && offset < 0x64) || (offset >= 0x74 && offset < 0x90));
}

function script(model: string, written: readonly number[]): string[] {
  const lines: string[] = [];
  const out = (port: number, value: number) =>
    lines.push(`outl 0x${port.toString(16)} 0x${(value >>> 0).toString(16)}`);
  const read = (address: number) => {
    out(0xcf8, address);
    lines.push('inl 0xcfc');
  };
  const end = model === 'ioh3420' ? 0xcc : 0x90;
  for (let offset = 0; offset < 0x100; offset += 4) read(PORT + offset);
  for (const value of written) {
    for (let offset = 0; offset < end; offset += 4) {
      if (isSkipped(model, offset)) continue;
      out(0xcf8, PORT + offset);
      out(0xcfc, value);
      lines.push('inl 0xcfc');
    }
  }
  out(0xcf8, PORT + 0x18);
  out(0xcfc, 0x0001_0100);
  for (let offset = 0; offset < 0x100; offset += 4) read(CARD + offset);
  return lines;
}

function ours(model: 'pcie-root-port' | 'ioh3420', lines: readonly string[]): string[] {
  const board = createQ35({
    ramBytes: 16 * MIB,
    cpuModel: 'qemu64',
    personality: 'qemu',
    devices: [
      { kind: model, id: 'rp1', slot: 4 },
      { kind: 'qemu-xhci', pciBus: 'rp1' },
    ],
    trackWriters: false,
    trace: new TraceBus(),
    serialOutput: () => {},
  });
  if ('problem' in board) throw new Error(board.problem);
  const io = new CpuPortIo(board.ioSpace);
  let selected = 0;
  return lines.map((line) => {
    const [command, port, value] = line.split(' ');
    if (command === 'inl') {
      const known = CARD_SHOWN[model]!.find(([offset]) => PORT + offset === selected)?.[1] ?? 0;
      return `OK 0x${((io.read(Number(port), 4) & ~known) >>> 0).toString(16).padStart(4, '0')}`;
    }
    if (Number(port) === 0xcf8) selected = Number(value);
    io.write(Number(port), 4, Number(value));
    return 'OK';
  });
}

function theirs(model: string, lines: readonly string[]): string[] {
  const flags = `-accel tcg -S -display none -nodefaults -machine q35 -m 16 -qtest stdio -qtest-log /dev/null
    -device isa-debug-exit,iobase=0x501 -device ${model},id=rp1,addr=4,hotplug=off -device qemu-xhci,bus=rp1`;
  const input = `${lines.join('\n')}\noutb 0x501 0\n`;
  const run = spawnSync(QEMU, flags.split(/\s+/), { input, timeout: 30_000 });
  return run.stdout
    .toString()
    .split('\n')
    .filter((line) => line.startsWith('OK'));
}

it.runIf(process.env.DMASCOPE_REQUIRE_ORACLES === '1')('QEMU is there, because DMASCOPE_REQUIRE_ORACLES=1', () =>
  expect(missing).toBe(false),
);

describe.skipIf(missing)('root ports and QEMU', { timeout: 60_000 }, () => {
  it.each(['pcie-root-port', 'ioh3420'] as const)('%s has the same registers, masks and card behind it', (model) => {
    const lines = script(model, [0xffff_ffff, 0, 0x1234_5678, 0]);
    const [mine, others] = [ours(model, lines), theirs(model, lines)];
    const different = mine.flatMap((line, index) =>
      line === others[index]
        ? []
        : [`${lines[index - 2]}; ${lines[index - 1]}; ${lines[index]}: ours ${line}, QEMU's ${others[index]}`],
    );
    expect(different.slice(0, 12)).toEqual([]);
    expect(others.length).toBe(mine.length);
  });
});
