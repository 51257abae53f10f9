/** The files that a run writes: its logs, reports and pictures, and the guest's serial port. */
import { FileProblem, type Host, type OutputFile } from './host.ts';
import { UsageError } from './usage-error.ts';

/**
 * All are opened before the machine is built, so that a wrong path costs no time, and emptied when the run begins, so that a
 * run that cannot begin leaves last time's as they were.
 */
export class OutputFiles {
  readonly #host: Host;
  readonly #open: OutputFile[] = [];
  readonly #problems = new Map<string, string>();
  /** What was written before the run began. */
  readonly #waiting: (() => void)[] = [];
  #begun = false;

  constructor(host: Host) {
    this.#host = host;
  }

  create(path: string): Pick<OutputFile, 'write'> {
    try {
      const file = this.#host.createFile(path);
      this.#open.push(file);
      return { write: (data) => this.#write(path, file, data) };
    } catch (error) {
      if (error instanceof FileProblem) throw new UsageError(`cannot write ${path}: ${error.reason}`);
      throw error;
    }
  }

  /** The machine is built. */
  begin(): void {
    this.#begun = true;
    for (const write of this.#waiting.splice(0)) write();
  }

  /** A full disk is no reason to lose the run and its report: the guest goes on, and the end says what is missing. */
  #write(path: string, file: OutputFile, data: string | Uint8Array): void {
    if (!this.#begun) {
      const kept = typeof data === 'string' ? data : data.slice();
      this.#waiting.push(() => this.#write(path, file, kept));
      return;
    }
    if (this.#problems.has(path)) return;
    try {
      file.write(data);
    } catch (error) {
      if (!(error instanceof FileProblem)) throw error;
      this.#problems.set(path, error.reason);
    }
  }

  /** What could not be written, for each file that is incomplete. */
  get problems(): readonly string[] {
    return Array.from(this.#problems, ([path, reason]) => `cannot write ${path}: ${reason}; it is incomplete`);
  }

  closeAll(): void {
    for (const file of this.#open.splice(0)) {
      if (this.#begun) file.close();
      else file.discard();
    }
  }
}
