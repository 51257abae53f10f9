/** The options of QEMU's command line: those that dmascope reads, and those that it knows but does not support. */

import { parseCpuOption } from '../../cpu/cpu-option.ts';
import { CORE_FEATURES } from '../../cpu/generated/core-features.ts';
import { matchesGlob } from '../../debug/glob.ts';
import { LOG_ITEMS, parseLogItems } from '../../debug/log-items.ts';
import { TRACE_EVENT_NAMES } from '../../debug/trace-lines.ts';
import { cpuOptionMessage } from '../cpu-option-message.ts';
import { checkedRam, parseSize } from '../quantities.ts';
import { didYouMean } from '../suggestion.ts';
import { UsageError } from '../usage-error.ts';
import { BOARD_OPTIONS } from './board-option-rows.ts';
import { parseCharacter, parseCharacterDevice, parseMonitor } from './character-devices.ts';
import type { QemuConfiguration } from './configuration.ts';
import { parseDevice } from './devices.ts';
import { readMachine } from './machine-option.ts';
import { parseOptionList } from './option-list.ts';
import { readOwnOptions } from './own-options.ts';
import { parseProcessors } from './processors.ts';
import { STORAGE_OPTIONS } from './storage-options.ts';

/** What reading an option may say besides changing the configuration. */
export interface OptionContext {
  readonly configuration: QemuConfiguration;
  readonly personalities: readonly string[];
  note(text: string): void;
}

export interface QemuOption {
  readonly argument: boolean;
  readonly help: string;
  readonly apply: (context: OptionContext, argument: string) => void;
}

function refuse(option: string, argument: string, why: string, hint?: string): never {
  throw new UsageError(`-${option} ${argument}: ${why}`, hint);
}

/** An option that asks for what dmascope does anyway. */
function only(option: string, values: readonly string[], help: string, why: string): QemuOption {
  return {
    argument: true,
    help,
    apply: (_, argument) => {
      if (!values.includes(argument)) refuse(option, argument, why, `supported: ${values.join(', ')}`);
    },
  };
}

/** An option without effect here, because what it leaves out does not exist. */
function nothing(help: string): QemuOption {
  return { argument: false, help, apply: () => undefined };
}

function readMemory({ configuration }: OptionContext, argument: string): void {
  const list = parseOptionList(argument, 'size');
  for (const [key, value] of list.entries) {
    if (key !== 'size') refuse('m', argument, `"${key}" is not supported`, 'give a size only: -m 512M');
    configuration.ramBytes = checkedRam(parseSize(value, 2 ** 20), value);
  }
}

function readCpu({ configuration }: OptionContext, argument: string): void {
  const option = parseCpuOption(argument, CORE_FEATURES);
  if (!option.ok) {
    const { message, hint } = cpuOptionMessage(option.error);
    refuse('cpu', argument, message, hint);
  }
  configuration.cpuModel = argument;
}

function readLog({ configuration }: OptionContext, argument: string): void {
  const parsed = parseLogItems(argument);
  if (!parsed.ok) {
    const names = LOG_ITEMS.filter((row) => row.supported).map((row) => row.name);
    const why =
      parsed.problem === 'unsupported'
        ? `the log item "${parsed.item}" is not supported`
        : `there is no log item "${parsed.item}"${didYouMean(parsed.item, names)}`;
    refuse('d', argument, why, `items: ${names.join(', ')}, trace:PATTERN, all`);
  }
  for (const item of parsed.selection.items) configuration.logItems.add(item);
  configuration.tracePatterns.push(...parsed.selection.traces);
}

function readTrace({ configuration, note }: OptionContext, argument: string): void {
  for (const [key, value] of parseOptionList(argument, 'enable').entries) {
    if (key !== 'enable')
      refuse('trace', argument, `"${key}=" is not supported`, 'give a pattern; -D FILE sends the text to a file');
    const pattern = value.startsWith('-') ? value.slice(1) : value;
    if (!TRACE_EVENT_NAMES.some((name) => matchesGlob(pattern, name))) {
      note(
        `-trace ${argument}: no trace event of dmascope matches "${pattern}"${didYouMean(pattern, TRACE_EVENT_NAMES)}`,
      );
    }
    configuration.tracePatterns.push(value);
  }
}

