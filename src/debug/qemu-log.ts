/**
 * QEMU's log, from dmascope's facts: what `-d` and `-trace` print, in QEMU's own words (Debian's QEMU 7.2 was the
 * reference; later versions differ where noted).
 */
import { type BusAddress, type Gva, hexPadded } from '../base/address.ts';
import type { TraceBus, TraceEvents, TraceName } from '../base/trace.ts';
import '../cpu/events.ts';
import type { RegisterView } from '../cpu/types.ts';
import '../memory/events.ts';
import type { InvalidAccess } from '../memory/events.ts';
import { blockText, type Disassembler } from './disassembly.ts';
import { selectEvents } from './glob.ts';
import { dumpRegisters } from './register-dump.ts';
import { TRACE_EVENT_NAMES, TRACE_LINES, type TraceLine } from './trace-lines.ts';

export interface QemuLogOptions {
  readonly trace: TraceBus;
  /** Items of `-d`; see `log-items.ts`. */
  readonly items: ReadonlySet<string>;
  /** Patterns of `-trace` and `-d trace:`, in their order. */
  readonly patterns: readonly string[];
  /** Where text goes, with its line ends. */
  readonly write: (text: string) => void;
  /** Where QEMU's warnings go, which it prints whatever `-d` says (default: `write`). */
  readonly warn?: (text: string) => void;
  /** Registers of the running processor, for `int` and `cpu_reset`; `undefined` while there is none. */
  readonly registers?: () => RegisterView | undefined;
  /** `-no-reboot`: a triple fault ends the run, so that no reset of the processor follows. */
  readonly noReboot?: boolean;
  /** For `in_asm`; without it the item prints nothing. */
  readonly disassemble?: Disassembler;
  /** `-msg timestamp=on`: what stands before the colon, for example `1@0.000123`. */
  readonly timestamp?: () => string;
}

/** Starts printing; returns the way to stop. Facts that nothing prints cost nothing: their channels stay silent. */
export function attachQemuLog(options: QemuLogOptions): () => void {
  const log = new QemuLog(options);
  log.attach();
  return () => log.detach();
}

class QemuLog {
  readonly #options: QemuLogOptions;
  readonly #stops: (() => void)[] = [];
  #interrupts = 0;
  readonly #blocked = new Set<string>();

  constructor(options: QemuLogOptions) {
    this.#options = options;
  }

  detach(): void {
    for (const stop of this.#stops.splice(0)) stop();
  }

  attach(): void {
    this.#attachTraces();
    const { items } = this.#options;
    // DEVIATION: up to 9.x QEMU logs these under guest_errors, from 10.0 under invalid_mem; either item shows them here.
    if (items.has('invalid_mem') || items.has('guest_errors')) {
      this.#on('memory.invalid-access', (event) => this.#write(invalidAccessText(event)));
    }
    this.#on('memory.reentrancy-blocked', (event) => this.#blockedOnce(event));
    if (items.has('guest_errors') || items.has('unimp')) {
      this.#on('xhci.guest-error', (event) => this.#guestError(event));
    }
    if (items.has('int')) this.#on('cpu.interrupt', (event) => this.#interrupt(event));
    if (items.has('cpu_reset') || items.has('int')) {
      this.#on('cpu.triple-fault', (event) => this.#tripleFault(event));
    }
    if (items.has('in_asm')) this.#on('cpu.block-decoded', (event) => this.#block(event));
  }

  #on<N extends TraceName>(name: N, listener: (event: TraceEvents[N]) => void): void {
    this.#stops.push(this.#options.trace.on(name, listener));
  }

