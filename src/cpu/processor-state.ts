/** Saved state of one processor: its state block, cut into named parts. RAM is saved by its owner. */
import type { StateSource, StateValue } from '../base/state.ts';
import type { CoreInstance } from './core-instance.ts';
import {
  CONTROL_STATE_END,
  CPL,
  CPU_INDEX,
  DEBUG_PENDING,
  DEBUG_REGISTERS,
  EFLAGS,
  EVENTS,
  FLAGS_OP,
  GDT_BASE,
  GPR,
  HALTED,
  INTERRUPT_SHADOW,
  MTRR_DEFAULT_TYPE,
  MXCSR,
  NMI_BLOCKED,
  PDPTES,
  RIP,
  SEGMENTS,
  STARTUP_VECTOR,
  STATE,
  X87,
  XMM,
  YMM_HIGH,
} from './layout.ts';

/** Start and length of each part, in bytes. What is not listed follows from these (mode key, TLBs, pending fault). */
const PARTS: Readonly<Record<string, readonly [number, number]>> = {
  general: [GPR, 16 * 8],
  rip: [RIP, 8],
  lazyFlags: [FLAGS_OP, EFLAGS - FLAGS_OP],
  flags: [EFLAGS, 8],
  events: [EVENTS, 4],
  interruptShadow: [INTERRUPT_SHADOW, 4],
  halted: [HALTED, 4],
  cpl: [CPL, 4],
  nmiBlocked: [NMI_BLOCKED, 4],
  segments: [SEGMENTS, GDT_BASE - SEGMENTS],
  tablesAndControl: [GDT_BASE, MTRR_DEFAULT_TYPE - GDT_BASE],
  memoryTypes: [MTRR_DEFAULT_TYPE, DEBUG_REGISTERS - MTRR_DEFAULT_TYPE],
  debug: [DEBUG_REGISTERS, CPU_INDEX - DEBUG_REGISTERS],
  startupVector: [STARTUP_VECTOR, 4],
  xmm: [XMM, MXCSR - XMM],
  mxcsr: [MXCSR, 8],
  x87: [X87, 0xb0],
  ymmHigh: [YMM_HIGH, 256],
  modelSpecific: [PDPTES, CONTROL_STATE_END - PDPTES],
  debugAndManagement: [DEBUG_PENDING, 0x40],
};

export class ProcessorState implements StateSource {
  readonly name: string;
  readonly version = 1;
  readonly #core: CoreInstance;
  readonly #cpu: number;
  readonly #address: () => number;

  /** `address` gives the start of the processor's state block now: in place while active, parked otherwise. */
  constructor(core: CoreInstance, cpu: number, address: () => number) {
    this.name = `cpu${cpu}`;
    this.#core = core;
    this.#cpu = cpu;
    this.#address = address;
  }

  save(): { readonly [field: string]: StateValue } {
    const fields: Record<string, StateValue> = {};
    for (const [name, [start, size]] of Object.entries(PARTS)) {
      const at = start - STATE + this.#address();
      fields[name] = this.#core.bytes.slice(at, at + size);
    }
    return fields;
  }

  load(fields: { readonly [field: string]: StateValue }): void {
    for (const [name, [start, size]] of Object.entries(PARTS)) {
      const value = fields[name];
      if (value instanceof Uint8Array && value.length === size) {
        this.#core.bytes.set(value, start - STATE + this.#address());
      }
    }
    const active = this.#core.activeCpu;
    this.#core.exports.switchTo(this.#cpu);
    this.#core.exports.stateChanged();
    this.#core.exports.switchTo(active);
  }
}
