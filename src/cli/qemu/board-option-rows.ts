/** The options that say something about the board itself. */
import { parseInteger } from '../quantities.ts';
import { UsageError } from '../usage-error.ts';
import { parseClock, parseFirmwareFile, parseSeed, parseUuid } from './board-options.ts';
import type { QemuConfiguration } from './configuration.ts';
import { parseOptionList } from './option-list.ts';
import type { QemuOption } from './options.ts';

/** `driver.property=value`, or the three as a list. */
function readGlobal(configuration: QemuConfiguration, argument: string): void {
  const list = parseOptionList(argument, undefined);
  const short = /^([\w-]+)\.([\w-]+)=(.*)$/.exec(argument)?.slice(1);
  const [driver, property, value = ''] = short ?? ['driver', 'property', 'value'].map((key) => list.get(key));
  const port = parseInteger(value);
  if (driver === 'isa-debugcon' && property === 'iobase' && port !== undefined && port <= 0xffff) {
    configuration.debugPort = port;
    return;
  }
  // OVMF asks for it: there is no suspend to leave out.
  const suspend = driver === 'ICH9-LPC' && (property === 'disable_s3' || property === 'disable_s4');
  if (suspend && ['1', 'on', 'true', 'yes'].includes(value)) return;
  throw new UsageError(
    `-global ${argument}: this is not supported`,
    suspend ? 'there is no suspend: give 1 or leave it out' : 'isa-debugcon.iobase=0x402 is',
  );
}

export const BOARD_OPTIONS: Readonly<Record<string, QemuOption>> = {
  rtc: {
    argument: true,
    help: 'base=2026-01-31T12:00:00, utc or localtime: where the clock begins (default 2024-01-01)',
    apply: ({ configuration, note }, argument) => {
      configuration.clock = parseClock(argument) ?? configuration.clock;
      if (configuration.clock !== undefined && 'host' in configuration.clock) {
        note(`-rtc ${argument}: the clock begins at the host's time, so no two runs are the same`);
      }
    },
  },
  uuid: {
    argument: true,
    help: "the machine's UUID",
    apply: ({ configuration }, argument) => {
      configuration.uuid = parseUuid(argument);
    },
  },
  fw_cfg: {
    argument: true,
    help: 'name=NAME,file=PATH or string=TEXT: a file for firmware and drivers',
    apply: ({ configuration }, argument) => {
      configuration.firmwareFiles.push(parseFirmwareFile(argument));
    },
  },
  seed: {
    argument: true,
    help: 'start of the random numbers of RDRAND, RDSEED and virtio-rng',
    apply: ({ configuration }, argument) => {
      configuration.seed = parseSeed(argument);
    },
  },
  S: {
    argument: false,
    help: "do not start the guest: the monitor's cont does",
    apply: ({ configuration }) => {
      configuration.startStopped = true;
    },
  },
  'no-hpet': {
    argument: false,
    help: 'without the high precision event timers',
    apply: ({ configuration }) => {
      configuration.hpet = false;
    },
  },
  global: {
    argument: true,
    help: 'isa-debugcon.iobase=PORT: where the debug console is (0xe9; SeaBIOS and OVMF use 0x402)',
    apply: ({ configuration }, argument) => readGlobal(configuration, argument),
  },
};
