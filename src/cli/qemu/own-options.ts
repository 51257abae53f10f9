/** `-dmascope key=value,...`: our own settings on a QEMU command line. */
import { parseCount, parseDuration } from '../quantities.ts';
import { didYouMean } from '../suggestion.ts';
import { UsageError } from '../usage-error.ts';
import { parseOptionList } from './option-list.ts';
import type { OptionContext } from './options.ts';

const KEYS = ['report', 'text', 'personality', 'max-instructions', 'max-time', 'symbols'] as const;

export function readOwnOptions({ configuration, personalities }: OptionContext, argument: string): void {
  for (const [key, value] of parseOptionList(argument, undefined).entries) {
    switch (key) {
      case 'report':
        configuration.reports.push({ format: 'json', path: value });
        break;
      case 'text':
        configuration.reports.push({ format: 'text', path: value });
        break;
      case 'personality':
        configuration.personality = checkedPersonality(value, personalities);
        break;
      case 'max-instructions':
        configuration.maxInstructions = parseCount(value);
        break;
      case 'max-time':
        configuration.maxTime = parseDuration(value);
        break;
      case 'symbols':
        configuration.symbols = value;
        break;
      default:
        throw new UsageError(
          `-dmascope ${argument}: there is no setting "${key}"${didYouMean(key, KEYS)}`,
          `settings: ${KEYS.join(', ')}`,
        );
    }
  }
}

export function checkedPersonality(name: string, personalities: readonly string[]): string {
  if (personalities.includes(name)) return name;
  throw new UsageError(
    `there is no personality "${name}"${didYouMean(name, personalities)}`,
    `personalities: ${personalities.join(', ')}`,
  );
}
