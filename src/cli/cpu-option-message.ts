/** What is wrong with a `-cpu` argument, in words. */
import type { CpuOptionProblem } from '../cpu/cpu-option.ts';
import { didYouMean } from './suggestion.ts';

export interface CpuOptionMessage {
  readonly message: string;
  readonly hint: string | undefined;
}

export function cpuOptionMessage({ problem, word, candidates }: CpuOptionProblem): CpuOptionMessage {
  switch (problem) {
    case 'unknown-model':
      return {
        message: `the CPU model "${word}" is not supported${didYouMean(word, candidates)}`,
        hint: `models: ${candidates.join(', ')}; "max" has everything that dmascope implements`,
      };
    case 'unknown-feature':
      return {
        message: `there is no CPU feature "${word}"${didYouMean(word, candidates)}`,
        hint: 'features have the names that CPUID has in QEMU: `qemu-system-x86_64 -cpu help`',
      };
    case 'feature-not-implemented':
      return {
        message: `the CPU feature "${word}" is not implemented`,
        hint: `features: ${candidates.join(' ')}`,
      };
    case 'bad-value':
      return {
        message: `"${word}" is no value for that property`,
        hint: 'a feature is on or off; phys-bits is 32 to 52',
      };
    default:
      return problem satisfies never;
  }
}
