/** Disks on the command line: what is asked for, what is refused, and what stands in the files afterwards. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { BlockDevice } from '../../devices/block/block-device.ts';
import { runApplication } from '../application.ts';
import type { OpenFile } from '../host.ts';
import { NodeHost } from '../node-host.ts';
import type { Services, SessionSpec } from '../session.ts';
import { dmascope, FakeHost, fakeServices } from '../testing/fake-host.ts';

const folder = mkdtempSync(join(tmpdir(), 'dmascope-drives-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Files are the operating system's; the rest is made of plain values. */
class DiskHost extends FakeHost {
  readonly #node = new NodeHost();

  override openFile(path: string, access: 'read' | 'read-write'): OpenFile {
    return this.#node.openFile(path, access);
  }

  override readFile(path: string): Uint8Array {
    return path.startsWith(folder) ? this.#node.readFile(path) : super.readFile(path);
  }
}

function file(name: string, bytes: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

function disk(name: string): string {
  return file(name, new Uint8Array(4096).fill(0x11));
}

const BASE = ['qemu-system-x86_64', '-M', 'q35', '-kernel', 'kernel.elf', '-nodefaults'];

/** Runs the program; `visit` is the guest. */
async function guest(args: readonly string[], visit: (spec: SessionSpec) => void = () => undefined) {
  const host = new DiskHost();
  const fake = fakeServices();
  const services: Services = {
    ...fake,
    open: (spec, ports) => {
      visit(spec);
      return fake.open(spec, ports);
    },
  };
  const exitCode = await runApplication(host, services, args);
  return { exitCode, err: host.err.text, spec: fake.specs[0] };
}

const drivesOf = (spec: SessionSpec | undefined) =>
  spec?.board?.drives?.map(({ id, interface: bus, media, index, image: { readOnly, stateSource } }) => ({
    ...{ id, bus, media, index, readOnly },
    snapshot: stateSource !== undefined,
  }));

describe('drives reach the board', () => {
  const path = disk('plain.img');
  const ide = { id: 'ide0-hd0', bus: 'ide', media: 'disk', index: 0, readOnly: false, snapshot: false };
  const cd = { id: 'ide2-cd0', bus: 'ide', media: 'cdrom', index: 2, readOnly: true, snapshot: false };
  it.each<[string[], object[]]>([
    [['-hda', path], [ide]],
    [[path], [ide]],
    [['-hdd', path], [{ ...ide, id: 'ide3-hd0', index: 3 }]],
    [['-cdrom', path], [cd]],
    [['-snapshot', '-hda', path], [{ ...ide, snapshot: true }]],
    [['-drive', `file=${path}`], [ide]],
    [['-drive', `file=${path},if=ide,index=5,format=raw`], [{ ...ide, id: 'ide5-hd0', index: 5 }]],
    [['-drive', `file=${path},bus=1,unit=0`], [{ ...ide, id: 'ide1-hd0', index: 1 }]],
    [['-drive', `file=${path},media=cdrom,index=2`], [cd]],
    [
      ['-drive', `file=${path},if=virtio,readonly=on,cache=none,id=v`],
      [{ id: 'v', bus: 'virtio', media: 'disk', index: undefined, readOnly: true, snapshot: false }],
    ],
    [
      ['-drive', `file=${path},if=none,snapshot=on,id=n`, '-device', 'ide-hd,drive=n,bus=ide.4,serial=S1,bootindex=3'],
      [{ id: 'n', bus: 'none', media: 'disk', index: undefined, readOnly: false, snapshot: true }],
    ],
    [
      ['-hda', path, '-cdrom', disk('disc.iso'), '-drive', `file=${disk('third.img')}`],
      [ide, cd, { ...ide, id: 'ide1-hd0', index: 1 }],
    ],
  ])('%j', async (flags, expected) => {
    const { exitCode, err, spec } = await guest([...BASE, ...flags]);
    expect([exitCode, err.includes('error')]).toEqual([33, false]);
    expect(drivesOf(spec)).toEqual(expected);
  });

  it('with the devices that name them', async () => {
    const { spec } = await guest([
      ...BASE,
      ...['-drive', `file=${disk('stick.img')},if=none,id=s`, '-drive', `file=${disk('v.img')},if=none,id=v`],
      ...[
        '-device',
        'qemu-xhci,id=x',
        '-device',
        'usb-storage,drive=s,bus=x.0,port=2,removable=on,serial=A,bootindex=1',
      ],
      ...['-device', 'virtio-blk,drive=v,addr=7,num-queues=2,bootindex=0', '-device', 'ich9-ahci,id=more,addr=0x8'],
      ...['-device', 'ide-cd,bus=more.0', '-seed', '7', '-object', 'rng-random,filename=/dev/urandom,id=r'],
      ...['-device', 'virtio-rng-pci,rng=r'],
    ]);
    expect(spec?.devices).toMatchObject([
      { kind: 'qemu-xhci', id: 'x' },
      { kind: 'usb-storage', driveId: 's', bus: 'x.0', port: 2, removable: true, serial: 'A', bootIndex: 1 },
      { kind: 'virtio-blk-pci', drive: 'v', slot: 7, queues: 2, bootIndex: 0 },
      { kind: 'ahci', id: 'more', slot: 8 },
      { kind: 'ide-cd', bus: 'more.0' },
      { kind: 'virtio-rng-pci', seed: 7 },
    ]);
    // The stick has its drive; the board is told of the other.
    expect(drivesOf(spec)).toMatchObject([{ id: 'v', bus: 'none' }]);
  });

  it("QEMU's empty CD-ROM drive is there unless something else is asked for", async () => {
    const without = BASE.slice(0, -1);
    const empty = { kind: 'ide-cd', bus: 'ide.2' };
    expect((await guest(without)).spec?.devices).toEqual([empty]);
    expect((await guest([...without, '-hdc', path])).spec?.devices).toEqual([]);
    expect((await guest([...without, '-device', 'ide-cd,bus=ide.1'])).spec?.devices).toMatchObject([{ bus: 'ide.1' }]);
    expect((await guest([...BASE, '-drive', 'media=cdrom,index=3'])).spec?.devices).toEqual([
      { ...empty, bus: 'ide.3' },
    ]);
  });
});

describe('what the guest writes', () => {
  const SECTOR = new Uint8Array(512).fill(0xee);
  const write = ({ board }: SessionSpec): void => {
    for (const { image } of board!.drives!) expect(image.write(512, SECTOR)).toBeUndefined();
  };
  const second = (path: string) => new Uint8Array(readFileSync(path)).subarray(512, 1024);

  it('stands in the file', async () => {
    const [one, two] = [disk('w1.img'), disk('w2.img')];
    await guest([...BASE, '-hda', one, '-drive', `file=${two},if=virtio,format=raw`], write);
    expect([second(one), second(two)]).toEqual([SECTOR, SECTOR]);
    expect(readFileSync(one).length).toBe(4096);
  });

  it('never stands in the file with -snapshot or snapshot=on', async () => {
    const [one, two] = [disk('k1.img'), disk('k2.img')];
    await guest([...BASE, '-snapshot', '-hda', one], write);
    await guest([...BASE, '-drive', `file=${two},snapshot=on`], write);
    for (const path of [one, two]) expect(new Set(readFileSync(path))).toEqual(new Set([0x11]));
  });

  it('stands in the file with snapshot=off, whatever -snapshot says', async () => {
    const path = disk('off.img');
    await guest([...BASE, '-snapshot', '-drive', `file=${path},snapshot=off`], write);
    expect(second(path)).toEqual(SECTOR);
  });
});

describe('drives that are refused, with exit 2 and what to do', () => {
  const path = disk('refused.img');
  const gz = file('disk.img.gz', Uint8Array.of(0x1f, 0x8b, 8, 0));
  const none = join(folder, 'absent.img');
  it.each<[string[], string, string]>([
    [['-hda', none], `-hda ${none}: cannot open ${none}: no such file or directory`, 'truncate -s 64M'],
    [['-hda', gz], 'it is compressed with gzip: unpack it first', 'format=raw'],
    [['-hda', file('empty', new Uint8Array(0))], 'is empty', 'truncate -s 64M'],
    [['-cdrom', file('empty.iso', new Uint8Array(0))], 'is empty', ''],
    [['-hda', folder], `-hda ${folder}: cannot open ${folder}: it is a directory`, ''],
    [['-drive', `file=${path},format=qcow2`], 'is not in qcow2 format', 'format=raw'],
    [['-drive', `file=${path},format=vmdk`], 'format=vmdk is not supported', 'raw or qcow2; qemu-img convert'],
    [['-drive', `file=${path},if=scsi`], 'the interface "scsi" is not supported', 'if=virtio'],
    [['-drive', `file=${path},if=virtoi`], 'the interface "virtoi" is not supported (did you mean "virtio"?)', 'none'],
    [['-drive', `flie=${path}`], '"flie" is not supported (did you mean "file"?)', 'known: file, if'],
    [['-drive', `file=${path},cache=writethrough`], 'cache=writethrough is not supported', 'give writeback'],
    [['-drive', `file=${path},serial=1`], '"serial" is not supported', 'give it to the device'],
    [['-drive', `file=${path},snapshot=maybe`], 'snapshot=maybe: it is on or off', ''],
    [['-drive', `file=${path},readonly=on`], 'a SATA disk cannot be read-only', 'use snapshot=on'],
    [['-drive', `file=${path},index=6`], 'the board has 6 SATA ports', 'if=virtio'],
    [['-drive', `file=${path},index=1,unit=0`], 'index cannot be used with bus and unit', ''],
    [['-drive', `file=${path},unit=1`], 'unit 1 too big', 'index='],
    [['-drive', 'if=virtio'], 'which file?', 'file=PATH'],
    [['-hda', path, '-drive', `file=${path},index=0`], 'there is a drive with index=0 already', 'another index='],
    [['-hda', path, '-hdb', path], `${path} is written by -hda ${path} already`, 'snapshot=on'],
    [['-hda', path, '-hdb', join(folder, '..', basename(folder), basename(path))], 'is written by', 'snapshot=on'],
    [
      ['-drive', `file=${path},id=a`, '-drive', `file=${path},id=a,snapshot=on`],
      'there is a drive "a" already',
      'own id=',
    ],
    [['-device', 'usb-storage', '-device', 'qemu-xhci'], 'usb-storage needs a drive', 'if=none'],
    [['-device', 'qemu-xhci', '-device', 'usb-storage,drive=z'], 'there is no drive "z"', 'if=none'],
    [
      ['-device', 'qemu-xhci', '-hda', path, '-device', 'usb-storage,drive=ide0-hd0'],
      'drive "ide0-hd0" has a device already',
      'if=none',
    ],
    [['-device', 'virtio-rng-pci,rng=r'], 'there is no object "r"', '-object rng-random,id=r'],
    [['-device', 'ide-hd,driv=x'], 'the property "ide-hd.driv" is not supported (did you mean "drive"?)', 'drive'],
    [['-boot', 'x'], "invalid boot device 'x'", 'order=dc'],
    [['-boot', 'cc'], "boot device 'c' was given twice", ''],
    [['-boot', 'cdna'], 'too many boot devices for a PC', ''],
    [['-boot', 'menu=maybe'], 'menu=maybe: it is on or off', ''],
    [['-boot', 'ordr=c'], '"ordr" is not supported (did you mean "order"?)', ''],
    [['-boot', 'splash-time=70000'], 'splash-time=70000 is no number of milliseconds', ''],
    [['-rtc', 'base=tomorrow'], '"tomorrow" is no time', '2026-01-31'],
    [['-rtc', 'base=2026-02-30'], '"2026-02-30" is no time', ''],
    [['-rtc', 'clock=host'], 'clock=host is not supported', 'clock=vm'],
    [['-uuid', '12'], 'this is no UUID', '550e8400'],
    [['-fw_cfg', 'opt/x'], 'either file= or string=', 'opt/org.example'],
    [['-fw_cfg', 'name=opt/x,strin=1'], '"strin" is not supported', ''],
    [['-fw_cfg', 'name=opt/x,file=/absent'], 'cannot read -fw_cfg name=opt/x,file=/absent: /absent', ''],
    [['-seed', 'x'], '-seed x: this is no number', ''],
    [['-global', 'pc.x=1'], '-global pc.x=1: this is not supported', 'isa-debugcon.iobase'],
  ])('%j', async (flags, message, hint) => {
    const { exitCode, err, spec } = await guest([...BASE, ...flags]);
    expect([exitCode, spec]).toEqual([2, undefined]);
    expect(err).toContain(message);
    if (hint !== '') expect(err.split('help:')[1]).toContain(hint);
  });
});

describe('flash', () => {
  const code = file('code.fd', new Uint8Array(0x2000).fill(1));
  const start = ['qemu-system-x86_64', '-M', 'q35', '-nodefaults'];

  it('is the firmware and its variables, which are written back', async () => {
    const vars = file('vars.fd', new Uint8Array(0x1000).fill(2));
    const { exitCode, spec } = await guest(
      [...start, '-drive', `if=pflash,format=raw,readonly=on,file=${code}`, '-drive', `if=pflash,file=${vars}`],
      ({ board }) => {
        const { code: first, vars: second } = board!.flash as Record<'code' | 'vars', BlockDevice>;
        expect([first.readOnly, first.size, second.readOnly]).toEqual([true, 0x2000, false]);
        expect(second.write(0, Uint8Array.of(9))).toBeUndefined();
      },
    );
    expect([exitCode, spec?.board?.firmware, spec?.board?.drives]).toEqual([33, undefined, []]);
    expect(readFileSync(vars)[0]).toBe(9);
    expect((await guest([...start, '-pflash', code])).spec?.board?.flash?.vars).toBeUndefined();
  });

  it.each<[string[], string]>([
    [['-pflash', code, '-bios', 'bios.bin'], 'both would be the firmware'],
    [['-drive', `if=pflash,unit=1,file=${code}`], 'flash unit 0 is empty'],
    [['-drive', `if=pflash,unit=2,file=${code}`], 'the board has 2 flash units'],
    [['-kernel', 'kernel.elf', '-pflash', code], 'dmascope enters a kernel directly, without firmware'],
  ])('%j is refused', async (flags, message) => {
    const { exitCode, err } = await guest([...start, ...flags]);
    expect(exitCode).toBe(2);
    expect(err).toContain(message);
  });
});

describe('what the board tells', () => {
  it.each<[string[], object]>([
    [['-boot', 'd'], { boot: { letters: 'd' } }],
    [
      ['-boot', 'order=nc,once=d,menu=on,strict=off,splash-time=500,reboot-timeout=-1'],
      { boot: { letters: 'nc', lettersOnce: 'd', menu: true, strict: false, splashMilliseconds: 500 } },
    ],
    [['-rtc', 'base=2026-01-31T12:00:01'], { rtcSeconds: Date.UTC(2026, 0, 31, 12, 0, 1) / 1000 }],
    [['-rtc', 'base=1999-12-31,clock=vm'], { rtcSeconds: Date.UTC(1999, 11, 31) / 1000 }],
    [['-rtc', 'base=localtime'], { rtcSeconds: 1_700_003_600 }],
    [['-uuid', '550e8400-e29b-41d4-a716-446655440000'], { uuid: expect.objectContaining({ 0: 0x55, 15: 0 }) }],
    [['-fw_cfg', 'opt/a,string=x,,y'], { fwCfgFiles: [{ name: 'opt/a', bytes: new TextEncoder().encode('x,y') }] }],
    [['-fw_cfg', 'name=opt/a,file=kernel.elf'], { fwCfgFiles: [{ name: 'opt/a', bytes: expect.anything() }] }],
    [['-seed', '4294967297'], { seed: 1 }],
    [['-nographic'], { noGraphics: true }],
    [['-debugcon', 'stdio', '-global', 'isa-debugcon.iobase=0x402'], { debugPort: 0x402 }],
  ])('%j', async (flags, board) => {
    const { exitCode, err, spec } = await guest([...BASE, ...flags]);
    expect([exitCode, err.includes('error')]).toEqual([33, false]);
    expect(spec?.board).toMatchObject(board);
  });

  it('says that a run by the clock on the wall does not repeat', async () => {
    expect((await guest([...BASE, '-rtc', 'base=utc'])).err).toContain('no two runs are the same');
  });
});

describe('firmware', () => {
  const ROM = '/usr/share/seabios/bios-256k.bin';
  const rom = 'rom'.padEnd(0x1_0000);
  const run = (args: readonly string[], files: Readonly<Record<string, string>>) => {
    const host = new FakeHost();
    for (const [path, text] of Object.entries(files)) host.files.set(path, text);
    return dmascope(['qemu-system-x86_64', '-M', 'q35', ...args], [], host);
  };

  it('starts what there is when no kernel is given', async () => {
    const { spec, exitCode } = await run(['-hda', 'd.img', '-no-reboot'], { [ROM]: rom, 'd.img': 'x'.repeat(512) });
    expect(exitCode).toBe(33);
    expect(spec?.image).toBeUndefined();
    expect(spec?.board).toMatchObject({ firmware: { kind: 'bios' }, noReboot: true });
    expect(new TextDecoder().decode(spec?.board?.firmware?.image)).toBe(rom);
  });

  it('is found by path and by name, and is no other file', async () => {
    expect((await run(['-bios', './my.bin'], { './my.bin': rom + rom })).spec?.board?.firmware?.image.length).toBe(
      0x2_0000,
    );
    expect((await run(['-bios', 'bios-256k.bin'], { [ROM]: rom })).spec?.board?.firmware?.image.length).toBe(0x1_0000);
    expect((await run(['-bios', 'OVMF.fd'], {})).err).toContain('apt-get install ovmf');
    expect((await run(['-bios', 'bios.bin'], {})).err).toContain('apt-get install seabios');
    expect((await run([], {})).err).toContain('apt-get install seabios');
    expect((await run(['-bios', './k'], { './k': '\x7fELF' })).err).toContain('looks like an ELF program');
    expect((await run(['-bios', './s'], { './s': 'short' })).err).toContain('it has 5 bytes, not a multiple of 65536');
  });
});
