/** docs/instructions.md, from the processor's opcode table. */
import { handlerOf } from '../../src/cpu/isa/handlers.ts';
import type { Row } from '../../src/cpu/isa/row.ts';
import { OPCODE_SECTIONS, OPCODE_TABLE } from '../../src/cpu/isa/table.ts';
import { exportsOfCore } from '../core-exports.ts';

const MAPS = ['', '0f ', '0f 38 ', '0f 3a '];
const PREFIXES = ['np ', '66 ', 'f3 ', 'f2 '];
const ANY_PREFIX = 15;
const FLAG_NAMES = ['CF', 'PF', 'AF', 'ZF', 'SF', 'OF'];

const moduleOf = exportsOfCore();

export function isImplemented(row: Row): boolean {
  return row.handler !== 'unimplemented' && moduleOf(handlerOf(row.handler).call) !== undefined;
}

function flagNames(mask: number): string {
  return FLAG_NAMES.filter((_, bit) => (mask & (1 << bit)) !== 0).join(' ');
}

function byte(value: number): string {
  return value.toString(16).padStart(2, '0');
}

const VEX_LENGTHS = ['', '128', '256', 'lig'];
const VEX_WIDE = ['', 'w0', 'w1', 'wig'];

/** Prefixes and map, before the opcode byte. */
function beforeOpcode(row: Row): string {
  const prefixes = row.prefixes === ANY_PREFIX ? [] : PREFIXES.filter((_, bit) => (row.prefixes & (1 << bit)) !== 0);
  if (row.vex === undefined) return `${prefixes.join('|').replaceAll(' |', '|')}${MAPS[row.map]}`;
  const map = MAPS[row.map]?.replaceAll(' ', '');
  return `vex.${VEX_LENGTHS[row.vex.lengths]}.${prefixes.join('').trim()}.${map}.${VEX_WIDE[row.vex.wide]} `;
}

/** The row's encoding as Intel's manual writes it; `+r` stands for eight opcodes. */
function encoding(row: Row): string {
  const parts = [`${beforeOpcode(row)}${byte(row.opcode)}${row.span === 8 ? '+r' : ''}`];
  if (row.hasModrm) parts.push(row.ext === undefined ? '/r' : `/${row.ext}`);
  if (row.rm !== undefined) parts.push(`rm${row.rm}`);
  if (row.mod === 1) parts.push('reg');
  if (row.mod === 2) parts.push('mem');
  if (row.modes !== 3) parts.push(row.modes === 2 ? 'o64' : 'o32');
  return parts.join(' ');
}

function form(row: Row): string {
  return `\`${[encoding(row), row.operands.join(',')].filter(Boolean).join('  ')}\``;
}

function notes(rows: readonly Row[]): string {
  const some = (option: string) => rows.some((row) => row.options.includes(option));
  const all: string[] = [];
  if (some('lock')) all.push('LOCK');
  if (some('rep')) all.push('REP');
  if (some('priv')) all.push('CPL 0');
  if (some('aligned')) all.push('aligned');
  if (rows.every((row) => row.handler === 'ud')) all.push('always #UD');
  return all.join(', ');
}

function tableOf(rows: readonly Row[]): string[] {
  const byName = new Map<string, Row[]>();
  for (const row of rows.filter(isImplemented)) byName.set(row.mnemonic, [...(byName.get(row.mnemonic) ?? []), row]);
  const lines = [...byName]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, forms]) => {
      const written = forms.reduce((mask, row) => mask | row.writes, 0);
      const undefinedFlags = forms.reduce((mask, row) => mask | row.undefinedFlags, 0);
      const cells = [name, forms.map(form).join(', '), flagNames(written), flagNames(undefinedFlags), notes(forms)];
      return `| ${cells.join(' | ').replaceAll(/(`[^`]*`)/g, (code) => code.replaceAll('|', '\\|'))} |`;
    });
  return ['| Instruction | Forms | Writes | of these undefined | |', '|---|---|---|---|---|', ...lines];
}

/** Names of what is decoded and refused. */
function refused(): string[] {
  const names = new Map<string, string[]>();
  for (const row of OPCODE_TABLE.filter((one) => !isImplemented(one))) {
    names.set(row.mnemonic, [...(names.get(row.mnemonic) ?? []), encoding(row)]);
  }
  return [...names]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, forms]) => {
      const shown = forms.length > 4 ? [...forms.slice(0, 3), `${forms.length - 3} more`] : forms;
      return `- ${name}: ${shown.map((one) => (one.endsWith('more') ? one : `\`${one}\``)).join(', ')}`;
    });
}

export function cpuPages(): { readonly path: string; readonly text: string }[] {
  const lines = [
    '<!-- Generated from src/cpu/isa by `npm run docs`. Do not edit. -->',
    '# Instructions',
    '',
    'What the processor implements, from the table that its decoder is generated from ([how the core works](cpu.md)).',
    'Operands are written as in the opcode maps of the Intel SDM, volume 2, appendix A. `np`: no mandatory prefix;',
    '`reg`, `mem`: register or memory operand only; `o32`, `o64`: 16- and 32-bit code, or 64-bit code only.',
    'A form that is not here raises #UD if it is no instruction, or ends the run by name if it is one (see the end).',
    '',
    ...OPCODE_SECTIONS.flatMap(([title, rows]) => [`## ${title}`, '', ...tableOf(rows), '']),
    '## Known and not implemented',
    '',
    'The run ends with the bytes and the address (`cpu.unimplemented`); nothing is skipped.',
    '',
    ...refused(),
    '',
    'Other VEX encodings (FMA, F16C) and EVEX (AVX-512) raise #UD: CPUID does not offer them.',
    '',
  ];
  return [{ path: 'docs/instructions.md', text: lines.join('\n') }];
}