  #write(text: string): void {
    this.#options.write(text);
  }

  #attachTraces(): void {
    const on = selectEvents(TRACE_EVENT_NAMES, this.#options.patterns);
    if (on.size === 0) return;
    for (const name of Object.keys(TRACE_LINES) as (keyof typeof TRACE_LINES & TraceName)[]) {
      const render = TRACE_LINES[name] as ((event: TraceEvents[typeof name]) => TraceLine | undefined) | undefined;
      if (render === undefined) continue;
      this.#on(name, (event) => {
        const line = render(event);
        if (line !== undefined && on.has(line.event)) this.#write(`${this.#prefix()}${line.event} ${line.text}\n`);
      });
    }
  }

  #prefix(): string {
    const { timestamp } = this.#options;
    return timestamp === undefined ? '' : `${timestamp()}:`;
  }

  #blockedOnce({ region, address }: TraceEvents['memory.reentrancy-blocked']): void {
    if (this.#blocked.size > 0) return;
    this.#blocked.add(region);
    const warn = this.#options.warn ?? this.#options.write;
    const at = address.toString(16).toUpperCase();
    warn(`qemu-system-x86_64: warning: Blocked re-entrant IO on MemoryRegion: ${region} at addr: 0x${at}\n`);
  }

  #guestError(event: TraceEvents['xhci.guest-error']): void {
    if (!this.#options.items.has(event.category ?? 'guest_errors')) return;
    this.#write(`${event.function}: ${event.message}${event.newline === false ? '' : '\n'}`);
  }

  /** Exceptions and interrupts in protected mode; QEMU prints none in real mode. */
  #interrupt(event: TraceEvents['cpu.interrupt']): void {
    const { vector, kind, errorCode, pc, faultAddress } = event;
    const registers = this.#options.registers?.();
    if (kind === 'exception') this.#checkException(event.during, event.raised ?? vector);
    if (kind === 'interrupt') this.#write(`Servicing hardware INT=0x${hexPadded(vector, 2)}\n`);
    if (registers === undefined || (registers.cr.cr0 & 1n) === 0n) return;
    const [cs, ss] = [registers.segments[1]!, registers.segments[2]!];
    const count = String(this.#interrupts).padStart(6);
    this.#interrupts += 1;
    const where = `IP=${hexPadded(cs.selector, 4)}:${hexPadded(pc, 16)} pc=${hexPadded((pc + cs.base) as Gva, 16)}`;
    const stack = `SP=${hexPadded(ss.selector, 4)}:${hexPadded(registers.gpr[4]!, 16)}`;
    const last =
      vector === 14 ? `CR2=${hexPadded(faultAddress, 16)}` : `env->regs[R_EAX]=${hexPadded(registers.gpr[0]!, 16)}`;
    const number = `v=${hexPadded(vector, 2)} e=${hexPadded(errorCode ?? 0, 4)} i=${kind === 'software' ? 1 : 0}`;
    this.#write(`${count}: ${number} cpl=${registers.cpl} ${where} ${stack} ${last}\n`);
    this.#write(dumpRegisters(registers, { conditionCodes: true }));
  }

  /** QEMU remembers what is being delivered only if another exception on top of it makes a double or triple fault. */
  #checkException(during: number | undefined, raised: number): void {
    const old = during !== undefined && escalates(during) ? during : 0xffff_ffff;
    this.#write(`check_exception old: 0x${old.toString(16)} new 0x${raised.toString(16)}\n`);
  }

  #tripleFault({ cpu, vector, raised }: TraceEvents['cpu.triple-fault']): void {
    const registers = this.#options.registers?.();
    if (this.#options.items.has('int') && raised !== undefined) this.#checkException(vector, raised);
    if (!this.#options.items.has('cpu_reset')) return;
    this.#write('Triple fault\n');
    if (registers === undefined || this.#options.noReboot === true) return;
    this.#write(`CPU Reset (CPU ${cpu})\n${dumpRegisters(registers, { conditionCodes: true })}`);
  }

  #block({ pc, bytes, bits }: TraceEvents['cpu.block-decoded']): void {
    const instructions = this.#options.disassemble?.(pc, bytes, bits);
    if (instructions !== undefined && instructions.length > 0) this.#write(blockText(instructions));
  }
}

/** One `Invalid read at addr ...` line (system/memory.c). */
function invalidAccessText(event: InvalidAccess): string {
  const what = event.write ? 'write' : 'read';
  const address = upperHex(event.address);
  const region = event.region ?? '(null)';
  if (event.reason === 'non-ram') {
    return `Invalid access to non-RAM device at addr 0x${address}, size ${event.size}, region '${region}'\n`;
  }
  const reason =
    event.reason === 'invalid-size'
      ? `invalid size (min:${event.minimum ?? 0} max:${event.maximum ?? 0})`
      : event.reason;
  return `Invalid ${what} at addr 0x${address}, size ${event.size}, region '${region}', reason: ${reason}\n`;
}

/** #DE, #DF, #TS, #NP, #SS, #GP, #PF (Intel SDM Vol. 3A, Table 6-5). */
function escalates(vector: number): boolean {
  return vector === 0 || vector === 8 || (vector >= 10 && vector <= 14);
}

function upperHex(address: BusAddress): string {
  return address.toString(16).toUpperCase();
}
