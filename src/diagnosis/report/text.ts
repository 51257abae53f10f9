/** The report that a person reads: one block for each root cause, symptoms folded under it, one summary line. */
import { hex } from '../../base/address.ts';
import { type Diagnosis, FACT_ORDER, type Fact, type Finding } from '../finding.ts';
import { HANG_CODE } from '../hang-code.ts';
import { placeOf, renderCallers, renderSite, renderThrough } from './excerpt.ts';
import { type Paint, type Palette, PLAIN } from './palette.ts';
import { formatSpecs } from './specs.ts';
import { wrap } from './wrap.ts';

/** Width of the label column, two blanks included on its left. */
const LABEL_COLUMNS = 16;
const WIDTH_DEFAULT = 100;
const WIDTH_MIN = 60;

export interface TextOptions {
  /** Columns of the terminal; default 100, at least 60. */
  readonly width?: number;
  /** Default: no colours. */
  readonly palette?: Palette;
}

/** Certain, portable and suspected findings begin with different words, so that nobody mistakes a guess for a fact. */
export function headingOf(finding: Finding): string {
  const code = `[${finding.rule.code}]`;
  switch (finding.certainty) {
    case 'certain':
      return `${finding.severity}${code}`;
    case 'portability':
      return `portability ${finding.severity}${code}`;
    default:
      return `suspected ${finding.severity}${code}`;
  }
}

function paintOf(finding: Finding, palette: Palette): Paint {
  if (finding.certainty === 'suspected') return palette.note;
  return finding.severity === 'error' ? palette.error : finding.severity === 'warning' ? palette.warning : palette.note;
}

function ordered(facts: readonly Fact[]): Fact[] {
  const rank = (label: string): number => {
    const index = (FACT_ORDER as readonly string[]).indexOf(label);
    return index < 0 ? FACT_ORDER.length : index;
  };
  return [...facts].sort((a, b) => rank(a.label) - rank(b.label));
}

function labelled(label: string, paragraphs: readonly string[], width: number, palette: Palette): string[] {
  const paint = label === 'help' ? palette.help : palette.frame;
  const lines = paragraphs.flatMap((text) => wrap(text, width - LABEL_COLUMNS));
  return lines.map((line, index) => {
    const head = index === 0 ? paint(`  ${label}`.padEnd(LABEL_COLUMNS)) : ' '.repeat(LABEL_COLUMNS);
    return `${head}${line}`.trimEnd();
  });
}

function symptomLine(symptom: Finding): string {
  const place =
    symptom.site === undefined ? '' : `, ${placeOf(symptom.site, symptom.site.site.pc).replace(/ {3}/, ' in ')}`;
  const value =
    symptom.address !== undefined && symptom.expected !== undefined
      ? `: ${hex(symptom.address)} should be ${hex(symptom.expected)}`
      : '';
  return `  ${symptom.rule.code}: ${symptom.title}${value}${place}`;
}

/** Symptoms of the root's own family are further places to mend; the others merely follow from it. */
function symptomFacts(root: Finding): Fact[] {
  const symptoms = root.symptoms.filter((symptom) => symptom.rule.code !== HANG_CODE);
  const alike = symptoms.filter((symptom) => symptom.family !== undefined && symptom.family === root.family);
  const others = symptoms.filter((symptom) => !alike.includes(symptom));
  const facts: Fact[] = [];
  if (alike.length > 0) {
    const head = `the same mistake stands in ${count(alike.length, 'more place')}; mend ${alike.length === 1 ? 'it' : 'them'} too:`;
    facts.push({ label: 'next', text: [head, ...alike.map(symptomLine)] });
  }
  if (others.length > 0)
    facts.push({ label: 'follows', text: others.map((symptom) => symptomLine(symptom).trimStart()) });
  return facts;
}

/** QEMU and hardware, each once. */
function elsewhere(finding: Finding): string[] {
  const { qemu, hardware } = finding.rule.behaviour;
  return [`QEMU ${qemu}.`, `Hardware ${hardware}.`];
}

function renderHeading(head: string, rest: string, width: number, paint: Paint, palette: Palette): string[] {
  return wrap(`${head}${rest}`, width).map((line, index) =>
    index === 0 && line.startsWith(head)
      ? `${paint(head)}${palette.strong(line.slice(head.length))}`
      : palette.strong(line),
  );
}

