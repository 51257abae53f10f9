/** The console through the commands: what is typed, where it goes, how it ends the run. */
import { describe, expect, it } from 'vitest';
import { dmascope, FakeHost, type Script } from '../testing/fake-host.ts';

const WAITING: Script = { waitsFor: 'go', serial: 'ready\n' };

function terminal(...typed: string[]): FakeHost {
  const host = new FakeHost();
  host.input.kind = 'terminal';
  let next = 0;
  host.onPause = () => {
    if (next < typed.length) host.input.type(typed[next]!);
    else host.interrupted = true;
    next += 1;
  };
  return host;
}

const run = (host: FakeHost, script: Script, ...flags: string[]) =>
  dmascope(['run', 'kernel.elf', ...flags], [script], host);
const qemu = (host: FakeHost, script: Script, ...flags: string[]) =>
  dmascope(['qemu-system-x86_64', '-M', 'q35', '-kernel', 'kernel.elf', ...flags], [script], host);

describe('a terminal', () => {
  it('is read raw, typed text reaches the guest, and the terminal is given back', async () => {
    const host = terminal('g', 'o');
    const { exitCode, session } = await run(host, WAITING);
    expect(session?.received).toBe('go');
    expect(exitCode).toBe(0);
    expect(host.input).toMatchObject({ opened: 'raw', closed: true });
  });

  it('sees guest time keep to the clock in the form of QEMU, as on QEMU; a script need not wait', async () => {
    const idle: Script = { length: 5e9, nextDeadline: 5e9 };
    const pauses = async (kind: 'terminal' | 'pipe', ...flags: string[]) => {
      const host = new FakeHost();
      host.input.kind = kind;
      host.milliseconds = () => host.clock;
      await qemu(host, idle, '-dmascope', 'max-time=4', ...flags);
      return host.pauses.length;
    };
    expect(await pauses('terminal', '-nographic')).toBeGreaterThan(0);
    expect(await pauses('terminal', '-nographic', '-dmascope', 'pace=fast')).toBe(0);
    expect(await pauses('terminal', '-display', 'none', '-serial', 'null')).toBe(0);
    expect(await pauses('pipe', '-nographic')).toBe(0);
  });

  it('is not touched with --input none, and the guest is stuck at once', async () => {
    const host = terminal('go');
    const { err } = await run(host, WAITING, '--input', 'none');
    expect(host.input.opened).toBe('no');
    expect(err).toContain('nothing is left that could wake it');
    expect(host.pauses).toEqual([]);
  });

  it('ends the run with Ctrl-C: 130', async () => {
    expect((await run(terminal('\x03'), WAITING)).exitCode).toBe(130);
  });

  it('ends the run with Ctrl-A x: the status of what was found', async () => {
    const { exitCode, err } = await run(terminal('\x01x'), WAITING);
    expect(exitCode).toBe(0);
    expect(err).toContain('ended at the console');
    expect((await run(terminal('\x01x'), { ...WAITING, errors: 1 })).exitCode).toBe(1);
  });

  it('talks to the monitor after Ctrl-A c, and to the guest again after another', async () => {
    const { out, session } = await run(terminal('\x01c', 'info pci\r', '\x01c', 'go'), WAITING);
    expect(out).toContain('ready\n');
    expect(out).toContain('(dmascope) info pci\n[info pci]\n(dmascope) ');
    expect(session?.received).toBe('go');
  });

  it('stops the guest from the monitor, and lets it go on', async () => {
    const script: Script = { length: 20_000_000 };
    const host = terminal('');
    host.input.type('\x01cstop\r');
    const before: number[] = [];
    host.onPause = () => {
      before.push(1);
      if (before.length === 3) host.input.type('cont\r');
    };
    const { exitCode, session } = await run(host, script);
    expect(before.length).toBeGreaterThanOrEqual(3);
    expect(exitCode).toBe(0);
    expect(session?.instructions).toBe(20_000_000);
  });

  it('ends the run with quit in the monitor', async () => {
    expect((await run(terminal('\x01cquit\r'), WAITING)).exitCode).toBe(0);
  });
});

