/** Our own words: on stderr, in colour only where that is wanted. */
import pico from 'picocolors';
import type { Host, OutputStream } from './host.ts';

export type ColorChoice = 'auto' | 'always' | 'never';
export const COLOR_CHOICES = ['auto', 'always', 'never'] as const;

/**
 * Whether a stream gets colours. The flag decides; with `auto`, NO_COLOR (https://no-color.org) forbids, FORCE_COLOR
 * demands (`0` forbids), and else it is a question of the terminal.
 */
export function wantsColor(stream: OutputStream, environment: Host['environment'], choice: ColorChoice): boolean {
  if (choice !== 'auto') return choice === 'always';
  const forced = environment.FORCE_COLOR;
  if (environment.NO_COLOR) return false;
  if (forced !== undefined && forced !== '') return forced !== '0';
  return stream.isTerminal && environment.TERM !== 'dumb';
}

/** Whether a line may be rewritten in place: on a terminal that can, with somebody watching. */
export function wantsProgress(stream: OutputStream, environment: Host['environment']): boolean {
  return stream.isTerminal && environment.TERM !== 'dumb' && !environment.CI;
}

export class Talk {
  readonly color: boolean;
  readonly #host: Host;
  readonly #paint: ReturnType<typeof pico.createColors>;

  constructor(host: Host, choice: ColorChoice = 'auto') {
    this.#host = host;
    this.color = wantsColor(host.err, host.environment, choice);
    this.#paint = pico.createColors(this.color);
  }

  /** One line, as it is. */
  say(text: string): void {
    this.#host.err.write(`${text}\n`);
  }

  note(text: string): void {
    this.say(`dmascope: ${this.#paint.cyan('note')}: ${text}`);
  }

  error(message: string, hint?: string): void {
    this.say(`dmascope: ${this.#paint.red(this.#paint.bold('error'))}: ${message}`);
    if (hint !== undefined) this.say(`  ${this.#paint.green('help')}: ${hint}`);
  }
}
