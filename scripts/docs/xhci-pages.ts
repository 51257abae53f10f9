/** docs/registers.md and docs/personalities.md, from the controller's own tables. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { formatSpec, Register32 } from '../../src/base/registers.ts';
import type { RegisterSpace } from '../../src/xhci/events.ts';
import { PERSONALITIES, QEMU, QEMU_XHCI, SPEC } from '../../src/xhci/personality.ts';
import { capabilityWords } from '../../src/xhci/registers/capability.ts';
import { registerName } from '../../src/xhci/registers/names.ts';
import * as bar from '../../src/xhci/spec/bar.ts';
import { EndpointContext, InputControlContext, SlotContext } from '../../src/xhci/spec/contexts.ts';
import type { FieldPosition, Layout } from '../../src/xhci/spec/layout.ts';
import * as registers from '../../src/xhci/spec/registers.ts';
import { Structure } from '../../src/xhci/spec/structures.ts';
import { ALL_TRBS } from '../../src/xhci/spec/trbs.ts';

const BANNER = (source: string) => `<!-- Generated from ${source} by \`npm run docs\`. Do not edit. -->`;
const PERSONALITY_SOURCE = fileURLToPath(new URL('../../src/xhci/personality.ts', import.meta.url));

type AnyRegister = Register32<string>;
const byName = new Map<string, AnyRegister>(
  Object.values(registers)
    .filter((entry): entry is AnyRegister => entry instanceof Register32)
    .map((register) => [register.name, register]),
);

function hex(value: number, digits = 1): string {
  return `0x${value.toString(16).padStart(digits, '0')}`;
}

function span({ high, low }: { readonly high: number; readonly low: number }): string {
  return high === low ? String(high) : `${high}:${low}`;
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(heads), `|${'---|'.repeat(heads.length)}`, ...rows.map(line)];
}

interface Space {
  readonly space: RegisterSpace;
  readonly title: string;
  readonly base: number;
  readonly bytes: number;
  /** Where names repeat: one set is described. */
  readonly first: number;
  readonly note: string;
}

const SPACES: readonly Space[] = [
  { space: 'capability', title: 'Capability registers', base: bar.CAPABILITY_BASE, bytes: 0x20, first: 0, note: '' },
  {
    space: 'operational',
    title: 'Operational registers',
    base: bar.OPERATIONAL_BASE,
    bytes: bar.OPERATIONAL_BYTES,
    first: 0,
    note: '',
  },
  {
    space: 'port',
    title: 'Port register sets',
    base: bar.PORTS_BASE,
    bytes: bar.PORT_SET_BYTES,
    first: 0,
    note: `One set of ${hex(bar.PORT_SET_BYTES)} bytes for each Root Hub Port, port 1 first; USB3 ports come before USB2 ports.`,
  },
  {
    space: 'runtime',
    title: 'Runtime registers',
    base: bar.RUNTIME_BASE,
    bytes: 2 * bar.INTERRUPTER_SET_BYTES,
    first: 0,
    note: `Interrupter n's set stands at ${hex(bar.INTERRUPTER_SET_BYTES)} * (n + 1); the first one is described.`,
  },
  {
    space: 'doorbell',
    title: 'Doorbell array',
    base: bar.DOORBELL_BASE,
    bytes: 4,
    first: 0,
    note: 'One doorbell a slot; doorbell 0 is the Command Ring.',
  },
];

/** A doorbell is called `DB[0]` in facts and `DB` in its table; HCIVERSION shares CAPLENGTH's word. */
function registerAt(space: RegisterSpace, offset: number): AnyRegister | undefined {
  const name = registerName(space, offset)?.replace(/\[\d+\]$/, '');
  if (name === undefined) return undefined;
  const register = byName.get(name);
  if (register === undefined) throw new Error(`no table for the register ${name}`);
  return register;
}

function capabilityValue(register: AnyRegister, offset: number, field: string): string {
  const words = [SPEC, QEMU].map((personality) => capabilityWords(QEMU_XHCI, personality)[offset / 4]);
  const values = words.map((word) => (word === undefined ? 'not there' : hex(register.get(word, field))));
  return values[0] === values[1] ? values[0]! : `${values[0]} (qemu: ${values[1]})`;
}

function registerSection(space: Space, register: AnyRegister, offset: number): string[] {
  const capability = space.space === 'capability';
  const fields = Object.entries(register.fields);
  const rows = fields.map(([name, entry]) => {
    const last = capability ? capabilityValue(register, offset, name) : hex(register.get(register.reset, name));
    return [span(entry), `\`${name}\``, entry.access, entry.title, last];
  });
  const reset = capability ? '' : `, reset ${hex(register.reset, 8)}`;
  return [
    `### ${register.name}`,
    '',
    `Offset ${hex(offset, 2)}, BAR ${hex(space.base + offset, 4)}${reset}. ${formatSpec(register.spec)}.`,
    '',
    ...table(['bits', 'field', 'access', 'meaning', capability ? 'value' : 'reset'], rows),
    '',
  ];
}

function fieldRows(layout: Layout): string[][] {
  return Object.entries<FieldPosition>(layout.fields).map(([name, position]) => [
    String(position.word),
    span(position),
    `\`${name}\``,
  ]);
}

