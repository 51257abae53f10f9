// What the model has (src/cpu/isa/features.ts numbers the CPUID bits).

import { FEATURES, VENDOR, VENDOR_INTEL } from './generated/layout';
import { UD, raise } from './state';

/** Whether the model has the feature with this number (word * 32 + bit). */
@inline
export function hasFeature(number: u32): bool {
  return (load<u32>(FEATURES + (number >>> 5) * 4) & (1 << (number & 31))) != 0;
}

@inline
export function isIntel(): bool {
  return load<u32>(VENDOR) == VENDOR_INTEL;
}

/** True, with #UD pending, when a bit of a feature word is not set. */
export function lacks(word: u32, bit: u32): bool {
  if (load<u32>(word) & (1 << bit)) return false;
  raise(UD);
  return true;
}
