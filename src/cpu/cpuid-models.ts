/**
 * Processor models as data: what CPUID answers (Intel SDM Vol. 2, CPUID; AMD APM Vol. 3 appendix E).
 *
 * `qemu64` is QEMU 7.2's default model under TCG, leaf by leaf. DEVIATION: SVM is not advertised, because the core
 * does not run it; a guest's hypervisor finds none. `max` is `qemu64` plus everything else that the core has.
 */

/** One answer. A leaf without `subleaf` answers every ECX. */
export interface CpuidEntry {
  readonly leaf: number;
  readonly subleaf?: number;
  readonly eax: number;
  readonly ebx: number;
  readonly ecx: number;
  readonly edx: number;
}

export interface CpuidModel {
  readonly name: string;
  readonly vendor: string;
  readonly brand: string;
  readonly physicalBits: number;
  /** Leaf 1, 7 and 0x80000001 feature words. */
  readonly features1Ecx: number;
  readonly features1Edx: number;
  readonly features7Ebx: number;
  readonly extendedEcx: number;
  readonly extendedEdx: number;
  /** Leaf 6 EAX: bit 2 ARAT. */
  readonly thermalEax: number;
}

const BIT = (position: number): number => 2 ** position;

/** SSE3, CMPXCHG16B, running under a hypervisor. */
const QEMU64_1_ECX = BIT(0) + BIT(13) + BIT(31);
/** All of bits 0-9 but none of 10; SEP to CMOV, PAT, PSE-36, CLFLUSH, MMX, FXSR, SSE, SSE2. */
const QEMU64_1_EDX = 0x078b_fbfd;
/** The same bits as far as AMD repeats them, SYSCALL, NX, long mode. */
const QEMU64_EXTENDED_EDX = 0x2193_fbfd;

export const CPUID_MODELS: Readonly<Record<string, CpuidModel>> = {
  qemu64: {
    name: 'qemu64',
    vendor: 'AuthenticAMD',
    brand: 'QEMU Virtual CPU version 2.5+',
    physicalBits: 40,
    features1Ecx: QEMU64_1_ECX,
    features1Edx: QEMU64_1_EDX,
    features7Ebx: 0,
    // LAHF/SAHF in 64-bit mode.
    extendedEcx: BIT(0),
    extendedEdx: QEMU64_EXTENDED_EDX,
    thermalEax: 0,
  },
  max: {
    name: 'max',
    vendor: 'AuthenticAMD',
    brand: 'QEMU TCG CPU version 2.5+',
    physicalBits: 40,
    // MOVBE, POPCNT, RDRAND.
    features1Ecx: QEMU64_1_ECX + BIT(22) + BIT(23) + BIT(30),
    features1Edx: QEMU64_1_EDX,
    // SMEP, INVPCID, RDSEED, SMAP, CLFLUSHOPT, CLWB.
    features7Ebx: BIT(7) + BIT(10) + BIT(18) + BIT(20) + BIT(23) + BIT(24),
    // LAHF/SAHF, LZCNT, PREFETCHW.
    extendedEcx: BIT(0) + BIT(5) + BIT(8),
    // 1 GiB pages, RDTSCP.
    extendedEdx: QEMU64_EXTENDED_EDX + BIT(26) + BIT(27),
    thermalEax: BIT(2),
  },
};

const HIGHEST_BASIC_LEAF = 0xd;
const HIGHEST_EXTENDED_LEAF = 0x8000_000a;
/** Family 15, model 107, stepping 1. */
export const SIGNATURE = 0x0006_0fb1;
/** CLFLUSH line of 64 bytes, in units of 8, in bits 15-8. */
const CLFLUSH_LINE = 8 << 8;

/** Four characters as CPUID packs them into a register. */
function packed(text: string, at: number): number {
  let value = 0;
  for (let index = 3; index >= 0; index--) value = value * 256 + (text.charCodeAt(at + index) || 0);
  return value;
}

function vendorLeaf(leaf: number, highest: number, vendor: string): CpuidEntry {
  return { leaf, eax: highest, ebx: packed(vendor, 0), edx: packed(vendor, 4), ecx: packed(vendor, 8) };
}

/** A hypervisor's name stands in EBX, ECX, EDX; a vendor's in EBX, EDX, ECX. */
function hypervisorLeaf(name: string): CpuidEntry {
  return { leaf: 0x4000_0000, eax: 0x4000_0001, ebx: packed(name, 0), ecx: packed(name, 4), edx: packed(name, 8) };
}

function brandLeaves(brand: string): CpuidEntry[] {
  return [0, 1, 2].map((part) => ({
    leaf: 0x8000_0002 + part,
    eax: packed(brand, part * 16),
    ebx: packed(brand, part * 16 + 4),
    ecx: packed(brand, part * 16 + 8),
    edx: packed(brand, part * 16 + 12),
  }));
}

/** The table of a model with `cpus` processors in one package. Leaves that are not listed read 0. */
export function cpuidEntries(model: CpuidModel, cpus: number): readonly CpuidEntry[] {
  const shift = Math.ceil(Math.log2(cpus));
  const multi = cpus > 1;
  const zero = { eax: 0, ebx: 0, ecx: 0, edx: 0 };
  return [
    vendorLeaf(0, HIGHEST_BASIC_LEAF, model.vendor),
    {
      leaf: 1,
      eax: SIGNATURE,
      ebx: CLFLUSH_LINE + (multi ? cpus * 0x1_0000 : 0),
      ecx: model.features1Ecx,
      // HTT: EBX 23-16 holds the number of processors.
      edx: model.features1Edx + (multi ? BIT(28) : 0),
    },
    // MONITOR: extensions are enumerated, break on interrupt.
    { leaf: 5, ...zero, ecx: 3 },
    { leaf: 6, ...zero, eax: model.thermalEax },
    { leaf: 7, subleaf: 0, ...zero, ebx: model.features7Ebx },
    { leaf: 0xb, subleaf: 0, ...zero, ebx: 1, ecx: 0x100 },
    { leaf: 0xb, subleaf: 1, eax: shift, ebx: cpus, ecx: 0x201, edx: 0 },
    hypervisorLeaf('TCGTCGTCGTCG'),
    vendorLeaf(0x8000_0000, HIGHEST_EXTENDED_LEAF, model.vendor),
    {
      leaf: 0x8000_0001,
      eax: SIGNATURE,
      ebx: 0,
      // CMP_LEGACY: several processors.
      ecx: model.extendedEcx + (multi ? BIT(1) : 0),
      edx: model.extendedEdx,
    },
    ...brandLeaves(model.brand),
    { leaf: 0x8000_0005, eax: 0x01ff_01ff, ebx: 0x01ff_01ff, ecx: 0x4002_0140, edx: 0x4002_0140 },
    { leaf: 0x8000_0006, eax: 0, ebx: 0x4200_4200, ecx: 0x0200_8140, edx: 0x0080_8140 },
    { leaf: 0x8000_0008, eax: 0x3000 + model.physicalBits, ebx: 0, ecx: multi ? cpus - 1 : 0, edx: 0 },
  ];
}
