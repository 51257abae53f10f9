/** `dmascope qemu-system-x86_64 FLAGS...`: the command line that people have, with QEMU's log and exit status. */
import { LOG_ITEMS } from '../../debug/log-items.ts';
import { attachQemuLog } from '../../debug/qemu-log.ts';
import { TRACE_EVENT_NAMES } from '../../debug/trace-lines.ts';
import { RAM_MAX, RAM_TRACKED_MAX } from '../../machine/boards/ram-limits.ts';
import type { Outcome } from '../../machine/outcome.ts';
import type { Interaction } from '../console/interaction.ts';
import { createDisassembler } from '../disassembler.ts';
import { type AttachContext, type Execution, execute, type GuestOutput, readInput } from '../execution.ts';
import { EXIT, interruptedCode } from '../exit-codes.ts';
import type { Host } from '../host.ts';
import type { Services } from '../session.ts';
import { readSymbolsOption } from '../symbols-option.ts';
import { Talk } from '../talk.ts';
import { readQemuArguments } from './arguments.ts';
import { buildBoard } from './board.ts';
import type { CharacterTarget, CheckedConfiguration } from './configuration.ts';
import { DEVICE_MODELS } from './devices.ts';
import { OpenDrives } from './open-drives.ts';
import { QEMU_OPTIONS } from './options.ts';

export async function runQemuForm(host: Host, services: Services, args: readonly string[]): Promise<number> {
  const talk = new Talk(host);
  const read = readQemuArguments(args, {
    personalities: services.personalities.map(({ name }) => name),
    note: (text) => talk.note(text),
  });
  if (read.kind === 'help') {
    host.out.write(helpText(read.topic, host, services));
    return EXIT.clean;
  }
  const { configuration } = read;
  if (!configuration.machineNamed) talk.note("no -M: QEMU would build its default board 'pc'; this is a q35");
  if (configuration.ramBytes > RAM_TRACKED_MAX && configuration.ramBytes <= RAM_MAX) {
    talk.note(
      `with more than ${RAM_TRACKED_MAX / 2 ** 20}M of RAM a report cannot name the line that stored a pointer`,
    );
  }
  const files = new OpenDrives(host);
  try {
    const { exitCode } = await execute(host, services, talk, executionOf(host, files, configuration));
    return exitCode;
  } finally {
    for (const problem of files.close()) talk.error(`what the guest wrote may be lost: ${problem}`);
  }
}

function executionOf(host: Host, files: OpenDrives, configuration: CheckedConfiguration): Execution {
  const { kernel } = configuration;
  return {
    spec: {
      image: kernel === undefined ? undefined : readInput(host, 'the kernel', kernel),
      append: configuration.append ?? '',
      initrd: configuration.initrd === undefined ? undefined : readInput(host, 'the initrd', configuration.initrd),
      symbols: readSymbolsOption(host, configuration.symbols),
      ramBytes: configuration.ramBytes,
      maxRamBelow4g: configuration.maxRamBelow4g,
      processors: configuration.processors,
      cpuModel: configuration.cpuModel,
      personality: configuration.personality,
      trackWriters: configuration.ramBytes <= RAM_TRACKED_MAX,
      ...buildBoard(host, files, configuration),
    },
    limits: { maxInstructions: configuration.maxInstructions, maxTime: configuration.maxTime },
    serial: serialTarget(configuration),
    debugConsole: configuration.debugConsole === undefined ? undefined : target(configuration.debugConsole),
    reports: configuration.reports,
    json: false,
    quiet: false,
    interaction: interactionOf(host, configuration),
    screendump: configuration.screendump,
    exitCode: (outcome) => qemuExitCode(outcome, configuration.expect !== undefined),
    attach: (context) => attachLog(context, host, configuration),
  };
}

function interactionOf(host: Host, configuration: CheckedConfiguration): Interaction {
  const { input, pace, typed, expect, monitorOnStdio } = configuration;
  const first = configuration.serials[0];
  const onStdio = first?.kind === 'stdio';
  // Whoever sits at a boot menu wants to see it; a script need not wait.
  const somebodySits = host.input.kind === 'terminal' && input !== 'none' && (onStdio || monitorOnStdio);
  return {
    console: {
      // As QEMU, a port on stdio takes what a pipe holds, too.
      input: input === 'auto' && (onStdio || monitorOnStdio) ? 'pipe-too' : input,
      keys: onStdio && first.multiplexed ? 'prefix' : 'interrupt',
      focus: monitorOnStdio ? 'monitor-only' : 'serial',
    },
    pace: pace ?? (somebodySits ? 'real' : 'fast'),
    typed,
    expect,
    startStopped: configuration.startStopped,
  };
}

