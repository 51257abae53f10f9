/** The process that dmascope runs in. */
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { arch, constants, platform } from 'node:os';
import { fileURLToPath } from 'node:url';
import { getSystemErrorMap } from 'node:util';
import { FileProblem, type Host, type OpenFile, type OutputFile, type OutputStream } from './host.ts';
import { NodeFile } from './node-file.ts';
import { NodeInput } from './node-input.ts';

/** Bytes waiting in a stream before the run is slowed to let them out. */
const BACKLOG_MAX = 1 << 20;

export class NodeHost implements Host {
  readonly out: OutputStream = streamOf(process.stdout);
  readonly err: OutputStream = streamOf(process.stderr);
  readonly environment = process.env;
  readonly packageRoot = fileURLToPath(new URL('../..', import.meta.url)).replace(/[\\/]$/, '');
  readonly versions: Host['versions'];
  readonly input = new NodeInput();
  interrupted = false;
  outputClosed = false;
  readonly #start = process.hrtime.bigint();

  constructor() {
    const manifest = JSON.parse(readFileSync(`${this.packageRoot}/package.json`, 'utf8')) as { version: string };
    this.versions = { dmascope: manifest.version, node: process.versions.node, platform: `${platform()} ${arch()}` };
    // The first Ctrl-C ends the run in order; a second one must always work.
    process.on('SIGINT', () => {
      if (this.interrupted) process.exit(128 + constants.signals.SIGINT);
      this.interrupted = true;
      this.input.wake();
    });
    for (const stream of [process.stdout, process.stderr]) {
      stream.on('error', (error: NodeJS.ErrnoException) => {
        // `dmascope ... | head`: the reader has what it wanted. Not an error, nothing to say.
        if (error.code === 'EPIPE') this.outputClosed = true;
        else throw error;
      });
    }
  }

  readFile(path: string): Uint8Array {
    try {
      return new Uint8Array(readFileSync(path));
    } catch (error) {
      throw fileProblem(path, error);
    }
  }

  createFile(path: string): OutputFile {
    let descriptor: number;
    try {
      descriptor = openSync(path, 'w');
    } catch (error) {
      throw fileProblem(path, error);
    }
    return {
      write: (data) => {
        const bytes = typeof data === 'string' ? Buffer.from(data) : data;
        for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at);
      },
      close: () => closeSync(descriptor),
    };
  }

  openFile(path: string, access: 'read' | 'read-write'): OpenFile {
    try {
      return new NodeFile(path, access);
    } catch (error) {
      throw fileProblem(path, error);
    }
  }

  pause(milliseconds: number): Promise<void> {
    return this.interrupted ? Promise.resolve() : this.input.wait(milliseconds);
  }

  async breathe(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    for (const stream of [process.stdout, process.stderr]) {
      if (stream.writableLength < BACKLOG_MAX || this.outputClosed) continue;
      await new Promise<void>((resolve) => {
        stream.once('drain', resolve);
        stream.once('error', () => resolve());
        stream.once('close', () => resolve());
      });
    }
  }

  wallClock(zone: 'utc' | 'localtime'): number {
    const now = new Date();
    const offset = zone === 'utc' ? 0 : now.getTimezoneOffset() * 60;
    return Math.floor(now.getTime() / 1000) - offset;
  }

  milliseconds(): number {
    return Number((process.hrtime.bigint() - this.#start) / 1_000_000n);
  }
}

function streamOf(stream: NodeJS.WriteStream): OutputStream {
  return {
    write: (data) => void stream.write(data),
    get isTerminal() {
      return stream.isTTY === true;
    },
    get columns() {
      return stream.isTTY === true ? stream.columns : undefined;
    },
  };
}

/** The operating system's word for what went wrong; anything else is a bug of ours. */
export function fileProblem(path: string, error: unknown): unknown {
  const { code, errno } = error as NodeJS.ErrnoException;
  if (code === undefined || errno === undefined) return error;
  const words = getSystemErrorMap().get(errno)?.[1] ?? code;
  return new FileProblem(path, words);
}
