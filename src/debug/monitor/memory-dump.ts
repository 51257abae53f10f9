/** `x` and `xp`: memory in a format, `/COUNT FORMAT SIZE` (QEMU 7.2, memory_dump of monitor/misc.c). */
import { bus, busToGpa, type Gpa, type Gva, hexPadded } from '../../base/address.ts';
import { instructionLines } from '../disassembly.ts';
import type { MonitorContext } from './commands.ts';
import { evaluate } from './expression.ts';
import type { MonitorAnswer } from './monitor.ts';

interface Format {
  readonly count: number;
  readonly letter: string;
  readonly size: 1 | 2 | 4 | 8;
  readonly perLine: number;
}

/** Items at most: a screenful of screenfuls. */
const COUNT_MAX = 4096;
const SIZES = { b: 1, h: 2, w: 4, g: 8 } as const;
const INSTRUCTION_BYTES_MAX = 15;

export function dumpMemory(
  context: MonitorContext,
  args: readonly string[],
  space: 'linear' | 'physical',
): MonitorAnswer {
  const hasFormat = args[0]?.startsWith('/') ?? false;
  const format = readFormat(hasFormat ? args[0]!.slice(1) : '');
  if (typeof format === 'string') return { text: `${format}\n` };
  const address = evaluate(args.slice(hasFormat ? 1 : 0).join(' '), context);
  if (typeof address === 'string') return { text: `${address}\n` };
  const reader = (at: bigint): number | undefined => readByte(context, BigInt.asUintN(64, at), space);
  if (format.letter === 'i') return { text: dumpInstructions(context, reader, address, format.count) };
  return { text: dumpItems(reader, address, format) };
}

function readFormat(text: string): Format | string {
  const match = /^(\d*)([a-z]*)$/.exec(text);
  if (match === null) return `invalid format: "/${text}"`;
  let [letter, size]: [string, Format['size']] = ['x', 4];
  for (const each of match[2]!) {
    if (each in SIZES) size = SIZES[each as keyof typeof SIZES];
    else if ('xduoci'.includes(each)) letter = each;
    else return `invalid char in format: '${each}'`;
  }
  const count = Math.min(match[1] === '' ? 1 : Number(match[1]), COUNT_MAX);
  // Characters are bytes: `/3c` is three words of them, as on QEMU.
  if (letter === 'c') return { count: count * size, letter, size: 1, perLine: size === 1 ? 8 : 16 };
  return { count, letter, size, perLine: size === 1 ? 8 : 16 / size };
}

function readByte({ machine }: MonitorContext, address: bigint, space: 'linear' | 'physical'): number | undefined {
  const physical: Gpa | undefined =
    space === 'linear' ? machine.processor.translate(address as Gva) : busToGpa(bus(address));
  return physical === undefined ? undefined : machine.readRam(physical, 1)?.[0];
}

function dumpItems(read: (at: bigint) => number | undefined, start: bigint, format: Format): string {
  const { count, letter, size, perLine } = format;
  let text = '';
  for (let index = 0; index < count; index += 1) {
    const at = start + BigInt(index * size);
    let value = 0n;
    for (let byte = size - 1; byte >= 0; byte -= 1) {
      const read1 = read(at + BigInt(byte));
      if (read1 === undefined) {
        const place = `${hexPadded(BigInt.asUintN(64, at), 16)}: Cannot access memory\n`;
        return text === '' ? place : `${text}\n${place}`;
      }
      value = (value << 8n) | BigInt(read1);
    }
    if (index % perLine === 0) text += `${index === 0 ? '' : '\n'}${hexPadded(BigInt.asUintN(64, at), 16)}:`;
    text += ` ${itemText(value, letter, size)}`;
  }
  return count === 0 ? '' : `${text}\n`;
}

function itemText(value: bigint, letter: string, size: Format['size']): string {
  switch (letter) {
    case 'd':
      return String(BigInt.asIntN(size * 8, value)).padStart(DECIMAL_DIGITS[size]);
    case 'u':
      return String(value).padStart(DECIMAL_DIGITS[size]);
    case 'o':
      return `0${value.toString(8)}`.padStart(Math.ceil((size * 8) / 3));
    case 'c':
      return characterText(Number(value & 0xffn));
    default:
      return `0x${hexPadded(value, size * 2)}`;
  }
}

const DECIMAL_DIGITS = { 1: 3, 2: 5, 4: 10, 8: 20 } as const;

function characterText(byte: number): string {
  const named: Readonly<Record<number, string>> = { 39: "\\'", 92: '\\\\', 10: '\\n', 13: '\\r' };
  const printable = byte >= 0x20 && byte < 0x7f;
  return `'${named[byte] ?? (printable ? String.fromCharCode(byte) : `\\x${hexPadded(byte, 2)}`)}'`;
}

function dumpInstructions(
  { machine, disassemble, selected }: MonitorContext,
  read: (at: bigint) => number | undefined,
  start: bigint,
  count: number,
): string {
  const { bits } = machine.processor.registers(selected.cpu);
  let text = '';
  let at = start;
  for (let index = 0; index < count; index += 1) {
    const bytes: number[] = [];
    for (let offset = 0; offset < INSTRUCTION_BYTES_MAX; offset += 1) {
      const byte = read(at + BigInt(offset));
      if (byte === undefined) break;
      bytes.push(byte);
    }
    const [first] = disassemble(at, Uint8Array.from(bytes), bits);
    if (first === undefined) return `${text}0x${hexPadded(at, 8)}: unable to read memory\n`;
    text += instructionLines(first);
    at += BigInt(first.bytes.length);
  }
  return text;
}
