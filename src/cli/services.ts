/** What main.ts gives the commands. The emulator itself is loaded when a guest is to run, so that `help` is instant. */
import { CPU_MODEL_NAMES } from '../cpu/cpuid-models.ts';
import { PERSONALITIES } from '../xhci/personality.ts';
import type { Services } from './session.ts';

export function createServices(): Services {
  return {
    open: async (spec, ports) => (await import('./machine-session.ts')).openMachine(spec, ports),
    personalities: Object.values(PERSONALITIES),
    cpuModels: CPU_MODEL_NAMES,
  };
}
