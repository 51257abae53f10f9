/**
 * Processor models as data: what CPUID answers (Intel SDM Vol. 2, CPUID; AMD APM Vol. 3 appendix E).
 *
 * `qemu64` and `Nehalem` are QEMU 7.2's under TCG, leaf by leaf. DEVIATION: SVM is not advertised, because the core does
 * not run it; a guest's hypervisor finds none. `max` has every feature that the core has, and no other.
 */
import { FEATURE_NAMES } from './isa/features.ts';

export type Vendor = 'AuthenticAMD' | 'GenuineIntel';

export interface CpuidModel {
  readonly name: string;
  /** What `-cpu help` says. */
  readonly brand: string;
  readonly vendor: Vendor;
  readonly family: number;
  readonly model: number;
  readonly stepping: number;
  /** Highest basic and extended leaf. */
  readonly level: number;
  readonly extendedLevel: number;
  /** MAXPHYADDR, 32 to 52. */
  readonly physicalBits: number;
  /** Feature names of `isa/features.ts`. */
  readonly features: ReadonlySet<string>;
  /** Leaves 2 and 4 (Intel): descriptor bytes, and one line per cache. */
  readonly intelCaches: boolean;
}

const names = (...lists: string[]): ReadonlySet<string> => new Set(lists.flatMap((list) => list.split(' ')));

/** What every 64-bit PC has, as QEMU lists it. */
const COMMON =
  'fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse sse2 pni cx16 hypervisor ' +
  'syscall nx lm lahf-lm';

/**
 * What `max` has beyond the instructions: paging, MSRs and promises that no row of the opcode table stands for. The
 * features that rows name come from the build, if all their rows have handlers.
 */
const MAX_WITHOUT_ROWS =
  'fpu vme de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse sse2 hypervisor ' +
  'pcid x2apic tsc-deadline tsc-adjust smep erms fsrm umip xgetbv1 arat syscall nx pdpe1gb lm lahf-lm 3dnowprefetch invtsc cx16';

const QEMU64: CpuidModel = {
  name: 'qemu64',
  brand: 'QEMU Virtual CPU version 2.5+',
  vendor: 'AuthenticAMD',
  family: 15,
  model: 107,
  stepping: 1,
  level: 0xd,
  extendedLevel: 0x8000_000a,
  physicalBits: 40,
  features: names(COMMON),
  intelCaches: false,
};

const NEHALEM: CpuidModel = {
  name: 'Nehalem',
  brand: 'Intel Core i7 9xx (Nehalem Class Core i7)',
  vendor: 'GenuineIntel',
  family: 6,
  model: 26,
  stepping: 3,
  level: 0xb,
  extendedLevel: 0x8000_0008,
  physicalBits: 40,
  features: names(COMMON, 'ssse3 sse4.1 sse4.2 popcnt'),
  intelCaches: true,
};

/** Names that QEMU gives to versions and to the machine's default. */
const ALIASES: Readonly<Record<string, string>> = { 'qemu64-v1': 'qemu64', 'nehalem-v1': 'Nehalem' };

export const CPU_MODEL_NAMES: readonly string[] = ['qemu64', 'max', 'Nehalem'];

/** The model of that name (QEMU's spelling, any case). `implemented`: features whose instructions the core has. */
export function cpuidModel(name: string, implemented: readonly string[]): CpuidModel | undefined {
  const plain = name.toLowerCase();
  switch (ALIASES[plain] ?? CPU_MODEL_NAMES.find((known) => known.toLowerCase() === plain)) {
    case 'qemu64':
      return QEMU64;
    case 'Nehalem':
      return NEHALEM;
    case 'max':
      return {
        ...QEMU64,
        name: 'max',
        brand: 'QEMU TCG CPU version 2.5+',
        features: new Set([...names(MAX_WITHOUT_ROWS), ...implemented]),
      };
    default:
      return undefined;
  }
}

/** Features that `-cpu model,+name` may ask for: what a model has or the core implements. */
export function offeredFeatures(implemented: readonly string[]): readonly string[] {
  const offered = new Set([...names(COMMON, MAX_WITHOUT_ROWS), ...NEHALEM.features, ...implemented]);
  return FEATURE_NAMES.filter((name) => offered.has(name));
}
