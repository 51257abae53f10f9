/** From the options of the command line to what the board is built from; opens the files that they name. */
import type { BlockDevice } from '../../devices/block/block-device.ts';
import type { DeviceOption, DriveOption, FlashOption } from '../../machine/boards/q35-options.ts';
import type { Host } from '../host.ts';
import type { BoardSetting } from '../session.ts';
import { UsageError } from '../usage-error.ts';
import { readFirmwareFiles } from './board-options.ts';
import type { CheckedConfiguration } from './configuration.ts';
import type { ConfiguredDevice, UsbStorageRequest } from './device-models.ts';
import type { DriveRequest } from './drives.ts';
import { readFirmware, standardDisplay } from './firmware.ts';
import type { OpenDrives } from './open-drives.ts';

/** The port that QEMU's empty CD-ROM drive is on. */
const DEFAULT_CDROM_INDEX = 2;

export interface BuiltBoard {
  readonly devices: readonly DeviceOption[];
  readonly board: BoardSetting;
}

export function buildBoard(host: Host, files: OpenDrives, configuration: CheckedConfiguration): BuiltBoard {
  const media = new Media(files, configuration);
  const devices = configuration.devices.map((device) => media.deviceOf(device));
  const flash = media.flash();
  // A kernel that is entered directly never sees the firmware; in flash it stands instead of a BIOS that is not named.
  const wantsBios = configuration.kernel === undefined && (flash === undefined || configuration.bios !== undefined);
  const firmware = wantsBios ? readFirmware(host, configuration.bios) : undefined;
  return {
    devices: [...devices, ...media.emptyDrives()],
    board: {
      drives: media.drives(),
      ...(firmware === undefined ? {} : { firmware: { kind: 'bios', image: firmware.bytes } as const }),
      ...(flash === undefined ? {} : { flash }),
      ...(firmware === undefined && flash === undefined ? {} : { noReboot: configuration.noReboot }),
      ...(configuration.noGraphic ? { noGraphics: true } : {}),
      ...((configuration.vga ?? (configuration.noDefaults ? 'none' : 'std')) === 'std'
        ? { display: standardDisplay(host) }
        : {}),
      ...(configuration.hpet ? {} : { hpet: false }),
      boot: configuration.boot,
      fwCfgFiles: readFirmwareFiles(host, configuration.firmwareFiles),
      ...(configuration.uuid === undefined ? {} : { uuid: configuration.uuid }),
      ...(configuration.seed === undefined ? {} : { seed: configuration.seed }),
      ...(configuration.debugPort === undefined ? {} : { debugPort: configuration.debugPort }),
      ...clockOf(host, configuration),
    },
  };
}

function clockOf(host: Host, { clock }: CheckedConfiguration): Pick<BoardSetting, 'rtcSeconds'> {
  if (clock === undefined) return {};
  return { rtcSeconds: 'seconds' in clock ? clock.seconds : host.wallClock(clock.host) };
}

/** The images of the drives, and who takes which. */
class Media {
  readonly #files: OpenDrives;
  readonly #configuration: CheckedConfiguration;
  /** Drives that a stick has, and the flash: the board is told of them otherwise. */
  readonly #taken = new Set<string>();

  constructor(files: OpenDrives, configuration: CheckedConfiguration) {
    this.#files = files;
    this.#configuration = configuration;
  }

  deviceOf(device: ConfiguredDevice): DeviceOption {
    const { seed, entropySources } = this.#configuration;
    switch (device.kind) {
      case 'usb-storage':
        return this.#stick(device as UsbStorageRequest);
      case 'virtio-rng-pci': {
        const { rng, ...rest } = device as typeof device & { readonly rng?: string };
        if (rng !== undefined && !entropySources.includes(rng)) {
          throw new UsageError(`-device virtio-rng-pci: there is no object "${rng}"`, `-object rng-random,id=${rng}`);
        }
        return { ...rest, ...(seed === undefined ? {} : { seed }) };
      }
      case 'ide-cd':
        return this.#driveOf(device.drive)?.path === undefined ? { ...device, drive: undefined! } : device;
      default:
        return device as DeviceOption;
    }
  }

  drives(): DriveOption[] {
    return this.#configuration.drives.flatMap((drive) => {
      if (this.#taken.has(drive.id) || drive.interface === 'pflash') return [];
      const image = this.#files.open(drive, this.#configuration.snapshot);
      if (image === undefined) return [];
      const { id, interface: kind, media, index } = drive;
      return [
        { id, image, interface: kind as DriveOption['interface'], media, ...(kind === 'ide' ? { index: index! } : {}) },
      ];
    });
  }

  /** Firmware and its variables in flash, where there are such drives. */
  flash(): FlashOption | undefined {
    const drives = this.#configuration.drives.filter((drive) => drive.interface === 'pflash');
    const image = (unit: number): BlockDevice | undefined => {
      const drive = drives.find(({ index }) => index === unit);
      return drive === undefined ? undefined : this.#files.open(drive, this.#configuration.snapshot);
    };
    if (drives.length === 0) return undefined;
    const code = image(0);
    if (code === undefined) {
      throw new UsageError(
        `${drives[0]!.option}: flash unit 0 is empty, where the processors begin`,
        'for example -drive if=pflash,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE.fd',
      );
    }
    const vars = image(1);
    return { code, ...(vars === undefined ? {} : { vars }) };
  }

  /** CD-ROM drives without a disc: those asked for, and the one that QEMU's machine has by default. */
  emptyDrives(): DeviceOption[] {
    const { drives, devices, noDefaults } = this.#configuration;
    const ide = drives.filter((drive) => drive.interface === 'ide');
    const empty = ide.filter(({ path }) => path === undefined).map(({ index }) => index!);
    // Whoever places SATA devices with -device gets no others, as on QEMU.
    const placed = devices.some(({ kind }) => kind === 'ide-cd' || kind === 'ide-hd');
    const taken = ide.some(({ index }) => index === DEFAULT_CDROM_INDEX);
    const standard = noDefaults || placed || taken ? [] : [DEFAULT_CDROM_INDEX];
    return [...empty, ...standard].map((index) => ({ kind: 'ide-cd', bus: `ide.${index}` }));
  }

  #stick(device: UsbStorageRequest): DeviceOption {
    const { drive: id, ...rest } = device;
    const drive = this.#driveOf(id);
    if (drive === undefined) {
      const known = this.#configuration.drives.map((each) => each.id).join(', ');
      throw new UsageError(
        id === undefined ? '-device usb-storage needs a drive' : `-device usb-storage: there is no drive "${id}"`,
        known === ''
          ? 'for example -drive file=stick.img,if=none,id=stick -device usb-storage,drive=stick'
          : `drives: ${known}`,
      );
    }
    if (drive.interface !== 'none' || this.#taken.has(drive.id)) {
      throw new UsageError(`-device usb-storage: drive "${id}" has a device already`, 'give its -drive if=none');
    }
    this.#taken.add(drive.id);
    const disk = this.#files.open(drive, this.#configuration.snapshot);
    if (disk === undefined) throw new UsageError(`-device usb-storage: drive "${id}" is empty`, 'give it file=PATH');
    return { ...rest, disk, driveId: drive.id };
  }

  #driveOf(id: string | undefined): DriveRequest | undefined {
    return this.#configuration.drives.find((drive) => drive.id === id);
  }
}
