/** Renders docs/rules/*.md from the rules, so that the pages and `dmascope explain` cannot disagree. */
import { formatSpec } from '../base/registers.ts';
import { listRules } from './explain.ts';
import { REPORT_SCHEMA } from './report/schema.ts';
import type { Rule } from './rule.ts';

export interface GeneratedFile {
  /** Relative to the repository. */
  readonly path: string;
  readonly text: string;
}

const BANNER = '<!-- Generated from src/diagnosis/rules by scripts/generate-docs.ts. Do not edit. -->';

const AREAS: readonly [string, string][] = [
  ['dma', 'Addresses given to a device'],
  ['pci', 'PCI configuration'],
  ['xhci', 'xHCI'],
  ['machine', 'The machine as a whole'],
];

const CERTAINTY_WORDS = {
  certain: 'certain: every fact is observed',
  portability: 'portability: it fails on other controllers',
  suspected: 'suspected: the cause is inferred',
} as const;

function fileName(rule: Rule): string {
  return `${rule.code}.md`;
}

function rulePage(rule: Rule): string {
  const covers = rule.catalogue.filter((entry) => entry !== rule.code);
  const explains = rule.explains ?? [];
  return [
    BANNER,
    '',
    `# ${rule.code}: ${rule.summary}`,
    '',
    `\`${rule.id}\` · ${rule.severity} · ${CERTAINTY_WORDS[rule.certainty]}`,
    '',
    rule.what,
    '',
    '## Why it matters',
    '',
    rule.why,
    '',
    '## What to do',
    '',
    rule.fix,
    '',
    'Wrong:',
    '',
    '```c',
    rule.example.bad,
    '```',
    '',
    'Right:',
    '',
    '```c',
    rule.example.good,
    '```',
    '',
    '## Elsewhere',
    '',
    `- QEMU ${rule.behaviour.qemu}.`,
    `- Hardware ${rule.behaviour.hardware}.`,
    '',
    '## Specification',
    '',
    ...rule.spec.map((ref) => `- ${formatSpec(ref)}`),
    ...(covers.length > 0 ? ['', `Also covers ${covers.join(', ')}.`] : []),
    ...(explains.length > 0
      ? ['', `Findings folded under it: ${explains.map((code) => `[${code}](${code}.md)`).join(', ')}.`]
      : []),
    '',
  ].join('\n');
}

function indexPage(rules: readonly Rule[]): string {
  const lines = [
    BANNER,
    '',
    '# Rules',
    '',
    'Every finding has a stable code. `dmascope explain CODE` prints the same pages in the terminal.',
  ];
  for (const [area, title] of AREAS) {
    const members = rules.filter((rule) => rule.id.startsWith(`${area}/`));
    if (members.length === 0) continue;
    lines.push('', `## ${title}`, '', '| code | what is wrong | severity | certainty |', '|---|---|---|---|');
    for (const rule of members) {
      lines.push(`| [${rule.code}](${fileName(rule)}) | ${rule.summary} | ${rule.severity} | ${rule.certainty} |`);
    }
  }
  return [...lines, ''].join('\n');
}

/** Everything that is generated from the rules: index, one page a rule, the report's schema. */
export function generatedFiles(): GeneratedFile[] {
  const rules = listRules();
  return [
    { path: 'docs/rules/README.md', text: indexPage(rules) },
    ...rules.map((rule) => ({ path: `docs/rules/${fileName(rule)}`, text: rulePage(rule) })),
    { path: 'docs/report.schema.json', text: `${formatJson(REPORT_SCHEMA)}\n` },
  ];
}

const LINE_COLUMNS = 120;

/** JSON as the repository's formatter writes it: objects broken, lists of plain values on one line while they fit. */
function formatJson(value: unknown, indent = '', prefix = 0): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const inner = `${indent}  `;
  if (Array.isArray(value)) {
    const flat = `[${value.map((entry) => JSON.stringify(entry)).join(', ')}]`;
    const plain = value.every((entry) => typeof entry !== 'object' || entry === null);
    if (plain && indent.length + prefix + flat.length + 1 <= LINE_COLUMNS) return flat;
    return `[\n${value.map((entry) => `${inner}${formatJson(entry, inner)}`).join(',\n')}\n${indent}]`;
  }
  const members = Object.entries(value).map(([key, entry]) => {
    const name = `${JSON.stringify(key)}: `;
    return `${inner}${name}${formatJson(entry, inner, name.length)}`;
  });
  return members.length === 0 ? '{}' : `{\n${members.join(',\n')}\n${indent}}`;
}
