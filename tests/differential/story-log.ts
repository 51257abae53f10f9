/**
 * One guest with the same command line on Debian's QEMU and on dmascope, and what may differ between the two logs: each
 * known difference is a row that says why, and that removes exactly the lines or the words it explains.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Guest, guestImage, repository } from '../scenario/guests.ts';

const QEMU = 'qemu-system-x86_64';
const RESET = 'usb_xhci_reset === RESET ===';
/** A guest that hangs has failed: none needs more than a few seconds. */
const RUN_MILLISECONDS_MAX = 120_000;

export interface LoggedRun {
  readonly status: number | null;
  readonly serial: string;
  /** Lines of `-D`, from power-on. */
  readonly log: readonly string[];
  readonly errors: string;
}

export interface KnownDifference {
  readonly what: string;
  readonly why: string;
  /** From the log up to the kernel's reset of the controller, and from there on, to what can be compared. */
  readonly remove: (kernel: readonly string[], firmware: readonly string[]) => readonly string[];
}

export const KNOWN_DIFFERENCES: readonly KnownDifference[] = [
  {
    what: 'usb_xhci_ep_disable after the reset, for endpoints that SeaBIOS had enabled',
    why: "SeaBIOS's own USB driver ran on QEMU; HCRST disables what it left. dmascope enters the kernel without firmware.",
    remove: (kernel, firmware) => {
      const left = leftEnabled(firmware);
      return kernel.filter((line) => {
        const endpoint = /^usb_xhci_ep_disable (slotid \d+, epid \d+)$/.exec(line)?.[1];
        return endpoint === undefined || !left.delete(endpoint);
      });
    },
  },
  {
    what: 'the pointer in usb_xhci_xfer_*',
    why: "an address in QEMU's own heap, another one in each run; dmascope counts transfers.",
    remove: (kernel) => kernel.map((line) => line.replace(/^(usb_xhci_xfer_\w+) 0x[0-9a-f]+/, '$1 POINTER')),
  },
];

/** The endpoints that were enabled and not disabled again, as the trace names them. */
function leftEnabled(log: readonly string[]): Set<string> {
  const enabled = new Set<string>();
  for (const line of log) {
    const [, verb, endpoint] = /^usb_xhci_ep_(enable|disable) (slotid \d+, epid \d+)$/.exec(line) ?? [];
    if (endpoint === undefined) continue;
    if (verb === 'enable') enabled.add(endpoint);
    else enabled.delete(endpoint);
  }
  return enabled;
}

/** What the kernel did: from the last reset of the controller on, which is the kernel's own. */
export function sinceReset(run: LoggedRun): readonly string[] {
  const reset = run.log.lastIndexOf(RESET);
  const firmware = run.log.slice(0, reset);
  const kernel: readonly string[] = run.log.slice(reset);
  return KNOWN_DIFFERENCES.reduce((lines, { remove }) => remove(lines, firmware), kernel);
}

/** The refused accesses: all that can be compared of a kernel that never reaches the controller. */
export function refusedAccesses(run: LoggedRun): readonly string[] {
  return run.log.filter((line) => line.startsWith('Invalid '));
}

export const qemuMissing = spawnSync(QEMU, ['--version']).status !== 0;

/** `accel=tcg` because a test must not depend on KVM. The trace and the log of errors go to one file, interleaved. */
function flags(guest: Guest, log: string): string[] {
  const common = `-m ${guest.ram} -accel tcg -display none -nodefaults -no-reboot -serial stdio -trace usb_xhci_*
    -device isa-debug-exit,iobase=0xf4,iosize=0x04 -device qemu-xhci,addr=3 -device usb-kbd -D ${log}`;
  return [...common.split(/\s+/), '-kernel', guestImage(guest)];
}

/** dmascope's board has no SMBus. */
export function runQemu(guest: Guest): Promise<LoggedRun> {
  return run(QEMU, (log) => ['-M', 'q35,smbus=off', '-d', 'guest_errors', ...flags(guest, log)]);
}

export function runDmascope(guest: Guest): Promise<LoggedRun> {
  const program = ['--import', 'tsx', 'src/cli/main.ts', QEMU, '-M', 'q35', '-d', 'guest_errors,invalid_mem'];
  return run(process.execPath, (log) => [...program, ...flags(guest, log)]);
}

function run(command: string, args: (log: string) => string[]): Promise<LoggedRun> {
  const folder = mkdtempSync(join(tmpdir(), 'dmascope-story-'));
  const log = join(folder, 'log');
  return new Promise((resolve, reject) => {
    const child = spawn(command, args(log), {
      cwd: repository,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: RUN_MILLISECONDS_MAX,
    });
    let serial = '';
    let errors = '';
    child.stdout.on('data', (data) => (serial += data));
    child.stderr.on('data', (data) => (errors += data));
    child.on('error', reject);
    child.on('close', (status) => {
      try {
        resolve({ status, serial, log: readFileSync(log, 'utf8').trimEnd().split('\n'), errors });
      } catch (error) {
        reject(new Error(`${command} wrote no log (exit ${status}):\n${errors}`, { cause: error }));
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    });
  });
}