function structures(): string[] {
  const lines = ['## Structures in memory', '', 'What software must keep to (xHCI 1.2 Table 6-1):', ''];
  const limits = Object.values(Structure).map(({ target, alignment, boundary }) => [
    target,
    String(alignment),
    boundary === 0 ? 'none' : String(boundary),
  ]);
  lines.push(...table(['structure', 'alignment, bytes', 'must not cross, bytes'], limits), '');
  for (const context of [SlotContext, EndpointContext, InputControlContext]) {
    lines.push(`### ${context.name}`, '', `${formatSpec(context.spec)}.`, '');
    lines.push(...table(['word', 'bits', 'field'], fieldRows(context)), '');
  }
  lines.push('## Transfer Request Blocks', '');
  const trbs = ALL_TRBS.map(({ type, name, rings, spec, fields }) => [
    String(type),
    name,
    rings.join(', '),
    formatSpec(spec),
    Object.keys(fields)
      .map((field) => `\`${field}\``)
      .join(' '),
  ]);
  lines.push(...table(['type', 'name', 'ring', 'specification', 'fields'], trbs), '');
  return lines;
}

export function registersPage(): string {
  const lines = [
    BANNER('src/xhci/spec'),
    '',
    '# Registers and structures of the xHCI controller',
    '',
    'All of it stands in BAR 0, 16 KiB. `RO` is read-only, `RW1C` is cleared by writing 1, `RW1S` is set by writing 1,',
    '`WO` reads 0, `RsvdP` must be written back as it was read. Bits that are not listed are reserved and zero. Capability',
    "values are those of `qemu-xhci` in the personality `spec`, with `qemu`'s where they differ; see",
    '[personalities.md](personalities.md) for what else differs.',
    '',
  ];
  for (const space of SPACES) {
    lines.push(`## ${space.title}`, '', `From BAR ${hex(space.base, 4)}. ${space.note}`.trim(), '');
    for (let offset = space.first; offset < space.bytes; offset += 4) {
      const register = registerAt(space.space, offset);
      if (register !== undefined) lines.push(...registerSection(space, register, offset));
    }
  }
  return [...lines, ...structures()].join('\n');
}

interface Knob {
  readonly path: string;
  readonly meaning: string;
}

/** Names and doc comments of the interface's members, nested ones as `ports.resetDelay`. */
function knobs(): Knob[] {
  const source = ts.createSourceFile('p.ts', readFileSync(PERSONALITY_SOURCE, 'utf8'), ts.ScriptTarget.Latest, true);
  const found: Knob[] = [];
  const visit = (members: readonly ts.TypeElement[], prefix: string): void => {
    for (const member of members) {
      if (!ts.isPropertySignature(member)) continue;
      const path = `${prefix}${member.name.getText()}`;
      if (member.type !== undefined && ts.isTypeLiteralNode(member.type)) visit([...member.type.members], `${path}.`);
      else found.push({ path, meaning: commentOf(member) });
    }
  };
  for (const statement of source.statements) {
    if (ts.isInterfaceDeclaration(statement) && statement.name.text === 'XhciPersonality') {
      visit([...statement.members], '');
    }
  }
  return withSharedComments(found);
}

function commentOf(member: ts.PropertySignature): string {
  const [comment] = ts.getJSDocCommentsAndTags(member);
  const text = comment === undefined ? undefined : ts.getTextOfJSDocComment(comment.comment);
  return (text ?? '').replace(/\s+/g, ' ');
}

/** A member without a comment of its own continues the one before it. */
function withSharedComments(found: readonly Knob[]): Knob[] {
  let last = '';
  return found.map(({ path, meaning }) => {
    const shared = meaning === '' ? `${last} (continued)` : meaning;
    if (meaning !== '') last = meaning;
    return { path, meaning: shared };
  });
}

function valueAt(personality: object, path: string): string {
  let value: unknown = personality;
  for (const name of path.split('.')) value = (value as Record<string, unknown>)[name];
  if (typeof value !== 'number') return `\`${String(value)}\``;
  if (/mask|version/i.test(path)) return `\`${hex(value)}\``;
  return `\`${/delay$/i.test(path) && value > 0 ? `${value / 1e6} ms` : value}\``;
}

export function personalitiesPage(): string {
  const named = ['name', 'title'];
  const rows = knobs().filter(({ path }) => !named.includes(path));
  const boards = Object.values(PERSONALITIES).filter((each) => each !== SPEC && each !== QEMU);
  const differences = boards.map((board) => [
    `\`${board.name}\``,
    board.title,
    rows
      .filter(({ path }) => valueAt(board, path) !== valueAt(SPEC, path))
      .map(({ path }) => `\`${path}\` ${valueAt(board, path)}`)
      .join('<br>'),
  ]);
  return [
    BANNER('src/xhci/personality.ts'),
    '',
    '# Personalities',
    '',
    'A personality says how the hardware behaves where controllers differ. There is one emulator; this is data.',
    'Choose one with `--personality NAME`, or `-dmascope personality=NAME` on a QEMU command line.',
    '',
    `- \`spec\` (the default of \`run\`): ${SPEC.title}.`,
    `- \`qemu\` (the default of the QEMU form): ${QEMU.title}.`,
    '',
    '## Boards',
    '',
    'Each is `spec` with a habit that breaks drivers which were only ever tried on QEMU.',
    '',
    ...table(['name', 'what it is', 'differs from `spec` in'], differences),
    '',
    '## Every setting',
    '',
    ...table(
      ['setting', '`spec`', '`qemu`', 'meaning'],
      rows.map(({ path, meaning }) => [`\`${path}\``, valueAt(SPEC, path), valueAt(QEMU, path), meaning]),
    ),
    '',
  ].join('\n');
}

/** What is generated from the controller. */
export function xhciPages(): { readonly path: string; readonly text: string }[] {
  return [
    { path: 'docs/registers.md', text: registersPage() },
    { path: 'docs/personalities.md', text: personalitiesPage() },
  ];
}
