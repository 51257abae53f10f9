/**
 * Our log, serial port and exit status of whole guests against Debian's QEMU 7.2, line by line: `-d guest_errors` and
 * every xHCI trace event. What may differ is in the table KNOWN_DIFFERENCES of story-log.ts and in {@link DIFFERENT}.
 * Skipped, visibly, without QEMU; with DMASCOPE_REQUIRE_ORACLES=1 that is a failure.
 */
import { describe, expect, it } from 'vitest';
import { guests, named } from '../scenario/guests.ts';
import { type LoggedRun, qemuMissing, refusedAccesses, runDmascope, runQemu, sinceReset } from './story-log.ts';

const TIMEOUT = 300_000;
const required = process.env.DMASCOPE_REQUIRE_ORACLES === '1';
/** All guests of 128 MiB instead of one for each way in which a log can differ. */
const every = process.env.DMASCOPE_ALL_GUESTS === '1';

const CHOSEN =
  'story story-mended dma-03 dma-10 init-08 init-09 ctx-08 ring-11 ring-15 reg-04 port-05 pci-01 near-two-segments'.split(
    ' ',
  );

/** The kernel never gets as far as resetting the controller, so nothing of it stands after a reset. */
const WITHOUT_RESET = new Set(['pci-01', 'pci-06', 'reg-01']);

/** Guests whose logs are known to differ, and why. */
const DIFFERENT: Readonly<Record<string, string>> = {
  'init-04': "DCBAAP is 0, and page 0 holds SeaBIOS's interrupt vectors on QEMU and zeros here",
  'init-05': "DCBAAP is 0, and page 0 holds SeaBIOS's interrupt vectors on QEMU and zeros here",
  'init-05-crcr':
    "QEMU's command ring survives HCRST, so that without CRCR it is SeaBIOS's; here there was none before",
  'reg-01': "QEMU's processor goes through a subpage, which refuses the access once more in a line of its own",
  'reg-09': "the driver reads MFINDEX, which counts the host's time on QEMU and virtual time here",
};

const compared = guests.filter(
  ({ name, ram, expectQemuExit }) =>
    !(name in DIFFERENT) && (every ? ram === '128M' && expectQemuExit !== undefined : CHOSEN.includes(name)),
);

async function both(name: string): Promise<readonly [ours: LoggedRun, theirs: LoggedRun]> {
  const guest = named(name);
  return Promise.all([runDmascope(guest), runQemu(guest)]);
}

/** A first difference reads better than two thousand lines. */
function expectSameLines(ours: readonly string[], theirs: readonly string[]): void {
  const first = ours.findIndex((line, index) => line !== theirs[index]);
  const at = first < 0 ? Math.min(ours.length, theirs.length) : first;
  const around = (lines: readonly string[]) => lines.slice(Math.max(0, at - 5), at + 5);
  expect(around(ours), `line ${at} after the reset`).toEqual(around(theirs));
  expect(ours.length).toBe(theirs.length);
}

it.runIf(required)('QEMU is there, because DMASCOPE_REQUIRE_ORACLES=1', () => expect(qemuMissing).toBe(false));

describe.skipIf(qemuMissing)(`guests on QEMU and here${qemuMissing ? ' (skipped: QEMU is not installed)' : ''}`, () => {
  it('the list names guests that exist', () => {
    for (const name of [...CHOSEN, ...WITHOUT_RESET, ...Object.keys(DIFFERENT)]) named(name);
  });

  it.each(compared)('$name: the same log, serial output and exit status', { timeout: TIMEOUT }, async ({ name }) => {
    const [ours, theirs] = await both(name);
    if (WITHOUT_RESET.has(name)) {
      expect(refusedAccesses(theirs).length).toBeGreaterThan(0);
      expectSameLines(refusedAccesses(ours), refusedAccesses(theirs));
    } else {
      expect(sinceReset(ours)[0]).toBe('usb_xhci_reset === RESET ===');
      expect(sinceReset(theirs).length).toBeGreaterThan(50);
      expectSameLines(sinceReset(ours), sinceReset(theirs));
    }
    expect(ours.serial).toBe(theirs.serial);
    expect(ours.status).toBe(theirs.status);
  });

  it('the story is told in the words of the report of 2024-10-28 on both', { timeout: TIMEOUT }, async () => {
    const told = ['80', '84', '88', '8C'].map(
      (low) => `Invalid read at addr 0xFFFFFF80002E30${low}, size 4, region '(null)', reason: rejected`,
    );
    for (const run of await both('story')) {
      const log = sinceReset(run);
      const first = log.indexOf(told[0]!);
      expect(log.slice(first, first + 5)).toEqual([...told, 'xhci_er_reset: DMA memory access failed!']);
    }
  });
});
