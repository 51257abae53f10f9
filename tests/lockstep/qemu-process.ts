/** QEMU as the oracle: stopped at the reset vector, its RAM in a file, its log in a pipe, its gdb stub on a socket. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GdbRemote } from './gdb-remote.ts';
import { RegisterDump } from './register-dump.ts';

export interface QemuOptions {
  /** The binary. */
  readonly qemu: string;
  readonly ramMegabytes: number;
  readonly model: string;
  /** What is special to the guest: `-kernel` and the like. */
  readonly guest: readonly string[];
  /** Interrupts come at exact instruction counts: 2^shift nanoseconds of QEMU's time for each instruction. */
  readonly shift: number;
  /** Devices of this guest store to RAM: QEMU is kept from running ahead of the log that has been read. */
  readonly devicesStore: boolean;
}

/**
 * F_SETPIPE_SZ, with the least that Linux allows: QEMU then is a few instructions ahead of the log that has been read,
 * so that what a device wrote to RAM is still there. perl-base is on every Debian.
 */
const SHRINK_PIPE = 'open(my $p, "+<", $ARGV[0]) or die; fcntl($p, 1031, 4096) or die;';

const CONFIG_ADDRESS = 0xcf8;
const CONFIG_DATA = 0xcfc;
/** Bus 0, device 0, function 0, register 0x90. */
const PAM_CONFIG = 0x8000_0090;

export function qemuVersion(qemu: string): string | undefined {
  const { status, stdout } = spawnSync(qemu, ['--version'], { encoding: 'utf8' });
  return status === 0 ? stdout.split('\n')[0] : undefined;
}

export class QemuProcess {
  readonly gdb: GdbRemote;
  readonly log: Socket;
  readonly ramBytes: number;
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #ram: number;
  readonly #words: () => string;

  private constructor(
    child: ChildProcess,
    words: () => string,
    folder: string,
    gdb: GdbRemote,
    log: Socket,
    ramBytes: number,
  ) {
    this.#child = child;
    this.#words = words;
    this.#folder = folder;
    this.gdb = gdb;
    this.log = log;
    this.ramBytes = ramBytes;
    this.#ram = openSync(join(folder, 'ram'), 'r');
  }

  /** Rejects with what QEMU said when it does not start. */
  static async start(options: QemuOptions): Promise<QemuProcess> {
    const folder = mkdtempSync(join(tmpdir(), 'dmascope-lockstep-'));
    const at = (name: string) => join(folder, name);
    execFileSync('mkfifo', [at('log')]);
    const log = openSync(at('log'), constants.O_RDONLY | constants.O_NONBLOCK);
    const child = spawn(options.qemu, argumentsOf(options, at), { stdio: ['ignore', 'ignore', 'pipe'] });
    let words = '';
    child.stderr!.on('data', (text) => {
      words += String(text);
    });
    const ended = new Promise<never>((_, reject) => {
      child.on('error', reject);
      child.on('exit', (code) => reject(new Error(`QEMU ended with status ${code}: ${words.trim()}`)));
    });
    ended.catch(() => {});
    const gdb = await Promise.race([connected(at('gdb')), ended]).catch((problem: unknown) => {
      child.kill('SIGKILL');
      closeSync(log);
      rmSync(folder, { recursive: true, force: true });
      throw problem;
    });
    if (options.devicesStore) execFileSync('perl', ['-e', SHRINK_PIPE, at('log')]);
    // A pipe without a writer reads as ended: QEMU opens its end when logging begins.
    const keepOpen = openSync(at('log'), constants.O_WRONLY);
    const socket = new Socket({ fd: log, readable: true, writable: false });
    socket.on('close', () => closeSync(keepOpen));
    const process = new QemuProcess(child, () => words, folder, gdb, socket, options.ramMegabytes << 20);
    return process;
  }

  /** From now on QEMU logs its registers before each instruction, and every exception. */
  async logInstructions(): Promise<void> {
    await this.gdb.monitor('singlestep on');
    const refusal = await this.gdb.monitor('log cpu,fpu,int,nochain');
    if (refusal.trim() !== '') throw new Error(`QEMU does not log: ${refusal.trim()}`);
  }

  /** The registers as they stand; the guest must be stopped. */
  async dump(): Promise<RegisterDump> {
    const text = (await this.gdb.monitor('info registers')).replaceAll('\r', '');
    const start = text.search(/[ER]AX=/);
    return new RegisterDump(Buffer.from(text.slice(start), 'latin1'));
  }

  /** PAM0 to PAM6 of the host bridge (its configuration space from 0x90 on), and the address latch of port 0xcf8. */
  async hostBridge(): Promise<{ readonly pam: Uint8Array; readonly configAddress: number }> {
    const read = async (port: number): Promise<number> => {
      const text = await this.gdb.monitor(`i /xw ${port}`);
      return Number.parseInt(/= 0x([0-9a-f]+)/.exec(text)?.[1] ?? '', 16);
    };
    const select = (address: number) => this.gdb.monitor(`o /w 0xcf8 ${address}`);
    const configAddress = await read(CONFIG_ADDRESS);
    const pam = new Uint8Array(8);
    for (const offset of [0, 4]) {
      await select(PAM_CONFIG + offset);
      new DataView(pam.buffer).setUint32(offset, await read(CONFIG_DATA), true);
    }
    await select(configAddress);
    return { pam: pam.subarray(0, 7), configAddress };
  }

  readRam(address: number, target: Uint8Array): void {
    readSync(this.#ram, target, 0, target.length, address);
  }

  get complaints(): string {
    return this.#words();
  }

  close(): void {
    this.gdb.close();
    this.log.destroy();
    closeSync(this.#ram);
    this.#child.removeAllListeners('exit');
    this.#child.kill('SIGKILL');
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** The stub answers once the whole machine is there. */
async function connected(path: string): Promise<GdbRemote> {
  const gdb = await GdbRemote.open(path);
  await gdb.request('?');
  return gdb;
}

function argumentsOf(options: QemuOptions, at: (name: string) => string): string[] {
  const size = `${options.ramMegabytes}M`;
  return [
    ...['-machine', 'q35,accel=tcg,smm=off,memory-backend=ram', '-cpu', options.model, '-m', size],
    ...['-object', `memory-backend-file,id=ram,size=${size},mem-path=${at('ram')},share=on`],
    ...['-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none', '-S'],
    ...['-icount', `shift=${options.shift},sleep=off`, '-rtc', 'base=2024-10-28,clock=vm'],
    ...['-chardev', `socket,id=gdb,path=${at('gdb')},server=on,wait=off`, '-gdb', 'chardev:gdb'],
    ...['-D', at('log')],
    ...options.guest,
  ];
}
