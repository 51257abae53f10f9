/**
 * Proves that a guest spins for ever: its loop comes back to the same registers, every byte it stored has its old value
 * again, and nothing outside the processor is going to happen (no timer is armed). Such a guest can never leave the loop,
 * so the run may end and say where it hangs.
 */
import type { Gpa, Gva } from '../base/address.ts';
import type { ProcessorLike, RegisterView } from '../cpu/types.ts';

/** Longest loop that is recognised, in instructions: a polling loop with a few calls inside. */
const LOOP_INSTRUCTIONS_MAX = 4096;
/** Distinct 8-byte units that a loop may store to; more is a working loop. */
const STORES_MAX = 512;
/** How often the same state must be met, at growing distances, before it counts as proof (device reads may depend on time). */
const CONFIRMATIONS = 3;
/** Instructions before the first look, doubled after each until {@link LOOK_INTERVAL_MAX}. */
const LOOK_INTERVAL_FIRST = 1_000_000;
const LOOK_INTERVAL_MAX = 32_000_000;

/** What the detector needs of the machine around the processor. */
export interface StuckDetectorPorts {
  readonly processor: ProcessorLike;
  /** True while any timer is armed: then something may still happen. */
  timersArmed(): boolean;
  /** Writes that left the processor for a device or an I/O port, ever. A loop that writes is not idle. */
  deviceWrites(): number;
  readRam(address: Gpa, size: number): Uint8Array | undefined;
}

export class StuckDetector {
  readonly #ports: StuckDetectorPorts;
  #nextLook = LOOK_INTERVAL_FIRST;
  #interval = LOOK_INTERVAL_FIRST;
  #lastState: string | undefined;
  #confirmed = 0;

  constructor(ports: StuckDetectorPorts) {
    this.#ports = ports;
  }

  /** Absolute instruction count at which {@link look} wants to be called next. */
  get nextLook(): number {
    return this.#nextLook;
  }

  /** Single-steps at most one loop. Returns where the guest spins once that is proven. Call it between slices only. */
  look(): Gva | undefined {
    const { processor } = this.#ports;
    this.#interval = Math.min(this.#interval * 2, LOOK_INTERVAL_MAX);
    const state = this.#ports.timersArmed() ? undefined : this.#stateOfIdleLoop();
    this.#confirmed = state === undefined ? 0 : state === this.#lastState ? this.#confirmed + 1 : 1;
    this.#lastState = state;
    // A suspicion is confirmed soon; an innocent guest is left alone for longer and longer.
    this.#nextLook = processor.instructions + (this.#confirmed > 0 ? LOOK_INTERVAL_FIRST : this.#interval);
    return this.#confirmed >= CONFIRMATIONS ? processor.pc : undefined;
  }

  /** A text that names the state at the lowest point of the loop, or `undefined` when the window shows no idle loop. */
  #stateOfIdleLoop(): string | undefined {
    const { processor } = this.#ports;
    const anchor = this.#findLoopHead();
    if (anchor === undefined) return undefined;
    const before = formatRegisters(processor.registers());
    const writesBefore = this.#ports.deviceWrites();
    const oldBytes = new Map<number, string>();
    let overflow = false;
    processor.observeStores((address, size) => {
      const unit = address - (address % 8);
      for (let at = unit; at < address + size; at += 8) {
        if (oldBytes.size >= STORES_MAX) overflow = true;
        else if (!oldBytes.has(at)) oldBytes.set(at, this.#unit(at));
      }
    });
    let returned = false;
    for (let steps = 0; steps < LOOP_INSTRUCTIONS_MAX && !overflow; steps += 1) {
      if (processor.run(1) !== 'budget') break;
      if (processor.pc === anchor && formatRegisters(processor.registers()) === before) {
        returned = true;
        break;
      }
    }
    processor.observeStores(undefined);
    const idle =
      returned &&
      !overflow &&
      this.#ports.deviceWrites() === writesBefore &&
      [...oldBytes].every(([address, bytes]) => this.#unit(address) === bytes);
    return idle ? before : undefined;
  }

  /** The lowest address that one stretch of steps visits: the same point of the loop wherever the slice ended. */
  #findLoopHead(): Gva | undefined {
    const { processor } = this.#ports;
    let lowest = processor.pc;
    let steps = 0;
    const first = processor.pc;
    do {
      if (processor.run(1) !== 'budget') return undefined;
      if (processor.pc < lowest) lowest = processor.pc;
      steps += 1;
    } while (processor.pc !== first && steps < LOOP_INSTRUCTIONS_MAX);
    if (processor.pc !== first) return undefined;
    for (let more = 0; processor.pc !== lowest && more < LOOP_INSTRUCTIONS_MAX; more += 1) {
      if (processor.run(1) !== 'budget') return undefined;
    }
    return processor.pc === lowest ? lowest : undefined;
  }

  #unit(address: number): string {
    return String(this.#ports.readRam(address as Gpa, 8) ?? '');
  }
}

function formatRegisters(view: RegisterView): string {
  return `${view.gpr.map((value) => value.toString(16)).join(' ')} ${view.rip.toString(16)} ${view.rflags.toString(16)} ${view.cr.cr3.toString(16)} ${view.segments.map((segment) => segment.selector).join(' ')}`;
}
