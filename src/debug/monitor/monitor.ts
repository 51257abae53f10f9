/**
 * The monitor: QEMU's HMP commands that look at the machine, in their shape (QEMU 7.2, docs "Human Monitor").
 * It does not implement: devices added or removed while the guest runs, snapshots, breakpoints.
 */
import type { Machine } from '../../machine/machine.ts';
import type { Disassembler } from '../disassembly.ts';
import { COMMANDS, type MonitorCommand } from './commands.ts';

export interface MonitorPorts {
  readonly machine: Machine;
  readonly disassemble: Disassembler;
  /** Names the code at an address; hex when nothing is known. */
  readonly describeCode: (pc: bigint) => string;
}

export interface MonitorAnswer {
  /** What to print: empty, or whole lines. */
  readonly text: string;
  /** What the machine's owner has to do. */
  readonly request?: 'quit' | 'stop' | 'cont';
  /** What to write to a file of the host. */
  readonly file?: { readonly path: string; readonly bytes: Uint8Array };
}

export class Monitor {
  readonly #ports: MonitorPorts;
  readonly #selected = { cpu: 0 };

  constructor(ports: MonitorPorts) {
    this.#ports = ports;
  }

  /** Does one line. A mistake in it is an answer. `paused`: the guest stands. */
  run(line: string, paused = false): MonitorAnswer {
    const words = line.trim().split(/\s+/);
    const [name = ''] = words;
    if (name === '') return { text: '' };
    const [command, rest] = findCommand(words);
    if (command === undefined) {
      if (name === 'info' && words.length === 1) return { text: infoList() };
      const base = name === 'info' ? `info ${words[1]}` : name.split('/')[0]!;
      const list = name === 'info' ? 'info' : 'help';
      return { text: `unknown command: '${base}' ("${list}" lists those that are there)\n` };
    }
    return command.run({ ...this.#ports, paused, selected: this.#selected }, rest);
  }
}

/** `info NAME` is a command of two words; `x/4xw ADDRESS` has its format in the first. */
function findCommand(words: readonly string[]): [MonitorCommand | undefined, readonly string[]] {
  const two = words.slice(0, 2).join(' ');
  const longer = COMMANDS.find((command) => command.names.includes(two));
  if (longer !== undefined) return [longer, words.slice(2)];
  const [name, format] = splitFormat(words[0]!);
  const command = COMMANDS.find((each) => each.names.includes(name));
  if (format === undefined || command === undefined) return [command, words.slice(1)];
  return command.takesFormat === true ? [command, [`/${format}`, ...words.slice(1)]] : [undefined, []];
}

function splitFormat(word: string): [string, string | undefined] {
  const slash = word.indexOf('/');
  return slash < 0 ? [word, undefined] : [word.slice(0, slash), word.slice(slash + 1)];
}

function infoList(): string {
  return COMMANDS.filter(({ names }) => names[0]!.startsWith('info '))
    .map(({ usage, help }) => `${usage} -- ${help}\n`)
    .join('');
}
