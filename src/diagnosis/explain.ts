/** `dmascope explain CODE`: what a rule means, why it matters, how to mend it. The same data as docs/rules. */
import { type Palette, PLAIN } from './report/palette.ts';
import { formatSpecs } from './report/specs.ts';
import { wrap } from './report/wrap.ts';
import type { Rule } from './rule.ts';
import { RULES } from './rules/index.ts';

const WIDTH_DEFAULT = 80;
/** A code is a handful of characters: two wrong ones are still a guess worth making, three are not. */
const GUESS_DISTANCE_MAX = 2;

/** All rules, sorted by code. */
export function listRules(): readonly Rule[] {
  return [...RULES].sort((a, b) => (a.code < b.code ? -1 : a.code > b.code ? 1 : 0));
}

function normal(name: string): string {
  return name
    .trim()
    .toUpperCase()
    .replace(/[^A-Z0-9/]/g, '');
}

/** A rule by its code (`DMA-01`, `dma01`), its id (`dma/virtual-address`) or a catalogue id that it covers. */
export function findRule(name: string): Rule | undefined {
  const wanted = normal(name);
  return (
    RULES.find((rule) => normal(rule.code) === wanted || normal(rule.id) === wanted) ??
    RULES.find((rule) => rule.catalogue.some((entry) => normal(entry) === wanted))
  );
}

/** Levenshtein distance, for names of a few dozen characters. */
function distance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const current = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const substitution = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      current.push(Math.min(previous[j]! + 1, current[j - 1]! + 1, substitution));
    }
    previous = current;
  }
  return previous[b.length]!;
}

/** Codes and ids that `name` may have meant, the nearest first; at most three. */
export function suggestRules(name: string): readonly string[] {
  const wanted = normal(name).slice(0, 64);
  if (wanted === '') return [];
  const scored = RULES.flatMap((rule) => [rule.code, rule.id].map((entry) => ({ rule, entry })))
    .map(({ rule, entry }) => {
      // `virtual-adress` for `dma/virtual-address`: the area may be left out.
      const whole = normal(entry);
      const target = wanted.includes('/') ? whole : whole.replace(/^.*\//, '');
      const near = distance(wanted, target);
      const inside = wanted.length >= 4 && whole.includes(wanted);
      return { code: rule.code, entry, score: inside ? 0 : near, good: inside || near <= limit(target) };
    })
    .filter((candidate) => candidate.good)
    .sort((a, b) => a.score - b.score || (a.entry < b.entry ? -1 : 1));
  return [...new Set(scored.map((candidate) => candidate.entry))].slice(0, 3);
}

/** Longer names leave room for more slips. */
function limit(target: string): number {
  return Math.max(GUESS_DISTANCE_MAX, Math.floor(target.length / 4));
}

export interface ExplainOptions {
  readonly width?: number;
  readonly palette?: Palette;
}

/** The explanation as text without a final line end, or `undefined` for a name that is no rule's. */
export function explainRule(name: string, options: ExplainOptions = {}): string | undefined {
  const rule = findRule(name);
  if (rule === undefined) return undefined;
  const width = Math.max(options.width ?? WIDTH_DEFAULT, 40);
  const palette = options.palette ?? PLAIN;
  const paragraph = (text: string): string => wrap(text, width).join('\n');
  const code = (text: string): string =>
    text
      .split('\n')
      .map((line) => `    ${line}`.trimEnd())
      .join('\n');
  const head = (text: string): string => palette.frame(text);
  return [
    `${palette.strong(paragraph(`${rule.code}: ${rule.summary}`))}\n${palette.dim(`${rule.id}, ${rule.severity}, ${rule.certainty}`)}`,
    paragraph(rule.what),
    `${head('Why it matters')}\n${paragraph(rule.why)}`,
    `${head('What to do')}\n${paragraph(rule.fix)}`,
    `${head('Wrong')}\n${code(rule.example.bad)}`,
    `${head('Right')}\n${code(rule.example.good)}`,
    `${head('Elsewhere')}\n${paragraph(`QEMU ${rule.behaviour.qemu}.`)}\n${paragraph(`Hardware ${rule.behaviour.hardware}.`)}`,
    `${head('Specification')}\n${paragraph(formatSpecs(rule.spec))}`,
  ].join('\n\n');
}

/** All rules, one a line: code, summary. */
export function listText(): string {
  return listRules()
    .map((rule) => `${rule.code.padEnd(9)} ${rule.summary}`)
    .join('\n');
}
