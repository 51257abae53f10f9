/**
 * Follows guests on QEMU and on our processor, instruction by instruction: `npm run test:lockstep`. Ends with status 1 at
 * the first difference; 2 for a mistake in the call. See docs/testing.md.
 */
import { existsSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Board } from '../tests/lockstep/board.ts';
import { FIRMWARE, GUESTS, type LockstepGuest } from '../tests/lockstep/guests.ts';
import { Lockstep } from '../tests/lockstep/lockstep.ts';
import { QemuProcess, qemuVersion } from '../tests/lockstep/qemu-process.ts';
import { failed, reportLines } from '../tests/lockstep/report.ts';
import { MissingPart } from '../tests/oracles/debian-packages.ts';

const USAGE = `npm run test:lockstep -- [--guest NAME]... [--from N] [--steps N] [--memory-every N] [--model NAME] [--show] [--qemu PATH]

  --guest NAME      ${GUESTS.map(({ name }) => name).join(', ')}; may be repeated; all when absent
  --from N          let QEMU run N instructions before the comparison begins
  --steps N         instructions to compare
  --memory-every N  instructions between two comparisons of RAM
  --model NAME      processor model, on both sides (qemu64, max)
  --shift N         QEMU's time: 2^N nanoseconds for each instruction
  --show            print the last instructions and the registers also where all is equal
  --qemu PATH       the QEMU to compare with`;

const { values } = parseArgs({
  options: {
    guest: { type: 'string', multiple: true },
    from: { type: 'string', default: '0' },
    steps: { type: 'string' },
    'memory-every': { type: 'string', default: '100000' },
    model: { type: 'string', default: 'qemu64' },
    shift: { type: 'string', default: '7' },
    qemu: { type: 'string', default: 'qemu-system-x86_64' },
    show: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

function count(name: string, text: string): number {
  const value = Number(text.replaceAll('_', ''));
  if (Number.isSafeInteger(value) && value >= 0) return value;
  console.error(`--${name} takes a number of instructions, not "${text}"`);
  process.exit(2);
}

function guestNamed(name: string): LockstepGuest {
  const guest = GUESTS.find((candidate) => candidate.name === name);
  if (guest !== undefined) return guest;
  console.error(`There is no guest "${name}".\n\n${USAGE}`);
  process.exit(2);
}

/** A missing oracle: visible, and a failure where all oracles are required. */
function skip(what: string): boolean {
  console.log(`SKIPPED: ${what}`);
  return process.env.DMASCOPE_REQUIRE_ORACLES !== '1';
}

/** True: equal, or skipped. */
async function follow(guest: LockstepGuest): Promise<boolean> {
  const began = performance.now();
  const qemu = await QemuProcess.start({
    qemu: values.qemu,
    ramMegabytes: guest.ramMegabytes,
    model: values.model,
    guest: guest.qemu(),
    shift: Number(values.shift),
    devicesStore: guest.devicesStore,
  });
  try {
    if (guest.entry !== undefined) await qemu.gdb.runTo(guest.entry());
    const board = new Board({ ramBytes: qemu.ramBytes, model: values.model, firmware: readFileSync(FIRMWARE) });
    const lockstep = new Lockstep(board, qemu, {
      steps: values.steps === undefined ? guest.steps : count('steps', values.steps),
      from: count('from', values.from),
      memoryEvery: count('memory-every', values['memory-every']),
      adoptStart: guest.entry !== undefined,
    });
    const result = await lockstep.run();
    const seconds = ((performance.now() - began) / 1000).toFixed(0);
    for (const line of reportLines(guest.name, result, lockstep.registers, values.show)) console.log(line);
    console.log(`  ${seconds} s\n`);
    return !failed(result);
  } finally {
    qemu.close();
  }
}

async function main(): Promise<boolean> {
  const version = qemuVersion(values.qemu);
  if (version === undefined) return skip(`${values.qemu} is not here (apt-get install qemu-system-x86)`);
  if (!existsSync(FIRMWARE)) return skip(`${FIRMWARE} is not here (apt-get install seabios)`);
  console.log(`Compared with ${version}\n`);
  let good = true;
  for (const guest of values.guest?.map(guestNamed) ?? GUESTS) {
    try {
      good = (await follow(guest)) && good;
    } catch (problem) {
      if (!(problem instanceof MissingPart)) throw problem;
      good = skip(`${guest.name}: ${problem.message}`) && good;
    }
  }
  return good;
}

if (values.help) console.log(USAGE);
else process.exitCode = (await main()) ? 0 : 1;
