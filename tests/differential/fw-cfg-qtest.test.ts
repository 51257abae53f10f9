/** fw_cfg of our q35 against QEMU's: every key and file, over the DMA interface and the ports, answer by answer. */
import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { type BusAddress, gpa } from '../../src/base/address.ts';
import { TraceBus } from '../../src/base/trace.ts';
import { coresOfOnePackage } from '../../src/cpu/topology.ts';
import { createQ35 } from '../../src/machine/boards/q35.ts';
import type { Q35Options } from '../../src/machine/boards/q35-options.ts';
import { CpuPortIo, DmaView } from '../../src/memory/index.ts';

const QEMU = 'qemu-system-x86_64';
const missing = spawnSync(QEMU, ['--version']).status !== 0;
const MIB = 1024 * 1024;
const STRUCTURE = 0x1000;
const BUFFER = 0x10_0000;
const DIRECTORY_KEY = 0x19;
const FILE_FIRST = 0x20;
const FILES_MAX = 0x20;
const DIRECTORY_BYTES = 4 + 64 * FILES_MAX;
const TABLES_BYTES = 0x2_1000;

/** What QEMU 7.2 has and we have not, with the reason. */
const NOT_OURS: Readonly<Record<string, string>> = {
  'genroms/kvmvapic.bin': "an option ROM for KVM's shortcut to the task priority; TCG has no use for it either",
};

interface Access {
  /** In qtest's words. */
  readonly command: string;
  run(): string;
}

interface Answers {
  readonly keys: ReadonlyMap<number, string>;
  readonly files: ReadonlyMap<string, string>;
  /** Bytes 0x510 and 0x511 after selections by port. */
  readonly ports: readonly string[];
}

const KEYS = [
  ...Array.from({ length: DIRECTORY_KEY }, (_, key) => key),
  0x8000,
  0x8001,
  0x8002,
  0x8003,
  0x8004,
  0x8005,
];
const FILE_KEYS = Array.from({ length: FILES_MAX }, (_, index) => FILE_FIRST + index);
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

/** The script: for each key a transfer of `size` bytes, and the buffer afterwards. */
function script(memory: DmaView, io: CpuPortIo): Access[] {
  const accesses: Access[] = [];
  const out = (port: number, size: 2 | 4, value: number): void => {
    const letter = size === 2 ? 'w' : 'l';
    accesses.push({
      command: `out${letter} 0x${port.toString(16)} 0x${value.toString(16)}`,
      run: () => {
        io.write(port, size, value);
        return 'OK';
      },
    });
  };
  const inb = (port: number): void => {
    accesses.push({
      command: `inb 0x${port.toString(16)}`,
      run: () => `OK 0x${io.read(port, 1).toString(16).padStart(4, '0')}`,
    });
  };
  const write = (address: number, bytes: Uint8Array): void => {
    accesses.push({
      command: `write 0x${address.toString(16)} 0x${bytes.length.toString(16)} 0x${hex(bytes)}`,
      run: () => {
        memory.write(address as BusAddress, bytes);
        return 'OK';
      },
    });
  };
  const read = (address: number, size: number): void => {
    accesses.push({
      command: `read 0x${address.toString(16)} 0x${size.toString(16)}`,
      run: () => {
        const bytes = new Uint8Array(size);
        memory.read(address as BusAddress, bytes);
        return `OK 0x${hex(bytes)}`;
      },
    });
  };
  const transfer = (key: number, size: number): void => {
    const view = new DataView(new ArrayBuffer(16));
    view.setUint32(0, (key << 16) | 0x0a);
    view.setUint32(4, size);
    view.setBigUint64(8, BigInt(BUFFER));
    write(STRUCTURE, new Uint8Array(view.buffer));
    out(0x514, 4, 0);
    const swapped = new DataView(new ArrayBuffer(4));
    swapped.setUint32(0, STRUCTURE);
    out(0x518, 4, swapped.getUint32(0, true));
    read(STRUCTURE, 4);
    read(BUFFER, size);
  };
  for (const key of KEYS) transfer(key, 64);
  for (const key of FILE_KEYS) transfer(key, TABLES_BYTES);
  transfer(DIRECTORY_KEY, DIRECTORY_BYTES);
  for (const key of [0, 1, 5, 0x8004, 0x3fff]) {
    out(0x510, 2, key);
    for (let at = 0; at < 8; at += 1) inb(at === 5 ? 0x510 : 0x511);
  }
  for (let at = 0; at < 8; at += 1) inb(0x514 + at);
  return accesses;
}

