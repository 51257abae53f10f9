/** Reads a QEMU command line: single-dash long options (two dashes are the same), one argument each at most. */
import { didYouMean } from '../suggestion.ts';
import { UsageError } from '../usage-error.ts';
import { resolveCharacters } from './character-devices.ts';
import {
  type CharacterTarget,
  type CheckedConfiguration,
  defaultConfiguration,
  type QemuConfiguration,
} from './configuration.ts';
import { checkDevices } from './devices.ts';
import { driveAt } from './drives.ts';
import { QEMU_OPTIONS, UNSUPPORTED_OPTIONS } from './options.ts';

export interface QemuArgumentContext {
  readonly personalities: readonly string[];
  /** Something worth a line that is no error. */
  note(text: string): void;
}

export type QemuArguments =
  | { readonly kind: 'run'; readonly configuration: CheckedConfiguration }
  /** `-help`, `-version`, `-device help`, `-d help`, `-trace help` ... */
  | { readonly kind: 'help'; readonly topic: 'options' | 'version' | 'device' | 'd' | 'trace' | 'machine' | 'cpu' };

const HELP_TOPICS: Readonly<Record<string, 'device' | 'd' | 'trace' | 'machine' | 'cpu'>> = {
  device: 'device',
  d: 'd',
  trace: 'trace',
  M: 'machine',
  machine: 'machine',
  cpu: 'cpu',
};

/** Throws `UsageError` for anything that cannot be honoured; nothing is dropped in silence. */
export function readQemuArguments(args: readonly string[], context: QemuArgumentContext): QemuArguments {
  const configuration = defaultConfiguration();
  const optionContext = { ...context, configuration };
  for (let at = 0; at < args.length; at += 1) {
    const word = args[at]!;
    if (!word.startsWith('-')) {
      configuration.drives.push(driveAt('', word, 0, 'disk', configuration.drives));
      continue;
    }
    const name = word.replace(/^--?/, '');
    if (name === 'h' || name === 'help') return { kind: 'help', topic: 'options' };
    if (name === 'version') return { kind: 'help', topic: 'version' };
    const option = Object.hasOwn(QEMU_OPTIONS, name) ? QEMU_OPTIONS[name] : undefined;
    if (option === undefined) throw unknownOption(name);
    if (!option.argument) {
      option.apply(optionContext, '');
      continue;
    }
    at += 1;
    const argument = args[at];
    if (argument === undefined) throw new UsageError(`-${name}: requires an argument`, option.help);
    const topic = argument === 'help' || argument === '?' ? HELP_TOPICS[name] : undefined;
    if (topic !== undefined) return { kind: 'help', topic };
    option.apply(optionContext, argument);
  }
  return { kind: 'run', configuration: checkTogether(configuration) };
}

function unknownOption(name: string): UsageError {
  const why = Object.hasOwn(UNSUPPORTED_OPTIONS, name) ? UNSUPPORTED_OPTIONS[name] : undefined;
  if (why !== undefined) return new UsageError(`-${name} is not supported: ${why}`);
  const suggestion = didYouMean(name, Object.keys(QEMU_OPTIONS));
  return new UsageError(
    `-${name} is not supported by dmascope${suggestion}`,
    'dmascope qemu-system-x86_64 -help lists what is',
  );
}

function checkTogether(read: QemuConfiguration): CheckedConfiguration {
  if (read.serials.length === 0 && read.noGraphic) read.serials.push({ kind: 'stdio', multiplexed: true });
  const configuration = { ...read, ...resolveCharacters(read) };
  const { kernel, append, initrd, serials, debugConsole } = configuration;
  if (kernel === undefined) {
    if (append !== undefined) throw new UsageError('-append only allowed with -kernel option');
    if (initrd !== undefined) throw new UsageError('-initrd only allowed with -kernel option');
    if (configuration.bios !== undefined && configuration.drives.some((drive) => drive.interface === 'pflash')) {
      throw new UsageError('-bios and flash: both would be the firmware', 'give one of them');
    }
  } else if (configuration.bios !== undefined || configuration.drives.some((drive) => drive.interface === 'pflash')) {
    throw new UsageError(
      'firmware and -kernel: dmascope enters a kernel directly, without firmware',
      'leave -bios or the flash out, or let the firmware load the kernel from a disk',
    );
  }
  if (configuration.startStopped && !configuration.monitorOnStdio && !serials.some(isMultiplexed)) {
    throw new UsageError('-S: nobody could start the guest again', 'add -monitor stdio or -serial mon:stdio');
  }
  checkDevices(configuration.devices);
  const further = serials.slice(1).find((target) => target.kind !== 'none');
  if (further !== undefined) throw new UsageError('-serial: a second serial port is not supported yet');
  if (configuration.monitorOnStdio && serials[0]?.kind === 'stdio') {
    throw new UsageError(
      '-serial stdio and -monitor stdio: cannot use stdio by multiple character devices',
      '-serial mon:stdio gives both, with Ctrl-A c between them',
    );
  }
  if (debugConsole?.kind === 'stdio' && serials[0]?.kind === 'stdio') {
    throw new UsageError('-serial stdio and -debugcon stdio: cannot use stdio by multiple character devices');
  }
  return configuration;
}

function isMultiplexed(target: CharacterTarget): boolean {
  return target.kind === 'stdio' && target.multiplexed;
}
