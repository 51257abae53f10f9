/** The rules' own pages, laid out for a terminal. */
import { generatedFiles } from '../diagnosis/rule-pages.ts';
import { RULES } from '../diagnosis/rules/index.ts';
import type { RulePage } from './session.ts';

/** One page a rule, in the order of their codes. */
export function rulePages(): readonly RulePage[] {
  const texts = new Map(generatedFiles().map(({ path, text }) => [path, text]));
  return [...RULES]
    .sort((a, b) => (a.code < b.code ? -1 : 1))
    .map(({ code, id, catalogue, severity, summary }) => {
      const text = texts.get(`docs/rules/${code}.md`) ?? `# ${code}: ${summary}\n`;
      return { code, id, catalogue, severity, summary, text: forTerminal(text) };
    });
}

/** Markdown without its marks: headings as lines, code indented, links as their words. */
export function forTerminal(markdown: string): string {
  const lines: string[] = [];
  let inCode = false;
  for (const line of markdown.split('\n')) {
    if (line.startsWith('```')) {
      inCode = !inCode;
    } else if (inCode) {
      lines.push(line === '' ? '' : `    ${line}`);
    } else if (!line.startsWith('<!--')) {
      const plain = line.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').replace(/`([^`]*)`/g, '$1');
      lines.push(...wrapLine(plain.replace(/^#+ /, '')));
    }
  }
  return `${lines
    .join('\n')
    .replace(/\n{3,}/g, '\n\n')
    .trim()}\n`;
}

const COLUMNS = 100;

function wrapLine(line: string): string[] {
  const indent = line.startsWith('- ') ? '  ' : '';
  const lines: string[] = [];
  let current = '';
  for (const word of line.split(' ')) {
    if (current !== '' && current.length + 1 + word.length > COLUMNS) {
      lines.push(current);
      current = indent + word;
    } else {
      current = current === '' ? word : `${current} ${word}`;
    }
  }
  return [...lines, current];
}
