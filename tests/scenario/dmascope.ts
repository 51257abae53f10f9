/** Runs a guest on dmascope through the command line, inside this process, and reads its report. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { runApplication } from '../../src/cli/application.ts';
import { FileProblem, type Host, type InputStream, type OutputFile, type OutputStream } from '../../src/cli/host.ts';
import { createServices } from '../../src/cli/services.ts';
import { type Guest, guestImage, repository } from './guests.ts';

export interface ReportedFinding {
  readonly rule: string;
  readonly catalogue: readonly string[];
  readonly severity: string;
  readonly certainty: string;
  readonly where: string;
  readonly address: string | null;
  readonly expected: string | null;
  readonly causedBy: unknown;
  readonly site: { readonly symbol?: string; readonly file?: string; readonly line?: number } | null;
  readonly text: string;
}

export interface Report {
  readonly schema: string;
  readonly outcome: { readonly kind: string; readonly text: string };
  readonly findings: readonly ReportedFinding[];
}

export interface Ended {
  readonly status: number;
  readonly serial: string;
  /** What a person sees on stderr: the report. */
  readonly talk: string;
  readonly json: string;
  readonly report: Report;
}

/** Several times what the longest guest needs: one that gives up after its slowest timeout. */
const INSTRUCTIONS_MAX = 1_000_000_000;
export const TIMEOUT = 120_000;
const REPORT = 'report.json';

class Collected implements OutputStream {
  readonly isTerminal = false;
  readonly columns = undefined;
  readonly #decoder = new TextDecoder();
  text = '';

  write(data: string | Uint8Array): void {
    this.text += typeof data === 'string' ? data : this.#decoder.decode(data, { stream: true });
  }
}

/** The process as the commands see it, with the streams and the files written kept in memory. */
class MemoryHost implements Host {
  readonly out = new Collected();
  readonly err = new Collected();
  readonly written = new Map<string, Collected>();
  readonly input: InputStream = {
    kind: 'nothing',
    ended: true,
    open: () => undefined,
    take: () => new Uint8Array(0),
    close: () => undefined,
  };
  readonly environment = {};
  readonly interrupted = false;
  readonly signal = undefined;
  readonly outputClosed = false;
  readonly outputProblem = undefined;
  readonly packageRoot = repository;
  readonly versions = { dmascope: 'test', node: process.versions.node, platform: process.platform };

  readFile(path: string): Uint8Array {
    try {
      return new Uint8Array(readFileSync(resolve(repository, path)));
    } catch {
      throw new FileProblem(path, 'no such file or directory');
    }
  }

  createFile(path: string): OutputFile {
    const file = new Collected();
    this.written.set(path, file);
    return { write: (data) => file.write(data), close: () => undefined, discard: () => undefined };
  }

  openFile(path: string): never {
    throw new FileProblem(path, 'not opened in these tests');
  }

  pause(): Promise<void> {
    return Promise.resolve();
  }

  breathe(): Promise<void> {
    return Promise.resolve();
  }

  milliseconds(): number {
    return 0;
  }

  wallClock(): number {
    return 0;
  }
}

export async function run(guest: Guest, extra: readonly string[] = []): Promise<Ended> {
  const host = new MemoryHost();
  const below = guest.ramBelow4g === undefined ? [] : ['--max-ram-below-4g', guest.ramBelow4g];
  const status = await runApplication(host, createServices(), [
    ...['run', guestImage(guest), '--ram', guest.ram, ...below, '--usb', 'kbd', '--report', `json=${REPORT}`],
    ...['--max-instructions', String(INSTRUCTIONS_MAX), ...(guest.runOptions ?? []), ...extra],
  ]);
  const json = host.written.get(REPORT)?.text;
  if (json === undefined || json === '')
    throw new Error(`${guest.name} wrote no report (exit ${status}):\n${host.err.text}`);
  const serial = host.out.text.replaceAll('\r', '');
  return { status, serial, talk: host.err.text, json, report: JSON.parse(json) };
}

export const rootsOf = (report: Report) => report.findings.filter((finding) => finding.causedBy === null);

/** One line a finding, so that a failure shows what was found instead. */
export const summary = (report: Report) =>
  report.findings.map(
    ({ catalogue, where, causedBy }) => `${catalogue} ${where}${causedBy === null ? '' : ' (symptom)'}`,
  );
