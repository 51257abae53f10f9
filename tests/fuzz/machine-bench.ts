/** A whole PC with its diagnosis, for random programs: everything that it states goes into one digest. */
import { TraceBus, type TraceChannel, type TraceName } from '../../src/base/trace.ts';
import { type Diagnosis, DiagnosisEngine, PLAIN, renderJson, renderText } from '../../src/diagnosis/index.ts';
import { MachineView } from '../../src/diagnosis/machine-view.ts';
import { createQ35 } from '../../src/machine/boards/q35.ts';
import type { DeviceOption } from '../../src/machine/boards/q35-options.ts';
import { Machine } from '../../src/machine/machine.ts';
import type { Outcome, RunLimits } from '../../src/machine/outcome.ts';
import { SymbolTable } from '../../src/symbols/symbol-table.ts';
import { Digest } from './dice.ts';

const MIB = 1024 * 1024;
export const RAM_BYTES = 4 * MIB;

/** Listens to every channel that any part of the machine opens. */
class ListeningBus extends TraceBus {
  readonly #heard = new Set<string>();

  constructor(
    readonly listener: (name: string, event: unknown) => void,
    ignored: readonly TraceName[],
  ) {
    super();
    for (const name of ignored) this.#heard.add(name);
  }

  override channel<N extends TraceName>(name: N): TraceChannel<N> {
    const channel = super.channel(name);
    if (!this.#heard.has(name)) {
      this.#heard.add(name);
      channel.subscribe((event) => this.listener(name, event));
    }
    return channel;
  }
}

export interface BenchOptions {
  readonly personality?: string;
  readonly ramBytes?: number;
  readonly devices?: readonly DeviceOption[];
  readonly trackWriters?: boolean;
  /** Events that stay out of the digest. */
  readonly ignored?: readonly TraceName[];
  /** State that stays out of it: `part.field`. */
  readonly ignoredState?: readonly string[];
  /** Hash every event (default). Without it only the diagnosis listens, as in a plain run. */
  readonly hashTrace?: boolean;
}

const DEVICES: readonly DeviceOption[] = [
  { kind: 'qemu-xhci' },
  { kind: 'usb-kbd' },
  { kind: 'isa-debug-exit', port: 0xf4, size: 4 },
];

export class MachineBench {
  readonly digest = new Digest();
  readonly machine: Machine;
  readonly serial: number[] = [];
  #engine: DiagnosisEngine | undefined;

  constructor(readonly options: BenchOptions = {}) {
    const hash = options.hashTrace ?? true;
    const tell = (name: string, event: unknown) => this.digest.add(name + stringify(event));
    const trace = hash ? new ListeningBus(tell, options.ignored ?? []) : new TraceBus();
    const machine = createQ35({
      ramBytes: options.ramBytes ?? RAM_BYTES,
      cpuModel: 'qemu64',
      personality: options.personality ?? 'spec',
      devices: options.devices ?? DEVICES,
      trackWriters: options.trackWriters ?? true,
      trace,
      serialOutput: (byte) => this.serial.push(byte),
      debugOutput: (byte) => this.serial.push(byte),
    });
    if (!(machine instanceof Machine)) throw new Error(machine.problem);
    this.machine = machine;
  }

  /** What is wrong with the image, if anything is. */
  load(image: Uint8Array): { readonly problem: string; readonly hint: string } | undefined {
    const loaded = this.machine.load(image, { commandLine: 'fuzz', imageName: 'image', modules: [] });
    if ('problem' in loaded) return loaded;
    const symbols = SymbolTable.read(image, { module: 'image' });
    const view = new MachineView(this.machine, {
      symbols: symbols.ok ? symbols.value : undefined,
      readSource: () => undefined,
    });
    this.#engine = new DiagnosisEngine({ view });
    this.#engine.attach(this.machine.trace);
    return undefined;
  }

  run(limits: RunLimits): Outcome {
    return this.machine.run(limits);
  }

  /** Ends the diagnosis: its report, as text and as JSON, and everything else into the digest. */
  conclude(outcome: Outcome): { readonly text: string; readonly json: string; readonly digest: string } {
    const { processor, clock, state } = this.machine;
    const { instructions } = processor;
    const ended = { kind: outcome.kind, text: outcome.kind, time: clock.now(), instruction: instructions };
    const diagnosis: Diagnosis = this.#engine!.finish(ended);
    const text = renderText(diagnosis, { palette: PLAIN });
    const json = renderJson(diagnosis);
    this.digest.add(`${text}${json}${stringify(outcome)}${stringify(processor.registers())}`);
    this.digest.addBytes(Uint8Array.from(this.serial));
    this.#addState(state.save());
    return { text, json, digest: `${this.digest.count} ${this.digest.value.toString(16)}` };
  }

  #addState(saved: ReturnType<Machine['state']['save']>): void {
    for (const [name, { fields }] of Object.entries(saved)) {
      for (const [field, value] of Object.entries(fields)) {
        if (this.options.ignoredState?.includes(`${name}.${field}`)) continue;
        this.digest.add(`${name}.${field}`);
        if (value instanceof Uint8Array) this.digest.addBytes(value);
        else this.digest.add(stringify(value) ?? 'undefined');
      }
    }
  }
}

function stringify(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => {
    if (typeof part === 'bigint') return part.toString(16);
    if (ArrayBuffer.isView(part) && !(part instanceof DataView)) return [...(part as Uint8Array)];
    return part;
  });
}
