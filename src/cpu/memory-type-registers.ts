/** The registers that decide memory types, from the active processor's state. */
import type { CoreInstance } from './core-instance.ts';
import { CR0, MTRR_DEFAULT_TYPE, MTRR_FIXED, MTRR_VARIABLE, PAT } from './layout.ts';
import type { MemoryTypeRegisters } from './memory-type.ts';

const FIXED_COUNT = 11;
const VARIABLE_COUNT = 8;

export function memoryTypeRegisters(core: CoreInstance): MemoryTypeRegisters {
  return {
    cr0: core.quad(CR0),
    defaultType: core.quad(MTRR_DEFAULT_TYPE),
    fixed: Array.from({ length: FIXED_COUNT }, (_, index) => core.quad(MTRR_FIXED + index * 8)),
    variable: Array.from(
      { length: VARIABLE_COUNT },
      (_, index) => [core.quad(MTRR_VARIABLE + index * 16), core.quad(MTRR_VARIABLE + index * 16 + 8)] as const,
    ),
    pat: core.quad(PAT),
  };
}
