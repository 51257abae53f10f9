/** `-boot`: what firmware tries, in which order (QEMU 7.2, softmmu/bootdevice.c). */
import type { FirmwareBoot } from '../../machine/boards/q35-options.ts';
import { parseInteger } from '../quantities.ts';
import { didYouMean } from '../suggestion.ts';
import { UsageError } from '../usage-error.ts';
import { onOff } from './drives.ts';
import { parseOptionList } from './option-list.ts';

const KEYS = ['order', 'once', 'menu', 'splash-time', 'reboot-timeout', 'strict'] as const;
const LETTERS_MAX = 3;
const MILLISECONDS_MAX = 0xffff;

export function parseBoot(argument: string): FirmwareBoot {
  const option = `-boot ${argument}`;
  const list = parseOptionList(argument, 'order');
  const known: readonly string[] = KEYS;
  for (const [key] of list.entries) {
    if (known.includes(key)) continue;
    throw new UsageError(`${option}: "${key}" is not supported${didYouMean(key, KEYS)}`, `known: ${KEYS.join(', ')}`);
  }
  const letters = lettersOf(option, list.get('order'));
  const lettersOnce = lettersOf(option, list.get('once'));
  const menu = onOff(option, 'menu', list.get('menu'));
  const strict = onOff(option, 'strict', list.get('strict'));
  const splashMilliseconds = milliseconds(option, 'splash-time', list.get('splash-time'));
  const rebootMilliseconds = milliseconds(option, 'reboot-timeout', list.get('reboot-timeout'));
  return {
    ...(letters === undefined ? {} : { letters }),
    ...(lettersOnce === undefined ? {} : { lettersOnce }),
    ...(menu === undefined ? {} : { menu }),
    ...(strict === undefined ? {} : { strict }),
    ...(splashMilliseconds === undefined ? {} : { splashMilliseconds }),
    ...(rebootMilliseconds === undefined ? {} : { rebootMilliseconds }),
  };
}

function lettersOf(option: string, letters: string | undefined): string | undefined {
  if (letters === undefined) return undefined;
  const help = 'letters: a floppy, c disk, d CD-ROM, n network; for example -boot order=dc';
  for (const [at, letter] of [...letters].entries()) {
    if (!/[a-p]/.test(letter)) throw new UsageError(`${option}: invalid boot device '${letter}'`, help);
    if (letters.indexOf(letter) !== at)
      throw new UsageError(`${option}: boot device '${letter}' was given twice`, help);
    if (!'abcdn'.includes(letter)) throw new UsageError(`${option}: a PC has no boot device '${letter}'`, help);
  }
  if (letters.length > LETTERS_MAX) throw new UsageError(`${option}: too many boot devices for a PC: three`, help);
  return letters;
}

function milliseconds(option: string, key: string, text: string | undefined): number | undefined {
  if (text === undefined || text === '-1') return undefined;
  const value = parseInteger(text);
  if (value !== undefined && value <= MILLISECONDS_MAX) return value;
  throw new UsageError(`${option}: ${key}=${text} is no number of milliseconds up to ${MILLISECONDS_MAX}`);
}
