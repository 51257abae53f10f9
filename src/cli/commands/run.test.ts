import { describe, expect, it } from 'vitest';
import { dmascope, FakeHost } from '../testing/fake-host.ts';

async function specOf(...flags: string[]) {
  const host = new FakeHost();
  host.files.set('initrd.img', 'module');
  host.files.set('kernel.debug', 'symbols');
  const { exitCode, spec, err } = await dmascope(['run', 'kernel.elf', ...flags], [], host);
  expect(err).not.toContain('error');
  expect(exitCode).toBe(0);
  return spec!;
}

describe('the machine that run builds', () => {
  it('by default: 128 MiB, the strict controller, one keyboard, writers tracked', async () => {
    const spec = await specOf();
    expect(spec).toMatchObject({
      append: '',
      initrd: undefined,
      symbols: undefined,
      ramBytes: 128 * 2 ** 20,
      cpuModel: 'qemu64',
      personality: 'spec',
      trackWriters: true,
    });
    expect(spec.image?.path).toBe('kernel.elf');
    expect(spec.devices).toEqual([
      { kind: 'isa-debug-exit', port: 0xf4, size: 4 },
      { kind: 'qemu-xhci', id: 'xhci0' },
      { kind: 'usb-kbd' },
    ]);
  });

  it.each([
    [['--ram', '1G'], { ramBytes: 2 ** 30 }],
    [['--ram=64'], { ramBytes: 64 * 2 ** 20 }],
    [['--max-ram-below-4g', '2M'], { maxRamBelow4g: 2 * 2 ** 20 }],
    [['--max-ram-below-4g=1G'], { maxRamBelow4g: 2 ** 30 }],
    [['--personality', 'qemu'], { personality: 'qemu' }],
    [['--cpu', 'max'], { cpuModel: 'max' }],
    [['--append', 'a b=c'], { append: 'a b=c' }],
    [['--no-who-wrote'], { trackWriters: false }],
  ])('%j', async (flags, expected) => {
    expect(await specOf(...flags)).toMatchObject(expected);
  });

  it('takes files', async () => {
    const spec = await specOf('--initrd', 'initrd.img', '--symbols', 'kernel.debug@0x1000');
    expect(spec.initrd?.path).toBe('initrd.img');
    expect(spec.symbols).toMatchObject({ path: 'kernel.debug', bias: 0x1000n });
    expect((await specOf('--symbols', 'kernel.debug')).symbols?.bias).toBe(0n);
  });

  it.each([
    [
      ['--controller', 'nec-usb-xhci'],
      ['isa-debug-exit', 'nec-usb-xhci', 'usb-kbd'],
    ],
    [['--controller', 'none'], ['isa-debug-exit']],
    [
      ['--usb', 'none'],
      ['isa-debug-exit', 'qemu-xhci'],
    ],
    [
      ['--usb', 'kbd', '--usb', 'kbd'],
      ['isa-debug-exit', 'qemu-xhci', 'usb-kbd', 'usb-kbd'],
    ],
  ])('%j', async (flags, kinds) => {
    expect((await specOf(...flags)).devices.map((device) => device.kind)).toEqual(kinds);
  });
});

describe('what run prints', () => {
  const script = { serial: 'hello\n', debug: 'debug\n', errors: 1 };

  it('the guest on stdout, the report on stderr', async () => {
    const { out, err } = await dmascope(['run', 'kernel.elf'], [script]);
    expect(out).toBe('hello\ndebug\n');
    expect(err).toBe('\nreport: the guest ended the run through isa-debug-exit, status 33; 1 roots; exit 1\n');
  });

  it('--json: one document on stdout, the guest on stderr', async () => {
    const { out, err, exitCode } = await dmascope(['run', 'kernel.elf', '--json'], [script]);
    expect(JSON.parse(out)).toMatchObject({ schema: 'dmascope.report/1', outcome: { exitCode: 1 } });
    expect(err).toBe('hello\ndebug\n');
    expect(exitCode).toBe(1);
  });

  it('--quiet: only the guest; --report: files, several of them', async () => {
    const args = ['run', 'kernel.elf', '--quiet', '--report', 'json=a.json', '--report', 'text=a.txt'];
    const { out, err, host } = await dmascope(args, [script]);
    expect({ out, err }).toEqual({ out: 'hello\ndebug\n', err: '' });
    expect(JSON.parse(host.files.get('a.json')!).errors).toBe(1);
    expect(host.files.get('a.txt')).toContain('report: the guest ended');
    expect(host.openFiles.size).toBe(0);
  });
});

describe('colour', () => {
  async function colored(environment: Record<string, string>, terminal: boolean, ...flags: string[]) {
    const host = new FakeHost();
    host.environment = environment;
    host.err.isTerminal = terminal;
    const { err } = await dmascope(['run', 'kernel.elf', ...flags], [], host);
    return err.includes('in colour');
  }

  it.each<[Record<string, string>, boolean, string[], boolean]>([
    [{}, true, [], true],
    [{}, false, [], false],
    [{ NO_COLOR: '1' }, true, [], false],
    [{ NO_COLOR: '' }, true, [], true],
    [{ TERM: 'dumb' }, true, [], false],
    [{ FORCE_COLOR: '1' }, false, [], true],
    [{ FORCE_COLOR: '0' }, true, [], false],
    [{ NO_COLOR: '1', FORCE_COLOR: '1' }, true, [], false],
    [{ NO_COLOR: '1' }, false, ['--color', 'always'], true],
    [{ FORCE_COLOR: '1' }, true, ['--color=never'], false],
  ])('%j on a terminal: %s %j: %s', async (environment, terminal, flags, expected) => {
    expect(await colored(environment, terminal, ...flags)).toBe(expected);
  });

  it('holds for errors of usage, too', async () => {
    const { err } = await dmascope(['run', '--color=always']);
    expect(err).toContain('\u001b[');
    expect((await dmascope(['run'])).err).not.toContain('\u001b[');
  });
});

describe('the progress line', () => {
  async function run(set: (host: FakeHost) => void, ...flags: string[]) {
    const host = new FakeHost();
    host.err.isTerminal = true;
    host.err.columns = 100;
    set(host);
    return (await dmascope(['run', 'kernel.elf', ...flags], [{ length: 80e6, roots: 2, serial: 'x\n' }], host)).err;
  }

  it('is rewritten in place on a terminal, and gone before the report', async () => {
    const err = await run(() => undefined);
    expect(err).toMatch(/\r.\[K\d+\.\d M instructions {2}0\.\d{4} s of guest time {2}\d+ MIPS {2}2 findings/);
    expect(err).toMatch(/\r.\[K\nreport/);
  });

  it('stays away from pipes, CI, dumb terminals and --quiet', async () => {
    for (const set of [
      (host: FakeHost) => {
        host.err.isTerminal = false;
      },
      (host: FakeHost) => {
        host.environment = { CI: 'true' };
      },
      (host: FakeHost) => {
        host.environment = { TERM: 'dumb' };
      },
    ]) {
      expect(await run(set)).not.toContain('instructions');
    }
    expect(await run(() => undefined, '--quiet')).toBe('');
  });

  it('does not cut into a line of the guest on the same terminal', async () => {
    const host = new FakeHost();
    host.err.isTerminal = true;
    host.out.isTerminal = true;
    const { err } = await dmascope(['run', 'kernel.elf'], [{ length: 80e6, serial: 'login: ' }], host);
    expect(err).not.toContain('instructions');
  });
});
