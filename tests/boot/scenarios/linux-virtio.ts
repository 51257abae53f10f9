/** Debian's cloud kernel with its own virtio drivers: a disk and a source of entropy, each behind a root port. */
import { createHash } from 'node:crypto';
import { RawImage } from '../../../src/devices/block/raw-image.ts';
import { MemoryFile } from '../../../src/devices/block/testing/memory-file.ts';
import {
  COMMAND_LINE,
  compareLog,
  type LinuxForm,
  linuxPlan,
  moduleFiles,
  POWER_OFF,
  typed,
  variedBytes,
} from '../linux-guest.ts';
import type { BootScenario, BootStep } from '../scenario.ts';

const MIB = 1024 * 1024;
const FORM: LinuxForm = { kernel: 'cloud', image: 'vmlinux', cpus: 1 };
/** In the order in which they are loaded. */
const MODULES = 'virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_blk virtio-rng'.split(
  ' ',
);
const DISK_MEGABYTES = 8;
const WORDS = 'written by the guest';
/** In sectors of 512 bytes. */
const WORDS_AT = 100;
const LOAD = `for m in ${MODULES.join(' ')}; do insmod /modules/$m.ko || echo "cannot load $m"; done; echo modules=$(wc -l < /proc/modules)`;
/** How the disk's requests interrupt: by messages, or by a pin through the port. */
const INTERRUPTS = 'grep virtio0 /proc/interrupts';

interface Way {
  readonly name: string;
  readonly about: string;
  readonly kernelFlags: string;
  /** What `/proc/interrupts` says of the disk. */
  readonly interrupt: string;
}

function steps(contents: Uint8Array, { interrupt }: Way): BootStep[] {
  const sum = createHash('sha256').update(contents).digest('hex');
  return [
    { printed: 'Run /init as init process' },
    ...typed(LOAD, `modules=${MODULES.length}`),
    ...typed('cat /sys/block/vda/device/device /sys/block/vda/size', '0x0002', String((DISK_MEGABYTES * MIB) / 512)),
    ...typed('dd if=/dev/vda bs=1M 2>/dev/null | sha256sum', sum),
    ...typed(
      `printf '${WORDS}' | dd of=/dev/vda bs=512 seek=${WORDS_AT} conv=sync,fsync 2>&1 | grep -v copied; echo words=$?`,
      'words=0',
    ),
    ...typed('cat /sys/class/misc/hw_random/rng_current', 'virtio_rng.0'),
    ...typed('dd if=/dev/hwrng bs=64 count=1 2>/dev/null | wc -c', '64'),
    ...typed(INTERRUPTS, interrupt),
    ...POWER_OFF,
  ];
}

/** The image, as the guest left it. */
function checkDisk(after: Uint8Array): string[] {
  const expected = variedBytes(after.length);
  const sector = Buffer.alloc(512);
  sector.write(WORDS);
  expected.set(sector, WORDS_AT * 512);
  return Buffer.compare(expected, after) === 0 ? [] : ['the disk does not hold what the guest wrote'];
}

function scenario(way: Way): BootScenario {
  return {
    name: `linux-virtio-root-port${way.name}`,
    about: `Debian's cloud kernel reads and writes a virtio disk behind a root port, ${way.about}`,
    budgetSeconds: 200,
    maxInstructions: 10e9,
    build: () => {
      const plan = linuxPlan(FORM, moduleFiles('cloud', MODULES));
      const kernel = { ...plan.kernel, commandLine: `${COMMAND_LINE}${way.kernelFlags}` };
      const contents = variedBytes(DISK_MEGABYTES * MIB);
      const disk = new RawImage(new MemoryFile('disk', contents));
      return {
        ...plan,
        kernel,
        options: {
          ...plan.options,
          drives: [{ id: 'disk', image: disk, interface: 'none', media: 'disk' }],
          devices: [
            { kind: 'pcie-root-port', id: 'rp1', slotNumber: 1 },
            { kind: 'ioh3420', id: 'rp2', slotNumber: 2 },
            { kind: 'virtio-blk-pci', drive: 'disk', pciBus: 'rp1' },
            { kind: 'virtio-rng-pci', pciBus: 'rp2' },
          ],
        },
        steps: steps(contents.slice(), way),
        check: async (guest) => [
          ...checkDisk(contents),
          ...(await compareLog(guest, { ...plan, kernel }, [LOAD], {
            flags: [
              ...['-device', 'pcie-root-port,id=rp1,slot=1,addr=2,hotplug=off'],
              ...['-device', 'ioh3420,id=rp2,slot=2,addr=3,hotplug=off'],
              ...['-drive', 'if=none,id=disk,format=raw,file=@disk.img'],
              ...['-device', 'virtio-blk-pci,drive=disk,bus=rp1', '-device', 'virtio-rng-pci,bus=rp2'],
            ],
            files: { 'disk.img': variedBytes(DISK_MEGABYTES * MIB) },
          })),
        ],
      };
    },
  };
}

export const LINUX_VIRTIO: readonly BootScenario[] = [
  scenario({ name: '', about: 'interrupted by messages', kernelFlags: '', interrupt: 'virtio0-req.0' }),
  scenario({
    name: '-intx',
    about: "interrupted by the port's pin",
    kernelFlags: ' pci=nomsi',
    interrupt: 'fasteoi   virtio0',
  }),
];
