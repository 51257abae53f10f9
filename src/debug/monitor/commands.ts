/** The monitor's commands, a row each. */
import { hex } from '../../base/address.ts';
import { formatMtree } from '../../memory/mtree.ts';
import { dumpRegisters } from '../register-dump.ts';
import { CONTROL_COMMANDS } from './control-commands.ts';
import { blockText, usbText } from './device-text.ts';
import { evaluate } from './expression.ts';
import { dumpMemory } from './memory-dump.ts';
import type { MonitorAnswer, MonitorPorts } from './monitor.ts';
import { pciText } from './pci-text.ts';

export interface MonitorContext extends MonitorPorts {
  /** `stop` was given. */
  readonly paused: boolean;
  /** The processor that `info registers` and `x` mean (`cpu N`). */
  readonly selected: { cpu: number };
}

export interface MonitorCommand {
  readonly names: readonly string[];
  readonly usage: string;
  readonly help: string;
  /** `x/4xw`: the first argument is then the format, with its slash. */
  readonly takesFormat?: boolean;
  readonly run: (context: MonitorContext, args: readonly string[]) => MonitorAnswer;
}

export const COMMANDS: readonly MonitorCommand[] = [
  { names: ['help', '?'], usage: 'help|? [cmd]', help: 'show the help', run: help },
  { names: ['quit', 'q'], usage: 'quit|q', help: 'end the run', run: () => ({ text: '', request: 'quit' }) },
  { names: ['stop', 's'], usage: 'stop|s', help: 'stop emulation', run: () => ({ text: '', request: 'stop' }) },
  { names: ['cont', 'c'], usage: 'cont|c', help: 'resume emulation', run: () => ({ text: '', request: 'cont' }) },
  ...CONTROL_COMMANDS,
  { names: ['cpu'], usage: 'cpu index', help: 'set the default CPU', run: selectCpu },
  { names: ['info registers'], usage: 'info registers [-a]', help: 'show the cpu registers', run: registers },
  { names: ['info cpus'], usage: 'info cpus', help: 'show the CPUs and what they do', run: cpus },
  { names: ['info mtree'], usage: 'info mtree [-f][-o][-D]', help: 'show memory tree', run: mtree },
  {
    names: ['info pci'],
    usage: 'info pci',
    help: 'show PCI info',
    run: ({ machine }) => ({ text: pciText(machine.pci) }),
  },
  {
    names: ['info block'],
    usage: 'info block',
    help: 'show the disks and discs',
    run: ({ machine }) => ({ text: blockText(machine.inventory) }),
  },
  {
    names: ['info usb'],
    usage: 'info usb',
    help: 'show the USB devices',
    run: ({ machine }) => ({ text: usbText(machine.inventory) }),
  },
  { names: ['info status'], usage: 'info status', help: 'show how far the machine is', run: status },
  {
    names: ['info version'],
    usage: 'info version',
    help: 'show the version',
    run: () => ({ text: '7.2.22 (dmascope)\n' }),
  },
  {
    names: ['x'],
    usage: 'x /fmt addr',
    help: "virtual memory dump starting at 'addr'",
    takesFormat: true,
    run: (context, args) => dumpMemory(context, args, 'linear'),
  },
  {
    names: ['xp'],
    usage: 'xp /fmt addr',
    help: "physical memory dump starting at 'addr'",
    takesFormat: true,
    run: (context, args) => dumpMemory(context, args, 'physical'),
  },
  { names: ['print', 'p'], usage: 'print|p expr', help: 'print expression value ($reg for CPU register)', run: print },
  { names: ['gva2gpa'], usage: 'gva2gpa addr', help: 'print the physical address of a virtual one', run: translate },
];

function help(_: MonitorContext, [wanted]: readonly string[]): MonitorAnswer {
  const shown = wanted === undefined ? COMMANDS : COMMANDS.filter(({ names }) => names[0]!.split(' ').includes(wanted));
  return { text: shown.map(({ usage, help: words }) => `${usage} -- ${words}\n`).join('') };
}

function selectCpu({ machine, selected }: MonitorContext, [index = '']: readonly string[]): MonitorAnswer {
  const cpu = /^\d+$/.test(index) ? Number(index) : Number.NaN;
  if (!(cpu < machine.processor.cpus)) return { text: 'invalid CPU index\n' };
  selected.cpu = cpu;
  return { text: '' };
}

function registers({ machine, selected }: MonitorContext, args: readonly string[]): MonitorAnswer {
  const { processor } = machine;
  const all = args.includes('-a');
  const indices = all ? Array.from({ length: processor.cpus }, (_, cpu) => cpu) : [selected.cpu];
  const text = indices.map((cpu) => {
    const halted = processor.sleepOf(cpu) !== 'awake';
    // QEMU 7.2 names the processor in any case, with an empty line before it.
    return `\nCPU#${cpu}\n${dumpRegisters(processor.registers(cpu), { conditionCodes: false, halted })}`;
  });
  return { text: text.join('') };
}

function cpus({ machine, selected, describeCode }: MonitorContext): MonitorAnswer {
  const { processor } = machine;
  let text = '';
  for (let cpu = 0; cpu < processor.cpus; cpu += 1) {
    const sleep = processor.sleepOf(cpu);
    const { rip, segments } = processor.registers(cpu);
    const doing = sleep === 'awake' ? '' : ` (${sleep === 'not-started' ? 'waiting for a start-up IPI' : 'halted'})`;
    text += `${cpu === selected.cpu ? '*' : ' '} CPU #${cpu}: at ${describeCode(rip + (segments[1]?.base ?? 0n))}${doing}\n`;
  }
  return { text };
}

function mtree({ machine }: MonitorContext, args: readonly string[]): MonitorAnswer {
  for (const arg of args) if (!/^-[foD]+$/.test(arg)) return { text: `invalid parameter: ${arg}\n` };
  const letters = args.join('');
  const options = { flat: letters.includes('f'), owner: letters.includes('o'), disabled: letters.includes('D') };
  return { text: formatMtree([machine.addressSpace, machine.ioSpace], options) };
}

function status({ machine, paused }: MonitorContext): MonitorAnswer {
  const seconds = (machine.clock.now() / 1e9).toFixed(9);
  return {
    text: `VM status: ${paused ? 'paused' : 'running'}\n${machine.processor.instructions} instructions, ${seconds} s of guest time\n`,
  };
}

function print(context: MonitorContext, args: readonly string[]): MonitorAnswer {
  const value = evaluate(args.join(' '), context);
  return { text: typeof value === 'string' ? `${value}\n` : `${hex(value)}\n` };
}

function translate(context: MonitorContext, args: readonly string[]): MonitorAnswer {
  const address = evaluate(args.join(' '), context);
  if (typeof address === 'string') return { text: `${address}\n` };
  const physical = context.machine.processor.translate(address as never);
  return { text: physical === undefined ? 'Unmapped\n' : `gpa: ${hex(physical)}\n` };
}
