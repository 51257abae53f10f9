/** The source excerpt of a finding, in rustc's grammar: arrow, gutter, line, underline with what the line did. */
import { hex } from '../../base/address.ts';
import type { SiteReport } from '../finding.ts';
import type { Frame } from '../guest-view.ts';
import type { Paint, Palette } from './palette.ts';

const TAB_COLUMNS = 4;

export function placeOf(frame: Pick<Frame, 'symbol' | 'location'>, pc: bigint): string {
  const { symbol, location } = frame;
  const name =
    symbol === undefined ? undefined : symbol.offset === 0 ? symbol.name : `${symbol.name}+${hex(symbol.offset)}`;
  if (location !== undefined) {
    const column = location.column > 0 ? `:${location.column}` : '';
    return `${location.file}:${location.line}${column}${symbol === undefined ? '' : `   ${symbol.name}`}`;
  }
  if (name !== undefined)
    return symbol?.kind === 'module' ? name : `${symbol?.module ?? ''}${symbol?.module ? '!' : ''}${name}`;
  return `pc ${hex(pc)}`;
}

/** A tab in the source moves the column; spaces keep the underline where it belongs. */
function expand(text: string): string {
  return text.replaceAll('\t', ' '.repeat(TAB_COLUMNS));
}

/** First and last column (0-based, exclusive end) to underline, in expanded text. */
function underline(text: string, column: number): { from: number; to: number } {
  const end = expand(text.replace(/\s*(\/[/*].*)?$/, '').replace(/;$/, '')).length;
  const start =
    column > 0 && column <= text.length
      ? expand(text.slice(0, column - 1)).length
      : expand(/^\s*/.exec(text)![0]).length;
  return { from: start, to: Math.max(end, start + 1) };
}

export function renderSite(report: SiteReport, width: number, palette: Palette, heading: Paint): string[] {
  const lines = [`  ${palette.frame('-->')} ${placeOf(report, report.site.pc)}`];
  const line = report.location?.line;
  if (line !== undefined && report.excerpt.length > 0) {
    const digits = Math.max(...report.excerpt.map((entry) => String(entry.line).length), 3);
    const gutter = (text: string): string => palette.frame(`${text.padStart(digits)} |`);
    const room = Math.max(width - digits - 3, 40);
    lines.push(gutter(''));
    for (const entry of report.excerpt) {
      const text = expand(entry.text);
      lines.push(
        `${gutter(String(entry.line))} ${text.length > room ? `${text.slice(0, room - 3)}...` : text}`.trimEnd(),
      );
      if (entry.line !== line) continue;
      const { from, to } = underline(entry.text, report.location?.column ?? 0);
      const last = Math.min(to, room);
      const marks = '^'.repeat(Math.max(last - from, 1));
      const fits = from + marks.length + 1 + report.role.length <= room;
      lines.push(`${gutter('')} ${' '.repeat(from)}${heading(fits ? `${marks} ${report.role}` : marks)}`);
      if (!fits)
        lines.push(
          `${gutter('')} ${' '.repeat(Math.max(0, Math.min(from, room - report.role.length)))}${heading(report.role)}`,
        );
    }
    lines.push(gutter(''));
  } else if (report.role !== '') {
    lines.push(`      ${heading(report.role)}`);
  }
  return lines;
}

/** Callers, innermost first: one line for each frame. */
export function renderCallers(report: SiteReport): string[] {
  return report.callers.map((frame) => `${frame.guessed ? '? ' : ''}${placeOf(frame, frame.pc)}`);
}

/** The accessors between the blamed line and the instruction. */
export function renderThrough(report: SiteReport): string[] {
  return report.through.map((frame) => placeOf(frame, frame.pc));
}
