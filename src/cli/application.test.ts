import { describe, expect, it } from 'vitest';
import { HELP_TOPICS, helpText } from './help-text.ts';
import { dmascope, FakeHost, fakeServices, type Script } from './testing/fake-host.ts';

const TOP_HELP = `dmascope: a PC that explains itself. Runs a kernel and says which line handed a device a bad address.

  dmascope demo                              see it work, no kernel needed
  dmascope run kernel.elf                    a Multiboot 1 or 2 or ELF64 kernel, with an xHCI controller
  dmascope boot vmlinuz --initrd initrd.img  your own Linux, its serial console on this terminal
  dmascope qemu-system-x86_64 -M q35 ...     the QEMU command line that you have

Commands:
  run IMAGE             run a kernel and report what its drivers did wrong
  boot IMAGE            boot a Linux, with you at its serial console
  qemu-system-x86_64    the same with QEMU's flags, log text and exit status
  demo [NAME]           play a guest that comes with dmascope (--list shows them)
  explain [CODE]        what a finding means, with a wrong and a right line (DMA-01)
  help [TOPIC]          run, boot, console, qemu, demo, explain, exit-codes, personalities
  version               versions of dmascope, Node and the report format

The guest's serial port goes to stdout, our words go to stderr.
Exit status: 0 clean, 1 findings, 2 usage, 3 guest crashed, 4 limit reached, 5 --expect not met, 70 bug, 130 Ctrl-C.
`;

describe('help', () => {
  it.each([[[]], [['help']], [['--help']], [['-h']]])('%j prints the top level on stdout', async (args) => {
    const { exitCode, out, err } = await dmascope(args);
    expect({ exitCode, out, err }).toEqual({ exitCode: 0, out: TOP_HELP, err: '' });
    expect(TOP_HELP.split('\n').length).toBeLessThanOrEqual(25);
  });

  it('leads every topic with an example and fits its lines into 120 columns', () => {
    for (const topic of [undefined, ...HELP_TOPICS]) {
      const text = helpText(topic, fakeServices())!;
      for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(120);
      if (topic === undefined || !['exit-codes', 'personalities', 'console'].includes(topic)) {
        const examples = text.split('\n').slice(2, 5);
        expect(examples.filter((line) => line.startsWith('  dmascope '))).toHaveLength(3);
      }
    }
  });

  it('prints a topic for help TOPIC and for COMMAND --help', async () => {
    for (const topic of ['run', 'demo', 'explain']) {
      const asked = await dmascope(['help', topic]);
      expect(asked.out.startsWith(`dmascope ${topic}`)).toBe(true);
      expect((await dmascope([topic, '--help'])).out).toBe(asked.out);
    }
    expect((await dmascope(['help', 'exit-codes'])).out).toContain('  70   dmascope failed');
    expect((await dmascope(['help', 'personalities'])).out).toContain("  qemu  QEMU's controller\n");
  });

  it('says what the topics are', async () => {
    const { exitCode, err } = await dmascope(['help', 'runn']);
    expect(exitCode).toBe(2);
    expect(err).toContain('there is no help on "runn" (did you mean "run"?)');
  });

  it('documents every flag of run', async () => {
    const { out } = await dmascope(['help', 'run']);
    for (const flag of [
      'ram',
      'controller',
      'usb',
      'cpu',
      'personality',
      'append',
      'initrd',
      'symbols',
      'color',
      'json',
    ])
      expect(out).toContain(`--${flag}`);
    for (const flag of ['max-instructions', 'max-time', 'report', 'quiet', 'no-who-wrote'])
      expect(out).toContain(`--${flag}`);
  });
});

describe('version', () => {
  it.each(['version', '--version', '-V'])('%s', async (word) => {
    const { exitCode, out } = await dmascope([word]);
    expect(exitCode).toBe(0);
    expect(out).toBe('dmascope 0.1.0\nnode 20.20.2 (linux x64)\nreport dmascope.report/1\n');
  });
});

