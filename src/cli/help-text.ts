/** The words of `dmascope help`. The top level fits 24 lines and leads with examples. */
import { EXIT_MEANINGS } from './exit-codes.ts';
import type { Services } from './session.ts';

const TOP = `dmascope: a PC that explains itself. Runs a kernel and says which line handed a device a bad address.

  dmascope demo                              see it work, no kernel needed
  dmascope run kernel.elf                    a Multiboot 1 or 2 or ELF64 kernel, with an xHCI controller
  dmascope boot vmlinuz --initrd initrd.img  your own Linux, its serial console on this terminal
  dmascope qemu-system-x86_64 -M q35 ...     the QEMU command line that you have

Commands:
  run IMAGE             run a kernel and report what its drivers did wrong
  boot IMAGE            boot a Linux, with you at its serial console
  qemu-system-x86_64    the same with QEMU's flags, log text and exit status
  demo [NAME]           play a guest that comes with dmascope (--list shows them)
  explain [CODE]        what a finding means, with a wrong and a right line (DMA-01)
  help [TOPIC]          run, boot, console, qemu, demo, explain, exit-codes, personalities
  version               versions of dmascope, Node and the report format

The guest's serial port goes to stdout, our words go to stderr.
Exit status: 0 clean, 1 findings, 2 usage, 3 guest crashed, 4 limit reached, 5 --expect not met, 70 bug, 130 Ctrl-C.
`;

const RUN = `dmascope run IMAGE [flags]: run a kernel and report what its drivers did wrong

  dmascope run kernel.elf                                   the report appears when the guest ends
  dmascope run kernel.elf --personality qemu --max-time 5   QEMU's controller; at most 5 s of guest time
  dmascope run kernel.elf --json > report.json              one JSON document on stdout, serial on stderr

Machine:
  --ram SIZE              memory, whole MiB (default 128M)
  --max-ram-below-4g SIZE memory below 4 GiB at most; the rest is above 4 GiB
  --controller NAME       qemu-xhci (default), nec-usb-xhci or none
  --usb NAME              a device on it: kbd (default) or none; may be repeated
  --cpu MODEL             qemu64 (default) or max
  --smp N                 processors, 1 to 64 (default 1), or as QEMU's -smp
  --personality NAME      how the hardware behaves (default spec); dmascope help personalities
Kernel:
  --append TEXT           kernel command line
  --initrd FILE           module or initial RAM disk
  --symbols FILE[@OFFSET] symbols from another file, OFFSET from where it was linked
Limits:
  --max-instructions N    stop after N instructions: 5000000, 5M, 2.5G
  --max-time SECONDS      stop after so much guest time: 2, 0.5, 100ms
Console (dmascope help console):
  --input WHAT            what types at the serial port: auto (default: a terminal), stdin or none
  --type TEXT@WHEN        type TEXT at a guest time (2.5), or after a text ("login: "); may be repeated
  --expect TEXT           end with success when the serial port has printed TEXT; exit 5 if it never does
  --pace WHEN             fast (default), or real: guest time does not run ahead of the clock
Output:
  --report json=FILE      also write the report to a file (json= or text=); may be repeated
  --json                  print the report as JSON on stdout
  --quiet                 no progress line and no report on stderr
  --no-who-wrote          do not track who wrote each byte: some reports lose the line
  --color WHEN            auto (default), always or never; NO_COLOR and FORCE_COLOR are honoured
`;

const QEMU = `dmascope qemu-system-x86_64 FLAGS...: the command line that you have

  dmascope qemu-system-x86_64 -M q35 -kernel kernel.elf -device qemu-xhci -device usb-kbd -nographic
  dmascope qemu-system-x86_64 -M q35 -kernel kernel.elf -device qemu-xhci -d guest_errors -trace 'usb_xhci_*'
  dmascope qemu-system-x86_64 -M q35 -kernel kernel.elf -dmascope report=report.json,personality=spec
  dmascope qemu-system-x86_64 -M q35 -nographic -drive file=disk.img,format=raw -cdrom disc.iso -boot d -snapshot

-serial stdio, mon:stdio and -nographic put the serial port on stdin and stdout; -monitor stdio the monitor.
A flag that is not supported is named and refused with exit 2; -help lists those that are. The controller behaves as
QEMU's unless -dmascope personality=NAME says otherwise. The exit status is QEMU's: isa-debug-exit's value << 1 | 1,
or 0. Where QEMU would go on for ever (a hang, a limit of -dmascope) it is 4.
`;

