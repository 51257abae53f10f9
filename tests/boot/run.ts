/** One run of one scenario in this process. */
import { createHash } from 'node:crypto';
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TraceBus } from '../../src/base/trace.ts';
import { DiagnosisEngine, PLAIN, renderText } from '../../src/diagnosis/index.ts';
import { MachineView } from '../../src/diagnosis/machine-view.ts';
import { createQ35 } from '../../src/machine/boards/q35.ts';
import { Machine } from '../../src/machine/machine.ts';
import type { Outcome } from '../../src/machine/outcome.ts';
import { type BootGuest, type BootPlan, type BootResult, type BootScenario, describeOutcome } from './scenario.ts';
import { StepList } from './step-list.ts';

const MILLISECOND = 1_000_000;
/** Milliseconds of the host. */
const HEARTBEAT = 20_000;
const MAX_SECONDS = 600;
/** SeaBIOS's and OVMF's debug port. */
const FIRMWARE_DEBUG_PORT = 0x402;

const LINE_FEED = 0x0a;

/** Text that grows byte by byte, and line by line in a file: a run that is killed leaves what it printed. */
class Output {
  readonly #file: string;
  #bytes: number[] = [];
  #text = '';

  constructor(file: string) {
    this.#file = file;
    writeFileSync(file, '');
  }

  put(byte: number): void {
    this.#bytes.push(byte);
    if (byte === LINE_FEED) this.text();
  }

  text(): string {
    if (this.#bytes.length > 0) {
      const bytes = Buffer.from(this.#bytes);
      this.#bytes = [];
      appendFileSync(this.#file, bytes);
      this.#text += bytes.toString('latin1');
    }
    return this.#text;
  }
}

/** Runs it, and leaves `serial.log`, `debug.log` and `report.txt` in `folder`. `say` gets a line for each step. */
export async function runScenario(
  scenario: BootScenario,
  round: number,
  folder: string,
  say: (line: string) => void,
): Promise<BootResult> {
  const began = performance.now();
  mkdirSync(folder, { recursive: true });
  const plan = scenario.build();
  const output = (name: string): Output => new Output(join(folder, name));
  const outputs = { serial: output('serial.log'), debug: output('debug.log') };
  const trace = new TraceBus();
  const put = (channel: 'serial' | 'debug') => (byte: number) => {
    outputs[channel].put(byte);
    steps.printed(channel, byte);
  };
  const machine = buildMachine(plan, trace, put('serial'), put('debug'));
  const engine = new DiagnosisEngine({
    view: new MachineView(machine, { symbols: undefined, readSource: () => undefined }),
  });
  engine.attach(trace);
  const guest: BootGuest = {
    machine,
    round,
    serial: () => outputs.serial.text(),
    debug: () => outputs.debug.text(),
    send: (text) => machine.receiveSerial(Buffer.from(text, 'latin1')),
    type: (keys, milliseconds = 0) => {
      const typed = machine.typeKeys(keys as never, { at: machine.clock.now() + milliseconds * MILLISECOND });
      if (typeof typed !== 'number') throw new Error(`no key types ${typed.unknown}`);
    },
    stop: () => machine.stop(),
    leave: (name, bytes) => writeFileSync(join(folder, name), bytes),
  };
  const steps = new StepList(plan.steps, guest, (name) => {
    say(`${(machine.clock.now() / 1e9).toFixed(2)} s: ${name}`);
  });
  const outcome = machine.run({
    maxInstructions: scenario.maxInstructions,
    maxTime: (scenario.maxSeconds ?? MAX_SECONDS) * 1e9,
    inputOpen: steps.left.length > 0,
    poll: heartbeat(machine, say),
  });
  const ending = describeOutcome(outcome);
  const seconds = (performance.now() - began) / 1000;
  const complaints = await complaintsOf(plan, guest, ending, steps.left);
  const { report, findings } = conclude(engine, machine, outcome);
  writeFileSync(join(folder, 'report.txt'), report);
  return {
    outcome: ending,
    instructions: machine.processor.instructions,
    time: machine.clock.now(),
    serial: digest(guest.serial()),
    debug: digest(guest.debug()),
    report: digest(report),
    findings,
    complaints,
    seconds,
    peakMegabytes: process.resourceUsage().maxRSS / 1024,
  };
}

/** A line now and then while no step is reached. */
function heartbeat(machine: Machine, say: (line: string) => void): () => boolean {
  let last = performance.now();
  return () => {
    const now = performance.now();
    if (now - last > HEARTBEAT) {
      last = now;
      say(
        `${(machine.clock.now() / 1e9).toFixed(2)} s, ${(machine.processor.instructions / 1e6).toFixed(0)} million instructions`,
      );
    }
    return false;
  };
}

function buildMachine(
  plan: BootPlan,
  trace: TraceBus,
  serialOutput: (byte: number) => void,
  debugOutput: (byte: number) => void,
): Machine {
  const { devices = [], ...options } = plan.options;
  const debugConsole = { kind: 'isa-debugcon', port: FIRMWARE_DEBUG_PORT, output: debugOutput } as const;
  const machine = createQ35({
    cpuModel: 'qemu64',
    personality: 'spec',
    trackWriters: true,
    ...options,
    devices: [...devices, ...(options.firmware === undefined ? [] : [debugConsole])],
    trace,
    serialOutput,
    debugOutput,
  });
  if (!(machine instanceof Machine)) throw new Error(`${machine.problem} (${machine.hint})`);
  const { kernel } = plan;
  if (kernel === undefined) return machine;
  const { name, bytes, commandLine, initrd } = kernel;
  const loaded = machine.load(bytes, {
    commandLine,
    imageName: name,
    modules: initrd === undefined ? [] : [{ name: 'initrd', bytes: initrd, commandLine: '' }],
  });
  if ('problem' in loaded) throw new Error(`${loaded.problem} (${loaded.hint})`);
  return machine;
}

async function complaintsOf(
  plan: BootPlan,
  guest: BootGuest,
  ending: string,
  left: readonly string[],
): Promise<readonly string[]> {
  if (left.length > 0) return [`it ended (${ending}) before: ${left[0]}`];
  if (ending !== plan.ends) return [`it ended by ${ending}, not by ${plan.ends}`];
  return plan.check?.(guest) ?? [];
}

function conclude(
  engine: DiagnosisEngine,
  machine: Machine,
  outcome: Outcome,
): { readonly report: string; readonly findings: BootResult['findings'] } {
  const { instructions } = machine.processor;
  const end = { kind: outcome.kind, text: '', time: machine.clock.now(), instruction: instructions };
  const diagnosis = engine.finish(end);
  return {
    report: `${renderText(diagnosis, { palette: PLAIN })}\n`,
    findings: diagnosis.findings.map(({ severity, rule }) => ({ severity, rule: rule.id })),
  };
}

function digest(text: string): string {
  return createHash('sha256').update(text, 'latin1').digest('hex');
}
