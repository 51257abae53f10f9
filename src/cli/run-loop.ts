/** Runs a session to its end, slice by slice, so that Ctrl-C, output and the progress line get their turn. */
import type { Outcome } from '../machine/outcome.ts';
import type { GuestConsole } from './console/guest-console.ts';
import { type Pace, RealPace } from './console/pace.ts';
import type { ConsoleOutput } from './console-output.ts';
import { createDisassembler } from './disassembler.ts';
import type { Host } from './host.ts';
import type { Progress } from './progress.ts';
import type { Ending, Session } from './session.ts';

/** Instructions a slice: tens of milliseconds of host time. The guest cannot see where slices end. */
const SLICE_INSTRUCTIONS = 8_000_000;

export interface RunLimits {
  readonly maxInstructions: number | undefined;
  /** Nanoseconds of guest time. */
  readonly maxTime: number | undefined;
}

/** Instructions a slice while somebody may type: a key waits some milliseconds for the guest. */
const CONSOLE_SLICE_INSTRUCTIONS = 2_000_000;
/** Milliseconds between two looks at the host while the guest waits for input. */
const WAIT_MILLISECONDS = 1000;

export interface RunSurroundings {
  readonly outputs: readonly ConsoleOutput[];
  readonly progress: Progress;
  readonly console: GuestConsole;
  readonly pace: Pace;
}

export async function runToEnd(
  session: Session,
  host: Host,
  limits: RunLimits,
  { outputs, progress, console, pace }: RunSurroundings,
): Promise<Outcome> {
  const last = limits.maxInstructions ?? Number.POSITIVE_INFINITY;
  const lastTime = limits.maxTime ?? Number.POSITIVE_INFINITY;
  const realPace = pace === 'real' ? new RealPace(host, session) : undefined;
  console.deliver();
  await whileStopped(console, host);
  for (;;) {
    const { inputOpen } = console;
    const slice = inputOpen ? CONSOLE_SLICE_INSTRUCTIONS : SLICE_INSTRUCTIONS;
    const maxInstructions = Math.min(session.instructions + slice, last);
    const maxTime = Math.min(lastTime, realPace?.due ?? Number.POSITIVE_INFINITY);
    const outcome = session.run({ maxInstructions, maxTime, inputOpen });
    for (const output of outputs) output.flush();
    if (isEnd(outcome, session, last, lastTime)) return outcome;
    progress.update(session);
    await host.breathe();
    if (host.interrupted || host.outputClosed) return interruption(host);
    const typed = console.deliver();
    if (typed || outcome.kind === 'instruction-limit') {
      // There is work to do.
    } else if (outcome.kind === 'time-limit') await realPace!.wait();
    else if (console.inputOpen) await host.pause(WAIT_MILLISECONDS);
    await whileStopped(console, host);
    if (host.interrupted) return interruption(host);
    if (console.ending !== undefined) {
      return console.ending === 'quit' ? { kind: 'interrupted', by: 'quit' } : { kind: 'interrupted' };
    }
  }
}

function interruption({ interrupted, signal }: Host): Outcome {
  // Nobody reads stdout any more: what a program that does not look ends by.
  if (!interrupted) return { kind: 'interrupted', by: 'SIGPIPE' };
  return signal === undefined ? { kind: 'interrupted' } : { kind: 'interrupted', by: signal };
}

/** The monitor's `stop`: until `cont`, or until somebody ends the run. */
async function whileStopped(console: GuestConsole, host: Host): Promise<void> {
  while (console.stopped && console.ending === undefined && !host.interrupted) {
    await host.pause(WAIT_MILLISECONDS);
    // Whoever has closed the other end will never say cont.
    if (!console.deliver() && host.input.ended) console.ending = 'quit';
  }
}

/** The guest has ended or a limit of the user's is reached; else only the slice is over, or input is waited for. */
function isEnd(outcome: Outcome, session: Session, last: number, lastTime: number): boolean {
  if (outcome.kind === 'instruction-limit') return session.instructions >= last;
  if (outcome.kind === 'time-limit') return session.time >= lastTime;
  return outcome.kind !== 'waiting-for-input';
}

const INTERRUPTIONS = {
  quit: 'ended at the console',
  SIGINT: 'stopped by Ctrl-C',
  SIGTERM: 'stopped by SIGTERM',
  SIGHUP: 'stopped by SIGHUP: the terminal went away',
  SIGPIPE: 'nothing reads stdout any more',
} as const;

/** The outcome in words, without an exit status. */
export function describeOutcome(outcome: Outcome, session: Session): Omit<Ending, 'exitCode'> {
  const where = (pc: bigint) => session.describeCode(pc);
  switch (outcome.kind) {
    case 'exited':
      return { kind: 'exited', text: describeExit(outcome) };
    case 'halted':
      return { kind: 'idle', text: `the guest halted at ${where(outcome.pc)} and nothing is left that could wake it` };
    case 'spinning':
      return { kind: 'idle', text: `the guest waits for ever in a loop at ${where(outcome.pc)}` };
    case 'triple-fault':
      return { kind: 'crashed', text: `the guest crashed: triple fault at ${where(outcome.pc)}` };
    case 'boot-loop': {
      const text = `the guest resets the machine over and over at ${where(outcome.pc)}`;
      return { kind: 'crashed', text };
    }
    case 'unimplemented': {
      if (inRealMode(session)) {
        const text = `dmascope does not implement real mode, which the guest entered at ${where(outcome.pc)}`;
        return { kind: 'unimplemented', text };
      }
      const { name, bytes } = nameInstruction(outcome.pc, outcome.bytes, session.registers().bits);
      const text = `dmascope does not implement ${name} at ${where(outcome.pc)} (bytes ${bytes})`;
      return { kind: 'unimplemented', text };
    }
    case 'instruction-limit':
      return { kind: 'limit', text: `the limit of ${session.instructions} instructions was reached` };
    case 'time-limit':
      return { kind: 'limit', text: `the limit of ${session.time / 1e9} s of guest time was reached` };
    case 'waiting-for-input':
      return { kind: 'idle', text: `the guest waits at ${where(outcome.pc)} for input` };
    case 'stopped':
      return { kind: 'exited', text: 'the console printed the text of --expect' };
    case 'interrupted':
      return { kind: 'stopped', text: INTERRUPTIONS[outcome.by ?? 'SIGINT'] };
  }
}

/** The instruction at the start of `code`, in AT&T syntax, and its bytes; all bytes where there is no such instruction. */
function nameInstruction(pc: bigint, code: Uint8Array, bits: 16 | 32 | 64): { name: string; bytes: string } {
  const hexOf = (part: Uint8Array) => Array.from(part, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
  const [first] = createDisassembler()(pc, code, bits);
  if (first === undefined || first.mnemonic === '(bad)') return { name: 'the instruction', bytes: hexOf(code) };
  const { mnemonic, operands, bytes } = first;
  return { name: `the instruction "${operands === '' ? mnemonic : `${mnemonic} ${operands}`}"`, bytes: hexOf(bytes) };
}

function describeExit(outcome: Extract<Outcome, { kind: 'exited' }>): string {
  switch (outcome.by) {
    case 'isa-debug-exit':
      return `the guest ended the run through isa-debug-exit, status ${outcome.status}`;
    case 'power-off':
      return 'the guest switched the machine off';
    case 'suspend':
      return 'the guest suspended the machine to RAM, from which nothing would wake it';
    case 'reset':
      return 'the guest reset the machine';
  }
}

/** CR0.PE is clear. */
function inRealMode(session: Session): boolean {
  const { cr } = session.registers();
  return (cr.cr0 & 1n) === 0n;
}
