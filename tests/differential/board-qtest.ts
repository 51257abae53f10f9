/**
 * One script on our q35 and on QEMU's: accesses to ports and memory, keys and mouse, answer by answer. QEMU is driven over
 * qtest. No processor works meanwhile: it is stopped, and time with it; or halted, when there are keys, which QEMU takes
 * only while the machine runs.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { gpa } from '../../src/base/address.ts';
import { TraceBus } from '../../src/base/trace.ts';
import { createQ35 } from '../../src/machine/boards/q35.ts';
import type { Q35Options } from '../../src/machine/boards/q35-options.ts';
import type { Machine } from '../../src/machine/machine.ts';
import { CpuMemoryPort, CpuPortIo } from '../../src/memory/index.ts';
import { linesOf, Qmp } from './qmp.ts';

const QEMU = 'qemu-system-x86_64';
export const QEMU_MISSING = spawnSync(QEMU, ['--version']).status !== 0;
const MIB = 1024 * 1024;
const RAM_MIB = 16;
const ROM_BYTES = 65_536;

type Size = 1 | 2 | 4;
const LETTER = { 1: 'b', 2: 'w', 4: 'l' } as const;

/** Key names by QMP's `QKeyCode`; the same as `sendkey`'s. */
export type Step =
  | { readonly do: 'in'; readonly port: number; readonly size: Size }
  | { readonly do: 'out'; readonly port: number; readonly size: Size; readonly value: number }
  | { readonly do: 'read'; readonly address: number; readonly size: Size }
  | { readonly do: 'write'; readonly address: number; readonly size: Size; readonly value: number }
  | { readonly do: 'key'; readonly name: string; readonly down: boolean }
  | { readonly do: 'move'; readonly right: number; readonly down: number }
  | { readonly do: 'button'; readonly name: 'left' | 'middle' | 'right'; readonly down: boolean };

const BUTTON_BITS = { left: 1, right: 2, middle: 4 } as const;
const hex = (value: number): string => `0x${(value >>> 0).toString(16)}`;

/** A script as it is written: methods append steps. */
export class Script {
  readonly steps: Step[] = [];

  in(port: number, size: Size = 1): this {
    this.steps.push({ do: 'in', port, size });
    return this;
  }

  out(port: number, value: number, size: Size = 1): this {
    this.steps.push({ do: 'out', port, size, value });
    return this;
  }

  read(address: number, size: Size = 4): this {
    this.steps.push({ do: 'read', address, size });
    return this;
  }

  write(address: number, value: number, size: Size = 4): this {
    this.steps.push({ do: 'write', address, size, value });
    return this;
  }

  add(...steps: readonly Step[]): this {
    this.steps.push(...steps);
    return this;
  }

  /** Reads or writes a register of a PCI function on bus 0. */
  config(device: number, entry: number, offset: number, size: Size = 4, value?: number): this {
    this.out(0xcf8, (0x8000_0000 + device * 0x800 + entry * 0x100 + (offset & 0xfc)) >>> 0, 4);
    const port = 0xcfc + (offset & 3);
    return value === undefined ? this.in(port, size) : this.out(port, value, size);
  }
}

function describeStep(step: Step): string {
  switch (step.do) {
    case 'in':
      return `in${LETTER[step.size]} ${hex(step.port)}`;
    case 'out':
      return `out${LETTER[step.size]} ${hex(step.port)} ${hex(step.value)}`;
    case 'read':
      return `read${LETTER[step.size]} ${hex(step.address)}`;
    case 'write':
      return `write${LETTER[step.size]} ${hex(step.address)} ${hex(step.value)}`;
    case 'key':
      return `key ${step.name} ${step.down ? 'down' : 'up'}`;
    case 'move':
      return `move ${step.right} ${step.down}`;
    case 'button':
      return `button ${step.name} ${step.down ? 'down' : 'up'}`;
  }
}

export function ourBoard(options: Partial<Q35Options> = {}): Machine {
  const machine = createQ35({
    ramBytes: RAM_MIB * MIB,
    cpuModel: 'qemu64',
    personality: 'qemu',
    devices: [],
    trackWriters: false,
    trace: new TraceBus(),
    serialOutput: () => undefined,
    firmware: { kind: 'bios', image: new Uint8Array(ROM_BYTES) },
    ...options,
  });
  if ('problem' in machine) throw new Error(machine.problem);
  return machine;
}

