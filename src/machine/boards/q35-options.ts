/** What a q35 board is built from. */
import type { TraceBus } from '../../base/trace.ts';
import type { ProcessorTopology } from '../../cpu/topology.ts';
import type { BlockDevice } from '../../devices/block/block-device.ts';

/**
 * A device given on the command line. Addresses are assigned in order of the list unless given. `pciBus`: the id of a root
 * port, behind which the device stands at slot 0; default: the root bus. `bootIndex`: firmware tries the device with the
 * lowest number first; no two may have the same.
 */
export type DeviceOption =
  | {
      readonly kind: 'qemu-xhci' | 'nec-usb-xhci';
      readonly id?: string;
      /** PCI device number, 1-30; behind a root port 0. */
      readonly slot?: number;
      readonly pciBus?: string;
      /** USB 2 and USB 3 root hub ports, 0-15 each. */
      readonly usb2Ports?: number;
      readonly usb3Ports?: number;
      readonly interrupters?: number;
      readonly slots?: number;
    }
  | {
      readonly kind: 'pcie-root-port' | 'ioh3420';
      /** By which a device names the bus behind it. */
      readonly id: string;
      readonly slot?: number;
      /** Physical slot number, 0-8191, unique. Default: 0. */
      readonly slotNumber?: number;
    }
  | { readonly kind: 'usb-kbd'; readonly id?: string; readonly bus?: string; readonly port?: number }
  | {
      readonly kind: 'usb-storage';
      readonly id?: string;
      readonly bus?: string;
      readonly port?: number;
      readonly disk: BlockDevice;
      /** INQUIRY's serial number; also the USB one. */
      readonly serial?: string;
      /** QEMU's id of the drive, which the Device Identification page tells. */
      readonly driveId?: string;
      readonly removable?: boolean;
      readonly bootIndex?: number | undefined;
    }
  /** A further AHCI adapter of six ports, `ID.0` to `ID.5`. The chipset's own are `ide.0` to `ide.5`. */
  | { readonly kind: 'ahci'; readonly id?: string; readonly slot?: number; readonly pciBus?: string }
  | {
      readonly kind: 'ide-hd' | 'ide-cd';
      readonly id?: string;
      /** The id of a drive; a CD-ROM drive without one is empty. */
      readonly drive?: string;
      /** `ide.2`. Default: the first free port. */
      readonly bus?: string;
      readonly unit?: number;
      readonly serial?: string;
      readonly bootIndex?: number | undefined;
    }
  | {
      readonly kind: 'virtio-blk-pci';
      readonly id?: string;
      readonly slot?: number;
      readonly pciBus?: string;
      readonly drive: string;
      readonly serial?: string;
      /** Request queues. Default: one for each processor. */
      readonly queues?: number;
      readonly bootIndex?: number | undefined;
    }
  | {
      readonly kind: 'virtio-rng-pci';
      readonly id?: string;
      readonly slot?: number;
      readonly pciBus?: string;
      /** 32 bits; the same seed gives the same bytes. */
      readonly seed?: number;
    }
  | { readonly kind: 'isa-debug-exit'; readonly port: number; readonly size: number }
  | {
      /** A debug console of its own beside {@link Q35Options.debugOutput}; SeaBIOS and OVMF write to port 0x402. */
      readonly kind: 'isa-debugcon';
      readonly port: number;
      readonly output: (byte: number) => void;
    };

/** A disk or disc image (`-drive`, `-hda`, `-cdrom`). */
export interface DriveOption {
  /** Unique among the drives. */
  readonly id: string;
  readonly image: BlockDevice;
  /** `none`: a device names it by `drive=`. `ide`: on a port of the chipset. `virtio`: as a `virtio-blk-pci`. */
  readonly interface: 'ide' | 'virtio' | 'none';
  readonly media: 'disk' | 'cdrom';
  /** `ide`: the port, 0-5. Default: the first free one. */
  readonly index?: number;
  /** Of the device that the board makes for it (`ide`, `virtio`). */
  readonly bootIndex?: number | undefined;
  readonly serial?: string;
}

/** What stands in the ROM below 4 GiB. */
export type FirmwareOption =
  /** `-bios`: a multiple of 64 KiB up to 16 MiB; its last 128 KiB stand below 1 MiB too. */
  { readonly kind: 'bios'; readonly image: Uint8Array };

