/** CPUID's answers from a model (Intel SDM Vol. 2, CPUID; AMD APM Vol. 3 appendix E). */
import type { CpuidModel } from './cpuid-models.ts';
import { AMD_ALIASES, FEATURE_WORDS, featureWords, knownFeature } from './isa/features.ts';
import { apicIdShifts, type ProcessorTopology } from './topology.ts';
import { XSAVE_COMPONENTS, xsaveAreaBytes } from './xsave-components.ts';

/** One answer. A leaf without `subleaf` answers every ECX. */
export interface CpuidEntry {
  readonly leaf: number;
  readonly subleaf?: number;
  readonly eax: number;
  readonly ebx: number;
  readonly ecx: number;
  readonly edx: number;
}

type Registers = Partial<Omit<CpuidEntry, 'leaf' | 'subleaf'>>;

function entry(leaf: number, registers: Registers, subleaf?: number): CpuidEntry {
  const whole = { leaf, eax: 0, ebx: 0, ecx: 0, edx: 0, ...registers };
  return subleaf === undefined ? whole : { ...whole, subleaf };
}

/** CLFLUSH line of 64 bytes, in units of 8, in bits 15-8. */
const CLFLUSH_LINE = 8 << 8;

/** Four characters as CPUID packs them into a register. */
function packed(text: string, at: number): number {
  let value = 0;
  for (let index = 3; index >= 0; index--) value = value * 256 + (text.charCodeAt(at + index) || 0);
  return value;
}

function vendorLeaf(leaf: number, highest: number, vendor: string): CpuidEntry {
  return entry(leaf, { eax: highest, ebx: packed(vendor, 0), edx: packed(vendor, 4), ecx: packed(vendor, 8) });
}

/** A hypervisor's name stands in EBX, ECX, EDX; a vendor's in EBX, EDX, ECX. */
function hypervisorLeaf(name: string): CpuidEntry {
  return entry(0x4000_0000, { eax: 0x4000_0001, ebx: packed(name, 0), ecx: packed(name, 4), edx: packed(name, 8) });
}

function brandLeaves(brand: string): CpuidEntry[] {
  return [0, 1, 2].map((part) =>
    entry(0x8000_0002 + part, {
      eax: packed(brand, part * 16),
      ebx: packed(brand, part * 16 + 4),
      ecx: packed(brand, part * 16 + 8),
      edx: packed(brand, part * 16 + 12),
    }),
  );
}

/** Leaf 1 EAX: a family above 15 and a model above 15 spill into their extended fields (SDM Vol. 2 figure 3-6). */
export function signatureOf({ family, model, stepping }: CpuidModel): number {
  const extended = Math.max(0, family - 15);
  return (extended << 20) | ((model >> 4) << 16) | ((family - extended) << 8) | ((model & 15) << 4) | stepping;
}

export function modelFeatureWords(model: CpuidModel): Uint32Array {
  return featureWords([...model.features].map(knownFeature));
}

/** {type (1 data, 2 code, 3 both), level, line bytes, ways, sets, shared by the package} */
const INTEL_CACHES = [
  { type: 1, level: 1, ways: 8, sets: 64, shared: false, edx: 1 },
  { type: 2, level: 1, ways: 8, sets: 64, shared: false, edx: 1 },
  { type: 3, level: 2, ways: 16, sets: 4096, shared: false, edx: 1 },
  // Inclusive, complex indexing.
  { type: 3, level: 3, ways: 16, sets: 16384, shared: true, edx: 6 },
] as const;

function intelCacheLeaves(topology: ProcessorTopology): CpuidEntry[] {
  const { cores, threads } = topology;
  const ids = 2 ** apicIdShifts(topology).package;
  const caches = INTEL_CACHES.map(({ type, level, ways, sets, shared, edx }, subleaf) =>
    entry(
      4,
      {
        // Bit 8: self-initialising. Bits 25-14: who shares it; bits 31-26: cores of the package, both less one.
        eax: type + level * 32 + 0x100 + ((shared ? ids : threads) - 1) * 2 ** 14 + (cores - 1) * 2 ** 26,
        ebx: (ways - 1) * 2 ** 22 + 63,
        ecx: sets - 1,
        edx,
      },
      subleaf,
    ),
  );
  return [entry(2, { eax: 1, edx: 0x002c_307d, ecx: 0x4d }), ...caches];
}

