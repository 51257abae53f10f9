/**
 * What firmware tries first: the devices with a bootindex, as Open Firmware paths in fw_cfg's `bootorder`, and the letters
 * of `-boot order=` in CMOS (SeaBIOS, Runtime_config.md; IEEE 1275 PCI bus binding §2.2.1). Paths are QEMU's.
 */
import type { StateSource, StateValue } from '../../base/state.ts';
import type { FwCfg } from '../../devices/fw-cfg.ts';
import type { PciFunction } from '../../pci/function.ts';
import type { BoardError, FirmwareBoot } from './q35-options.ts';

const ROOT = '/pci@i0cf8';
/** By class and subclass; others are called by vendor and device. */
const CLASS_NAMES: ReadonlyMap<number, string> = new Map([
  [0x01_00, 'scsi'],
  [0x06_04, 'pci-bridge'],
  [0x0c_03, 'usb'],
]);

const BOOT_INDEX_MAX = 0x7fff_ffff;

/** Devices with a bootindex. Those that are built say here where they stand. */
export class BootList {
  readonly #paths = new Map<number, string>();

  /** `index`: 0 is tried first; `undefined`: it was not asked for. Returns an error for a number that is taken. */
  add(index: number | undefined, path: string): BoardError | undefined {
    if (index === undefined) return undefined;
    if (!Number.isInteger(index) || index < 0 || index > BOOT_INDEX_MAX) {
      return {
        problem: `bootindex ${index} is no number from 0 to ${BOOT_INDEX_MAX}`,
        hint: 'bootindex=0 comes first',
      };
    }
    if (this.#paths.has(index)) {
      return { problem: `two devices have bootindex ${index}`, hint: 'give each its own bootindex=' };
    }
    this.#paths.set(index, path);
    return undefined;
  }

  /** First to last. */
  get paths(): string[] {
    return [...this.#paths].sort(([one], [other]) => one - other).map(([, path]) => path);
  }
}

/** `/pci@i0cf8/pci8086,2922@1f,2`; behind a root port `/pci@i0cf8/pci-bridge@4/scsi@0`. */
export function openFirmwarePath(entry: PciFunction): string {
  const { bridge } = entry.bus;
  const parent = bridge === undefined ? ROOT : openFirmwarePath(bridge);
  const { vendor, device: model, classCode } = entry.identity;
  const hex = (id: number): string => id.toString(16).padStart(4, '0');
  const name = CLASS_NAMES.get(classCode >>> 8) ?? `pci${hex(vendor)},${hex(model)}`;
  const { device, function: number } = entry.address;
  return `${parent}/${name}@${device.toString(16)}${number === 0 ? '' : `,${number.toString(16)}`}`;
}

/** fw_cfg's `bootorder`: lines, and a zero behind the last. */
export function offerBootOrder(fwCfg: FwCfg, boot: FirmwareBoot | undefined, list: BootList): void {
  const { order = [], strict = false } = boot ?? {};
  const paths = [...order, ...list.paths];
  if (strict && paths.length > 0) paths.push('HALT');
  const text = paths.length === 0 ? '' : `${paths.join('\n')}\0`;
  fwCfg.items.file('bootorder')!.bytes = new TextEncoder().encode(text);
}

/** What CMOS calls floppy, hard disk, CD-ROM and network. */
const NIBBLES: Readonly<Record<string, number>> = { a: 1, b: 1, c: 2, d: 3, n: 4 };
const DEFAULT_LETTERS = 'cad';
const LETTERS_MAX = 3;
const CMOS_FIRST_AND_SECOND = 0x3d;
/** The third in the upper half; the lower one would switch the check of the floppy's signature off. */
const CMOS_THIRD = 0x38;

export function checkBootLetters(boot: FirmwareBoot | undefined): BoardError | undefined {
  for (const letters of [boot?.letters, boot?.lettersOnce]) {
    if (letters === undefined) continue;
    const wrong = [...letters].find((letter) => NIBBLES[letter] === undefined);
    if (wrong !== undefined) {
      return {
        problem: `"${wrong}" in the boot order "${letters}" is no drive`,
        hint: 'a, b: floppy; c: disk; d: CD-ROM; n: network; for example -boot order=dc',
      };
    }
    if (letters.length > LETTERS_MAX || new Set(letters).size < letters.length) {
      return { problem: `the boot order "${letters}" is not up to three different letters`, hint: '-boot order=dc' };
    }
  }
  return undefined;
}

/** Keeps the boot order in CMOS; what holds for the first start only is replaced by the first reset. */
export class BootLetters implements StateSource {
  readonly name = 'boot-letters';
  readonly version = 1;
  readonly #cmos: Uint8Array;
  readonly #letters: string;
  #once: boolean;

  constructor(cmos: Uint8Array, boot: FirmwareBoot | undefined) {
    this.#cmos = cmos;
    this.#letters = boot?.letters ?? DEFAULT_LETTERS;
    this.#once = boot?.lettersOnce !== undefined;
    this.#put(boot?.lettersOnce ?? this.#letters);
  }

  /** The machine's reset. */
  reset(): void {
    if (!this.#once) return;
    this.#once = false;
    this.#put(this.#letters);
  }

  save(): { readonly [field: string]: StateValue } {
    return { once: this.#once };
  }

  load(fields: { readonly [field: string]: StateValue }): void {
    this.#once = fields.once as boolean;
  }

  #put(letters: string): void {
    const [first = 0, second = 0, third = 0] = [...letters].map((letter) => NIBBLES[letter]);
    this.#cmos[CMOS_FIRST_AND_SECOND] = first | (second << 4);
    this.#cmos[CMOS_THIRD] = third << 4;
  }
}
