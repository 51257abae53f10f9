/** A processor model, from its name to the core's tables. */
import { assert } from '../base/assert.ts';
import type { CoreInstance } from './core-instance.ts';
import { parseCpuOption } from './cpu-option.ts';
import { cpuidEntries, modelFeatureWords, signatureOf } from './cpuid-leaves.ts';
import { CORE_FEATURES } from './generated/core-features.ts';
import {
  APIC_IDS,
  CPUID_COUNT,
  CPUID_ENTRIES_MAX,
  CPUID_ENTRY_SIZE,
  CPUID_TABLE,
  FEATURES,
  PHYSICAL_BITS,
  SIGNATURE,
  VENDOR,
  VENDOR_AMD,
  VENDOR_INTEL,
} from './layout.ts';
import { apicIds, type ProcessorTopology } from './topology.ts';

/** Puts a model's answers and features into the core, for that many processors. Throws an InternalError for one that does not exist. */
export function installModel(core: CoreInstance, name: string, topology: ProcessorTopology): void {
  for (const [cpu, id] of apicIds(topology).entries()) core.bytes[APIC_IDS + cpu] = id;
  const option = parseCpuOption(name, CORE_FEATURES);
  assert(option.ok, `processor model "${name}"`);
  const { model } = option;
  const entries = cpuidEntries(model, topology);
  assert(entries.length <= CPUID_ENTRIES_MAX, 'the CPUID table has room for the model');
  for (const [index, entry] of entries.entries()) {
    const fields = [entry.leaf, entry.subleaf ?? 0xffff_ffff, entry.eax, entry.ebx, entry.ecx, entry.edx];
    const at = CPUID_TABLE + index * CPUID_ENTRY_SIZE;
    for (const [field, value] of fields.entries()) core.setWord(at + field * 4, value);
  }
  core.setWord(CPUID_COUNT, entries.length);
  core.setWord(PHYSICAL_BITS, model.physicalBits);
  for (const [index, word] of modelFeatureWords(model).entries()) core.setWord(FEATURES + index * 4, word);
  core.setWord(VENDOR, model.vendor === 'GenuineIntel' ? VENDOR_INTEL : VENDOR_AMD);
  core.setWord(SIGNATURE, signatureOf(model));
}
