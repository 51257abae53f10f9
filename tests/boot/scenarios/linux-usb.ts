/** Debian's kernel with its own xHCI, storage and HID drivers: a stick that is read and written, a keyboard that is typed on. */
import { createHash } from 'node:crypto';
import { RawImage } from '../../../src/devices/block/raw-image.ts';
import { MemoryFile } from '../../../src/devices/block/testing/memory-file.ts';
import { compareLog, type LinuxForm, linuxPlan, moduleFiles, POWER_OFF, typed, variedBytes } from '../linux-guest.ts';
import type { BootGuest, BootScenario, BootStep } from '../scenario.ts';

const MIB = 1024 * 1024;
/** In the order in which they are loaded: each needs only those before it. */
const MODULES = [
  'usb-common usbcore scsi_common scsi_mod crct10dif_common crc-t10dif crc64 crc64-rocksoft t10-pi sd_mod',
  'hid evdev usb-storage usbhid hid-generic xhci-hcd xhci-pci',
]
  .join(' ')
  .split(' ');
const STICK_MEGABYTES = 40;
/** What the guest reads and hashes: this many megabytes from the second on. */
const READ_MEGABYTES = 32;
/** What the guest copies, in megabytes: from the second one to near the end. */
const COPY = { from: 1, to: 36, count: 2 } as const;
const WORDS = 'written by the guest';
/** In sectors of 512 bytes. */
const WORDS_AT = 100;
/** Linux's numbers of the keys of "dma" (input-event-codes.h). */
const KEYS_TYPED = [32, 50, 30];

const stickContents = (): Uint8Array => variedBytes(STICK_MEGABYTES * MIB);

const LOAD = `for m in ${MODULES.join(' ')}; do insmod /modules/$m.ko || echo "cannot load $m"; done; until [ -b /dev/sda ]; do sleep 0.1; done; echo modules=$(wc -l < /proc/modules)`;
/** For QEMU, where nothing but the log is of interest: until both devices have said all that they say. */
const SETTLE = `for t in 'Attached SCSI disk' 'hid-generic 0003'; do until dmesg | grep -q "$t"; do sleep 0.1; done; done`;
const FIND_KEYBOARD =
  'for e in /sys/class/input/event*; do grep -q "USB Keyboard" $e/device/name && K=$(basename $e); done; echo keyboard=/dev/input/$K';
/**
 * Six events of 24 bytes for each key: scan code, key, end of report, for down and for up. Of those of type 1 (EV_KEY), code
 * and value.
 */
const READ_KEYS = `echo type now; dd if=/dev/input/$K bs=24 count=${KEYS_TYPED.length * 6} 2>/dev/null | od -v -A n -t u2 -w24 | awk '$9 == 1 {printf "%s %s;", $10, $11}'; echo`;

function steps(): BootStep[] {
  const contents = stickContents();
  const read = createHash('sha256')
    .update(contents.subarray(MIB, (1 + READ_MEGABYTES) * MIB))
    .digest('hex');
  return [
    { printed: 'Run /init as init process' },
    ...typed(LOAD, `modules=${MODULES.length}`),
    ...typed(`dd if=/dev/sda bs=1M skip=1 count=${READ_MEGABYTES} 2>/dev/null | sha256sum`, read),
    ...typed(
      `printf '${WORDS}' | dd of=/dev/sda bs=512 seek=${WORDS_AT} conv=sync,fsync 2>&1 | grep -v copied; echo words=$?`,
      'words=0',
    ),
    ...typed(
      `dd if=/dev/sda of=/dev/sda bs=1M skip=${COPY.from} seek=${COPY.to} count=${COPY.count} conv=fsync 2>/dev/null; echo copied=$?`,
      'copied=0',
    ),
    ...typed(FIND_KEYBOARD, 'keyboard=/dev/input/event'),
    ...typed(READ_KEYS, 'type now\r\n').map((step) =>
      'printed' in step && step.printed === 'type now\r\n'
        ? { ...step, act: (guest: BootGuest) => guest.type('dma', 500) }
        : step,
    ),
    { printed: KEYS_TYPED.flatMap((key) => [`${key} 1;`, `${key} 0;`]).join('') },
    ...POWER_OFF,
  ];
}

/** The image, as the guest left it. */
function checkStick(after: Uint8Array): string[] {
  const before = stickContents();
  before.set(before.subarray(COPY.from * MIB, (COPY.from + COPY.count) * MIB), COPY.to * MIB);
  const sector = Buffer.alloc(512);
  sector.write(WORDS);
  before.set(sector, WORDS_AT * 512);
  const at = Buffer.compare(before, after) === 0 ? -1 : before.findIndex((byte, index) => byte !== after[index]);
  return at < 0 ? [] : [`the stick holds other bytes from 0x${at.toString(16)} on than the guest wrote`];
}

function scenario(form: LinuxForm, budgetSeconds: number): BootScenario {
  return {
    name: `linux-usb${form.cpus === 1 ? '' : `-smp${form.cpus}`}`,
    about: `Debian's kernel${form.cpus === 1 ? '' : ` on ${form.cpus} processors`} reads and writes a stick and is typed at, by its own xHCI driver`,
    budgetSeconds,
    maxInstructions: 20e9,
    build: () => {
      const plan = linuxPlan(form, moduleFiles('generic', MODULES));
      const contents = stickContents();
      return {
        ...plan,
        options: {
          ...plan.options,
          devices: [
            { kind: 'qemu-xhci', id: 'usb' },
            { kind: 'usb-kbd' },
            { kind: 'usb-storage', disk: new RawImage(new MemoryFile('stick', contents)) },
          ],
        },
        steps: steps(),
        check: async (guest) => [
          ...checkStick(contents),
          ...(await compareLog(guest, plan, [LOAD, SETTLE], {
            flags: [
              ...['-device', 'qemu-xhci,id=usb,addr=2', '-device', 'usb-kbd', '-device', 'usb-storage,drive=stick'],
              ...['-drive', 'if=none,id=stick,format=raw,file=@stick.img'],
            ],
            files: { 'stick.img': stickContents() },
          })),
        ],
      };
    },
  };
}

export const LINUX_USB: readonly BootScenario[] = [
  scenario({ kernel: 'generic', image: 'vmlinux', cpus: 1 }, 400),
  scenario({ kernel: 'generic', image: 'vmlinux', cpus: 2 }, 500),
];
