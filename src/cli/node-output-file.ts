/** A file of the host that a run writes from start to end: a log, a report, a picture. */
import { closeSync, constants, fstatSync, ftruncateSync, openSync, unlinkSync, writeSync } from 'node:fs';
import type { OutputFile } from './host.ts';
import { asFileProblem } from './node-file.ts';

export class NodeOutputFile implements OutputFile {
  readonly #path: string;
  readonly #descriptor: number;
  readonly #created: boolean;
  #emptied = false;

  /** Throws {@link FileProblem}, as every method does. */
  constructor(path: string) {
    this.#path = path;
    const opened = asFileProblem(path, () => open(path));
    this.#descriptor = opened.descriptor;
    this.#created = opened.created;
  }

  write(data: string | Uint8Array): void {
    const bytes = typeof data === 'string' ? Buffer.from(data) : data;
    asFileProblem(this.#path, () => {
      this.#empty();
      for (let at = 0; at < bytes.length; ) at += writeSync(this.#descriptor, bytes, at);
    });
  }

  close(): void {
    asFileProblem(this.#path, () => this.#empty());
    closeSync(this.#descriptor);
  }

  discard(): void {
    closeSync(this.#descriptor);
    if (this.#created) asFileProblem(this.#path, () => unlinkSync(this.#path));
  }

  /** Of what it held before. A pipe or a device holds nothing. */
  #empty(): void {
    if (!this.#emptied && !this.#created && fstatSync(this.#descriptor).isFile()) ftruncateSync(this.#descriptor);
    this.#emptied = true;
  }
}

function open(path: string): { descriptor: number; created: boolean } {
  try {
    return { descriptor: openSync(path, 'wx'), created: true };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return { descriptor: openSync(path, constants.O_WRONLY | constants.O_CREAT), created: false };
  }
}
