/** Every scenario of `npm run test:boot`. A subject's file exports its list; it is named here once. */
import type { BootScenario } from '../scenario.ts';
import { LINUX } from './linux.ts';
import { LINUX_USB } from './linux-usb.ts';
import { LINUX_VIRTIO } from './linux-virtio.ts';
import { MEMTEST } from './memtest.ts';
import { OVMF } from './ovmf.ts';
import { ROOT_PORT } from './root-port.ts';
import { SEABIOS } from './seabios.ts';

export const SCENARIOS: readonly BootScenario[] = [
  ...LINUX,
  ...LINUX_USB,
  ...LINUX_VIRTIO,
  ...OVMF,
  ...SEABIOS,
  ...ROOT_PORT,
  ...MEMTEST,
];
