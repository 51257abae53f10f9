/** What the Linux scenarios share: Debian's kernels, and a shell on the serial console. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { coresOfOnePackage } from '../../src/cpu/topology.ts';
import { cloudKernel, filesUnder, packageFile, unpacked } from '../oracles/debian-packages.ts';
import { initramfs } from './initramfs.ts';
import { logComplaints } from './kernel-log.ts';
import { KNOWN_LOG_DIFFERENCES } from './known-log-differences.ts';
import { bootOnQemu, type QemuBoot } from './qemu.ts';
import type { BootGuest, BootPlan, BootStep } from './scenario.ts';
import { extractVmlinux } from './vmlinux.ts';

const MIB = 1024 * 1024;
export const COMMAND_LINE = 'console=ttyS0 panic=-1';
export const PROMPT = 'guest# ';

export interface LinuxForm {
  readonly kernel: 'cloud' | 'generic';
  readonly image: 'bzImage' | 'vmlinux';
  readonly cpus: number;
}

/** Modules by their names, as files of the initramfs: `/modules/NAME.ko`. */
export function moduleFiles(kernel: LinuxForm['kernel'], names: readonly string[]): Record<string, Uint8Array> {
  const tree = unpacked(kernel === 'cloud' ? 'linux-image-cloud-amd64' : 'linux-image-amd64');
  const paths = filesUnder(join(tree, 'lib/modules'));
  return Object.fromEntries(
    names.map((name) => {
      const path = paths.find((each) => each.endsWith(`/${name}.ko`));
      if (path === undefined) throw new Error(`the kernel's package has no module ${name}`);
      return [`modules/${name}.ko`, readFileSync(path)];
    }),
  );
}

/** The same bytes in every run, none of them like the next megabyte's. */
export function variedBytes(length: number): Uint8Array {
  const words = new Uint32Array(length / 4);
  let state = 0x2545_f491;
  for (let index = 0; index < words.length; index += 1) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[index] = state;
  }
  return new Uint8Array(words.buffer);
}

/** `command` typed at the shell, and what the guest answers. The echo of the command must not hold the answer. */
export function typed(command: string, ...answers: string[]): BootStep[] {
  return [
    { name: `$ ${command}`, printed: PROMPT, act: (guest) => guest.send(`${command}\n`) },
    ...answers.map((printed) => ({ printed })),
  ];
}

const OFF = 'poweroff -f';
export const POWER_OFF: readonly BootStep[] = typed(OFF, 'reboot: Power down');

/** The kernel's file: 14 MiB of ELF in it, or packed. */
export function kernelBytes({ kernel, image }: LinuxForm): Uint8Array {
  const file = kernel === 'cloud' ? cloudKernel() : genericKernel();
  const packed = new Uint8Array(readFileSync(file));
  return image === 'bzImage' ? packed : extractVmlinux(packed);
}

function genericKernel(): string {
  return packageFile('linux-image-amd64', '/boot', /^vmlinuz-[\d.-]+-amd64$/);
}

export interface LinuxPlan extends Omit<BootPlan, 'steps'> {
  readonly kernel: NonNullable<BootPlan['kernel']>;
}

/** A board of 256 MiB with this kernel, and busybox. */
export function linuxPlan(form: LinuxForm, files: Readonly<Record<string, Uint8Array>> = {}): LinuxPlan {
  return {
    options: { ramBytes: 256 * MIB, processors: coresOfOnePackage(form.cpus) },
    kernel: {
      name: form.image,
      bytes: kernelBytes(form),
      commandLine: COMMAND_LINE,
      initrd: initramfs(files),
    },
    ends: 'power-off',
  };
}

/** What the kernel's log says otherwise than on QEMU without a reason. `commands` are typed there before the power goes off. */
export async function compareLog(
  guest: BootGuest,
  plan: LinuxPlan,
  commands: readonly string[] = [],
  more: Pick<QemuBoot, 'flags' | 'files'> = {},
): Promise<readonly string[]> {
  if (guest.round > 1) return [];
  const { kernel, options } = plan;
  const { ramBytes, processors } = options;
  const cpus = processors?.cpus ?? 1;
  // QEMU 7.2 that counts instructions stands still when it starts a second processor.
  const boot = { kernel, ramBytes, cpus, hostTime: cpus > 1, prompt: PROMPT, commands: [...commands, OFF], ...more };
  const { serial } = await bootOnQemu(boot);
  guest.leave('qemu.log', Buffer.from(serial, 'latin1'));
  return logComplaints(guest.serial(), serial, KNOWN_LOG_DIFFERENCES);
}
