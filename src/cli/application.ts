/** From the arguments to the exit status. */
import { bugReport } from './bug-report.ts';
import { EXIT } from './exit-codes.ts';
import { HELP_TOPICS, helpText } from './help-text.ts';
import type { Host } from './host.ts';
import { COMMANDS, runOwnCommand } from './own-commands.ts';
import { runQemuForm } from './qemu/command.ts';
import type { Services } from './session.ts';
import { didYouMean } from './suggestion.ts';
import { Talk } from './talk.ts';
import { UsageError } from './usage-error.ts';

/** The schema of reports that `--json` and `--report json=` write. */
export const REPORT_FORMAT = 'dmascope.report/1';

/** Runs dmascope. Never throws: what a person can mend is exit 2, anything else a bug report and exit 70. */
export async function runApplication(host: Host, services: Services, args: readonly string[]): Promise<number> {
  try {
    const status = await dispatch(host, services, args);
    // A stream says only afterwards that it could not write.
    await host.breathe();
    if (host.outputProblem === undefined) return status;
    new Talk(host, colorFrom(args)).error(`cannot write ${host.outputProblem}`);
    return status === EXIT.findings ? status : EXIT.usage;
  } catch (error) {
    if (host.outputClosed) return EXIT.clean;
    if (error instanceof UsageError) {
      new Talk(host, colorFrom(args)).error(error.message, error.hint);
      return EXIT.usage;
    }
    host.err.write(`\n${bugReport(error, args, host.versions)}\n`);
    return EXIT.internal;
  }
}

async function dispatch(host: Host, services: Services, args: readonly string[]): Promise<number> {
  const [command, ...rest] = args;
  if (command === undefined || command === '--help' || command === '-h') return printHelp(host, services, undefined);
  if (command === 'help') return printHelp(host, services, rest[0]);
  if (command === 'version' || command === '--version' || command === '-V') return printVersion(host);
  if (command === 'qemu' || isQemu(command)) return runQemuForm(host, services, withoutQemuName(args));
  if (!COMMANDS.includes(command)) {
    const names = [...COMMANDS, 'help', 'version', 'qemu-system-x86_64'];
    const looksLikeFile = /[./]/.test(command);
    const hint = looksLikeFile ? `to run a kernel: dmascope run ${command}` : 'dmascope help lists the commands';
    throw new UsageError(`there is no command "${command}"${didYouMean(command, names)}`, hint);
  }
  const flags = rest.includes('--') ? rest.slice(0, rest.indexOf('--')) : rest;
  if (flags.includes('--help') || flags.includes('-h')) return printHelp(host, services, command);
  return runOwnCommand(host, services, args);
}

function isQemu(word: string): boolean {
  return /(^|\/)qemu-system-x86_64$/.test(word);
}

/** `qemu -- qemu-system-x86_64 FLAGS`, `qemu FLAGS` and `qemu-system-x86_64 FLAGS` are the same. */
function withoutQemuName(args: readonly string[]): string[] {
  const rest = [...args];
  if (rest[0] === 'qemu') rest.shift();
  if (rest[0] === '--') rest.shift();
  if (rest[0] !== undefined && isQemu(rest[0])) rest.shift();
  return rest;
}

function printHelp(host: Host, services: Services, topic: string | undefined): number {
  const text = helpText(topic, services);
  if (text === undefined) {
    throw new UsageError(
      `there is no help on "${topic}"${didYouMean(topic!, HELP_TOPICS)}`,
      `topics: ${HELP_TOPICS.join(', ')}`,
    );
  }
  host.out.write(text);
  return EXIT.clean;
}

function printVersion(host: Host): number {
  const { dmascope, node, platform } = host.versions;
  host.out.write(`dmascope ${dmascope}\nnode ${node} (${platform})\nreport ${REPORT_FORMAT}\n`);
  return EXIT.clean;
}

/** Errors of usage come before flags are read, yet `--color` and `--color=WHEN` should hold for them too. */
function colorFrom(args: readonly string[]): 'auto' | 'always' | 'never' {
  const at = args.findIndex((word) => word === '--color' || word.startsWith('--color='));
  if (at < 0) return 'auto';
  const value = args[at] === '--color' ? args[at + 1] : args[at]!.slice('--color='.length);
  return value === 'always' || value === 'never' ? value : 'auto';
}
