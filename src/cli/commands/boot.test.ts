import { describe, expect, it } from 'vitest';
import { dmascope, FakeHost } from '../testing/fake-host.ts';

const ROM = '/usr/share/seabios/bios-256k.bin';
/** A boot sector's signature at byte 510. */
const DISK = `${'x'.repeat(510)}\x55\u00aa${'x'.repeat(512)}`;
const ISO = `${'\0'.repeat(0x8001)}CD001${'\0'.repeat(0x1000)}`;
const LINUX = `${'\0'.repeat(0x202)}HdrS`;

/** Its files hold bytes, a letter each. */
class ByteHost extends FakeHost {
  override readFile(path: string): Uint8Array {
    const text = this.files.get(path);
    return text === undefined ? super.readFile(path) : Uint8Array.from(text, (letter) => letter.charCodeAt(0));
  }
}

function boot(args: readonly string[], options: { readonly bios?: boolean; readonly refuse?: boolean } = {}) {
  const host = new ByteHost();
  const files = { 'disk.img': DISK, 'disc.iso': ISO, vmlinuz: LINUX, 'initrd.img': 'cpio', 'notes.txt': 'words' };
  for (const [path, text] of Object.entries(files)) host.files.set(path, text);
  if (options.bios !== false) host.files.set(ROM, 'rom'.padEnd(0x1_0000));
  const refuse = { problem: 'the file is not a kernel', hint: 'give a kernel' };
  return dmascope(['boot', ...args], [options.refuse === true ? { refuse } : {}], host);
}

describe('dmascope boot tells what it was given', () => {
  it('a kernel is entered directly', async () => {
    const { spec, exitCode } = await boot(['vmlinuz', '--initrd', 'initrd.img', '--append', 'quiet']);
    expect(exitCode).toBe(0);
    expect(spec).toMatchObject({ image: { path: 'vmlinuz' }, append: 'console=ttyS0 quiet', ramBytes: 512 * 2 ** 20 });
    expect(spec?.board).toMatchObject({ drives: [], noGraphics: true });
    expect(spec?.board?.firmware).toBeUndefined();
  });

  it('a disk is started by the BIOS, with the console on the serial port', async () => {
    const { spec, host } = await boot(['disk.img']);
    expect(spec?.image).toBeUndefined();
    expect(spec?.board).toMatchObject({ firmware: { kind: 'bios' }, noGraphics: true });
    expect(spec?.board?.drives).toMatchObject([{ id: 'ide0-hd0', interface: 'ide', media: 'disk', index: 0 }]);
    expect(spec?.board?.drives?.[0]?.image).toMatchObject({ readOnly: false, stateSource: undefined, size: 1024 });
    expect(host.openFiles.size).toBe(0);
  });

  it('a disc goes into a drive, and is tried first', async () => {
    const { spec } = await boot(['disc.iso', '--disk', 'disk.img', '--snapshot']);
    expect(spec?.board?.boot).toEqual({ letters: 'dc' });
    expect(spec?.board?.drives).toMatchObject([
      { media: 'disk', index: 0 },
      { media: 'cdrom', index: 1 },
    ]);
    expect(spec?.board?.drives?.map(({ image }) => [image.readOnly, image.stateSource !== undefined])).toEqual([
      [false, true],
      [true, false],
    ]);
  });

  it('a disc that is cut off is started all the same, but that is said', async () => {
    const disc = (blocks: number) => {
      const descriptor = `\x01CD001\x01${'\0'.repeat(73)}${String.fromCharCode(blocks)}`.padEnd(128, '\0');
      return `${'\0'.repeat(0x8000)}${descriptor}\0\x08`.padEnd(20 * 2048, '\0');
    };
    const said = async (blocks: number) => {
      const host = new ByteHost();
      host.files.set('disc.iso', disc(blocks)).set(ROM, 'rom'.padEnd(0x1_0000));
      const { err, exitCode } = await dmascope(['boot', 'disc.iso'], [{}], host);
      expect(exitCode).toBe(0);
      return err;
    };
    expect(await said(24)).toContain('note: disc.iso is cut off: its volume has 49152 bytes, the file has 40960; copy');
    expect(await said(20)).not.toContain('cut off');
  });

  it('disks, discs and sticks stand beside a kernel', async () => {
    const { spec } = await boot(['vmlinuz', '--stick', 'disk.img', '--cdrom', 'disc.iso']);
    expect(spec?.board?.drives).toMatchObject([{ media: 'cdrom', index: 0 }]);
    expect(spec?.devices).toMatchObject([
      { kind: 'isa-debug-exit' },
      { kind: 'qemu-xhci' },
      { kind: 'usb-kbd' },
      { kind: 'usb-storage', driveId: 'stick0', disk: { size: 1024 } },
    ]);
  });
});

describe('dmascope boot refuses with what to do', () => {
  it.each<[string[], string, string]>([
    [['gone'], 'cannot read the image gone: no such file or directory', ''],
    [
      ['disk.img', '--append', 'x'],
      '--append: disk.img is a disk image',
      'dmascope boot vmlinuz --append ... --disk disk.img',
    ],
    [['disc.iso', '--initrd', 'initrd.img'], '--initrd: disc.iso is a CD-ROM image', '--cdrom disc.iso'],
    [['vmlinuz', '--bios', 'x'], '--bios: vmlinuz is a kernel', 'leave --bios out'],
    [['disk.img', '--disk', 'disk.img'], '--disk disk.img: disk.img is written by another drive already', '--snapshot'],
    [
      ['vmlinuz', '--disk', 'gone.img'],
      'error: --disk gone.img: cannot open gone.img: no such file',
      'truncate -s 64M',
    ],
  ])('%j', async (args, message, hint) => {
    const { exitCode, err, services } = await boot(args);
    expect([exitCode, services.specs]).toEqual([2, []]);
    expect(err).toContain(message);
    expect(err).toContain(hint);
  });

  it('a disk without a BIOS to start it', async () => {
    const { exitCode, err } = await boot(['disk.img'], { bios: false });
    expect(exitCode).toBe(2);
    expect(err).toContain('there is no bios-256k.bin');
    expect(err).toContain('apt-get install seabios');
  });

  it('what is neither a kernel nor a disk', async () => {
    const { exitCode, err } = await boot(['notes.txt'], { refuse: true });
    expect(exitCode).toBe(2);
    expect(err).toContain('notes.txt: the file is not a kernel');
    expect(err).toContain('give a kernel; or give a disk image with a boot sector, or a CD-ROM image');
  });
});
