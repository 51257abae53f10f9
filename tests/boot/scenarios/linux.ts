/** Debian's kernels, entered directly, to a shell on the serial console. */
import { compareLog, type LinuxForm, linuxPlan, POWER_OFF, typed } from '../linux-guest.ts';
import type { BootScenario } from '../scenario.ts';

function scenario(form: LinuxForm, about: string, budgetSeconds: number): BootScenario {
  const { kernel, image, cpus } = form;
  return {
    name: `linux-${kernel}-${image.toLowerCase()}${cpus === 1 ? '' : `-smp${cpus}`}`,
    about,
    budgetSeconds,
    maxInstructions: 10e9,
    build: () => {
      const plan = linuxPlan(form);
      return {
        ...plan,
        steps: [
          { printed: 'Run /init as init process' },
          ...typed('echo sum=$((6 * 7)) $(uname -r)', 'sum=42 6.1.'),
          ...typed('echo processors=$(nproc)', `processors=${cpus}`),
          ...POWER_OFF,
        ],
        check: (guest) => compareLog(guest, plan),
      };
    },
  };
}

export const LINUX: readonly BootScenario[] = [
  scenario({ kernel: 'cloud', image: 'vmlinux', cpus: 1 }, "Debian's cloud kernel by its PVH entry", 150),
  scenario({ kernel: 'cloud', image: 'bzImage', cpus: 1 }, "Debian's cloud kernel by the Linux boot protocol", 150),
  scenario({ kernel: 'cloud', image: 'bzImage', cpus: 2 }, "Debian's cloud kernel on two processors", 200),
  scenario(
    { kernel: 'generic', image: 'bzImage', cpus: 1 },
    "Debian's kernel by the Linux boot protocol; unpacking itself is two thirds of the work",
    400,
  ),
  scenario(
    { kernel: 'generic', image: 'bzImage', cpus: 2 },
    "Debian's kernel by the Linux boot protocol on two processors",
    500,
  ),
];
