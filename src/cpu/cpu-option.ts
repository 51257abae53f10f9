/**
 * QEMU's `-cpu` syntax: a model, then `+feature`, `-feature`, `feature`, `feature=on`, `feature=off` and `phys-bits=N`, in
 * commas. As in QEMU, all `+` and `-` are applied after the other properties.
 */
import { CPU_MODEL_NAMES, type CpuidModel, cpuidModel, offeredFeatures } from './cpuid-models.ts';
import { FEATURE_NAMES, FEATURE_WORDS, featureNumber } from './isa/features.ts';

/** What is wrong, the word that is wrong, and what could stand there instead. */
export interface CpuOptionProblem {
  readonly problem: 'unknown-model' | 'unknown-feature' | 'feature-not-implemented' | 'bad-value';
  readonly word: string;
  readonly candidates: readonly string[];
}

export type CpuOption =
  | { readonly ok: true; readonly model: CpuidModel }
  | { readonly ok: false; readonly error: CpuOptionProblem };

/** Properties that change nothing here: features are always checked, and nothing migrates. */
const WITHOUT_EFFECT: ReadonlySet<string> = new Set(['check', 'enforce', 'migratable']);

const BOOLEANS: Readonly<Record<string, boolean>> = {
  on: true,
  yes: true,
  true: true,
  off: false,
  no: false,
  false: false,
};

interface Switch {
  readonly name: string;
  readonly on: boolean;
}

function nameOf(number: number): string {
  return FEATURE_WORDS[number >> 5]!.names[number & 31]!;
}

function failed(problem: CpuOptionProblem['problem'], word: string, candidates: readonly string[]): CpuOption {
  return { ok: false, error: { problem, word, candidates } };
}

/** Reads one item into a switch, a number of physical bits, or nothing; a string is the value that is wrong. */
function readItem(item: string): Switch | number | undefined | string {
  if (/^[+-]/.test(item)) return { name: item.slice(1), on: item.startsWith('+') };
  const [key, value = 'on'] = item.split(/=(.*)/s);
  if (WITHOUT_EFFECT.has(key!)) return undefined;
  if (key === 'phys-bits') {
    const bits = Number(value);
    return Number.isInteger(bits) && bits >= 32 && bits <= 52 ? bits : value;
  }
  const on = BOOLEANS[value];
  // An unknown property is reported as such, not by its value.
  if (on === undefined) return featureNumber(key!) === undefined ? { name: key!, on: true } : value;
  return { name: key!, on };
}

/** The model that `text` asks for. `implemented`: the features whose instructions the core has. */
export function parseCpuOption(text: string, implemented: readonly string[]): CpuOption {
  const [modelName = '', ...items] = text.split(',');
  const model = cpuidModel(modelName, implemented);
  if (model === undefined) return failed('unknown-model', modelName, CPU_MODEL_NAMES);
  const offered = offeredFeatures(implemented);
  const features = new Set(model.features);
  let physicalBits = model.physicalBits;
  const isSign = (item: string) => /^[+-]/.test(item);
  for (const item of [...items.filter((each) => !isSign(each)), ...items.filter(isSign)]) {
    const read = readItem(item);
    if (read === undefined) continue;
    if (typeof read === 'string') return failed('bad-value', item, []);
    if (typeof read === 'number') {
      physicalBits = read;
      continue;
    }
    const number = featureNumber(read.name);
    if (number === undefined) return failed('unknown-feature', read.name, FEATURE_NAMES);
    const name = nameOf(number);
    if (!read.on) features.delete(name);
    else if (offered.includes(name)) features.add(name);
    else return failed('feature-not-implemented', name, offered);
  }
  return { ok: true, model: { ...model, features, physicalBits } };
}
