/**
 * Firmware in flash: up to two units below 4 GiB, unit 0 on top, and a read-only copy of its last 128 KiB below 1 MiB.
 * As QEMU's PC has them: blocks of 4 KiB, 8 bits wide, not locked outside of system management mode.
 */
import type { StateSource } from '../../base/state.ts';
import type { TraceBus } from '../../base/trace.ts';
import type { BlockDevice } from '../../devices/block/block-device.ts';
import { CfiFlash } from '../../devices/flash/cfi-flash.ts';
import { BLOCK_BYTES } from '../../devices/flash/query-table.ts';
import { createRom } from '../../memory/index.ts';
import {
  addOptionRoms,
  type FirmwareSetting,
  LEGACY_END,
  LEGACY_MAX,
  LEGACY_PRIORITY,
  OPTION_ROM_SIZE,
} from './q35-firmware.ts';
import { FOUR_GIB } from './q35-memory-map.ts';
import type { BoardError, FlashImage, FlashOption, Q35Options } from './q35-options.ts';

const MIB = 1024 * 1024;
/** QEMU's machine property `max-fw-size`. */
const TOTAL_MAX = 8 * MIB;

export interface FlashSetting extends FirmwareSetting {
  readonly trace: TraceBus;
  readonly options: Q35Options;
  readonly asQemu: boolean;
}

export interface FlashParts {
  readonly stateSources: readonly StateSource[];
  readonly reset: () => void;
}

/** Bytes that {@link addFlash} will ask for. */
export function flashBytes(flash: FlashOption | undefined): number {
  if (flash === undefined) return 0;
  const total = imagesOf(flash).reduce((bytes, image) => bytes + sizeOf(image), 0);
  return total + LEGACY_MAX + OPTION_ROM_SIZE;
}

export function checkFlash(options: Q35Options): BoardError | undefined {
  const { flash, firmware } = options;
  if (flash === undefined) return undefined;
  if (firmware !== undefined) {
    return { problem: 'firmware in a ROM and in flash', hint: 'give -bios or -drive if=pflash, not both' };
  }
  let total = 0;
  for (const [unit, image] of imagesOf(flash).entries()) {
    const size = sizeOf(image);
    total += size;
    if (size === 0 || size % BLOCK_BYTES !== 0) {
      return {
        problem: `flash unit ${unit}${isMedium(image) ? ` (${image.name})` : ''} of ${size} bytes: it must be a multiple of ${BLOCK_BYTES} bytes`,
        hint: 'for example /usr/share/OVMF/OVMF_CODE.fd',
      };
    }
  }
  if (total <= TOTAL_MAX) return undefined;
  return { problem: `${total} bytes of flash: the board takes 8 MiB together`, hint: 'give smaller images' };
}

export function addFlash(setting: FlashSetting): FlashParts | BoardError {
  const { memory, pci, allocate, trace, options, asQemu } = setting;
  if (options.flash === undefined) return { stateSources: [], reset: () => {} };
  const units: CfiFlash[] = [];
  const stateSources: StateSource[] = [];
  let address = FOUR_GIB;
  for (const [unit, image] of imagesOf(options.flash).entries()) {
    const bytes = allocate(sizeOf(image));
    const problem = fill(bytes, image);
    if (problem !== undefined) return { problem: `flash unit ${unit}: ${problem}`, hint: 'check the image file' };
    address -= bytes.length;
    const medium = isMedium(image) ? image : undefined;
    const flash = new CfiFlash({
      system: memory,
      trace,
      name: `system.flash${unit}`,
      bytes,
      address,
      medium,
      readOnly: medium?.readOnly === true,
      asQemu,
    });
    pci.addSubregion(address, flash.region);
    units.push(flash);
    stateSources.push(flash);
    if (medium?.stateSource !== undefined) stateSources.push(medium.stateSource);
  }
  addLegacyCopy(setting, units[0]!);
  const reset = (): void => {
    for (const unit of units) unit.reset();
  };
  return { stateSources, reset };
}

/** What real-mode code finds below 1 MiB. QEMU copies it at power-on: later writes to the flash do not show there. */
function addLegacyCopy(setting: FlashSetting, flash: CfiFlash): void {
  const { memory, pci, allocate } = setting;
  const { backing } = flash.region;
  const length = Math.min(backing.length, LEGACY_MAX);
  const copy = allocate(length);
  copy.set(backing.subarray(backing.length - length));
  pci.addSubregion(LEGACY_END - length, createRom(memory, 'isa-bios', copy), LEGACY_PRIORITY);
  addOptionRoms(setting);
}

function imagesOf({ code, vars }: FlashOption): readonly FlashImage[] {
  return vars === undefined ? [code] : [code, vars];
}

function isMedium(image: FlashImage): image is BlockDevice {
  return !(image instanceof Uint8Array);
}

function sizeOf(image: FlashImage): number {
  return isMedium(image) ? image.size : image.length;
}

function fill(bytes: Uint8Array, image: FlashImage): string | undefined {
  if (isMedium(image)) return image.read(0, bytes);
  bytes.set(image);
  return undefined;
}
