/** Debian's kernels, entered directly, to a shell on the serial console. */
import { readFileSync } from 'node:fs';
import { coresOfOnePackage } from '../../../src/cpu/topology.ts';
import { cloudKernel, packageFile } from '../../oracles/debian-packages.ts';
import { type Initramfs, initramfs } from '../initramfs.ts';
import type { BootPlan, BootScenario, BootStep } from '../scenario.ts';
import { extractVmlinux } from '../vmlinux.ts';

const MIB = 1024 * 1024;
const COMMAND_LINE = 'console=ttyS0 panic=-1';
const PROMPT = 'guest# ';

/** What is typed at the shell, and what the guest answers. The echo of the command must not hold the answer. */
function typed(command: string, answer: string): BootStep[] {
  return [{ printed: PROMPT, act: (guest) => guest.send(`${command}\n`) }, { printed: answer }];
}

/** The same in every scenario: the shell works, the kernel knows its processors, the machine powers off. */
function shellSession(cpus: number): BootStep[] {
  return [
    { printed: 'Run /init as init process' },
    ...typed('echo sum=$((6 * 7)) $(uname -r)', 'sum=42 6.1.'),
    ...typed('echo processors=$(nproc)', `processors=${cpus}`),
    { printed: PROMPT, act: (guest) => guest.send('poweroff -f\n') },
    { printed: 'reboot: Power down' },
  ];
}

function genericKernel(): string {
  return packageFile('linux-image-amd64', '/boot', /^vmlinuz-[\d.-]+-amd64$/);
}

interface LinuxForm {
  readonly kernel: 'cloud' | 'generic';
  readonly image: 'bzImage' | 'vmlinux';
  readonly cpus: number;
  readonly ram?: number;
  readonly initramfs?: Initramfs;
}

function plan({ kernel, image, cpus, ram = 256, initramfs: contents }: LinuxForm): BootPlan {
  const file = kernel === 'cloud' ? cloudKernel() : genericKernel();
  const packed = new Uint8Array(readFileSync(file));
  return {
    options: { ramBytes: ram * MIB, processors: coresOfOnePackage(cpus) },
    kernel: {
      name: image,
      bytes: image === 'bzImage' ? packed : extractVmlinux(packed),
      commandLine: COMMAND_LINE,
      initrd: initramfs(contents),
    },
    steps: shellSession(cpus),
    ends: 'power-off',
  };
}

function scenario(form: LinuxForm, about: string, budgetSeconds: number): BootScenario {
  const { kernel, image, cpus } = form;
  return {
    name: `linux-${kernel}-${image.toLowerCase()}${cpus === 1 ? '' : `-smp${cpus}`}`,
    about,
    budgetSeconds,
    maxInstructions: 20e9,
    build: () => plan(form),
  };
}

export const LINUX: readonly BootScenario[] = [
  scenario({ kernel: 'cloud', image: 'vmlinux', cpus: 1 }, "Debian's cloud kernel by its PVH entry", 150),
  scenario({ kernel: 'cloud', image: 'bzImage', cpus: 1 }, "Debian's cloud kernel by the Linux boot protocol", 150),
  scenario({ kernel: 'cloud', image: 'bzImage', cpus: 2 }, "Debian's cloud kernel on two processors", 200),
  scenario({ kernel: 'generic', image: 'vmlinux', cpus: 1 }, "Debian's kernel by its PVH entry", 200),
  scenario({ kernel: 'generic', image: 'bzImage', cpus: 1 }, "Debian's kernel by the Linux boot protocol", 200),
  scenario({ kernel: 'generic', image: 'bzImage', cpus: 2 }, "Debian's kernel on two processors", 300),
];