function readDevice(configuration: QemuConfiguration, argument: string): void {
  const device = parseDevice(argument);
  switch (device.kind) {
    case 'VGA':
      configuration.vga = 'std';
      break;
    case 'isa-serial':
      configuration.serials.push({ kind: 'named', id: device.chardev, option: `-device ${argument}` });
      break;
    case 'isa-debug-port':
      configuration.debugConsole = { kind: 'named', id: device.chardev, option: `-device ${argument}` };
      configuration.debugPort = device.port ?? configuration.debugPort;
      break;
    default:
      configuration.devices.push(device);
  }
}

/** Keeps a value as it is. */
function keep(key: 'kernel' | 'bios' | 'append' | 'initrd' | 'logFile', help: string): QemuOption {
  return {
    argument: true,
    help,
    apply: ({ configuration }, argument) => {
      configuration[key] = argument;
    },
  };
}

function flag(key: 'noReboot' | 'noGraphic' | 'noDefaults', help: string): QemuOption {
  return {
    argument: false,
    help,
    apply: ({ configuration }) => {
      configuration[key] = true;
    },
  };
}

const machine = (option: string): QemuOption => ({
  argument: true,
  help: 'the board: q35',
  apply: ({ configuration }, argument) => readMachine(option, configuration, argument),
});

/** Options in the order of the help text. */
export const QEMU_OPTIONS: Readonly<Record<string, QemuOption>> = {
  kernel: keep('kernel', 'Linux (bzImage or PVH), Multiboot 1 or 2 or ELF64 kernel'),
  bios: keep('bios', "firmware: a path, or a name in Debian's folders (default without -kernel: bios-256k.bin)"),
  append: keep('append', 'kernel command line'),
  initrd: keep('initrd', 'module or initial RAM disk'),
  M: machine('M'),
  machine: machine('machine'),
  m: { argument: true, help: 'RAM, in MiB or with a letter (default 128M)', apply: readMemory },
  cpu: { argument: true, help: 'CPU model', apply: readCpu },
  accel: only('accel', ['tcg', 'tcg,thread=single'], 'tcg', 'dmascope emulates every instruction itself'),
  smp: {
    argument: true,
    help: 'processors: N, or cpus=N,sockets=N,cores=N,threads=N',
    apply: ({ configuration }, argument) => {
      configuration.processors = parseProcessors(argument);
    },
  },
  device: {
    argument: true,
    help: 'a device with its properties',
    apply: ({ configuration }, argument) => readDevice(configuration, argument),
  },
  ...STORAGE_OPTIONS,
  serial: {
    argument: true,
    help: 'where the serial port goes: stdio, mon:stdio, file:PATH, chardev:ID, null, none',
    apply: ({ configuration }, argument) => {
      configuration.serials.push(parseCharacter('serial', argument));
    },
  },
  debugcon: {
    argument: true,
    help: 'where the debug console (port 0xe9) goes',
    apply: ({ configuration }, argument) => {
      configuration.debugConsole = parseCharacter('debugcon', argument);
    },
  },
  nographic: flag('noGraphic', 'serial port on stdio, no display'),
  display: only(
    'display',
    ['none'],
    'none',
    'nothing shows it: the monitor or -dmascope screendump=FILE.png takes a picture',
  ),
  vga: {
    argument: true,
    help: 'the display adapter: std (default) or none',
    apply: ({ configuration }, argument) => {
      if (argument !== 'std' && argument !== 'none') {
        refuse('vga', argument, 'this display adapter is not supported', 'use -vga std or -vga none');
      }
      configuration.vga = argument;
    },
  },
  chardev: {
    argument: true,
    help: 'a character device by name: stdio, file or null,id=ID; mux=on: for several',
    apply: ({ configuration }, argument) => {
      const [id, device] = parseCharacterDevice(argument);
      if (configuration.characterDevices.has(id)) refuse('chardev', argument, `there is a "${id}" already`);
      configuration.characterDevices.set(id, device);
    },
  },
  monitor: {
    argument: true,
    help: 'where the monitor is: stdio, chardev:ID or none',
    apply: ({ configuration }, argument) => {
      configuration.monitors = [parseCharacter('monitor', argument)];
    },
  },
  mon: {
    argument: true,
    help: 'chardev=ID: where the monitor is',
    apply: ({ configuration }, argument) => {
      configuration.monitors = [parseMonitor(argument)];
    },
  },
  parallel: only('parallel', ['none', 'null'], 'none', 'there is no parallel port'),
  net: only('net', ['none'], 'none', 'there is no network'),
  nic: only('nic', ['none'], 'none', 'there is no network'),
  nodefaults: flag('noDefaults', 'no default devices'),
  'no-user-config': nothing('no configuration files (there are none)'),
  'no-reboot': flag('noReboot', 'end instead of rebooting'),
  name: { argument: true, help: 'a name for the guest (without effect)', apply: () => undefined },
  overcommit: { argument: true, help: "of the host's memory (without effect)", apply: () => undefined },
  ...BOARD_OPTIONS,
  d: { argument: true, help: 'log items', apply: readLog },
  D: keep('logFile', 'file for the log; without it the log goes to stderr'),
  trace: { argument: true, help: 'trace events by pattern', apply: readTrace },
  msg: {
    argument: true,
    help: 'timestamp=on: guest time before trace events',
    apply: ({ configuration }, argument) => {
      const match = /^timestamp(?:=(on|off))?$/.exec(argument);
      if (match === null) refuse('msg', argument, 'this is not supported', 'use -msg timestamp=on');
      configuration.timestamps = match[1] !== 'off';
    },
  },
  dmascope: { argument: true, help: 'our own settings, see below', apply: readOwnOptions },
};

