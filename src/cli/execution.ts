/** One run from the image to the exit status; `run`, `demo` and the QEMU form differ only in what they ask for. */
import { isAbsolute } from 'node:path';
import { inflateSync } from 'node:zlib';
import type { TraceBus } from '../base/trace.ts';
import type { Outcome } from '../machine/outcome.ts';
import { GuestConsole } from './console/guest-console.ts';
import type { Interaction } from './console/interaction.ts';
import { TextWatch } from './console/scripted-input.ts';
import { ConsoleOutput } from './console-output.ts';
import { EXIT, interruptedCode } from './exit-codes.ts';
import { FileProblem, type Host, type OutputFile } from './host.ts';
import { OutputFiles } from './output-files.ts';
import { Progress } from './progress.ts';
import { describeOutcome, type RunLimits, runToEnd } from './run-loop.ts';
import type { Ending, Report, Services, Session, SessionSpec } from './session.ts';
import type { Talk } from './talk.ts';
import { UsageError } from './usage-error.ts';

/** Where the guest's bytes go: one of our streams, a file, or nowhere. */
export type GuestOutput = 'out' | 'err' | 'none' | { readonly path: string };

export interface Execution {
  readonly spec: SessionSpec;
  readonly limits: RunLimits;
  readonly serial: GuestOutput;
  readonly debugConsole: GuestOutput | undefined;
  readonly reports: readonly { readonly format: 'json' | 'text'; readonly path: string }[];
  /** Print the JSON report on stdout instead of the text on stderr. */
  readonly json: boolean;
  /** No progress line and no report on stderr; files are written all the same. */
  readonly quiet: boolean;
  readonly interaction: Interaction;
  /** What the display shows at the end goes there. */
  readonly screendump?: string | undefined;
  readonly exitCode: (outcome: Outcome, errors: number) => number;
  /** Called before the machine is built, to listen; returns what to do after the last instruction. */
  readonly attach?: (context: AttachContext) => () => void;
}

export interface AttachContext {
  readonly trace: TraceBus;
  readonly files: OutputFiles;
  /** `undefined` while the machine is being built. */
  readonly session: () => Session | undefined;
}

export interface ExecutionResult {
  readonly exitCode: number;
  readonly report: Report;
  readonly ending: Ending;
}

/** Reads a file that a person named; what is wrong with it is theirs to mend. */
export function readInput(host: Host, what: string, path: string): { path: string; bytes: Uint8Array } {
  try {
    return { path, bytes: host.readFile(path) };
  } catch (error) {
    if (error instanceof FileProblem) throw new UsageError(`cannot read ${what} ${path}: ${error.reason}`);
    throw error;
  }
}

export async function execute(
  host: Host,
  services: Services,
  talk: Talk,
  execution: Execution,
): Promise<ExecutionResult> {
  const files = new OutputFiles(host);
  try {
    const result = await executeWith(host, services, talk, execution, files);
    for (const problem of files.problems) talk.error(problem);
    if (files.problems.length === 0 || result.exitCode !== EXIT.clean) return result;
    return { ...result, exitCode: EXIT.usage };
  } finally {
    files.closeAll();
  }
}