describe('wrong usage is exit 2, with what, why and the next command', () => {
  it.each([
    [['rnu', 'kernel.elf'], 'there is no command "rnu" (did you mean "run"?)', 'dmascope help lists the commands'],
    [['kernel.elf'], 'there is no command "kernel.elf"', 'to run a kernel: dmascope run kernel.elf'],
    [['run', 'kernel.elf', '--usb', 'mouse'], '--usb mouse: there is no "mouse"', 'give one of: kbd, none'],
    [['run', 'kernel.elf', '--ram'], '--ram needs a value', 'dmascope help run'],
    [
      ['run', 'kernel.elf', '--max-time', '-1'],
      '--max-time: "-1" is not a time above 0',
      'write seconds of guest time',
    ],
    [['run', 'kernel.elf', '-x'], 'there is no flag -x', 'dmascope help run'],
    [['run', 'kernel.elf', '--json=maybe'], '--json', 'dmascope help run'],
    [['run', 'kernel.elf', '--ram', '1G', '--ram', '2G'], '--ram is given twice', 'dmascope help run'],
    [['run'], 'IMAGE is missing', 'dmascope help run'],
    [['run', 'kernel.elf', '--rma', '1G'], 'there is no flag --rma (did you mean "--ram"?)', 'dmascope help run'],
    [['run', 'kernel.elf', 'other.elf'], '"other.elf" is one argument too many', 'dmascope help run'],
    [['run', 'missing.elf'], 'cannot read the image missing.elf: no such file or directory', ''],
    [['run', 'kernel.elf', '--ram', '100'.concat('X')], '"100X" is not a size of memory', 'write it as 128M or 2G'],
    [['run', 'kernel.elf', '--ram', '1'], '"1" is not a size that the board can have', 'give whole MiB, at least 2M'],
    [
      ['run', 'kernel.elf', '--personality', 'qemuu'],
      'there is no personality "qemuu" (did you mean "qemu"?)',
      'personalities: spec, qemu',
    ],
    [['run', 'kernel.elf', '--cpu', 'host'], 'the CPU model "host" is not supported', 'models: qemu64, max'],
    [['run', 'kernel.elf', '--max-instructions', '-5'], '"-5" is not a count above 0', ''],
    [['run', 'kernel.elf', '--max-time', '0'], '"0" is not a time above 0', ''],
    [
      ['run', 'kernel.elf', '--report', 'out.json'],
      '--report out.json: not a report',
      'write --report json=FILE or --report text=FILE',
    ],
    [
      ['run', 'kernel.elf', '--color', 'sometimes'],
      '--color sometimes: there is no "sometimes"',
      'give one of: auto, always, never',
    ],
    [['run', 'kernel.elf', '--initrd', 'no.img'], 'cannot read the initrd no.img: no such file', ''],
    [['run', 'kernel.elf', '--symbols', '@0x10'], '"@0x10" names no symbol file', 'write FILE or FILE@0xOFFSET'],
    [['run', 'kernel.elf', '--controller', 'none', '--usb', 'kbd'], '--usb kbd needs a controller', ''],
    [['explain', 'DMA-99x'], 'there is no finding "DMA-99x"', 'dmascope explain lists all'],
  ])('%j', async (args, message, hint) => {
    const { exitCode, out, err, services } = await dmascope(args);
    expect(exitCode).toBe(2);
    expect(out).toBe('');
    expect(err.split('\n')[0]).toContain('dmascope: error: ');
    expect(err.toLowerCase()).toContain(message.toLowerCase());
    if (hint !== '') expect(err).toContain(`  help: ${hint}`);
    expect(services.specs).toEqual([]);
  });

  it("an image that the loader refuses, in the loader's words", async () => {
    const refuse = { problem: 'the file looks like a text file', hint: 'give a Multiboot kernel' };
    const { exitCode, err } = await dmascope(['run', 'kernel.elf'], [{ refuse }]);
    expect(exitCode).toBe(2);
    expect(err).toBe('dmascope: error: kernel.elf: the file looks like a text file\n  help: give a Multiboot kernel\n');
  });

  it('a run that cannot begin leaves what an earlier one wrote, and no empty files', async () => {
    const host = new FakeHost();
    host.files.set('r.json', 'an earlier report');
    const refuse = { problem: 'the file looks like a text file', hint: 'give a Multiboot kernel' };
    const outputs = ['--report', 'json=r.json', '--serial', 'file=s.log', '--screendump', 's.png'];
    const { exitCode } = await dmascope(['run', 'kernel.elf', ...outputs], [{ refuse }], host);
    expect(exitCode).toBe(2);
    expect(host.files.get('r.json')).toBe('an earlier report');
    expect([...host.files.keys()]).toEqual(['kernel.elf', 'r.json']);
    expect(host.openFiles.size).toBe(0);
  });

  it('a report that cannot be written is found before the guest runs', async () => {
    const host = new FakeHost();
    host.unwritable.add('/root/r.json');
    const { exitCode, err, services } = await dmascope(
      ['run', 'kernel.elf', '--report', 'json=/root/r.json'],
      [],
      host,
    );
    expect(exitCode).toBe(2);
    expect(err).toContain('cannot write /root/r.json: permission denied');
    expect(services.specs).toEqual([]);
  });
});

