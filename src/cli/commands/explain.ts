/** `dmascope explain [CODE]`: what a finding means, with the wrong line and the right one. */
import { ANSI, explainRule, listText, PLAIN, suggestRules } from '../../diagnosis/index.ts';
import { EXIT } from '../exit-codes.ts';
import type { Host } from '../host.ts';
import { type ColorChoice, wantsColor } from '../talk.ts';
import { UsageError } from '../usage-error.ts';

export interface ExplainFlags {
  readonly color: ColorChoice;
}

/** Lines longer than this are hard to read on any terminal. */
const COLUMNS_MAX = 100;

export function explain(host: Host, flags: ExplainFlags, code: string | undefined): number {
  if (code === undefined) {
    host.out.write(`${listText()}\n`);
    return EXIT.clean;
  }
  const palette = wantsColor(host.out, host.environment, flags.color) ? ANSI : PLAIN;
  const width = Math.min(host.out.columns ?? COLUMNS_MAX, COLUMNS_MAX);
  const text = explainRule(code, { palette, width });
  if (text === undefined) {
    const [guess] = suggestRules(code);
    const suggestion = guess === undefined ? '' : ` (did you mean "${guess}"?)`;
    throw new UsageError(`there is no finding "${code}"${suggestion}`, 'dmascope explain lists all');
  }
  host.out.write(`${text}\n`);
  return EXIT.clean;
}
