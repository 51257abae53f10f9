/** The monitor's commands that act on the machine: its buttons, its keyboard, its screen. */
import { parseChord } from '../../devices/input/keys.ts';
import { formatOf, pictureBytes } from '../screendump.ts';
import type { MonitorCommand, MonitorContext } from './commands.ts';
import type { MonitorAnswer } from './monitor.ts';

const MILLISECOND = 1_000_000;
/** Longer would be a key that hangs. */
const HOLD_MAX_MILLISECONDS = 60_000;

export const CONTROL_COMMANDS: readonly MonitorCommand[] = [
  {
    names: ['system_reset'],
    usage: 'system_reset',
    help: 'reset the system',
    run: ({ machine }) => {
      machine.reset();
      return { text: '' };
    },
  },
  {
    names: ['system_powerdown'],
    usage: 'system_powerdown',
    help: 'send system power down event',
    run: ({ machine }) => {
      machine.pressPowerButton();
      return { text: '' };
    },
  },
  {
    names: ['sendkey'],
    usage: 'sendkey keys [hold_ms]',
    help: "send keys to the VM (e.g. 'sendkey ctrl-alt-f1', default hold time=100 ms)",
    run: sendKey,
  },
  {
    names: ['screendump'],
    usage: 'screendump filename [-f format]',
    help: 'save screen into PPM or PNG image',
    run: screenDump,
  },
];

function sendKey({ machine }: MonitorContext, [keys = '', hold]: readonly string[]): MonitorAnswer {
  const parsed = parseChord(keys);
  if ('unknown' in parsed) return { text: `invalid parameter: ${parsed.unknown}\n` };
  if (hold === undefined) {
    machine.typeKeys([parsed.chord]);
    return { text: '' };
  }
  const milliseconds = /^\d+$/.test(hold) ? Number(hold) : Number.NaN;
  if (!(milliseconds <= HOLD_MAX_MILLISECONDS)) return { text: `invalid parameter: ${hold}\n` };
  machine.typeKeys([parsed.chord], { hold: milliseconds * MILLISECOND });
  return { text: '' };
}

function screenDump({ machine }: MonitorContext, args: readonly string[]): MonitorAnswer {
  const at = args.indexOf('-f');
  const [path, ...more] = at < 0 ? args : args.toSpliced(at, 2);
  if (path === undefined) return { text: 'screendump: a file name is missing\n' };
  if (more.length > 0) return { text: `there is one display: "${more[0]}" names none\n` };
  const format = at < 0 ? formatOf(path) : args[at + 1];
  if (format !== 'png' && format !== 'ppm') return { text: `invalid parameter: ${format ?? '-f'}\n` };
  const picture = machine.picture();
  if (picture === undefined) return { text: 'there is no display to take a screendump from\n' };
  return { text: '', file: { path, bytes: pictureBytes(picture, format) } };
}
