/** `dmascope boot IMAGE`: somebody's own operating system, with a person at its serial console. */
import type { DeviceOption, DriveOption } from '../../machine/boards/q35-options.ts';
import type { Pace } from '../console/pace.ts';
import type { TypedText } from '../console/scripted-input.ts';
import { FileProblem, type Host } from '../host.ts';
import { type ImageKind, imageKind } from '../image-kind.ts';
import { type DriveRequest, driveAt, stickDrive } from '../qemu/drives.ts';
import { readFirmware, standardDisplay } from '../qemu/firmware.ts';
import { OpenDrives } from '../qemu/open-drives.ts';
import type { Services } from '../session.ts';
import { type ColorChoice, Talk } from '../talk.ts';
import { UsageError } from '../usage-error.ts';
import { type RunSetting, runImage } from './run.ts';

export interface BootFlags {
  readonly ram: string;
  readonly cpu: string;
  readonly smp: string;
  readonly personality: string;
  readonly append: string | undefined;
  readonly initrd: string | undefined;
  readonly disk: readonly string[] | undefined;
  readonly cdrom: string | undefined;
  readonly stick: readonly string[] | undefined;
  readonly snapshot: boolean;
  readonly bios: string | undefined;
  readonly screendump: string | undefined;
  readonly pace: Pace | undefined;
  readonly type: readonly TypedText[] | undefined;
  readonly expect: Uint8Array | undefined;
  readonly report: readonly string[] | undefined;
  readonly maxTime: number | undefined;
  readonly quiet: boolean;
  readonly whoWrote: boolean;
  readonly color: ColorChoice;
}

/** Where Linux shall talk, unless its command line says so itself. */
const SERIAL_CONSOLE = 'console=ttyS0';

export async function bootImage(host: Host, services: Services, flags: BootFlags, image: string): Promise<number> {
  const kind = kindOf(host, image);
  checkKernelFlags(flags, image, kind);
  const append = flags.append ?? '';
  const saysWhere = /(^|\s)console=/.test(append);
  const atTerminal = host.input.kind === 'terminal';
  const files = new OpenDrives(host, '--snapshot');
  try {
    return await runImage(
      host,
      services,
      {
        ...flags,
        append: saysWhere ? append : `${SERIAL_CONSOLE} ${append}`.trim(),
        // Time that runs away is no use to a person; a script need not wait.
        pace: flags.pace ?? (atTerminal ? 'real' : 'fast'),
        input: 'auto',
        maxRamBelow4g: undefined,
        controller: 'qemu-xhci',
        usb: undefined,
        symbols: undefined,
        maxInstructions: undefined,
        json: false,
      },
      kind === 'cdrom' || kind === 'disk' ? undefined : image,
      settingOf(host, files, flags, image, kind),
    );
  } catch (error) {
    if (kind !== 'unknown' || !(error instanceof UsageError) || !error.message.startsWith(`${image}: `)) throw error;
    throw new UsageError(error.message, `${error.hint}; or give a disk image with a boot sector, or a CD-ROM image`);
  } finally {
    const talk = new Talk(host, flags.color);
    for (const problem of files.close()) talk.error(`what the guest wrote may be lost: ${problem}`);
  }
}

function kindOf(host: Host, path: string): ImageKind {
  try {
    const file = host.openFile(path, 'read');
    const kind = imageKind(file);
    file.close();
    if (typeof kind === 'string') return kind;
    throw new FileProblem(path, kind.problem);
  } catch (error) {
    if (!(error instanceof FileProblem)) throw error;
    throw new UsageError(`cannot read the image ${path}: ${error.reason}`);
  }
}

function checkKernelFlags(flags: BootFlags, image: string, kind: ImageKind): void {
  if (kind === 'kernel' || kind === 'unknown') {
    if (flags.bios === undefined) return;
    throw new UsageError(`--bios: ${image} is a kernel, which is entered directly`, 'leave --bios out, or give a disk');
  }
  const what = kind === 'cdrom' ? 'a CD-ROM image' : 'a disk image';
  const given = (['append', 'initrd'] as const).find((flag) => flags[flag] !== undefined);
  if (given === undefined) return;
  throw new UsageError(
    `--${given}: ${image} is ${what}, whose own boot loader starts the kernel`,
    `to start a kernel with it: dmascope boot vmlinuz --${given} ... --${kind} ${image}`,
  );
}

function settingOf(host: Host, files: OpenDrives, flags: BootFlags, image: string, kind: ImageKind): RunSetting {
  const wanted: DriveRequest[] = [];
  const want = (option: string, path: string, media: 'disk' | 'cdrom') =>
    wanted.push(driveAt(option, path, undefined, media, wanted));
  if (kind === 'disk') want('', image, 'disk');
  for (const path of flags.disk ?? []) want('--disk', path, 'disk');
  if (kind === 'cdrom') want('', image, 'cdrom');
  if (flags.cdrom !== undefined) want('--cdrom', flags.cdrom, 'cdrom');
  const drives = wanted.map((drive): DriveOption => {
    const medium = files.open(drive, flags.snapshot)!;
    return { id: drive.id, image: medium, interface: 'ide', media: drive.media, index: drive.index! };
  });
  const devices = (flags.stick ?? []).map((path, index): DeviceOption => {
    const drive = stickDrive(path, index);
    return { kind: 'usb-storage', disk: files.open(drive, flags.snapshot)!, driveId: drive.id };
  });
  const firmware = kind === 'cdrom' || kind === 'disk' ? readFirmware(host, flags.bios) : undefined;
  return {
    keys: 'prefix',
    screendump: flags.screendump,
    devices,
    board: {
      drives,
      // Whoever boots has a terminal: firmware and boot loaders talk there.
      noGraphics: true,
      display: standardDisplay(host),
      ...(firmware === undefined ? {} : { firmware: { kind: 'bios', image: firmware.bytes } }),
      ...(kind === 'cdrom' ? { boot: { letters: 'dc' } } : {}),
    },
  };
}
