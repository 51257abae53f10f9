/** The machine and its diagnosis behind the session that the commands run. */
import { gva, hex } from '../base/address.ts';
import { TraceBus } from '../base/trace.ts';
import { Monitor, type MonitorAnswer } from '../debug/monitor/monitor.ts';
import { formatOf, pictureBytes } from '../debug/screendump.ts';
import { ANSI, type Diagnosis, DiagnosisEngine, PLAIN, renderJson, renderText } from '../diagnosis/index.ts';
import { MachineView } from '../diagnosis/machine-view.ts';
import { createQ35 } from '../machine/boards/q35.ts';
import { Machine } from '../machine/machine.ts';
import type { Outcome, RunLimits } from '../machine/outcome.ts';
import { SymbolTable } from '../symbols/symbol-table.ts';
import { createDisassembler } from './disassembler.ts';
import type { Ending, OpenedSession, Report, Session, SessionPorts, SessionSpec } from './session.ts';

/** Builds a q35 board, loads the image and starts listening. */
export function openMachine(spec: SessionSpec, ports: SessionPorts): OpenedSession {
  const trace = new TraceBus();
  ports.listen?.(trace);
  const machine = createQ35({
    ramBytes: spec.ramBytes,
    ...(spec.maxRamBelow4g === undefined ? {} : { maxRamBelow4g: spec.maxRamBelow4g }),
    ...(spec.processors === undefined ? {} : { processors: spec.processors }),
    cpuModel: spec.cpuModel,
    personality: spec.personality,
    trackWriters: spec.trackWriters,
    trace,
    serialOutput: ports.serial,
    ...spec.board,
    ...debugConsole(spec, ports),
  });
  if (!(machine instanceof Machine)) {
    return { ok: false, about: 'machine', problem: machine.problem, hint: machine.hint };
  }
  const loaded = loadKernel(machine, spec);
  if (loaded !== undefined && 'problem' in loaded) {
    return { ok: false, about: 'image', problem: loaded.problem, hint: loaded.hint };
  }
  const symbols = readSymbols(spec, ports);
  if (symbols !== undefined && 'problem' in symbols) {
    return { ok: false, about: 'machine', problem: symbols.problem, hint: 'give the kernel before it was stripped' };
  }
  const decoder = new TextDecoder();
  const view = new MachineView(machine, {
    symbols,
    readSource: (path) => {
      const bytes = ports.readSource(path);
      return bytes === undefined ? undefined : decoder.decode(bytes);
    },
  });
  const engine = new DiagnosisEngine({ view });
  engine.attach(trace);
  return { ok: true, session: new MachineSession(machine, engine, view) };
}

/** A debug console that is not where ours is by default is a device of its own. */
function debugConsole({ devices, board }: SessionSpec, { debugConsole: output }: SessionPorts) {
  const port = board?.debugPort;
  if (port === undefined || output === undefined) return { devices, debugOutput: output };
  return { devices: [...devices, { kind: 'isa-debugcon', port, output } as const] };
}

function loadKernel(machine: Machine, { image, append, initrd }: SessionSpec): ReturnType<Machine['load']> | undefined {
  if (image === undefined) return undefined;
  return machine.load(image.bytes, {
    commandLine: append,
    imageName: image.path,
    modules: initrd === undefined ? [] : [{ name: initrd.path, bytes: initrd.bytes, commandLine: initrd.path }],
  });
}

/** From the file given for it, else from the image; `undefined` when that is no ELF file. */
function readSymbols(spec: SessionSpec, ports: SessionPorts): SymbolTable | { readonly problem: string } | undefined {
  const source = spec.symbols ?? (spec.image === undefined ? undefined : { ...spec.image, bias: 0n });
  if (source === undefined) return undefined;
  const module = source.path.replace(/^.*[\\/]/, '');
  const read = SymbolTable.read(source.bytes, { module, bias: source.bias, inflate: ports.inflate });
  if (read.ok) return read.value;
  return spec.symbols === undefined ? undefined : { problem: `symbols from ${source.path}: ${read.problem.message}` };
}

class MachineSession implements Session {
  readonly #machine: Machine;
  readonly #engine: DiagnosisEngine;
  readonly #view: MachineView;
  #monitor: Monitor | undefined;

  constructor(machine: Machine, engine: DiagnosisEngine, view: MachineView) {
    this.#machine = machine;
    this.#engine = engine;
    this.#view = view;
  }

  get instructions(): number {
    return this.#machine.processor.instructions;
  }

  get time(): number {
    return this.#machine.clock.now();
  }

  get findings(): number {
    return this.#engine.findings.length;
  }

  registers() {
    return this.#machine.processor.registers();
  }

  run(limits: RunLimits): Outcome {
    return this.#machine.run(limits);
  }

  receive(bytes: Uint8Array): void {
    this.#machine.receiveSerial(bytes);
  }

  at(time: number, action: () => void): void {
    this.#machine.at('console', time, action);
  }

  stop(): void {
    this.#machine.stop();
  }

  get nextDeadline(): number | undefined {
    return this.#machine.clock.nextDeadline();
  }

  screendump(path: string): Uint8Array | undefined {
    const picture = this.#machine.picture();
    return picture === undefined ? undefined : pictureBytes(picture, formatOf(path));
  }

  monitor(line: string, paused: boolean): MonitorAnswer {
    this.#monitor ??= new Monitor({
      machine: this.#machine,
      disassemble: createDisassembler(),
      describeCode: (pc) => this.describeCode(pc),
    });
    return this.#monitor.run(line, paused);
  }

  describeCode(pc: bigint): string {
    const address = gva(pc);
    const symbol = this.#view.symbolAt(address);
    if (symbol === undefined) return hex(pc);
    const frames = this.#view.framesAt(address);
    const [inner, outer] = [frames[0]!, frames.at(-1)!];
    const short = ({ location }: typeof inner) =>
      location === undefined ? undefined : `${location.file.replace(/^.*\//, '')}:${location.line}`;
    const place = short(inner);
    const where = inner === outer ? place : `${place} in ${inner.symbol?.name}, inlined at ${short(outer)}`;
    return `${symbol.name}+${hex(symbol.offset)}${place === undefined ? '' : ` (${where})`}`;
  }

  conclude(outcome: Outcome): Report {
    const { time, instructions } = this;
    return new DiagnosisReport(this.#engine.finish({ kind: outcome.kind, text: '', time, instruction: instructions }));
  }
}

class DiagnosisReport implements Report {
  readonly #diagnosis: Diagnosis;

  constructor(diagnosis: Diagnosis) {
    this.#diagnosis = diagnosis;
  }

  get errors(): number {
    return this.#diagnosis.findings.filter((finding) => finding.severity === 'error').length;
  }

  get roots(): number {
    return this.#diagnosis.roots.length;
  }

  text(ending: Ending, { color, columns }: { readonly color: boolean; readonly columns: number | undefined }): string {
    const width = columns === undefined ? {} : { width: columns };
    return renderText(this.#ended(ending), { palette: color ? ANSI : PLAIN, ...width });
  }

  json(ending: Ending): string {
    return renderJson(this.#ended(ending));
  }

  #ended(ending: Ending): Diagnosis {
    return { ...this.#diagnosis, outcome: { ...this.#diagnosis.outcome, ...ending } };
  }
}
