/** Our own commands and their flags; Stricli reads them, we say what went wrong. */
import { buildApplication, buildCommand, buildRouteMap, type CommandContext, run, text_en } from '@stricli/core';
import { type BootFlags, bootImage } from './commands/boot.ts';
import { type DemoFlags, runDemo } from './commands/demo.ts';
import { type ExplainFlags, explain } from './commands/explain.ts';
import { CONTROLLERS, INPUTS, type RunFlags, runImage, USB_DEVICES } from './commands/run.ts';
import { PACES } from './console/pace.ts';
import { parseExpected, parseTypedText } from './console/scripted-input.ts';
import { complaintAbout } from './flag-complaints.ts';
import type { Host } from './host.ts';
import { parseCount, parseDuration } from './quantities.ts';
import type { Services } from './session.ts';
import { COLOR_CHOICES } from './talk.ts';
import { UsageError } from './usage-error.ts';

interface Context extends CommandContext {
  readonly host: Host;
  readonly services: Services;
  /** Runs a command; its exit status or exception is taken up by {@link runOwnCommand}. */
  readonly perform: (command: () => number | Promise<number>) => Promise<void>;
}

const text = (value: string): string => value;

const color = {
  kind: 'enum',
  values: COLOR_CHOICES,
  default: 'auto',
  brief: 'Colours on stderr',
} as const;

const runCommand = buildCommand<RunFlags, [string], Context>({
  docs: { brief: 'Run a kernel and report what its drivers did wrong' },
  parameters: {
    flags: {
      ram: { kind: 'parsed', parse: text, default: '128M', brief: 'Memory' },
      maxRamBelow4g: { kind: 'parsed', parse: text, optional: true, brief: 'Memory below 4 GiB at most' },
      controller: { kind: 'enum', values: CONTROLLERS, default: 'qemu-xhci', brief: 'USB controller' },
      usb: { kind: 'enum', values: USB_DEVICES, variadic: true, optional: true, brief: 'USB device' },
      personality: { kind: 'parsed', parse: text, default: 'spec', brief: 'How the hardware behaves' },
      cpu: { kind: 'parsed', parse: text, default: 'qemu64', brief: 'CPU model' },
      smp: { kind: 'parsed', parse: text, default: '1', brief: 'Processors' },
      append: { kind: 'parsed', parse: text, optional: true, brief: 'Kernel command line' },
      initrd: { kind: 'parsed', parse: text, optional: true, brief: 'Module or initial RAM disk' },
      symbols: { kind: 'parsed', parse: text, optional: true, brief: 'Symbols from another file' },
      report: { kind: 'parsed', parse: text, variadic: true, optional: true, brief: 'json=FILE or text=FILE' },
      maxInstructions: { kind: 'parsed', parse: parseCount, optional: true, brief: 'Instructions at most' },
      maxTime: { kind: 'parsed', parse: parseDuration, optional: true, brief: 'Guest time at most' },
      json: { kind: 'boolean', default: false, withNegated: false, brief: 'Report as JSON on stdout' },
      quiet: { kind: 'boolean', default: false, withNegated: false, brief: 'No report on stderr' },
      whoWrote: { kind: 'boolean', default: true, brief: 'Track who wrote each byte' },
      input: { kind: 'enum', values: INPUTS, default: 'auto', brief: 'What types at the serial port' },
      pace: { kind: 'enum', values: PACES, default: 'fast', brief: 'Guest time against the clock' },
      type: { kind: 'parsed', parse: parseTypedText, variadic: true, optional: true, brief: 'TEXT@WHEN' },
      expect: { kind: 'parsed', parse: parseExpected, optional: true, brief: 'Text that ends the run' },
      color,
    },
    positional: { kind: 'tuple', parameters: [{ parse: text, placeholder: 'IMAGE', brief: 'Kernel image' }] },
  },
  func(flags, image) {
    return this.perform(() => runImage(this.host, this.services, flags, image));
  },
});

