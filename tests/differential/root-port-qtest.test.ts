/** Root ports in the `qemu` personality against Debian's QEMU: every register, and what a write leaves of it. */
import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { gpa } from '../../src/base/address.ts';
import { TraceBus } from '../../src/base/trace.ts';
import { RawImage } from '../../src/devices/block/raw-image.ts';
import { MemoryFile } from '../../src/devices/block/testing/memory-file.ts';
import { createQ35 } from '../../src/machine/boards/q35.ts';
import type { DeviceOption } from '../../src/machine/boards/q35-options.ts';
import { CpuMemoryPort, CpuPortIo } from '../../src/memory/index.ts';

const QEMU = 'qemu-system-x86_64';
const missing = spawnSync(QEMU, ['--version']).status !== 0;
const MIB = 1024 * 1024;
const PORT = 0x8000_0000 + (4 << 11);
const CARD = 0x8001_0000;
/** PCIEXBAR of the host bridge. */
const ECAM = 0x8000_0060;

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

/** Device Control 2 of the virtio functions: QEMU keeps it over a function level reset, which sets it back (PCI Express 4.0 §6.6.2). */
const DEVICE_CONTROL_2 = 0x68;

/** Bytes that belong to no register keep what is written on QEMU; and it corrects Multiple Message Enable. */
function isSkipped(model: string, offset: number): boolean {
  return model === 'ioh3420' && ((offset >= 0x48 && offset < 0x64) || (offset >= 0x74 && offset < 0x90));
}

/** What stands behind the port, on both machines, and which of its registers are compared after a write. */
interface Card {
  readonly flag: string;
  readonly device: DeviceOption;
  readonly writable: readonly number[];
}

/** Header and BARs. */
const HEADER = [0x04, 0x0c, 0x10, 0x14, 0x18, 0x1c, 0x20, 0x24, 0x3c];
/** Express, power management, the window, MSI-X. */
const VIRTIO = [...HEADER, ...[0x44, 0x50, 0x68, 0x7c, 0x80, 0xc8, 0xcc, 0xdc, 0xe0, 0xe4]];

const CARDS: readonly Card[] = [
  { flag: 'qemu-xhci', device: { kind: 'qemu-xhci', pciBus: 'rp1' }, writable: [] },
  {
    flag: 'virtio-blk-pci,drive=disk',
    device: { kind: 'virtio-blk-pci', pciBus: 'rp1', drive: 'disk' },
    writable: VIRTIO,
  },
  { flag: 'virtio-rng-pci', device: { kind: 'virtio-rng-pci', pciBus: 'rp1' }, writable: VIRTIO },
  { flag: 'ahci', device: { kind: 'ahci', pciBus: 'rp1' }, writable: [...HEADER, 0x84, 0xa8, 0xac] },
];

/** Device Control of the virtio functions, and the bit that resets the function. */
const DEVICE_CONTROL = 0x48;
const INITIATE_RESET = 0x8000;
/** The first double words of the extended configuration space, through ECAM, where QEMU's firmware puts it. */
const ECAM_OF_CARD = 0xb010_0000;

function script(model: string, written: readonly number[], { writable, device }: Card): string[] {
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
  for (const value of [...written, 0xffff_ffff]) {
    for (const offset of writable) {
      out(0xcf8, CARD + offset);
      out(0xcfc, value);
      lines.push('inl 0xcfc');
    }
  }
  if (device.kind.startsWith('virtio')) {
    out(0xcf8, CARD + DEVICE_CONTROL);
    for (const value of [0x0f, INITIATE_RESET | 0x0f]) {
      out(0xcfc, value);
      lines.push('inl 0xcfc');
    }
    for (let offset = 0; offset < 0x100; offset += 4) if (offset !== DEVICE_CONTROL_2) read(CARD + offset);
  }
  out(0xcf8, ECAM);
  out(0xcfc, 0xb000_0001);
  for (const offset of [0, 0xfc, 0x100, 0x104, 0xffc]) lines.push(`readl 0x${(ECAM_OF_CARD + offset).toString(16)}`);
  return lines;
}

function ours(model: 'pcie-root-port' | 'ioh3420', lines: readonly string[], card: Card): string[] {
  const board = createQ35({
    ramBytes: 16 * MIB,
    cpuModel: 'qemu64',
    personality: 'qemu',
    devices: [{ kind: model, id: 'rp1', slot: 4 }, card.device],
    drives: [{ id: 'disk', image: disk(), interface: 'none', media: 'disk' }],
    trackWriters: false,
    trace: new TraceBus(),
    serialOutput: () => {},
  });
  if ('problem' in board) throw new Error(board.problem);
  const io = new CpuPortIo(board.ioSpace);
  const memory = new CpuMemoryPort(board.addressSpace);
  let selected = 0;
  return lines.map((line) => {
    const [command, port, value] = line.split(' ');
    if (command === 'readl') return answer(memory.read(gpa(Number(port)), 4), 16);
    if (command === 'inl') {
      const known = CARD_SHOWN[model]!.find(([offset]) => PORT + offset === selected)?.[1] ?? 0;
      return answer(io.read(Number(port), 4) & ~known, 4);
    }
    if (Number(port) === 0xcf8) selected = Number(value);
    io.write(Number(port), 4, Number(value));
    return 'OK';
  });
}

const answer = (value: number, digits: number): string => `OK 0x${(value >>> 0).toString(16).padStart(digits, '0')}`;

function disk(): RawImage {
  return new RawImage(new MemoryFile('disk', new Uint8Array(MIB)));
}

function theirs(model: string, lines: readonly string[], card: Card): string[] {
  const flags = `-accel tcg -S -display none -nodefaults -machine q35 -m 16 -qtest stdio -qtest-log /dev/null
    -device isa-debug-exit,iobase=0x501 -device ${model},id=rp1,addr=4,hotplug=off -device ${card.flag},bus=rp1
    -blockdev null-co,node-name=disk,size=${MIB},read-zeroes=on`;
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
  it.each(
    (['pcie-root-port', 'ioh3420'] as const).flatMap((model) => CARDS.map((card) => ({ model, card, of: card.flag }))),
  )('$model has the same registers, masks and card behind it: $of', ({ model, card }) => {
    const lines = script(model, [0xffff_ffff, 0, 0x1234_5678, 0], card);
    const [mine, others] = [ours(model, lines, card), theirs(model, lines, card)];
    const different = mine.flatMap((line, index) =>
      line === others[index]
        ? []
        : [`${lines[index - 2]}; ${lines[index - 1]}; ${lines[index]}: ours ${line}, QEMU's ${others[index]}`],
    );
    expect(different.slice(0, 12)).toEqual([]);
    expect(others.length).toBe(mine.length);
  });
});