/**
 * Options that QEMU has and dmascope does not: whether they take an argument, so that the message names the option and
 * not its argument.
 */
export const UNSUPPORTED_OPTIONS: Readonly<Record<string, string>> = {
  fda: 'there is no floppy drive',
  fdb: 'there is no floppy drive',
  blockdev: 'use -drive file=PATH,if=none,id=NAME',
  usb: 'there is no USB 1.1 or 2.0 controller: use -device qemu-xhci',
  usbdevice: 'use -device qemu-xhci -device usb-kbd',
  netdev: 'there is no network: leave it out, and -device NAME,netdev= too',
  qmp: 'QMP is not supported yet',
  gdb: 'the gdb stub is not supported yet',
  s: 'the gdb stub is not supported yet',
  qtest: 'qtest is not supported yet',
  icount: 'time is always counted in instructions here; leave it out',
  loadvm: 'snapshots are not supported yet',
  set: 'write the property where its device stands: -device NAME,PROPERTY=VALUE',
  dtb: 'a PC has no device tree',
  smbios: 'the SMBIOS tables are as they are',
  acpitable: 'the ACPI tables are as they are',
  'enable-kvm': 'dmascope emulates every instruction itself: leave it out',
  daemonize: 'put & behind the command line',
  spice: 'there is no display',
  vnc: 'there is no display',
  'no-shutdown': 'dmascope always ends with the guest',
  'no-acpi': 'the board always has ACPI',
  action: 'leave it out',
  watchdog: 'there is no watchdog',
  plugin: 'TCG plugins are not supported',
  dfilter: 'leave it out',
  pidfile: 'the shell has it in $!',
  k: 'there is no display',
  'full-screen': 'there is no display',
  sandbox: 'leave it out',
  L: 'give firmware by its path: -bios FILE',
  singlestep: 'leave it out',
};
