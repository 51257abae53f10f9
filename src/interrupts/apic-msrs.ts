/** IA32_APIC_BASE and IA32_TSC_DEADLINE: the local APIC's MSRs (Intel SDM Vol. 3A 10.4.4, 10.5.4.1). */
import type { ExternalMsrs } from '../cpu/types.ts';
import type { LocalApic } from './local-apic.ts';

export const IA32_APIC_BASE = 0x1b;
export const IA32_TSC_DEADLINE = 0x6e0;

const BOOTSTRAP = 1n << 8n;
const ENABLE = 1n << 11n;
const DEFAULT_BASE = 0xfee0_0000n;
/** Bits 35-12: the base, with 36 to 52 physical address bits. */
const BASE_MASK = 0xf_ffff_ffff_f000n;

export class ApicMsrs implements ExternalMsrs {
  readonly #apics: readonly LocalApic[];
  readonly #changed: (cpu: number) => void;

  constructor(apics: readonly LocalApic[], changed: (cpu: number) => void) {
    this.#apics = apics;
    this.#changed = changed;
  }

  read(cpu: number, msr: number): bigint | undefined {
    const apic = this.#apics[cpu]!;
    if (msr === IA32_TSC_DEADLINE) return apic.timer.deadline;
    if (msr !== IA32_APIC_BASE) return undefined;
    return DEFAULT_BASE | (cpu === 0 ? BOOTSTRAP : 0n) | (apic.hardwareEnabled ? ENABLE : 0n);
  }

  /**
   * Enables or disables the APIC; reserved bits and bit 10 (x2APIC, which CPUID does not offer) raise #GP.
   * DEVIATION: the registers stay at 0xfee00000; a guest that relocates them keeps finding them there, as on QEMU.
   */
  write(cpu: number, msr: number, value: bigint): boolean | undefined {
    const apic = this.#apics[cpu]!;
    if (msr === IA32_TSC_DEADLINE) {
      apic.timer.deadline = value;
      return true;
    }
    if (msr !== IA32_APIC_BASE) return undefined;
    if ((value & ~(BASE_MASK | BOOTSTRAP | ENABLE)) !== 0n) return false;
    apic.setHardwareEnabled((value & ENABLE) !== 0n);
    this.#changed(cpu);
    return true;
  }
}
