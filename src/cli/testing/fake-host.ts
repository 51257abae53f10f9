/** A host and a machine made of plain values: commands are tested through these two. */
import type { Gva } from '../../base/address.ts';
import { TraceBus } from '../../base/trace.ts';
import type { RegisterView } from '../../cpu/types.ts';
import type { MonitorAnswer } from '../../debug/monitor/monitor.ts';
import type { Outcome, RunLimits } from '../../machine/outcome.ts';
import { runApplication } from '../application.ts';
import {
  FileProblem,
  type Host,
  type InputStream,
  type OpenFile,
  type OutputFile,
  type OutputStream,
} from '../host.ts';
import type { Ending, ReportStyle, Services, SessionPorts, SessionSpec } from '../session.ts';

class FakeStream implements OutputStream {
  text = '';
  isTerminal = false;
  columns: number | undefined;

  write(data: string | Uint8Array): void {
    this.text += typeof data === 'string' ? data : new TextDecoder().decode(data);
  }
}

/** What a test types. */
export class FakeInput implements InputStream {
  kind: InputStream['kind'] = 'nothing';
  ended = false;
  opened: 'no' | 'raw' | 'cooked' = 'no';
  closed = false;
  #waiting = '';

  open(rawKeys: boolean): void {
    this.opened = rawKeys ? 'raw' : 'cooked';
  }

  type(text: string): void {
    this.#waiting += text;
  }

  take(): Uint8Array {
    const text = this.#waiting;
    this.#waiting = '';
    return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
  }

  close(): void {
    this.closed = true;
  }
}

export class FakeHost implements Host {
  readonly input = new FakeInput();
  /** Milliseconds asked for, one entry a {@link pause}. */
  readonly pauses: number[] = [];
  /** Called at every pause: the host's time has passed, or somebody types. */
  onPause: () => void = () => undefined;
  readonly out = new FakeStream();
  readonly err = new FakeStream();
  environment: Record<string, string | undefined> = {};
  readonly files = new Map<string, string>([['kernel.elf', 'ELF']]);
  readonly unwritable = new Set<string>();
  readonly openFiles = new Set<string>();
  interrupted = false;
  signal: Host['signal'];
  outputClosed = false;
  outputProblem: string | undefined;
  /** Files that are full from the start. */
  readonly full = new Set<string>();
  readonly packageRoot = '/pkg';
  readonly versions = { dmascope: '0.1.0', node: '20.20.2', platform: 'linux x64' };
  clock = 0;
  /** Called at every breath of a run. */
  onBreath: () => void = () => undefined;

  readFile(path: string): Uint8Array {
    const text = this.files.get(path);
    if (text === undefined) throw new FileProblem(path, 'no such file or directory');
    return new TextEncoder().encode(text);
  }

  createFile(path: string): OutputFile {
    if (this.unwritable.has(path)) throw new FileProblem(path, 'permission denied');
    const before = this.files.get(path);
    let text = '';
    if (before === undefined) this.files.set(path, '');
    this.openFiles.add(path);
    return {
      write: (data) => {
        if (this.full.has(path)) throw new FileProblem(path, 'no space left on device');
        text += typeof data === 'string' ? data : new TextDecoder().decode(data);
        this.files.set(path, text);
      },
      close: () => {
        this.files.set(path, text);
        this.openFiles.delete(path);
      },
      discard: () => {
        if (before === undefined) this.files.delete(path);
        this.openFiles.delete(path);
      },
    };
  }

  openFile(path: string, access: 'read' | 'read-write'): OpenFile {
    const bytes = this.readFile(path);
    if (access === 'read-write' && this.unwritable.has(path)) throw new FileProblem(path, 'permission denied');
    this.openFiles.add(path);
    return {
      name: path,
      identity: path,
      size: bytes.length,
      writable: access === 'read-write',
      read: (offset, into) => {
        into.set(bytes.subarray(offset, offset + into.length));
        return undefined;
      },
      write: (offset, from) => {
        bytes.set(from, offset);
        return undefined;
      },
      flush: () => undefined,
      close: () => this.openFiles.delete(path),
    };
  }

  pause(milliseconds: number): Promise<void> {
    this.pauses.push(milliseconds);
    this.clock += milliseconds;
    this.onPause();
    return Promise.resolve();
  }

  breathe(): Promise<void> {
    this.onBreath();
    return Promise.resolve();
  }

  wallClock(zone: 'utc' | 'localtime'): number {
    return zone === 'utc' ? 1_700_000_000 : 1_700_003_600;
  }

  milliseconds(): number {
    this.clock += 700;
    return this.clock;
  }
}

