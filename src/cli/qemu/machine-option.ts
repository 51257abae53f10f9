/** `-M`, `-machine`: the board and its properties. */
import { checkedRamBelow4g, parseSize } from '../quantities.ts';
import { UsageError } from '../usage-error.ts';
import type { QemuConfiguration } from './configuration.ts';
import { parseOptionList } from './option-list.ts';

/** Properties of QEMU's q35 that ask for what is so here anyway, with the values that do. */
const AS_IT_IS: Readonly<Record<string, readonly string[]>> = {
  usb: ['off'],
  graphics: ['on', 'off'],
  smm: ['on', 'auto'],
  vmport: ['off', 'auto'],
  acpi: ['on', 'auto'],
  i8042: ['on'],
  sata: ['on'],
  smbus: ['on'],
  pit: ['on'],
  pic: ['on', 'auto'],
  'kernel-irqchip': ['on', 'off', 'split'],
  'dump-guest-core': ['on', 'off'],
  'mem-merge': ['on', 'off'],
};

/** `option`: as it was written, for the message. */
export function readMachine(option: string, configuration: QemuConfiguration, argument: string): void {
  const refuse = (why: string, hint?: string): never => {
    throw new UsageError(`-${option} ${argument}: ${why}`, hint);
  };
  for (const [key, value] of parseOptionList(argument, 'type').entries) {
    if (key === 'type') {
      if (!/^(pc-)?q35(-[\d.]+)?$/.test(value)) refuse(`the machine "${value}" is not supported`, 'use -M q35');
      configuration.machineNamed = true;
    } else if (key === 'accel') {
      // `kvm:tcg` means tcg where there is no KVM, and here there is none.
      if (!value.split(':').includes('tcg')) {
        refuse(`the accelerator "${value}" is not supported`, 'dmascope emulates: accel=tcg');
      }
    } else if (key === 'max-ram-below-4g') {
      configuration.maxRamBelow4g = checkedRamBelow4g(parseSize(value), value);
    } else if (key === 'hpet' && (value === 'on' || value === 'off')) {
      configuration.hpet = value === 'on';
    } else if (AS_IT_IS[key] === undefined) {
      refuse(`the machine property "${key}" is not supported`);
    } else if (!AS_IT_IS[key].includes(value)) {
      refuse(
        `the machine property "${key}" is not supported with "${value}"`,
        `supported: ${AS_IT_IS[key].join(', ')}`,
      );
    }
  }
}
