/** Runs a session to its end, slice by slice, so that Ctrl-C, output and the progress line get their turn. */
import type { Outcome } from '../machine/outcome.ts';
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

export async function runToEnd(
  session: Session,
  host: Host,
  limits: RunLimits,
  outputs: readonly ConsoleOutput[],
  progress: Progress,
): Promise<Outcome> {
  const last = limits.maxInstructions ?? Number.POSITIVE_INFINITY;
  for (;;) {
    const target = Math.min(session.instructions + SLICE_INSTRUCTIONS, last);
    const time = limits.maxTime === undefined ? {} : { maxTime: limits.maxTime };
    const outcome = session.run({ maxInstructions: target, ...time });
    for (const output of outputs) output.flush();
    if (outcome.kind !== 'instruction-limit' || target >= last) return outcome;
    progress.update(session);
    await host.breathe();
    if (host.interrupted || host.outputClosed) return { kind: 'interrupted' };
  }
}

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
    case 'interrupted':
      return { kind: 'stopped', text: 'stopped by Ctrl-C' };
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