/** Leaf 0xb: level number in ECX 7-0, its kind (1 thread, 2 core) in ECX 15-8; the core fills in EDX, the processor. */
function topologyLeaves(topology: ProcessorTopology): CpuidEntry[] {
  const { cores, threads } = topology;
  const shifts = apicIdShifts(topology);
  const beyond = [2, 3].map((level) => entry(0xb, { ecx: level }, level));
  return [
    entry(0xb, { eax: shifts.core, ebx: threads, ecx: 0x100 }, 0),
    entry(0xb, { eax: shifts.package, ebx: cores * threads, ecx: 0x201 }, 1),
    ...beyond,
  ];
}

/** Leaf 0xd. What depends on XCR0 (EBX of subleaves 0 and 1) the core fills in. */
function xsaveLeaves(model: CpuidModel, featuresEax: number): CpuidEntry[] {
  if (!model.features.has('xsave')) return [];
  const components = XSAVE_COMPONENTS.filter(({ feature }) => model.features.has(feature));
  const mask = components.reduce((bits, { bit }) => bits | (1 << bit), 0);
  const extended = components.filter(({ bit }) => bit >= 2);
  return [
    entry(0xd, { eax: mask, ecx: xsaveAreaBytes(mask) }, 0),
    entry(0xd, { eax: featuresEax }, 1),
    ...extended.map(({ bit, bytes, offset }) => entry(0xd, { eax: bytes, ebx: offset }, bit)),
  ];
}

/** The table of a model in packages of that shape. Leaves that are not listed read 0. */
export function cpuidEntries(model: CpuidModel, topology: ProcessorTopology): readonly CpuidEntry[] {
  // Of a package: what leaf 1 and 0x80000008 count.
  const logical = topology.cores * topology.threads;
  const multi = logical > 1;
  const words = modelFeatureWords(model);
  const word = (leaf: number, register: string, subleaf?: number) =>
    words[FEATURE_WORDS.findIndex((w) => w.leaf === leaf && w.register === register && w.subleaf === subleaf)] ?? 0;
  const signature = signatureOf(model);
  const amd = model.vendor === 'AuthenticAMD';
  const leaf1Edx = word(1, 'edx');
  return [
    vendorLeaf(0, model.level, model.vendor),
    entry(1, {
      eax: signature,
      ebx: CLFLUSH_LINE + (multi ? logical * 0x1_0000 : 0),
      ecx: word(1, 'ecx'),
      // HTT: EBX 23-16 holds the number of processors of the package.
      edx: (leaf1Edx | (multi ? 1 << 28 : 0)) >>> 0,
    }),
    ...(model.intelCaches ? intelCacheLeaves(topology) : []),
    // MONITOR: extensions are enumerated, break on interrupt.
    entry(5, { ecx: 3 }),
    entry(6, { eax: word(6, 'eax') }),
    entry(7, { ebx: word(7, 'ebx', 0), ecx: word(7, 'ecx', 0), edx: word(7, 'edx', 0) }, 0),
    ...topologyLeaves(topology),
    ...xsaveLeaves(model, word(0xd, 'eax', 1)),
    hypervisorLeaf('TCGTCGTCGTCG'),
    vendorLeaf(0x8000_0000, model.extendedLevel, model.vendor),
    entry(0x8000_0001, {
      eax: signature,
      // CMP_LEGACY (AMD): several processors.
      ecx: (word(0x8000_0001, 'ecx') | (multi && amd ? 2 : 0)) >>> 0,
      edx: (word(0x8000_0001, 'edx') | (amd ? leaf1Edx & AMD_ALIASES : 0)) >>> 0,
    }),
    ...brandLeaves(model.brand),
    entry(0x8000_0005, { eax: 0x01ff_01ff, ebx: 0x01ff_01ff, ecx: 0x4002_0140, edx: 0x4002_0140 }),
    entry(0x8000_0006, { ebx: 0x4200_4200, ecx: 0x0200_8140, edx: 0x0080_8140 }),
    entry(0x8000_0007, { edx: word(0x8000_0007, 'edx') }),
    entry(0x8000_0008, {
      eax: 0x3000 + model.physicalBits,
      ebx: word(0x8000_0008, 'ebx'),
      ecx: multi ? logical - 1 : 0,
    }),
  ];
}
