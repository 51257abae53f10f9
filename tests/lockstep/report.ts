/** What a run of the tool says: one line when all is well, otherwise the first difference with all that led to it. */
import type { Executed } from './history.ts';
import { disassemble } from './instruction.ts';
import type { RegisterDump } from './register-dump.ts';
import { type Difference, GENERAL_NAMES, type Registers } from './registers.ts';
import type { Ending, LockstepResult, MemoryDifference } from './result.ts';

const hex = (value: bigint | number, digits = 16): string => value.toString(16).padStart(digits, '0');
const spaced = (bytes: Uint8Array): string => Array.from(bytes, (byte) => hex(byte, 2)).join(' ');

function instructionLine({ step, selector, ip, bits, bytes }: Executed): string {
  const { text, length } = disassemble(bytes, ip, bits);
  const code = spaced(bytes.subarray(0, Math.max(length, 1)));
  return `${String(step).padStart(9)}  ${hex(selector, 4)}:${hex(ip, bits === 64 ? 16 : 8)}  ${code.padEnd(30)} ${text}`;
}

function differenceLine({ name, ours, theirs }: Difference): string {
  const bits = name === 'rflags' ? `  ${flagNames(ours)} / ${flagNames(theirs)}` : '';
  return `  ${name.padEnd(14)} ${hex(ours).padStart(32)}  ${hex(theirs).padStart(32)}${bits}`;
}

const FLAGS: readonly (readonly [string, number])[] = [
  ...([
    ['CF', 0],
    ['PF', 2],
    ['AF', 4],
    ['ZF', 6],
    ['SF', 7],
    ['TF', 8],
  ] as const),
  ...([
    ['IF', 9],
    ['DF', 10],
    ['OF', 11],
    ['NT', 14],
    ['RF', 16],
    ['VM', 17],
    ['AC', 18],
  ] as const),
];

function flagNames(value: bigint): string {
  return (
    FLAGS.filter(([, bit]) => (value >> BigInt(bit)) & 1n)
      .map(([name]) => name)
      .join(' ') || 'none'
  );
}

function registerTable(registers: Registers, dump: RegisterDump): string[] {
  const rows = GENERAL_NAMES.slice(0, dump.is64 ? 16 : 8).map((name, index) => ({
    name,
    ours: registers.general(index),
    theirs: dump.register(index),
  }));
  rows.push({ name: 'rip', ours: registers.ip, theirs: dump.ip });
  rows.push({ name: 'rflags', ours: BigInt(registers.flags), theirs: BigInt(dump.flags) });
  return [
    `  ${''.padEnd(7)} ${'dmascope'.padEnd(16)}  QEMU`,
    ...rows.map(({ name, ours, theirs }) => {
      const mark = ours === theirs ? '' : '   <--';
      return `  ${name.padEnd(7)} ${hex(ours)}  ${hex(theirs)}${mark}`;
    }),
  ];
}

function memoryLines({ address, ours, theirs, writer }: MemoryDifference): string[] {
  return [
    `RAM differs at 0x${hex(address, 8)}; on our processor it was written last by ${writer}.`,
    `  dmascope  ${spaced(ours)}`,
    `  QEMU      ${spaced(theirs)}`,
  ];
}

/** QEMU's x87 and SSE registers only where they matter. */
function qemuDump(dump: RegisterDump, differences: readonly Difference[]): string {
  const text = dump.toString().trimEnd();
  const float = differences.some(({ name }) => /^(x87|xmm|fcw|fsw|ftw|mxcsr)/.test(name));
  return float ? text : text.slice(0, text.indexOf('\nFCW='));
}

function endingLines(ending: Ending, registers: Registers, dump: RegisterDump | undefined): string[] {
  switch (ending.kind) {
    case 'done':
      return dump === undefined ? [] : registerTable(registers, dump);
    case 'guest-ended':
      return [`The guest ended: ${ending.how === '' ? 'QEMU left' : ending.how}.`];
    case 'memory':
      return memoryLines(ending.difference);
    case 'divergence':
      return [
        ...(ending.note === '' ? [] : [ending.note]),
        ...(ending.differences.length === 0
          ? []
          : [`  ${'register'.padEnd(14)} ${'dmascope'.padStart(32)}  ${'QEMU'.padStart(32)}`]),
        ...ending.differences.map(differenceLine),
        ...(dump === undefined
          ? []
          : ['', 'Registers before the next instruction:', ...registerTable(registers, dump)]),
        ...(dump === undefined ? [] : ['', "QEMU's own dump:", qemuDump(dump, ending.differences)]),
      ];
    default:
      return ending satisfies never;
  }
}

export function failed({ ending }: LockstepResult): boolean {
  return ending.kind === 'divergence' || ending.kind === 'memory';
}

/** Lines for a person; the caller prints them. `show`: the last instructions and the registers also where all is equal. */
export function reportLines(guest: string, result: LockstepResult, registers: Registers, show = false): string[] {
  const { ending, steps, places, history, dump, adopted, memoryComparisons } = result;
  const taken = [...adopted].sort((a, b) => b[1] - a[1]).map(([what, count]) => `${what} ${count}`);
  const lines = [
    `${guest}: ${failed(result) ? 'DIFFERENT after' : 'equal for'} ${steps} instructions at ${places} addresses, RAM compared ${memoryComparisons} times`,
    `  taken over from QEMU: ${taken.join(', ') || 'nothing'}`,
  ];
  if (!failed(result) && !show) {
    return ending.kind === 'done'
      ? lines
      : [...lines, ...endingLines(ending, registers, dump).map((line) => `  ${line}`)];
  }
  return [
    ...lines,
    '',
    'Last instructions, the newest at the end:',
    ...history.list().map(instructionLine),
    '',
    ...endingLines(ending, registers, dump),
  ];
}
