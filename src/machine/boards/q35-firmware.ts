/**
 * The firmware's ROM: at the top of 4 GiB, where the processors begin, and its last 128 KiB below 1 MiB. All of it
 * stands on the PCI side, so that the memory controller's PAM registers can put RAM in front of it.
 */
import { AliasRegion, createRom, type MemoryRegion, type MemorySystem } from '../../memory/index.ts';
import { FOUR_GIB } from './q35-memory-map.ts';
import type { BoardError, FirmwareOption } from './q35-options.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const PAGE = 4 * KIB;

const IMAGE_UNIT = 64 * KIB;
const IMAGE_MAX = 16 * MIB;
export const LEGACY_END = MIB;
export const LEGACY_MAX = 128 * KIB;
/** Option ROMs would be copied there; QEMU has zeros. */
const OPTION_ROM_START = 0xc_0000;
export const OPTION_ROM_SIZE = 128 * KIB;
/** QEMU puts both in front of PCI devices that claim the same addresses. */
export const LEGACY_PRIORITY = 1;

export interface FirmwareSetting {
  readonly memory: MemorySystem;
  readonly pci: MemoryRegion;
  /** Zeroed bytes that the processors can read directly. */
  readonly allocate: (bytes: number) => Uint8Array;
}

/** Bytes that {@link addFirmware} will ask for, in whole pages. */
export function firmwareBytes(firmware: FirmwareOption | undefined): number {
  return firmware === undefined ? 0 : Math.ceil(firmware.image.length / PAGE) * PAGE + OPTION_ROM_SIZE;
}

export function checkFirmware(firmware: FirmwareOption | undefined): BoardError | undefined {
  if (firmware === undefined) return undefined;
  const { length } = firmware.image;
  if (length > 0 && length <= IMAGE_MAX && length % IMAGE_UNIT === 0) return undefined;
  return {
    problem: `a firmware image of ${length} bytes: it must be a multiple of ${IMAGE_UNIT} bytes, up to 16 MiB`,
    hint: 'for example /usr/share/seabios/bios-256k.bin',
  };
}

export function addFirmware(setting: FirmwareSetting, firmware: FirmwareOption): void {
  const { memory, pci, allocate } = setting;
  const { image } = firmware;
  const bytes = allocate(image.length);
  bytes.set(image);
  const rom = createRom(memory, 'pc.bios', bytes);
  const legacy = Math.min(image.length, LEGACY_MAX);
  const alias = new AliasRegion(memory, 'isa-bios', rom, image.length - legacy, legacy);
  alias.setReadonly(true);
  memory.transaction(() => {
    pci.addSubregion(FOUR_GIB - image.length, rom);
    pci.addSubregion(LEGACY_END - legacy, alias, LEGACY_PRIORITY);
    addOptionRoms(setting);
  });
}

export function addOptionRoms({ memory, pci, allocate }: FirmwareSetting): void {
  pci.addSubregion(OPTION_ROM_START, createRom(memory, 'pc.rom', allocate(OPTION_ROM_SIZE)), LEGACY_PRIORITY);
}
