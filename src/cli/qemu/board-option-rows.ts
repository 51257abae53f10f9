/** The options that say something about the board itself. */
import { parseInteger } from '../quantities.ts';
import { UsageError } from '../usage-error.ts';
import { parseClock, parseFirmwareFile, parseSeed, parseUuid } from './board-options.ts';
import type { QemuOption } from './options.ts';

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
  global: {
    argument: true,
    help: 'isa-debugcon.iobase=PORT: where the debug console is (0xe9; SeaBIOS and OVMF use 0x402)',
    apply: ({ configuration }, argument) => {
      const port = parseInteger(/^isa-debugcon\.iobase=(.*)$/.exec(argument)?.[1] ?? '');
      if (port === undefined || port > 0xffff) {
        throw new UsageError(`-global ${argument}: this is not supported`, 'isa-debugcon.iobase=0x402 is');
      }
      configuration.debugPort = port;
    },
  },
};