/** Without `-serial` QEMU shows the port in a window; ours has none, so the bytes go to stdout. */
function serialTarget(configuration: CheckedConfiguration): GuestOutput {
  const first = configuration.serials[0];
  if (first !== undefined) return target(first);
  return configuration.noDefaults ? 'none' : 'out';
}

function target(character: CharacterTarget): GuestOutput {
  if (character.kind === 'file') return { path: character.path };
  return character.kind === 'stdio' ? 'out' : 'none';
}

/** The log is written as it arises: with stderr as its target it interleaves with nothing of ours until the end. */
function attachLog(
  { trace, files, session }: AttachContext,
  host: Host,
  configuration: CheckedConfiguration,
): () => void {
  const { logItems, tracePatterns, logFile, timestamps } = configuration;
  const file = logFile === undefined ? undefined : files.create(logFile.replaceAll('%d', '1'));
  return attachQemuLog({
    trace,
    items: logItems,
    patterns: tracePatterns,
    write: (text) => (file ?? host.err).write(text),
    warn: (text) => host.err.write(text),
    registers: () => session()?.registers(),
    noReboot: configuration.noReboot,
    ...(logItems.has('in_asm') ? { disassemble: createDisassembler() } : {}),
    // QEMU prints its process id and the host's clock; a run that repeats has guest time and process 1.
    ...(timestamps ? { timestamp: () => `1@${((session()?.time ?? 0) / 1e9).toFixed(6)}` } : {}),
  });
}

/**
 * QEMU's own status where QEMU would have ended: isa-debug-exit's, 0 for power-off and reset. Where QEMU would have gone
 * on for ever (or rebooted for ever) there is no status of QEMU's, and a test must not take a hang for success.
 */
export function qemuExitCode(outcome: Outcome, expects = false): number {
  const status = statusOf(outcome);
  return status === 0 && expects && outcome.kind !== 'stopped' ? EXIT.unexpected : status;
}

function statusOf(outcome: Outcome): number {
  switch (outcome.kind) {
    case 'exited':
      return outcome.status & 0xff;
    case 'stopped':
      return 0;
    case 'interrupted':
      return outcome.by === 'quit' ? 0 : interruptedCode(outcome.by);
    case 'unimplemented':
      return EXIT.internal;
    case 'triple-fault':
      // QEMU reboots; with -no-reboot it ends, with 0.
      return 0;
    default:
      return EXIT.limit;
  }
}

function helpText(topic: string, host: Host, services: Services): string {
  const lines = (rows: readonly (readonly [string, string])[]): string => {
    const width = Math.max(...rows.map(([name]) => name.length)) + 2;
    return rows.map(([name, help]) => `${`  ${name}`.padEnd(width + 2)}${help}\n`).join('');
  };
  switch (topic) {
    case 'version':
      return `dmascope ${host.versions.dmascope}, standing in for QEMU emulator version 7.2.22\n`;
    case 'device':
      return `Devices:\n${DEVICE_MODELS.map((name) => `  ${name}\n`).join('')}`;
    case 'd':
      return `Log items (comma separated):\n${lines(LOG_ITEMS.filter((row) => row.supported).map((row) => [row.name, row.help]))}`;
    case 'trace':
      return TRACE_EVENT_NAMES.map((name) => `${name}\n`).join('');
    case 'machine':
      return 'Supported machines are:\n  q35\n';
    case 'cpu':
      return `Available CPUs:\n${services.cpuModels.map((name) => `  ${name}\n`).join('')}`;
    default: {
      const rows = Object.entries(QEMU_OPTIONS).map(([name, option]) => [`-${name}`, option.help] as const);
      return `usage: dmascope qemu-system-x86_64 [options]\n\nOptions that dmascope honours; any other is refused with exit 2:\n${lines(rows)}
-dmascope settings: report=FILE (JSON), text=FILE, personality=NAME, symbols=FILE[@OFFSET],
                    max-instructions=N, max-time=SECONDS, type=TEXT@WHEN, expect=TEXT,
                    input=auto|stdin|none, pace=fast|real, screendump=FILE.png
`;
    }
  }
}