describe("QEMU's forms", () => {
  it("-nographic: Ctrl-C is the guest's, Ctrl-A x ends with 0", async () => {
    const { exitCode, session } = await qemu(terminal('\x03', '\x01x'), WAITING, '-nographic');
    expect(session?.received).toBe('\x03');
    expect(exitCode).toBe(0);
  });

  it("-serial stdio: Ctrl-A is the guest's, Ctrl-C ends the run", async () => {
    const { exitCode, session } = await qemu(terminal('\x01x', '\x03'), WAITING, '-serial', 'stdio');
    expect(session?.received).toBe('\x01x');
    expect(exitCode).toBe(130);
  });

  it('-monitor stdio: all of it is for the monitor', async () => {
    const host = terminal('info registers\r', '\x03');
    const { out, session } = await qemu(
      host,
      { length: 1e9, ...WAITING, during: () => undefined },
      '-serial',
      'none',
      '-monitor',
      'stdio',
    );
    expect(session?.received).toBe('');
    expect(out).toContain('(dmascope) ');
  });
});

describe('a pipe', () => {
  const pipe = (typed: string): FakeHost => {
    const host = new FakeHost();
    host.input.kind = 'pipe';
    host.input.type(typed);
    return host;
  };

  it('is not read by run: it may belong to the script around it', async () => {
    const host = pipe('go');
    expect((await run(host, WAITING)).session?.received).toBe('');
    expect(host.input.opened).toBe('no');
  });

  it('is read from the first instruction on with --input stdin, and keeps the guest until it ends', async () => {
    const host = pipe('g');
    host.onPause = () => {
      host.input.ended = true;
    };
    const { session, err } = await run(host, WAITING, '--input', 'stdin');
    expect(session?.received).toBe('g');
    expect(host.pauses.length).toBe(1);
    expect(err).toContain('nothing is left that could wake it');
  });

  it('is read by -nographic, which does not wait for more', async () => {
    const host = pipe('g');
    const { session, exitCode } = await qemu(host, WAITING, '-nographic');
    expect(session?.received).toBe('g');
    expect(host.pauses).toEqual([]);
    expect(exitCode).toBe(4);
  });
});

describe('scripts', () => {
  it('--type at a time, and after what was printed, in their order', async () => {
    const script: Script = { serial: 'login: # # ' };
    const typed = ['root\\n@"login: "', 'id\\n@"# "', 'exit\\n@"# "', 'late@0'];
    const { session } = await run(new FakeHost(), script, ...typed.flatMap((text) => ['--type', text]));
    expect(session?.received).toBe('lateroot\nid\nexit\n');
  });

  it('--expect ends the run with success', async () => {
    const script: Script = { serial: 'PASS', length: 30_000_000, outcome: { kind: 'halted', pc: 0n as never } };
    const { exitCode, err } = await run(new FakeHost(), script, '--expect', 'PASS');
    expect(exitCode).toBe(0);
    expect(err).toContain('the console printed the text of --expect');
  });

  it('--expect that never comes is 5, after findings and limits', async () => {
    const { exitCode, err } = await run(new FakeHost(), {}, '--expect', 'PASS');
    expect(exitCode).toBe(5);
    expect(err).toContain('the serial port never printed "PASS", for which --expect waited');
    expect((await run(new FakeHost(), { errors: 1 }, '--expect', 'PASS')).exitCode).toBe(1);
    expect((await run(new FakeHost(), {}, '--expect', 'PASS', '--max-instructions', '10')).exitCode).toBe(4);
    expect(
      (
        await qemu(
          new FakeHost(),
          { outcome: { kind: 'exited', by: 'power-off', status: 0 } },
          '-dmascope',
          'expect=PASS',
        )
      ).exitCode,
    ).toBe(5);
  });

  it('--pace real sleeps until the guest has something to do', async () => {
    const host = new FakeHost();
    host.milliseconds = () => host.clock;
    const { exitCode } = await run(host, { length: 5e9, nextDeadline: 5e9 }, '--pace', 'real', '--max-time', '4');
    expect(exitCode).toBe(4);
    expect(host.pauses.reduce((sum, each) => sum + each)).toBe(4000);
    expect(Math.max(...host.pauses)).toBe(1000);
  });
});
