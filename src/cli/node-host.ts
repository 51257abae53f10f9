/** The process that dmascope runs in. */
import { readFileSync } from 'node:fs';
import { arch, constants, platform } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Host, OpenFile, OutputFile, OutputStream } from './host.ts';
import { asFileProblem, NodeFile, systemWords } from './node-file.ts';
import { NodeInput } from './node-input.ts';
import { NodeOutputFile } from './node-output-file.ts';

/** Bytes waiting in a stream before the run is slowed to let them out. */
const BACKLOG_MAX = 1 << 20;

export class NodeHost implements Host {
  readonly out: OutputStream = this.#stream('stdout');
  readonly err: OutputStream = this.#stream('stderr');
  readonly environment = process.env;
  readonly packageRoot = fileURLToPath(new URL('../..', import.meta.url)).replace(/[\\/]$/, '');
  readonly versions: Host['versions'];
  readonly input = new NodeInput();
  interrupted = false;
  signal: Host['signal'];
  outputClosed = false;
  outputProblem: string | undefined;
  readonly #start = process.hrtime.bigint();

  constructor() {
    const manifest = JSON.parse(readFileSync(`${this.packageRoot}/package.json`, 'utf8')) as { version: string };
    this.versions = { dmascope: manifest.version, node: process.versions.node, platform: `${platform()} ${arch()}` };
    // The first signal ends the run in order, with its report; a second one must always work.
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => {
        if (this.interrupted) process.exit(128 + constants.signals[signal]);
        this.interrupted = true;
        if (signal !== 'SIGINT') this.signal = signal;
        this.input.wake();
      });
    }
    for (const name of ['stdout', 'stderr'] as const) process[name].on('error', (error) => this.#lost(name, error));
  }

  readFile(path: string): Uint8Array {
    return asFileProblem(path, () => new Uint8Array(readFileSync(path)));
  }

  createFile(path: string): OutputFile {
    return new NodeOutputFile(path);
  }

  openFile(path: string, access: 'read' | 'read-write'): OpenFile {
    return asFileProblem(path, () => new NodeFile(path, access));
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

  #stream(name: 'stdout' | 'stderr'): OutputStream {
    const stream = process[name];
    return {
      write: (data) => {
        try {
          stream.write(data);
        } catch (error) {
          // A stream that is a file throws at once.
          this.#lost(name, error);
        }
      },
      get isTerminal() {
        return stream.isTTY === true;
      },
      get columns() {
        return stream.isTTY === true ? stream.columns : undefined;
      },
    };
  }

  #lost(name: 'stdout' | 'stderr', error: unknown): void {
    const { code, errno } = error as NodeJS.ErrnoException;
    if (code === undefined || errno === undefined) throw error;
    this.outputClosed = true;
    // `dmascope ... | head`: the reader has what it wanted. Not an error, nothing to say.
    if (code !== 'EPIPE') this.outputProblem ??= `${name}: ${systemWords(code, errno)}`;
  }
}
