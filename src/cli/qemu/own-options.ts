/** `-dmascope key=value,...`: our own settings on a QEMU command line. */
import { PACES } from '../console/pace.ts';
import { parseExpected, parseTypedText } from '../console/scripted-input.ts';
import { parseCount, parseDuration } from '../quantities.ts';
import { didYouMean } from '../suggestion.ts';
import { UsageError } from '../usage-error.ts';
import { parseOptionList } from './option-list.ts';
import type { OptionContext } from './options.ts';

const KEYS = [
  'report',
  'text',
  'personality',
  'max-instructions',
  'max-time',
  'symbols',
  'input',
  'pace',
  'type',
  'expect',
  'screendump',
] as const;

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
      case 'input':
        configuration.input = oneOf(argument, key, value, ['auto', 'stdin', 'none'] as const);
        break;
      case 'pace':
        configuration.pace = oneOf(argument, key, value, PACES);
        break;
      case 'type':
        configuration.typed.push(parseTypedText(value));
        break;
      case 'screendump':
        configuration.screendump = value;
        break;
      case 'expect':
        configuration.expect = parseExpected(value);
        break;
      default:
        throw new UsageError(
          `-dmascope ${argument}: there is no setting "${key}"${didYouMean(key, KEYS)}`,
          `settings: ${KEYS.join(', ')}`,
        );
    }
  }
}

function oneOf<T extends string>(argument: string, key: string, value: string, values: readonly T[]): T {
  const found = values.find((each) => each === value);
  if (found !== undefined) return found;
  throw new UsageError(
    `-dmascope ${argument}: ${key}=${value} is not possible${didYouMean(value, values)}`,
    `give ${values.join(', ')}`,
  );
}

export function checkedPersonality(name: string, personalities: readonly string[]): string {
  if (personalities.includes(name)) return name;
  throw new UsageError(
    `there is no personality "${name}"${didYouMean(name, personalities)}`,
    `personalities: ${personalities.join(', ')}`,
  );
}