/** The flash below 4 GiB (`-drive if=pflash`); sizes are multiples of 4 KiB, 8 MiB together at most. */
export interface FlashOption {
  /** Unit 0, which ends at 4 GiB: the processors begin in it. */
  readonly code: FlashImage;
  /** Unit 1, right below: where UEFI firmware keeps its variables. */
  readonly vars?: FlashImage;
}

/** An image file, which keeps what the guest writes unless it is read-only; or bytes, and writes stay in memory. */
export type FlashImage = BlockDevice | Uint8Array;

/** How the board leaves PCI functions to a kernel that is entered without firmware (docs/adr/0003). */
export interface HandOver {
  /** BARs assigned and decoding on, as every PC's firmware leaves them. */
  readonly resourcesAssigned: boolean;
  /** Bus Master Enable set on USB controllers, as SeaBIOS leaves it because its own driver ran. */
  readonly usbBusMaster: boolean;
}

/** What firmware is asked to do (`-boot`, and `bootindex=` of devices). */
export interface FirmwareBoot {
  /** Kinds of devices to try, at most three letters: `a` floppy, `c` disk, `d` CD-ROM, `n` network. Default: `cad`. */
  readonly letters?: string;
  /** The same for the first boot only; {@link letters} hold after a reset. */
  readonly lettersOnce?: string;
  /** Open Firmware paths to try before the devices with a `bootIndex`: `/pci@i0cf8/pci8086,2922@1f,2/drive@0/disk@0`. */
  readonly order?: readonly string[];
  /** Try nothing behind them. */
  readonly strict?: boolean;
  readonly menu?: boolean;
  /** How long the menu's prompt stands, 0-65535. */
  readonly splashMilliseconds?: number;
  /** When to reboot if nothing boots, 0-65535; default: never. */
  readonly rebootMilliseconds?: number;
}

export interface Q35Options {
  /** Bytes, a multiple of 1 MiB, at least 2 MiB. */
  readonly ramBytes: number;
  /** QEMU's machine property `max-ram-below-4g`, in bytes. */
  readonly maxRamBelow4g?: number;
  /** How many processors, 1-64, and how packages hold them. Default: one. */
  readonly processors?: ProcessorTopology;
  /** `qemu64` or `max`. */
  readonly cpuModel: string;
  /** A name in `PERSONALITIES` (src/xhci/personality.ts): `spec`, `qemu` ... */
  readonly personality: string;
  readonly devices: readonly DeviceOption[];
  readonly drives?: readonly DriveOption[];
  /** Keep, per 8 bytes of RAM, who stored there last. */
  readonly trackWriters: boolean;
  readonly trace: TraceBus;
  /** Bytes that the guest sent to the first serial port. */
  readonly serialOutput: (byte: number) => void;
  /** Bytes that the guest sent to the debug console (port 0xe9); `undefined`: the port does not exist. */
  readonly debugOutput?: ((byte: number) => void) | undefined;
  readonly handOver?: Partial<HandOver>;
  /** The machine's UUID, 16 bytes as written (`-uuid`). Default: zeros. */
  readonly uuid?: Uint8Array;
  /** Firmware should talk to the serial port (`-nographic`). */
  readonly noGraphics?: boolean;
  readonly boot?: FirmwareBoot;
  /** The display adapter (`-vga std`); `rom` is its video BIOS (vgabios-stdvga.bin). Default: none. */
  readonly display?: { readonly rom?: Uint8Array } | 'none';
  /** Files for fw_cfg (`-fw_cfg name=,file=|string=`). */
  readonly fwCfgFiles?: readonly { readonly name: string; readonly bytes: Uint8Array }[];
  /** The processors begin at the reset vector in it. Without it a kernel is to be loaded. */
  readonly firmware?: FirmwareOption;
  /** Firmware in flash, instead of {@link firmware}. */
  readonly flash?: FlashOption;
  /** A reset ends the run. Default: true without firmware, which alone could start again. */
  readonly noReboot?: boolean;
  /** Start of the random numbers of RDRAND and RDSEED, 32 bits. Default: the same in every run. */
  readonly seed?: number;
  /** The high precision event timers are there (QEMU's `-machine hpet=`, `-no-hpet`). Default: true. */
  readonly hpet?: boolean;
  /** Seconds since 1970 that the real-time clock shows at power-on. Default: 2024-01-01, so that runs repeat. */
  readonly rtcSeconds?: number;
}

/** Something stands at the reset vector. */
export function hasFirmware(options: Q35Options): boolean {
  return options.firmware !== undefined || options.flash !== undefined;
}

export interface BoardError {
  readonly problem: string;
  readonly hint: string;
}
