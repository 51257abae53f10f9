/** Every row of every table, as binutils' readelf has it. Skipped, visibly, without readelf. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { gva } from '../../base/address.ts';
import { SymbolTable } from '../symbol-table.ts';
import { ask, fixturePath, hasTool, inflate } from '../testing/fixture.ts';
import type { CallFrameRules } from './call-frames.ts';

const TIMEOUT = 120_000;
const READELF = hasTool('readelf');
const guest = (name: string) => fileURLToPath(new URL(`../../../guests/built/${name}.elf`, import.meta.url));

/** Files, their sections of call frames, and fewer rows than those have. */
const FILES = [
  [guest('story'), '.debug_frame', 100],
  [guest('story-clang'), '.debug_frame', 100],
  [guest('story-no-frame-pointer'), '.debug_frame', 100],
  [fixturePath('kernel-compressed.elf'), '.debug_frame', 5],
  [fixturePath('kernel-32.elf'), '.debug_frame', 5],
  [fixturePath('driver-rust-v0.elf'), '.eh_frame', 8],
  // A program of a distribution: thousands of functions, no frame pointers.
  ['/bin/busybox', '.eh_frame', 10_000],
] as const;

const NAMES_64 = 'rax rdx rcx rbx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15 ra'.split(' ');
const NAMES_32 = 'eax ecx edx ebx esp ebp esi edi ra'.split(' ');

function read(path: string): SymbolTable {
  const table = SymbolTable.read(new Uint8Array(readFileSync(path)), { module: path, inflate });
  if (!table.ok) throw new Error(table.problem.message);
  return table.value;
}

interface Row {
  readonly address: bigint;
  readonly end: bigint;
  /** `rsp+8 rbp=c-16 ra=c-8`: the address and what is saved; undefined: takes an expression. */
  readonly text: string | undefined;
}

const signed = (offset: number) => (offset < 0 ? String(offset) : `+${offset}`);

function textOf(rules: CallFrameRules | undefined, names: readonly string[]): string | undefined {
  if (rules === undefined) return undefined;
  const saved = [...rules.saved].sort(([a], [b]) => a - b).map(([number, at]) => `${names[number]}=c${signed(at)}`);
  return [`${names[rules.base]}${signed(rules.offset)}`, ...saved].join(' ');
}

/** The rows of `readelf --debug-dump=frames-interp`. */
function theirRows(path: string, section: string, names: readonly string[]): Row[] {
  const rows: Row[] = [];
  let columns: readonly string[] = [];
  let open: { address: bigint; text: string | undefined }[] = [];
  let end = 0n;
  let wanted = false;
  const close = (): void => {
    for (const [index, { address, text }] of open.entries()) {
      rows.push({ address, end: open[index + 1]?.address ?? end, text });
    }
    open = [];
  };
  for (const line of ask('readelf', ['-W', '--debug-dump=frames-interp', path], [])) {
    const part = /^Contents of the (\S+) section/.exec(line);
    if (part) {
      close();
      wanted = part[1] === section;
    }
    const range = / FDE .*pc=([0-9a-f]+)\.\.([0-9a-f]+)/.exec(line);
    if (range || / CIE /.test(line)) {
      close();
      end = 0n;
    }
    if (range) end = BigInt(`0x${range[2]}`);
    // A register that is kept in another one: `r10 (r10)`.
    const fields = line
      .replaceAll(/ \(\w+\)/g, '')
      .trim()
      .split(/\s+/);
    if (fields[0] === 'LOC') columns = fields.slice(2);
    if (!wanted || columns.length === 0 || !/^[0-9a-f]{8,16} +(\w+\+|\w+-|exp)/.test(line) || end === 0n) continue;
    const saved = columns
      .map((name, index) => [names.indexOf(name), name, fields[index + 2]!] as const)
      .filter(([, , rule]) => /^c[+-]\d+$/.test(rule))
      .sort(([a], [b]) => a - b)
      .map(([, name, rule]) => `${name}=${rule}`);
    open.push({
      address: BigInt(`0x${fields[0]}`),
      text: fields[1] === 'exp' ? undefined : [fields[1]!, ...saved].join(' '),
    });
  }
  close();
  return rows.filter(({ address, end: last }) => address < last);
}

describe.skipIf(!READELF)(`call frames${READELF ? '' : ' (skipped: readelf is not installed)'}`, () => {
  describe.each(FILES)('of %s', (path, section, fewer) => {
    const missing = !existsSync(path);
    it.skipIf(missing)(`${section}${missing ? ' (skipped: not installed)' : ''}`, { timeout: TIMEOUT }, () => {
      compare(path, section, fewer);
    });
  });
});

function compare(path: string, section: string, fewer: number): void {
  const table = read(path);
  const names = table.file.bits === 64 ? NAMES_64 : NAMES_32;
  const rows = theirRows(path, section, names);
  const different: string[] = [];
  for (const { address, end, text } of rows) {
    for (const at of new Set([address, end - 1n])) {
      const ours = textOf(table.callFrameAt(gva(at)), names);
      if (ours !== text) different.push(`0x${at.toString(16)}: ${ours}; readelf: ${text}`);
    }
  }
  expect(different.slice(0, 5)).toEqual([]);
  expect(rows.length).toBeGreaterThan(fewer);
  expect(table.problems).toEqual([]);
}

describe('damaged call frames', () => {
  it('are noted, and nothing else', () => {
    const path = guest('story-no-frame-pointer');
    const sound = new Uint8Array(readFileSync(path));
    const section = read(path).file.sections.find(({ name }) => name === '.debug_frame')!;
    for (let at = 0; at < section.size; at += 1) {
      const bytes = sound.slice();
      bytes[section.offset + at]! ^= 0xff;
      const table = SymbolTable.read(bytes, { module: 'damaged' });
      if (!table.ok) throw new Error(table.problem.message);
      const main = table.value.findSymbol('kernel_main')!;
      for (let pc = 0; pc < main.size; pc += 1) table.value.callFrameAt(gva(BigInt(main.address) + BigInt(pc)));
      expect(table.value.problems.every(({ field }) => field.startsWith('.debug_frame'))).toBe(true);
    }
  });
});
