/**
 * CPUID's feature bits under QEMU's names (Intel SDM Vol. 2, CPUID; AMD APM Vol. 3 appendix E). A feature's number is
 * `word * 32 + bit`: the position of its bit in the core's feature words, which decide what decodes and what CR4 takes.
 */

export interface FeatureWord {
  readonly leaf: number;
  readonly subleaf?: number;
  readonly register: 'eax' | 'ebx' | 'ecx' | 'edx';
  /** Names by bit, from bit 0; a hyphen for a bit without a name. */
  readonly names: readonly string[];
}

function word(leaf: number, register: FeatureWord['register'], names: string, subleaf?: number): FeatureWord {
  return { leaf, register, names: names.split(' '), ...(subleaf === undefined ? {} : { subleaf }) };
}

/** In the order of the core's feature words. */
export const FEATURE_WORDS: readonly FeatureWord[] = [
  word(
    1,
    'edx',
    'fpu vme de pse tsc msr pae mce cx8 apic - sep mtrr pge mca cmov pat pse36 pn clflush - ds acpi mmx fxsr sse sse2 ss ht tm ia64 pbe',
  ),
  word(
    1,
    'ecx',
    'pni pclmulqdq dtes64 monitor ds-cpl vmx smx est tm2 ssse3 cid - fma cx16 xtpr pdcm - pcid dca sse4.1 sse4.2 x2apic movbe popcnt tsc-deadline aes xsave - avx f16c rdrand hypervisor',
  ),
  word(
    7,
    'ebx',
    'fsgsbase tsc-adjust sgx bmi1 hle avx2 - smep bmi2 erms invpcid rtm - - mpx - avx512f avx512dq rdseed adx smap avx512ifma pcommit clflushopt clwb intel-pt avx512pf avx512er avx512cd sha-ni avx512bw avx512vl',
    0,
  ),
  word(
    7,
    'ecx',
    '- avx512vbmi umip pku - waitpkg avx512vbmi2 - gfni vaes vpclmulqdq avx512vnni avx512bitalg - avx512-vpopcntdq - la57 - - - - - rdpid - bus-lock-detect cldemote - movdiri movdir64b - sgxlc pks',
    0,
  ),
  word(
    7,
    'edx',
    '- - avx512-4vnniw avx512-4fmaps fsrm - - - avx512-vp2intersect - md-clear - - - serialize - tsx-ldtrk - - arch-lbr - - amx-bf16 avx512-fp16 amx-tile amx-int8 spec-ctrl stibp - arch-capabilities core-capability ssbd',
    0,
  ),
  word(0xd, 'eax', 'xsaveopt xsavec xgetbv1 xsaves xfd', 1),
  word(6, 'eax', '- - arat'),
  // Bits that repeat leaf 1 EDX are not features of their own: see AMD_ALIASES.
  word(
    0x8000_0001,
    'edx',
    '- - - - - - - - - - - syscall - - - - - - - - nx - mmxext - - fxsr-opt pdpe1gb rdtscp - lm 3dnowext 3dnow',
  ),
  word(
    0x8000_0001,
    'ecx',
    'lahf-lm cmp-legacy svm extapic cr8legacy abm sse4a misalignsse 3dnowprefetch osvw ibs xop skinit wdt - lwp fma4 tce - nodeid-msr - tbm topoext perfctr-core perfctr-nb',
  ),
  word(0x8000_0007, 'edx', '- - - - - - - - invtsc'),
  word(
    0x8000_0008,
    'ebx',
    'clzero - xsaveerptr - - - - - - wbnoinvd - - ibpb - ibrs amd-stibp - - - - - - - - amd-ssbd virt-ssbd amd-no-ssb',
  ),
];

/** Bits of leaf 1 EDX that leaf 0x80000001 EDX repeats for AMD's processors (AMD APM Vol. 3, Fn8000_0001). */
export const AMD_ALIASES = 0x0183_f3ff;

/** Other spellings that QEMU takes. */
const SPELLINGS: Readonly<Record<string, string>> = {
  sse3: 'pni',
  'sse4-1': 'sse4.1',
  'sse4-2': 'sse4.2',
  i64: 'lm',
  xd: 'nx',
  ffxsr: 'fxsr-opt',
  lzcnt: 'abm',
  pclmuldq: 'pclmulqdq',
};

const NUMBERS: ReadonlyMap<string, number> = new Map(
  FEATURE_WORDS.flatMap(({ names }, index) =>
    names.flatMap((name, bit) => (name === '-' ? [] : [[name, index * 32 + bit] as const])),
  ),
);

/** Every name, in the order of the words. */
export const FEATURE_NAMES: readonly string[] = [...NUMBERS.keys()];

/** Number of a feature by QEMU's name (`_` and `-` alike); `undefined`: there is none of that name. */
export function featureNumber(name: string): number | undefined {
  const plain = name.toLowerCase().replaceAll('_', '-');
  return NUMBERS.get(SPELLINGS[plain] ?? plain);
}

/** The feature of a row or a model; throws on a name that is none, which is a mistake in our tables. */
export function knownFeature(name: string): number {
  const number = featureNumber(name);
  if (number === undefined) throw new Error(`no CPUID feature '${name}'`);
  return number;
}

/** A set of features as the core's feature words, 32 bits each. */
export function featureWords(numbers: Iterable<number>): Uint32Array {
  const words = new Uint32Array(FEATURE_WORDS.length);
  for (const number of numbers) words[number >> 5]! |= 1 << (number & 31);
  return words;
}