const DEMO = `dmascope demo [NAME] [--list]: play a guest that comes with dmascope

  dmascope demo           the story: a driver that worked on a board, its mistake, the mended driver
  dmascope demo dma-06    one mistake by itself
  dmascope demo --list    all of them
`;

const EXPLAIN = `dmascope explain [CODE]: what a finding means

  dmascope explain                       all findings, one a line
  dmascope explain DMA-01                why it matters, what to write instead, what QEMU and hardware do
  dmascope explain dma/virtual-address   the same by name
`;

const BOOT = `dmascope boot IMAGE [flags]: boot an operating system, with its serial console on the terminal

  dmascope boot vmlinuz --initrd initrd.img                 "console=ttyS0" is added to the command line
  dmascope boot vmlinuz --initrd initrd.img --append 'root=/dev/sda1 quiet' --disk disk.img --ram 1G --smp 2
  dmascope boot vmlinuz --initrd initrd.img --type 'uname -a\\n@"# "' --expect 'GNU/Linux'
  dmascope boot disk.img                                    SeaBIOS starts its boot loader; so with disc.iso
  dmascope boot disc.iso --disk disk.img --snapshot

IMAGE is a bzImage of Linux or whatever run takes, entered directly; or a disk (raw, qcow2) or CD-ROM image, which a
BIOS starts (on Debian: apt-get install seabios). There are an xHCI controller and a USB keyboard. Ctrl-C is the
guest's; Ctrl-A x ends the run. On a terminal guest time keeps to the clock (--pace real).

  --disk FILE             a SATA disk; what the guest writes is written to the file; may be repeated
  --stick FILE            a USB stick, in the same way; may be repeated
  --cdrom FILE            a disc in a CD-ROM drive
  --snapshot              what the guest writes stays in memory
  --bios NAME             other firmware than bios-256k.bin: a path, or a name in Debian's folders
  --screendump FILE       at the end, what the display shows: FILE.png, or a PPM
  --ram SIZE (512M), --smp N, --cpu MODEL, --initrd FILE, --append TEXT, --personality NAME, --pace WHEN,
  --type TEXT@WHEN, --expect TEXT, --max-time SECONDS, --report FORMAT=FILE, --quiet, --color WHEN: as of run
  --who-wrote             track who wrote each byte: a report may then name the line; slower, more memory
`;

const CONSOLE = `The console: the guest's serial port and the monitor on one terminal

  Ctrl-A x        end the run, with the report
  Ctrl-A c        to the monitor, and back; "help" lists its commands
  Ctrl-A h        these keys
  Ctrl-A Ctrl-A   send a Ctrl-A
  Ctrl-C          run and -serial stdio: end the run; boot, -nographic and -serial mon:stdio: for the guest

A terminal is read as soon as the guest runs. A pipe or a file is read with --input stdin, and by -serial stdio or
-nographic. A guest that can only go on when somebody types waits for it; one that does not listen to its serial port
is reported as stuck at once. Typed text enters at the instruction count that the guest has reached: only --type and
a file make the same run every time.

On a terminal guest time keeps to the clock in boot and in QEMU's form; --pace fast, -dmascope pace=fast skip waits.

  --type 'root\\n@"login: "' --type 'poweroff\\n@"# "'    in this order, each after its prompt
  --type '\\x03@10'                                     Ctrl-C after 10 s of guest time
`;

export const HELP_TOPICS = [
  'run',
  'boot',
  'console',
  'qemu',
  'demo',
  'explain',
  'exit-codes',
  'personalities',
] as const;

/** The text of a topic, or of the top level; `undefined` when there is no such topic. */
export function helpText(topic: string | undefined, services: Pick<Services, 'personalities'>): string | undefined {
  switch (topic) {
    case undefined:
      return TOP;
    case 'run':
      return RUN;
    case 'boot':
      return BOOT;
    case 'console':
      return CONSOLE;
    case 'qemu':
    case 'qemu-system-x86_64':
      return QEMU;
    case 'demo':
      return DEMO;
    case 'explain':
      return EXPLAIN;
    case 'exit-codes':
      return `Exit status of dmascope, the first that applies:\n${rows(
        EXIT_MEANINGS.map(([code, meaning]) => [String(code), meaning]),
      )}`;
    case 'personalities':
      return `Personalities, for --personality:\n${rows(services.personalities.map(({ name, title }) => [name, title]))}`;
    default:
      return undefined;
  }
}

function rows(entries: readonly (readonly [string, string])[]): string {
  const width = Math.max(...entries.map(([name]) => name.length));
  return entries.map(([name, text]) => `  ${name.padEnd(width)}  ${text}\n`).join('');
}
