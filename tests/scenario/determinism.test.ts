/**
 * Two runs of the same inputs are the same bytes: serial output, report text, JSON report and trace log; and the host's
 * slices, which depend on its speed, leave no trace in any of them.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { openMachine } from '../../src/cli/machine-session.ts';
import type { OpenedSession, Session } from '../../src/cli/session.ts';
import { attachQemuLog } from '../../src/debug/qemu-log.ts';
import type { Outcome } from '../../src/machine/outcome.ts';
import { Dice } from '../fuzz/dice.ts';
import { type Guest, guestImage, named } from './guests.ts';

const TIMEOUT = 300_000;
const MIB = 1024 * 1024;
/** All chosen guests end by themselves long before. */
const INSTRUCTIONS_MAX = 400_000_000;
const SEED = Number(process.env.FUZZ_SEED ?? 20241028);

/** The story and its cure, a command error, a ring that laps, a keyboard enumerated with interrupts, a timeout. */
const CHOSEN = ['story', 'story-mended', 'ctx-08', 'near-many-laps', 'near-second-interrupter', 'ring-11'];

interface Bytes {
  readonly serial: string;
  readonly text: string;
  readonly json: string;
  readonly log: string;
  readonly outcome: string;
  readonly instructions: number;
  readonly time: number;
}

/** Instructions of each slice in turn; `undefined`: in one go. */
type Slices = (() => number) | undefined;

function runInSlices(session: Session, slices: Slices): Outcome {
  for (;;) {
    const target = slices === undefined ? INSTRUCTIONS_MAX : session.instructions + slices();
    const outcome = session.run({ maxInstructions: Math.min(target, INSTRUCTIONS_MAX) });
    if (outcome.kind !== 'instruction-limit' || session.instructions >= INSTRUCTIONS_MAX) return outcome;
  }
}

function open(guest: Guest, personality: string, log: string[], serial: number[]): Session {
  const path = guestImage(guest);
  const opened = openMachine(
    {
      image: { path, bytes: readFileSync(path) },
      append: '',
      initrd: undefined,
      symbols: undefined,
      ramBytes: 16 * MIB,
      cpuModel: 'qemu64',
      personality,
      devices: [{ kind: 'qemu-xhci' }, { kind: 'usb-kbd' }, { kind: 'isa-debug-exit', port: 0xf4, size: 4 }],
      trackWriters: true,
    },
    {
      listen: (trace) => {
        attachQemuLog({
          trace,
          items: new Set(['guest_errors', 'invalid_mem', 'unimp', 'int']),
          patterns: ['*'],
          write: (line) => log.push(line),
        });
      },
      serial: (byte) => serial.push(byte),
      debugConsole: undefined,
      readSource: () => undefined,
      inflate: () => undefined,
    },
  ) as OpenedSession;
  if (!opened.ok) throw new Error(opened.problem);
  return opened.session;
}

function play(guest: Guest, personality: string, slices?: Slices): Bytes {
  const log: string[] = [];
  const serial: number[] = [];
  const session = open(guest, personality, log, serial);
  const outcome = runInSlices(session, slices);
  const report = session.conclude(outcome);
  const ending = { kind: 'exited', text: JSON.stringify(outcome), exitCode: 0 } as const;
  return {
    serial: String.fromCharCode(...serial),
    text: report.text(ending, { color: false, columns: undefined }),
    json: report.json(ending),
    log: log.join(''),
    outcome: JSON.stringify(outcome, (_key, value: unknown) => (typeof value === 'bigint' ? `${value}` : value)),
    instructions: session.instructions,
    time: session.time,
  };
}

describe(`the same inputs give the same bytes (FUZZ_SEED=${SEED})`, { timeout: TIMEOUT }, () => {
  const cases = CHOSEN.flatMap((name) => ['spec', 'qemu'].map((personality) => ({ name, personality })));

  it.each(cases)('$name, $personality: twice, and whatever the slices', ({ name, personality }) => {
    const guest = named(name);
    const once = play(guest, personality);
    expect(once.serial).toContain(`dmascope guest: ${name}`);
    expect(once.log).toContain('usb_xhci_reset');
    expect(once.outcome).toContain('isa-debug-exit');
    expect(play(guest, personality)).toEqual(once);

    const dice = new Dice(SEED);
    const random = () => 1 + dice.below(dice.pick([50, 5_000, 500_000]));
    expect(play(guest, personality, random), `random slices, FUZZ_SEED=${SEED}`).toEqual(once);
    expect(play(guest, personality, () => 9_973)).toEqual(once);
  });
});