function evaluate(lines: readonly string[]): Answers {
  // Every transfer answers OK, OK, OK, control, buffer.
  const buffers = KEYS.length + FILE_KEYS.length + 1;
  const contents: string[] = [];
  for (let index = 0; index < buffers; index += 1) {
    expect(lines[index * 5 + 3]).toBe('OK 0x00000000');
    contents.push(lines[index * 5 + 4]!.slice(5));
  }
  const directory = Buffer.from(contents.at(-1)!, 'hex');
  const files = new Map<string, string>();
  for (let index = 0; index < directory.readUInt32BE(0); index += 1) {
    const at = 4 + 64 * index;
    const size = directory.readUInt32BE(at);
    const content = contents[KEYS.length + directory.readUInt16BE(at + 4) - FILE_FIRST]!;
    const name = directory.toString('latin1', at + 8, at + 64).replace(/\0+$/, '');
    files.set(name, `${size} bytes: ${content.slice(0, 2 * size)}`);
  }
  const keys = new Map(KEYS.map((key, index) => [key, contents[index]!]));
  return { keys, files, ports: lines.slice(buffers * 5).filter((line) => line !== 'OK') };
}

function compare(options: Partial<Q35Options>, flags: readonly string[]): { ours: Answers; theirs: Answers } {
  const machine = createQ35({
    ramBytes: 64 * MIB,
    cpuModel: 'qemu64',
    personality: 'qemu',
    devices: [],
    trackWriters: false,
    trace: new TraceBus(),
    serialOutput: () => {},
    ...options,
  });
  if ('problem' in machine) throw new Error(machine.problem);
  const accesses = script(new DmaView(machine.addressSpace, 'test'), new CpuPortIo(machine.ioSpace));
  const ours = evaluate(accesses.map((access) => access.run()));
  expect(machine.readRam(gpa(STRUCTURE), 4)).toEqual(new Uint8Array(4));
  const { stdout } = spawnSync(
    QEMU,
    `-M q35 -accel tcg -S -display none -nodefaults -device isa-debug-exit,iobase=0x501 -qtest stdio -qtest-log none`
      .split(' ')
      .concat(flags),
    {
      // The device ends QEMU, which an end of its input does not.
      input: `${accesses.map((access) => access.command).join('\n')}\noutb 0x501 0\n`,
      encoding: 'latin1',
      timeout: 60_000,
      maxBuffer: 64 * MIB,
    },
  );
  return { ours, theirs: evaluate(stdout.split('\n').filter((line) => line.startsWith('OK'))) };
}

/** Compared by what they mean, not byte by byte: tests beside the builders and in acpi-tables.test.ts. */
const OTHERWISE_COMPARED = /^etc\/(acpi\/|table-loader)/;
/** Processor hot-plug is not there, so its two SMI features are not offered. */
const FEWER_FEATURES = 'etc/smi/supported-features';

describe.skipIf(missing)(
  `fw_cfg and QEMU${missing ? ' (skipped: QEMU is not installed)' : ''}`,
  { timeout: 120_000 },
  () => {
    it.each<[string, Partial<Q35Options>, string[]]>([
      ['one processor, 64 MiB', {}, ['-m', '64M']],
      [
        'two processors of Intel, memory above 4 GiB, everything set',
        {
          ramBytes: 3072 * MIB,
          cpuModel: 'Nehalem',
          processors: coresOfOnePackage(2),
          uuid: Uint8Array.from({ length: 16 }, (_, index) => index * 17),
          boot: { menu: true, strict: true, splashMilliseconds: 500, rebootMilliseconds: 7000 },
          fwCfgFiles: [
            { name: 'opt/org.example/a', bytes: new TextEncoder().encode('123') },
            { name: 'opt/org.example/b', bytes: new TextEncoder().encode('text') },
          ],
        },
        [
          ...['-m', '3G', '-cpu', 'Nehalem', '-smp', '2', '-uuid', '00112233-4455-6677-8899-aabbccddeeff'],
          ...['-boot', 'menu=on,strict=on,splash-time=500,reboot-timeout=7000'],
          ...['-fw_cfg', 'name=opt/org.example/a,string=123', '-fw_cfg', 'name=opt/org.example/b,string=text'],
        ],
      ],
    ])('%s', (_, options, flags) => {
      const { ours, theirs } = compare(options, flags);
      expect(Object.fromEntries(ours.keys)).toEqual(Object.fromEntries(theirs.keys));
      expect(ours.ports.slice(0, -8)).toEqual(theirs.ports.slice(0, -8));
      expect(ours.ports.slice(-8)).toEqual(theirs.ports.slice(-8));
      const names = [...theirs.files.keys()].filter((name) => NOT_OURS[name] === undefined);
      const plain = (name: string) => !OTHERWISE_COMPARED.test(name);
      expect([...ours.files.keys()].filter(plain)).toEqual(names.filter(plain));
      for (const name of names) {
        if (OTHERWISE_COMPARED.test(name)) continue;
        if (name === FEWER_FEATURES) {
          expect([ours.files.get(name), theirs.files.get(name)]).toEqual([
            '8 bytes: 0100000000000000',
            '8 bytes: 0700000000000000',
          ]);
        } else expect([name, ours.files.get(name)]).toEqual([name, theirs.files.get(name)]);
      }
    });
  },
);