async function executeWith(
  host: Host,
  services: Services,
  talk: Talk,
  execution: Execution,
  files: OutputFiles,
): Promise<ExecutionResult> {
  // A person at the guest's own console sees how far it is.
  const progress = new Progress(host, execution.quiet || execution.interaction.console.keys === 'prefix');
  const reports = execution.reports.map(({ format, path }) => ({ format, file: files.create(path) }));
  const picture = execution.screendump === undefined ? undefined : files.create(execution.screendump);
  const outputs: ConsoleOutput[] = [];
  const guestOutput = (target: GuestOutput | undefined): ((byte: number) => void) => {
    if (target === undefined || target === 'none') return () => undefined;
    const stream = target === 'out' ? host.out : target === 'err' ? host.err : undefined;
    const before = stream?.isTerminal === true ? (byte: number) => progress.guestByte(byte) : undefined;
    const output = new ConsoleOutput(stream ?? files.create((target as { path: string }).path), before);
    outputs.push(output);
    return output.put;
  };
  let running: Session | undefined;
  let detach: (() => void) | undefined;
  const put = guestOutput(execution.serial);
  const watches = watchesOf(execution.interaction, () => running);
  const opened = await services.open(execution.spec, {
    listen: (trace) => {
      detach = execution.attach?.({ trace, files, session: () => running });
    },
    serial:
      watches.length === 0
        ? put
        : (byte) => {
            put(byte);
            for (const watch of watches) watch.put(byte);
          },
    debugConsole: execution.debugConsole === undefined ? undefined : guestOutput(execution.debugConsole),
    readSource: (path) => readSource(host, path),
    inflate,
  });
  if (!opened.ok) {
    const about = opened.about === 'image' ? `${execution.spec.image?.path}: ` : '';
    throw new UsageError(`${about}${opened.problem}`, opened.hint);
  }
  files.begin();
  const { session } = opened;
  running = session;
  const { typed, pace } = execution.interaction;
  for (const { bytes, when } of typed) {
    if ('time' in when) session.at(when.time, () => session.receive(bytes));
  }
  const console = new GuestConsole(host, session, execution.interaction.console, () => {
    progress.clear();
    for (const output of outputs) output.flush();
  });
  console.stopped = execution.interaction.startStopped === true;
  let outcome: Outcome;
  try {
    outcome = await runToEnd(session, host, execution.limits, { outputs, progress, console, pace });
  } finally {
    console.close();
  }
  progress.clear();
  detach?.();
  if (picture !== undefined) takePicture(session, picture, execution.screendump!, talk);
  const report = session.conclude(outcome);
  const exitCode = execution.exitCode(outcome, report.errors);
  const ending: Ending = { ...describeOutcome(outcome, session), exitCode };
  for (const { format, file } of reports) file.write(render(report, ending, format));
  if (execution.json) host.out.write(report.json(ending));
  else if (!execution.quiet) talk.say(`\n${report.text(ending, { color: talk.color, columns: host.err.columns })}`);
  if (execution.interaction.expect !== undefined && outcome.kind !== 'stopped') {
    const text = new TextDecoder().decode(execution.interaction.expect);
    talk.note(`the serial port never printed ${JSON.stringify(text)}, for which --expect waited`);
  }
  return { exitCode, report, ending };
}

function takePicture(session: Session, file: Pick<OutputFile, 'write'>, path: string, talk: Talk): void {
  const bytes = session.screendump(path);
  if (bytes === undefined) talk.note(`there is no display, so ${path} is empty`);
  else file.write(bytes);
}

/** Texts that something follows from. Answers of `--type` are given in their order, each once. */
function watchesOf({ typed, expect }: Interaction, session: () => Session | undefined): Pick<TextWatch, 'put'>[] {
  const answers: TextWatch[] = typed.flatMap(({ bytes, when }) => {
    if (!('printed' in when)) return [];
    const give = (): void => {
      answers.shift();
      session()?.receive(bytes);
    };
    return [new TextWatch(when.printed, give)];
  });
  const watches: Pick<TextWatch, 'put'>[] = [];
  if (answers.length > 0) watches.push({ put: (byte) => answers[0]?.put(byte) });
  if (expect !== undefined) watches.push(new TextWatch(expect, () => session()?.stop()));
  return watches;
}

function render(report: Report, ending: Ending, format: 'json' | 'text'): string {
  if (format === 'json') return report.json(ending);
  return `${report.text(ending, { color: false, columns: undefined })}\n`;
}

/** Debug information names a file by its full path, or as it was called from where the kernel was built: then from here. */
function readSource(host: Host, path: string): Uint8Array | undefined {
  const found = readQuietly(host, path);
  // The guests that come with dmascope were built in its root.
  return found ?? (isAbsolute(path) ? undefined : readQuietly(host, `${host.packageRoot}/${path}`));
}

function readQuietly(host: Host, path: string): Uint8Array | undefined {
  try {
    return host.readFile(path);
  } catch (error) {
    if (error instanceof FileProblem) return undefined;
    throw error;
  }
}

function inflate(compressed: Uint8Array, size: number): Uint8Array | undefined {
  try {
    return new Uint8Array(inflateSync(compressed, { maxOutputLength: Math.max(size, 1) }));
  } catch {
    return undefined;
  }
}

/** Exit status of `run` and `demo`: the first row of `help exit-codes` that applies, findings before crashes. */
export function ownExitCode(outcome: Outcome, errors: number, expects = false): number {
  if (outcome.kind === 'interrupted' && outcome.by !== 'quit') return interruptedCode(outcome.by);
  if (outcome.kind === 'unimplemented') return EXIT.internal;
  if (errors > 0) return EXIT.findings;
  if (outcome.kind === 'triple-fault' || outcome.kind === 'boot-loop') return EXIT.crashed;
  if (outcome.kind === 'instruction-limit' || outcome.kind === 'time-limit') return EXIT.limit;
  if (expects && outcome.kind !== 'stopped') return EXIT.unexpected;
  return EXIT.clean;
}