/** What our board answers, one line a step. */
export function answersOfOurs(script: Script, machine: Machine = ourBoard()): string[] {
  const io = new CpuPortIo(machine.ioSpace);
  const memory = new CpuMemoryPort(machine.addressSpace);
  let buttons = 0;
  const run = (step: Step): string => {
    const said = describeStep(step);
    switch (step.do) {
      case 'in':
        return `${said} = ${hex(io.read(step.port, step.size))}`;
      case 'out':
        io.write(step.port, step.size, step.value);
        return said;
      case 'read':
        return `${said} = ${hex(memory.read(gpa(step.address), step.size))}`;
      case 'write':
        memory.write(gpa(step.address), step.size, step.value, 0);
        return said;
      case 'key':
        machine.keyboard.pressKey(step.name, step.down);
        return said;
      case 'move':
        machine.mouse.moveMouse(step.right, step.down);
        return said;
      case 'button':
        buttons = step.down ? buttons | BUTTON_BITS[step.name] : buttons & ~BUTTON_BITS[step.name];
        machine.mouse.setButtons(buttons);
        return said;
    }
  };
  return script.steps.map(run);
}

/** A running QEMU: qtest on its standard streams, QMP on a socket. */
class QemuSession {
  readonly #folder = mkdtempSync(join(tmpdir(), 'dmascope-board-'));
  readonly #process: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  #qmp: Qmp | undefined;

  constructor(flags: readonly string[], running: boolean) {
    const halted = join(this.#folder, 'halted.bin');
    const rom = new Uint8Array(ROM_BYTES);
    // At the reset vector: cli, hlt.
    rom.set([0xfa, 0xf4], ROM_BYTES - 16);
    writeFileSync(halted, rom);
    const fixed = `-machine q35 -accel tcg ${running ? '' : '-S'} -bios ${halted} -display none -nodefaults
      -m ${RAM_MIB} -qtest-log none -qtest stdio
      -rtc base=2024-01-01T00:00:00,clock=vm -qmp unix:${this.#path},server=on,wait=off`;
    this.#process = spawn(QEMU, [...fixed.trim().split(/\s+/), ...flags], { stdio: ['pipe', 'pipe', 'ignore'] });
    this.#lines = linesOf(createInterface({ input: this.#process.stdout! }));
  }

  get #path(): string {
    return join(this.#folder, 'qmp');
  }

  async open(): Promise<void> {
    this.#qmp = await Qmp.connect(this.#path);
  }

  async step(step: Step): Promise<string> {
    const said = describeStep(step);
    switch (step.do) {
      case 'key':
        await this.#input({ type: 'key', data: { down: step.down, key: { type: 'qcode', data: step.name } } });
        return said;
      case 'move':
        await this.#input(
          { type: 'rel', data: { axis: 'x', value: step.right } },
          { type: 'rel', data: { axis: 'y', value: step.down } },
        );
        return said;
      case 'button':
        await this.#input({ type: 'btn', data: { down: step.down, button: step.name } });
        return said;
      default: {
        const answer = await this.#qtest(said);
        if (step.do !== 'in' && step.do !== 'read') return said;
        return `${said} = 0x${BigInt(answer).toString(16)}`;
      }
    }
  }

  async close(): Promise<void> {
    const ended = new Promise((resolve) => this.#process.once('exit', resolve));
    this.#qmp?.close();
    this.#process.kill('SIGKILL');
    await ended;
    rmSync(this.#folder, { recursive: true });
  }

  async #qtest(command: string): Promise<string> {
    if (this.#process.exitCode !== null) throw new Error('QEMU has ended');
    this.#process.stdin!.write(`${command}\n`);
    for (;;) {
      const { value, done } = await this.#lines.next();
      if (done === true) throw new Error(`QEMU ended at "${command}"`);
      if (value.startsWith('OK')) return value.slice(3);
      if (value.startsWith('FAIL') || value.startsWith('ERR')) throw new Error(`${command}: ${value}`);
    }
  }

  #input(...events: readonly object[]): Promise<void> {
    return this.#qmp!.command('input-send-event', { events });
  }
}

/** What QEMU answers to the same script. */
export async function answersOfQemu(script: Script, flags: readonly string[] = []): Promise<string[]> {
  const running = script.steps.some((step) => ['key', 'move', 'button'].includes(step.do));
  const session = new QemuSession(flags, running);
  const answers: string[] = [];
  try {
    await session.open();
    for (const step of script.steps) answers.push(await session.step(step));
  } finally {
    await session.close();
  }
  return answers;
}