const pc = 0x1234n as never;

describe('exit codes of run', () => {
  it.each<[string, Script, number]>([
    ['clean', {}, 0],
    ['power-off', { outcome: { kind: 'exited', by: 'power-off', status: 0 } }, 0],
    [
      'a guest that reports failure is not a finding',
      { outcome: { kind: 'exited', by: 'isa-debug-exit', status: 35 } },
      0,
    ],
    ['halted', { outcome: { kind: 'halted', pc } }, 0],
    ['warnings only', { roots: 2, errors: 0 }, 0],
    ['findings', { errors: 1 }, 1],
    ['findings before a crash', { errors: 1, outcome: { kind: 'triple-fault', pc } }, 1],
    ['triple fault', { outcome: { kind: 'triple-fault', pc } }, 3],
    ['unimplemented', { outcome: { kind: 'unimplemented', pc, bytes: Uint8Array.of(0x0f, 0x0b) } }, 70],
    ['spinning with the hang found', { errors: 1, outcome: { kind: 'spinning', pc } }, 1],
  ])('%s', async (_, script, expected) => {
    const { exitCode, err } = await dmascope(['run', 'kernel.elf'], [script]);
    expect(exitCode).toBe(expected);
    expect(err).toContain(`exit ${expected}`);
  });

  it('4 when a limit of ours is reached, findings first', async () => {
    const forever = { length: 1e12 };
    expect((await dmascope(['run', 'kernel.elf', '--max-instructions', '30M'], [forever])).exitCode).toBe(4);
    expect((await dmascope(['run', 'kernel.elf', '--max-time', '2ms'], [forever])).exitCode).toBe(4);
    const found = await dmascope(['run', 'kernel.elf', '--max-time', '2ms'], [{ ...forever, errors: 2 }]);
    expect(found.exitCode).toBe(1);
    expect(found.err).toContain('the limit of 0.002 s of guest time was reached');
  });

  it('names an instruction that is not implemented', async () => {
    const script = { outcome: { kind: 'unimplemented', pc, bytes: Uint8Array.of(0x0f, 0x0b) } } as const;
    const { err } = await dmascope(['run', 'kernel.elf'], [script]);
    expect(err).toContain('does not implement the instruction "ud2" at code at 0x1234 (bytes 0f 0b)');
  });

  it('130 after Ctrl-C, having said what is known', async () => {
    const host = new FakeHost();
    host.onBreath = () => {
      host.interrupted = true;
    };
    const { exitCode, err } = await dmascope(
      ['run', 'kernel.elf', '--report', 'text=r'],
      [{ length: 1e12, roots: 1 }],
      host,
    );
    expect(exitCode).toBe(130);
    expect(err).toContain('report: stopped by Ctrl-C; 1 roots; exit 130');
    expect(host.files.get('r')).toContain('stopped by Ctrl-C');
    expect(host.openFiles.size).toBe(0);
  });

  it.each([
    ['SIGTERM', 143, 'stopped by SIGTERM'],
    ['SIGHUP', 129, 'stopped by SIGHUP: the terminal went away'],
  ] as const)('after %s as after Ctrl-C: %i', async (signal, status, text) => {
    const host = new FakeHost();
    host.onBreath = () => Object.assign(host, { interrupted: true, signal });
    const { exitCode, err } = await dmascope(['run', 'kernel.elf'], [{ length: 1e12, roots: 1 }], host);
    expect(exitCode).toBe(status);
    expect(err).toContain(`report: ${text}; 1 roots; exit ${status}`);
    expect((await dmascope(['qemu-system-x86_64', '-kernel', 'kernel.elf'], [{ length: 1e12 }], host)).exitCode).toBe(
      status,
    );
  });

  it('141 when nothing reads stdout any more, which is not called Ctrl-C', async () => {
    const host = new FakeHost();
    host.onBreath = () => {
      host.outputClosed = true;
    };
    const { exitCode, err } = await dmascope(['run', 'kernel.elf'], [{ length: 1e12 }], host);
    expect(exitCode).toBe(141);
    expect(err).toContain('nothing reads stdout any more');
  });

  it.each([
    [0, 2],
    [1, 1],
  ])('a file that is full: the run and its report go on, %i errors give %i', async (roots, status) => {
    const host = new FakeHost();
    host.full.add('r.json');
    const args = ['run', 'kernel.elf', '--report', 'json=r.json', '--report', 'text=r.txt'];
    const { exitCode, err } = await dmascope(args, [{ roots, errors: roots }], host);
    expect(exitCode).toBe(status);
    expect(err).toContain('dmascope: error: cannot write r.json: no space left on device; it is incomplete\n');
    expect(err).toContain(`report: `);
    expect(host.files.get('r.txt')).toContain('report');
  });

  it('stdout on a full disk is named once, and is not a success', async () => {
    const host = new FakeHost();
    host.outputProblem = 'stdout: no space left on device';
    const { exitCode, err } = await dmascope(['run', 'kernel.elf'], [{}], host);
    expect(exitCode).toBe(2);
    expect(err.match(/dmascope: error: cannot write stdout: no space left on device\n/g)).toHaveLength(1);
  });

  it('70 and a block to send for a bug of ours, never a bare stack', async () => {
    const crash = new TypeError('cannot read x of undefined');
    const { exitCode, err, host } = await dmascope(
      ['run', 'kernel.elf', '--append', "it's", '--report', 'json=r'],
      [{ crash }],
    );
    expect(exitCode).toBe(70);
    expect(err).toContain('dmascope: internal error: this is a bug in dmascope, not in your kernel.');
    expect(err).toContain('TypeError: cannot read x of undefined');
    expect(err).toContain("command: dmascope run kernel.elf --append 'it'\\''s' --report json=r");
    expect(err).toContain('version: dmascope 0.1.0, Node 20.20.2, linux x64');
    expect(err).not.toMatch(/^ {4}at /m);
    expect(err).not.toContain(process.cwd());
    expect(host.openFiles.size).toBe(0);
  });

  it('nothing and 0 when the reader of a pipe has gone', async () => {
    const host = new FakeHost();
    host.outputClosed = true;
    const { exitCode, err } = await dmascope(['run', 'kernel.elf'], [{ crash: new Error('write EPIPE') }], host);
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' });
  });
});
