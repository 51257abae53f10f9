/** Runs a guest on dmascope as a person would, through the command line, and reads its report. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { type Guest, guestImage, repository } from './guests.ts';

export interface ReportedFinding {
  readonly rule: string;
  readonly catalogue: readonly string[];
  readonly severity: string;
  readonly where: string;
  readonly address: string | null;
  readonly expected: string | null;
  readonly causedBy: unknown;
  readonly site: { readonly symbol?: string; readonly file?: string; readonly line?: number } | null;
}

export interface Report {
  readonly schema: string;
  readonly outcome: { readonly kind: string; readonly text: string };
  readonly findings: readonly ReportedFinding[];
}

export interface Ended {
  readonly status: number | null;
  readonly serial: string;
  readonly talk: string;
  readonly json: string;
  readonly report: Report;
}

/** Several times what the longest guest needs: one that gives up after its slowest timeout. */
const INSTRUCTIONS_MAX = 1_000_000_000;
export const TIMEOUT = 300_000;

const folder = mkdtempSync(join(tmpdir(), 'dmascope-guests-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let runs = 0;

export function run(guest: Guest, extra: readonly string[] = []): Promise<Ended> {
  runs += 1;
  const file = join(folder, `${runs}.json`);
  const command = ['--import', 'tsx', join(repository, 'src/cli/main.ts'), 'run', guestImage(guest)];
  const flags = ['--ram', guest.ram, '--usb', 'kbd', '--report', `json=${file}`];
  flags.push('--max-instructions', String(INSTRUCTIONS_MAX), ...(guest.runOptions ?? []), ...extra);
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...command, ...flags], {
      cwd: repository,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let serial = '';
    let talk = '';
    child.stdout.on('data', (data) => (serial += data));
    child.stderr.on('data', (data) => (talk += data));
    child.on('error', reject);
    child.on('close', (status) => {
      try {
        const json = readFileSync(file, 'utf8');
        resolve({ status, serial: serial.replaceAll('\r', ''), talk, json, report: JSON.parse(json) });
      } catch (error) {
        reject(new Error(`${guest.name} wrote no report (exit ${status}):\n${talk}`, { cause: error }));
      }
    });
  });
}
