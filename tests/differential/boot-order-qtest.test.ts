/** What firmware is told to boot from, against QEMU: the file `bootorder`, and the boot order and disk types in CMOS. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { BusAddress } from '../../src/base/address.ts';
import { TraceBus } from '../../src/base/trace.ts';
import type { BlockDevice } from '../../src/devices/block/block-device.ts';
import { createQ35 } from '../../src/machine/boards/q35.ts';
import type { DeviceOption, FirmwareBoot } from '../../src/machine/boards/q35-options.ts';
import { CpuPortIo, DmaView } from '../../src/memory/index.ts';

const QEMU = 'qemu-system-x86_64';
const missing = spawnSync(QEMU, ['--version']).status !== 0;
const MIB = 1024 * 1024;
const STRUCTURE = 0x1000;
const BUFFER = 0x10_0000;
/** The second file in the directory, on both machines. */
const BOOTORDER = 0x21;
const BOOTORDER_BYTES = 1024;
/** Boot order, types of hard disks, their parameters, translations. */
const CMOS = [0x38, 0x3d, 0x12, 0x39, ...Array.from({ length: 22 }, (_, index) => 0x19 + index)];

const folder = mkdtempSync(join(tmpdir(), 'dmascope-boot-order-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** An empty disk, as a file of the host that holds nothing, and as ours. */
function disk(id: string, mebibytes: number): { readonly flags: string[]; readonly image: BlockDevice } {
  const file = join(folder, `${id}.img`);
  writeFileSync(file, '');
  truncateSync(file, mebibytes * MIB);
  return {
    flags: ['-drive', `if=none,id=${id},format=raw,file=${file}`],
    image: {
      name: id,
      size: mebibytes * MIB,
      readOnly: false,
      read: (_offset, into) => void into.fill(0),
      write: () => undefined,
      flush: () => undefined,
      stateSource: undefined,
    },
  };
}

interface Case {
  readonly flags: readonly string[];
  readonly boot?: FirmwareBoot;
  readonly devices?: readonly DeviceOption[];
  /** Id and size in MiB. */
  readonly disks?: readonly (readonly [string, number])[];
}

/** The file's bytes, then CMOS. */
function compare({ flags, boot = {}, devices = [], disks = [] }: Case): { ours: string[]; theirs: string[] } {
  const made = disks.map(([id, size]) => ({ id, ...disk(id, size) }));
  const machine = createQ35({
    ramBytes: 64 * MIB,
    cpuModel: 'qemu64',
    personality: 'qemu',
    // QEMU puts the first device on slot 1 when there is no display adapter; addresses are therefore given.
    devices: devices.map((device) =>
      device.kind === 'usb-storage' ? { ...device, disk: made.find(({ id }) => id === device.driveId)!.image } : device,
    ),
    drives: made.map(({ id, image }) => ({ id, image, interface: 'none', media: 'disk' })),
    boot,
    trackWriters: false,
    trace: new TraceBus(),
    serialOutput: () => {},
  });
  if ('problem' in machine) throw new Error(machine.problem);
  const io = new CpuPortIo(machine.ioSpace);
  const memory = new DmaView(machine.addressSpace, 'test');
  const structure = new DataView(new ArrayBuffer(16));
  structure.setUint32(0, (BOOTORDER << 16) | 0x0a);
  structure.setUint32(4, BOOTORDER_BYTES);
  structure.setBigUint64(8, BigInt(BUFFER));
  const bytes = new Uint8Array(structure.buffer);
  memory.write(STRUCTURE as BusAddress, bytes);
  const address = new DataView(new ArrayBuffer(4));
  address.setUint32(0, STRUCTURE);
  const trigger = address.getUint32(0, true);
  io.write(0x514, 4, 0);
  io.write(0x518, 4, trigger);
  const file = new Uint8Array(BOOTORDER_BYTES);
  memory.read(BUFFER as BusAddress, file);
  const text = (content: Uint8Array): string => Buffer.from(content).toString('latin1').replace(/\0+$/, '');
  const ours = [
    text(file),
    ...CMOS.map((index) => {
      io.write(0x70, 1, index);
      return `${index.toString(16)}: ${io.read(0x71, 1).toString(16)}`;
    }),
  ];
  const commands = [
    `write 0x${STRUCTURE.toString(16)} 16 0x${Buffer.from(bytes).toString('hex')}`,
    'outl 0x514 0',
    `outl 0x518 ${trigger}`,
    `read 0x${BUFFER.toString(16)} ${BOOTORDER_BYTES}`,
    ...CMOS.flatMap((index) => [`outb 0x70 ${index}`, 'inb 0x71']),
    // The device ends QEMU, which an end of its input does not.
    'outb 0x501 0',
  ];
  const { stdout, stderr } = spawnSync(
    QEMU,
    '-M q35 -m 64M -accel tcg -S -display none -nodefaults -device isa-debug-exit,iobase=0x501 -qtest stdio -qtest-log none'
      .split(' ')
      .concat(...made.map((each) => each.flags), flags),
    { input: `${commands.join('\n')}\n`, encoding: 'latin1', timeout: 60_000 },
  );
  const answers = stdout.split('\n').filter((line) => /^OK 0x/.test(line));
  expect([answers.length, stderr.replace(/^.*isa-debug-exit.*$/gm, '')]).toEqual([1 + CMOS.length, '']);
  const theirs = [
    text(Buffer.from(answers[0]!.slice(5), 'hex')),
    ...CMOS.map((index, at) => `${index.toString(16)}: ${Number(answers[at + 1]!.slice(3)).toString(16)}`),
  ];
  return { ours, theirs };
}

const unused = {} as BlockDevice;

describe.skipIf(missing)(`the boot order and QEMU${missing ? ' (skipped: QEMU is not installed)' : ''}`, () => {
  it.each<[string, Case]>([
    ['nothing is asked for', { flags: [] }],
    ['letters', { flags: ['-boot', 'order=ndc'], boot: { letters: 'ndc' } }],
    ['letters for once', { flags: ['-boot', 'order=c,once=d'], boot: { letters: 'c', lettersOnce: 'd' } }],
    ['an order without a device stays empty, strict or not', { flags: ['-boot', 'strict=on'], boot: { strict: true } }],
    [
      'every kind of disk by bootindex',
      {
        boot: { strict: true },
        disks: [...'abcdefg'].map((id) => [id, 4] as const),
        flags: [
          ...['-boot', 'strict=on', '-device', 'qemu-xhci,id=x,addr=3', '-device', 'ahci,id=q,addr=4'],
          ...['-device', 'ide-hd,drive=a,bus=ide.0,bootindex=3', '-device', 'ide-cd,drive=b,bus=ide.2,bootindex=1'],
          ...['-device', 'virtio-blk-pci,drive=c,bootindex=2,addr=0x1d'],
          ...['-device', 'usb-storage,drive=d,bus=x.0,port=1,bootindex=0'],
          ...['-device', 'usb-storage,drive=e,bus=x.0,port=3,bootindex=9'],
          ...['-device', 'ide-hd,drive=f,bus=q.4,bootindex=7', '-device', 'virtio-blk-pci,drive=g,addr=9'],
        ],
        devices: [
          { kind: 'qemu-xhci', id: 'x', slot: 3 },
          { kind: 'ahci', id: 'q', slot: 4 },
          { kind: 'ide-hd', drive: 'a', bus: 'ide.0', bootIndex: 3 },
          { kind: 'ide-cd', drive: 'b', bus: 'ide.2', bootIndex: 1 },
          { kind: 'virtio-blk-pci', drive: 'c', slot: 29, bootIndex: 2 },
          { kind: 'usb-storage', disk: unused, driveId: 'd', bus: 'x.0', port: 1, bootIndex: 0 },
          { kind: 'usb-storage', disk: unused, driveId: 'e', bus: 'x.0', port: 3, bootIndex: 9 },
          { kind: 'ide-hd', drive: 'f', bus: 'q.4', bootIndex: 7 },
          { kind: 'virtio-blk-pci', drive: 'g', slot: 9 },
        ],
      },
    ],
    [
      'disks behind root ports by bootindex',
      {
        disks: [...'abc'].map((id) => [id, 4] as const),
        flags: [
          ...[
            '-device',
            'pcie-root-port,id=rp1,addr=4,chassis=1',
            '-device',
            'pcie-root-port,id=rp2,addr=0x1a,chassis=2',
          ],
          ...['-device', 'ioh3420,id=rp3,addr=6,chassis=3'],
          ...['-device', 'virtio-blk-pci,drive=a,bus=rp1,bootindex=2', '-device', 'ahci,id=q,bus=rp2'],
          ...['-device', 'ide-hd,drive=b,bus=q.1,bootindex=0', '-device', 'qemu-xhci,id=x,bus=rp3'],
          ...['-device', 'usb-storage,drive=c,bus=x.0,port=2,bootindex=1'],
        ],
        devices: [
          { kind: 'pcie-root-port', id: 'rp1', slot: 4 },
          { kind: 'pcie-root-port', id: 'rp2', slot: 0x1a },
          { kind: 'ioh3420', id: 'rp3', slot: 6 },
          { kind: 'virtio-blk-pci', drive: 'a', pciBus: 'rp1', bootIndex: 2 },
          { kind: 'ahci', id: 'q', pciBus: 'rp2' },
          { kind: 'ide-hd', drive: 'b', bus: 'q.1', bootIndex: 0 },
          { kind: 'qemu-xhci', id: 'x', pciBus: 'rp3' },
          { kind: 'usb-storage', disk: unused, driveId: 'c', bus: 'x.0', port: 2, bootIndex: 1 },
        ],
      },
    ],
    ...(
      [
        [1, 600],
        [1100, 4032],
        [4033, 9000],
      ] as const
    ).map(([first, second]): [string, Case] => [
      `disks of ${first} and ${second} MiB on the first ports`,
      {
        disks: [
          ['a', first],
          ['b', second],
        ],
        flags: ['-device', 'ide-hd,drive=a,bus=ide.0', '-device', 'ide-hd,drive=b,bus=ide.1'],
        devices: [
          { kind: 'ide-hd', drive: 'a', bus: 'ide.0' },
          { kind: 'ide-hd', drive: 'b', bus: 'ide.1' },
        ],
      },
    ]),
  ])('%s', { timeout: 60_000 }, (_, each) => {
    const { ours, theirs } = compare(each);
    expect(ours).toEqual(theirs);
  });
});