function renderFinding(root: Finding, width: number, palette: Palette, hasSymbols: boolean): string[] {
  const paint = paintOf(root, palette);
  const device = root.device === undefined ? '' : ` (${root.device})`;
  const times = root.count > 1 ? `, seen ${root.count} times` : '';
  const lines = renderHeading(headingOf(root), `: ${root.title}${device}${times}`, width, paint, palette);
  if (root.site !== undefined) {
    lines.push(...renderSite(root.site, width, palette, paint));
    const through = renderThrough(root.site);
    if (through.length > 0) lines.push(...labelled('through', through, width, palette));
    const callers = renderCallers(root.site);
    if (callers.length > 0) lines.push(...labelled('called from', callers, width, palette));
  }
  const facts: Fact[] = [
    ...root.facts.filter((entry) => entry.text.length > 0),
    ...symptomFacts(root),
    { label: 'elsewhere', text: elsewhere(root) },
  ];
  for (const { label, text } of ordered(facts)) lines.push(...labelled(label, text, width, palette));
  if (!root.facts.some((entry) => entry.label === 'confidence')) {
    lines.push(...labelled('confidence', [CONFIDENCE[root.certainty]], width, palette));
  }
  lines.push(...labelled('spec', [formatSpecs(root.rule.spec)], width, palette));
  if (root.site !== undefined && !hasSymbols) {
    lines.push(
      ...labelled('hint', ['no symbols: build the kernel with -g, or give an ELF file that has them'], width, palette),
    );
  }
  lines.push(...labelled('more', [`dmascope explain ${root.rule.code}`], width, palette));
  return lines;
}

const CONFIDENCE = {
  certain: 'certain: every fact was observed, none inferred',
  portability: 'certain, but it fails on other controllers rather than on this one',
  suspected: 'suspected: that something is wrong was observed, what it is was inferred',
} as const;

function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}

/** "1 root cause, 3 symptoms (2 more pointers, 1 hang) folded into it". */
export function summaryLine(diagnosis: Diagnosis): string {
  const { roots, findings } = diagnosis;
  if (roots.length === 0) return 'no findings';
  const symptoms = findings.length - roots.length;
  const hangs = findings.filter((finding) => finding.rule.code === HANG_CODE).length;
  const others = symptoms - hangs;
  const kinds = [
    ...(others > 0 ? [count(others, 'more finding')] : []),
    ...(hangs > 0 ? [count(hangs, 'hang')] : []),
  ].join(', ');
  const folded =
    symptoms === 0
      ? ''
      : `, ${count(symptoms, 'symptom')} (${kinds}) folded into ${roots.length === 1 ? 'it' : 'them'}`;
  const dropped = diagnosis.dropped === 0 ? '' : `, ${count(diagnosis.dropped, 'finding')} too many to keep`;
  return `${count(roots.length, 'root cause')}${folded}${dropped}`;
}

/** The whole report, without a final line end. Empty of escape codes unless the palette brings some. */
export function renderText(diagnosis: Diagnosis, options: TextOptions = {}): string {
  const width = Math.max(options.width ?? WIDTH_DEFAULT, WIDTH_MIN);
  const palette = options.palette ?? PLAIN;
  const blocks = diagnosis.roots.map((root) => renderFinding(root, width, palette, diagnosis.hasSymbols).join('\n'));
  for (const problem of diagnosis.problems) {
    blocks.push(
      `${palette.warning('internal')}: a part of the diagnosis failed and was switched off (${problem.split('\n')[0]})`,
    );
  }
  const exit = diagnosis.outcome.exitCode === undefined ? '' : `   exit ${diagnosis.outcome.exitCode}`;
  const stopped = `stopped: ${diagnosis.outcome.text}\n${palette.strong(summaryLine(diagnosis))}.${exit}`;
  return [...blocks, stopped].join('\n\n');
}

/** One finding as text, for the JSON report's `text` and for annotations. */
export function renderFindingText(finding: Finding, hasSymbols: boolean): string {
  return renderFinding(finding, WIDTH_DEFAULT, PLAIN, hasSymbols).join('\n');
}