const bootCommand = buildCommand<BootFlags, [string], Context>({
  docs: { brief: 'Boot an operating system, with its serial console on the terminal' },
  parameters: {
    flags: {
      ram: { kind: 'parsed', parse: text, default: '512M', brief: 'Memory' },
      cpu: { kind: 'parsed', parse: text, default: 'qemu64', brief: 'CPU model' },
      smp: { kind: 'parsed', parse: text, default: '1', brief: 'Processors' },
      personality: { kind: 'parsed', parse: text, default: 'spec', brief: 'How the hardware behaves' },
      append: { kind: 'parsed', parse: text, optional: true, brief: 'Kernel command line' },
      initrd: { kind: 'parsed', parse: text, optional: true, brief: 'Initial RAM disk' },
      disk: { kind: 'parsed', parse: text, variadic: true, optional: true, brief: 'Disk image' },
      cdrom: { kind: 'parsed', parse: text, optional: true, brief: 'CD-ROM image' },
      stick: { kind: 'parsed', parse: text, variadic: true, optional: true, brief: 'USB stick image' },
      snapshot: { kind: 'boolean', default: false, withNegated: false, brief: 'Keep writes to disks in memory' },
      bios: { kind: 'parsed', parse: text, optional: true, brief: 'Firmware' },
      screendump: { kind: 'parsed', parse: text, optional: true, brief: 'Picture of the screen at the end' },
      pace: { kind: 'enum', values: PACES, optional: true, brief: 'Guest time against the clock' },
      type: { kind: 'parsed', parse: parseTypedText, variadic: true, optional: true, brief: 'TEXT@WHEN' },
      expect: { kind: 'parsed', parse: parseExpected, optional: true, brief: 'Text that ends the run' },
      report: { kind: 'parsed', parse: text, variadic: true, optional: true, brief: 'json=FILE or text=FILE' },
      maxTime: { kind: 'parsed', parse: parseDuration, optional: true, brief: 'Guest time at most' },
      quiet: { kind: 'boolean', default: false, withNegated: false, brief: 'No report on stderr' },
      whoWrote: { kind: 'boolean', default: false, brief: 'Track who wrote each byte' },
      color,
    },
    positional: { kind: 'tuple', parameters: [{ parse: text, placeholder: 'IMAGE', brief: 'Kernel image' }] },
  },
  func(flags, image) {
    return this.perform(() => bootImage(this.host, this.services, flags, image));
  },
});

const demoCommand = buildCommand<DemoFlags, [string?], Context>({
  docs: { brief: 'Play a guest that comes with dmascope' },
  parameters: {
    flags: { list: { kind: 'boolean', default: false, withNegated: false, brief: 'List all' }, color },
    positional: {
      kind: 'tuple',
      parameters: [{ parse: text, placeholder: 'NAME', optional: true, brief: 'Name of the guest' }],
    },
  },
  func(flags, name) {
    return this.perform(() => runDemo(this.host, this.services, flags, name));
  },
});

const explainCommand = buildCommand<ExplainFlags, [string?], Context>({
  docs: { brief: 'What a finding means' },
  parameters: {
    flags: { color },
    positional: {
      kind: 'tuple',
      parameters: [{ parse: text, placeholder: 'CODE', optional: true, brief: 'Code or name of the finding' }],
    },
  },
  func(flags, code) {
    return this.perform(() => explain(this.host, flags, code));
  },
});

const application = buildApplication(
  buildRouteMap({
    routes: { run: runCommand, boot: bootCommand, demo: demoCommand, explain: explainCommand },
    docs: { brief: 'A PC that explains itself' },
  }),
  {
    name: 'dmascope',
    scanner: { caseStyle: 'allow-kebab-for-camel', allowArgumentEscapeSequence: true },
    localization: { text: { ...text_en, exceptionWhileParsingArguments: complaintAbout } },
  },
);

export const COMMANDS: readonly string[] = ['run', 'boot', 'demo', 'explain'];

/** Runs one of our commands. Throws `UsageError` for a wrong flag, and whatever the command throws. */
export async function runOwnCommand(host: Host, services: Services, args: readonly string[]): Promise<number> {
  let exitCode: number | undefined;
  let failure: { readonly error: unknown } | undefined;
  let complaint = '';
  const collect = {
    write: (words: string) => {
      complaint += words;
    },
  };
  await run(application, args, {
    process: { stdout: collect, stderr: collect, env: {} },
    host,
    services,
    perform: async (command) => {
      try {
        exitCode = await command();
      } catch (error) {
        failure = { error };
      }
    },
  });
  // Assigned in the closure above, which the compiler's flow analysis does not follow.
  const thrown = failure as { readonly error: unknown } | undefined;
  if (thrown !== undefined) throw thrown.error;
  if (exitCode !== undefined) return exitCode;
  const [message = '', hint] = complaint.trim().split('\n');
  throw new UsageError(message === '' ? 'the arguments cannot be read' : message, hint ?? `dmascope help ${args[0]}`);
}