/** What the fake machine does when it runs. */
export interface Script {
  readonly outcome?: Outcome;
  /** Instructions after which the outcome comes. */
  readonly length?: number;
  readonly serial?: string;
  readonly debug?: string;
  readonly errors?: number;
  /** Findings of any severity, `errors` included. */
  readonly roots?: number;
  /** Emits facts while the guest runs. */
  readonly during?: (trace: TraceBus) => void;
  readonly refuse?: { readonly problem: string; readonly hint: string };
  readonly crash?: Error;
  /** Called with each input; what the guest does about it. */
  readonly onInput?: (session: FakeSession) => void;
  /** Until it gets this input, the guest waits for it where it would end. */
  readonly waitsFor?: string;
  readonly nextDeadline?: number;
}

export interface FakeServices extends Services {
  /** What was asked for, run by run. */
  readonly specs: SessionSpec[];
  readonly sessions: FakeSession[];
}

export function fakeServices(...scripts: readonly Script[]): FakeServices {
  const specs: SessionSpec[] = [];
  const sessions: FakeSession[] = [];
  return {
    specs,
    sessions,
    open: (spec, ports) => {
      const script = scripts[specs.length] ?? scripts.at(-1) ?? {};
      specs.push(spec);
      if (script.refuse !== undefined) return { ok: false, about: 'image', ...script.refuse };
      const session = new FakeSession(script, ports);
      sessions.push(session);
      return { ok: true, session };
    },
    personalities: [
      { name: 'spec', title: 'what the specification says' },
      { name: 'qemu', title: "QEMU's controller" },
    ],
    cpuModels: ['qemu64', 'max'],
  };
}

export class FakeSession {
  readonly #trace = new TraceBus();
  instructions = 0;
  findings = 0;
  received = '';
  stopped = false;
  readonly timers: { readonly time: number; readonly action: () => void }[] = [];

  constructor(
    readonly script: Script,
    readonly ports: SessionPorts,
  ) {
    ports.listen?.(this.#trace);
  }

  get time(): number {
    return this.instructions;
  }

  receive(bytes: Uint8Array): void {
    this.received += new TextDecoder().decode(bytes);
    this.script.onInput?.(this);
  }

  at(time: number, action: () => void): void {
    this.timers.push({ time, action });
  }

  stop(): void {
    this.stopped = true;
  }

  get nextDeadline(): number | undefined {
    return this.script.nextDeadline;
  }

  screendump(path: string): Uint8Array | undefined {
    return new TextEncoder().encode(`picture for ${path}`);
  }

  monitor(line: string): MonitorAnswer {
    const request = (['quit', 'stop', 'cont'] as const).find((name) => name === line);
    return { text: `[${line}]\n`, ...(request === undefined ? {} : { request }) };
  }

  registers(): RegisterView {
    return { bits: 64, cr: { cr0: 1n } } as RegisterView;
  }

  describeCode(pc: bigint): string {
    return `code at 0x${pc.toString(16)}`;
  }

  run({
    maxInstructions = Number.POSITIVE_INFINITY,
    maxTime = Number.POSITIVE_INFINITY,
    inputOpen,
  }: RunLimits): Outcome {
    const { crash, length = 1000, serial = '', debug = '', during, outcome, waitsFor } = this.script;
    if (crash !== undefined) throw crash;
    for (const timer of this.timers.splice(0)) timer.action();
    if (this.instructions === 0) {
      for (const byte of new TextEncoder().encode(serial)) this.ports.serial(byte);
      for (const byte of new TextEncoder().encode(debug)) this.ports.debugConsole?.(byte);
      during?.(this.#trace);
    }
    if (this.stopped) return { kind: 'stopped' };
    const last = Math.min(maxInstructions, maxTime, length);
    this.instructions = last;
    this.findings = this.script.roots ?? 0;
    if (last === length && waitsFor !== undefined && !this.received.includes(waitsFor)) {
      return inputOpen === true
        ? { kind: 'waiting-for-input', pc: 0x1234n as Gva }
        : { kind: 'halted', pc: 0x1234n as Gva };
    }
    if (last === length) return outcome ?? { kind: 'exited', by: 'isa-debug-exit', status: 33 };
    return { kind: last === maxTime ? 'time-limit' : 'instruction-limit' };
  }

  conclude() {
    const { errors = 0, roots = errors } = this.script;
    return {
      errors,
      roots,
      text: (ending: Ending, style: ReportStyle) =>
        `report${style.color ? ' in colour' : ''}: ${ending.text}; ${roots} roots; exit ${ending.exitCode}`,
      json: (ending: Ending) => `${JSON.stringify({ schema: 'dmascope.report/1', outcome: ending, errors })}\n`,
    };
  }
}

/** Runs the whole program. */
export async function dmascope(args: readonly string[], scripts: readonly Script[] = [], host = new FakeHost()) {
  const services = fakeServices(...scripts);
  const exitCode = await runApplication(host, services, args);
  return {
    exitCode,
    host,
    services,
    out: host.out.text,
    err: host.err.text,
    spec: services.specs[0],
    session: services.sessions[0],
  };
}
