/** One run of one scenario in this process. */
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
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
/** SeaBIOS's and OVMF's debug port. */
const FIRMWARE_DEBUG_PORT = 0x402;

/** Text that grows byte by byte. */
class Output {
  readonly #bytes: number[] = [];
  #text = '';

  put(byte: number): void {
    this.#bytes.push(byte);
  }

  text(): string {
    this.#text += Buffer.from(this.#bytes.splice(0)).toString('latin1');
    return this.#text;
  }
}

/** Runs it, and leaves `serial.log`, `debug.log` and `report.txt` in `folder`. `say` gets a line for each step. */
export function runScenario(scenario: BootScenario, folder: string, say: (line: string) => void): BootResult {
  const began = performance.now();
  mkdirSync(folder, { recursive: true });
  const plan = scenario.build();
  const outputs = { serial: new Output(), debug: new Output() };
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
  const outcome = machine.run({ maxInstructions: scenario.maxInstructions, inputOpen: steps.left.length > 0 });
  const ending = describeOutcome(outcome);
  const complaints = complaintsOf(plan, guest, ending, steps.left);
  const { report, findings } = conclude(engine, machine, outcome);
  const texts = { 'serial.log': guest.serial(), 'debug.log': guest.debug(), 'report.txt': report };
  for (const [name, text] of Object.entries(texts)) writeFileSync(join(folder, name), text, 'latin1');
  return {
    outcome: ending,
    instructions: machine.processor.instructions,
    time: machine.clock.now(),
    serial: digest(texts['serial.log']),
    debug: digest(texts['debug.log']),
    report: digest(report),
    findings,
    complaints,
    seconds: (performance.now() - began) / 1000,
    peakMegabytes: process.resourceUsage().maxRSS / 1024,
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

function complaintsOf(plan: BootPlan, guest: BootGuest, ending: string, left: readonly string[]): readonly string[] {
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
