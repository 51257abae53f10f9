/** The local APIC's MSRs: IA32_APIC_BASE, IA32_TSC_DEADLINE, and in x2APIC mode its registers (Intel SDM Vol. 3A 10.12). */
import type { ExternalMsrs } from '../cpu/types.ts';
import type { ApicMode, LocalApic } from './local-apic.ts';
import { readRegister, writeRegister } from './local-apic-access.ts';
import { APIC } from './local-apic-registers.ts';

export const IA32_APIC_BASE = 0x1b;
export const IA32_TSC_DEADLINE = 0x6e0;
/** First MSR of the x2APIC: register index + 0x800. */
export const X2APIC_FIRST = 0x800;
const X2APIC_LAST = 0x8ff;

const BOOTSTRAP = 1n << 8n;
const EXTENDED = 1n << 10n;
const ENABLE = 1n << 11n;
const DEFAULT_BASE = 0xfee0_0000n;
/** Bits 35-12: the base, with 36 to 52 physical address bits. */
const BASE_MASK = 0xf_ffff_ffff_f000n;

/** SELF IPI: a register that only the x2APIC has (10.12.11). */
const SELF_IPI = 0x3f;
/** Registers by index, as the x2APIC has them (table 10-6). DFR, APR and the upper half of ICR are not among them. */
const READABLE = new Set<number>([
  APIC.ID,
  APIC.VERSION,
  APIC.TPR,
  APIC.PPR,
  APIC.LDR,
  APIC.SVR,
  ...Array.from({ length: 24 }, (_, index) => APIC.ISR + index),
  APIC.ESR,
  APIC.ICR_LOW,
  APIC.LVT_TIMER,
  APIC.LVT_THERMAL,
  APIC.LVT_PERFORMANCE,
  APIC.LVT_LINT0,
  APIC.LVT_LINT1,
  APIC.LVT_ERROR,
  APIC.INITIAL_COUNT,
  APIC.CURRENT_COUNT,
  APIC.DIVIDE,
]);
/** Bits that a register takes; a set bit elsewhere raises #GP(0) (10.12.1.3). */
const WRITABLE: ReadonlyMap<number, bigint> = new Map<number, bigint>([
  [APIC.TPR, 0xffn],
  [APIC.EOI, 0n],
  [APIC.SVR, 0x3ffn],
  [APIC.ESR, 0n],
  [APIC.ICR_LOW, 0xffff_ffff_000c_cfffn],
  [APIC.LVT_TIMER, 0x7_00ffn],
  [APIC.LVT_THERMAL, 0x1_07ffn],
  [APIC.LVT_PERFORMANCE, 0x1_07ffn],
  [APIC.LVT_LINT0, 0x1_a7ffn],
  [APIC.LVT_LINT1, 0x1_a7ffn],
  [APIC.LVT_ERROR, 0x1_00ffn],
  [APIC.INITIAL_COUNT, 0xffff_ffffn],
  [APIC.DIVIDE, 0xbn],
  [SELF_IPI, 0xffn],
]);

/** What CPUID offers of the local APIC. */
export interface ApicFeatures {
  readonly x2apic: boolean;
  readonly tscDeadline: boolean;
}

export class ApicMsrs implements ExternalMsrs {
  readonly #apics: readonly LocalApic[];
  readonly #features: ApicFeatures;
  readonly #changed: (cpu: number) => void;

  constructor(apics: readonly LocalApic[], features: ApicFeatures, changed: (cpu: number) => void) {
    this.#apics = apics;
    this.#features = features;
    this.#changed = changed;
  }

  read(cpu: number, msr: number): bigint | undefined {
    const apic = this.#apics[cpu]!;
    if (msr === IA32_TSC_DEADLINE) return this.#features.tscDeadline ? apic.timer.deadline : undefined;
    if (msr === IA32_APIC_BASE) return baseOf(apic);
    if (!isX2apic(apic, msr)) return undefined;
    const index = msr - X2APIC_FIRST;
    if (!READABLE.has(index)) return undefined;
    const low = BigInt(readRegister(apic, index) >>> 0);
    return index === APIC.ICR_LOW ? low | (BigInt(apic.registers.icrHigh >>> 0) << 32n) : low;
  }

  /**
   * A reserved bit, and a change of mode that does not exist, raise #GP(0).
   * DEVIATION: the registers stay at 0xfee00000; a guest that relocates them keeps finding them there, as on QEMU.
   */
  write(cpu: number, msr: number, value: bigint): boolean | undefined {
    const apic = this.#apics[cpu]!;
    if (msr === IA32_TSC_DEADLINE) {
      if (!this.#features.tscDeadline) return undefined;
      apic.timer.deadline = value;
      return true;
    }
    if (msr === IA32_APIC_BASE) return this.#writeBase(apic, value);
    if (!isX2apic(apic, msr)) return undefined;
    return writeX2apic(apic, msr - X2APIC_FIRST, value);
  }

  #writeBase(apic: LocalApic, value: bigint): boolean {
    const known = BASE_MASK | BOOTSTRAP | ENABLE | (this.#features.x2apic ? EXTENDED : 0n);
    if ((value & ~known) !== 0n) return false;
    const mode = modeOf(value);
    if (mode === undefined || !apic.setMode(mode)) return false;
    this.#changed(apic.cpu);
    return true;
  }
}

function baseOf(apic: LocalApic): bigint {
  const mode = apic.mode === 'x2apic' ? ENABLE | EXTENDED : apic.mode === 'xapic' ? ENABLE : 0n;
  return DEFAULT_BASE | (apic.cpu === 0 ? BOOTSTRAP : 0n) | mode;
}

/** `undefined`: x2APIC mode with the APIC off, which does not exist. */
function modeOf(base: bigint): ApicMode | undefined {
  const extended = (base & EXTENDED) !== 0n;
  if ((base & ENABLE) === 0n) return extended ? undefined : 'off';
  return extended ? 'x2apic' : 'xapic';
}

function isX2apic(apic: LocalApic, msr: number): boolean {
  return apic.mode === 'x2apic' && msr >= X2APIC_FIRST && msr <= X2APIC_LAST;
}

function writeX2apic(apic: LocalApic, index: number, value: bigint): boolean {
  const allowed = WRITABLE.get(index);
  if (allowed === undefined || (value & ~allowed) !== 0n) return false;
  const low = Number(value & 0xffff_ffffn);
  if (index === SELF_IPI) apic.sendSelfIpi(low);
  else {
    if (index === APIC.ICR_LOW) apic.registers.icrHigh = Number(value >> 32n);
    writeRegister(apic, index, low);
  }
  return true;
}
