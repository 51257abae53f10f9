/**
 * What CMOS tells a BIOS about hard disks (Phoenix, System BIOS for IBM PCs, 2nd edition, chapter 3; 0x39 is QEMU's and
 * Bochs's): the disk on the chipset's first SATA port, and how to translate the geometry of those on the first two.
 */
import type { Geometry } from '../../devices/ata/identify.ts';

/** Drive types of both disks, a nibble each; 0xf: the extended type in the next register. */
const CMOS_TYPES = 0x12;
const TYPE_EXTENDED = 0xf0;
const CMOS_EXTENDED_TYPE = 0x19;
const TYPE_USER_DEFINED = 47;
/** Cylinders, heads, write precompensation, control, landing zone, sectors: nine bytes. */
const CMOS_PARAMETERS = 0x1b;
/** Two bits a disk, the two of a channel side by side; a SATA port has only the first. */
const CMOS_TRANSLATION = 0x39;
const NO_RETRIES = 0xc0;
const MORE_THAN_EIGHT_HEADS = 0x08;
/** What INT 13h reaches untranslated. */
const CYLINDERS_MAX = 1024;
const TRANSLATION_NONE = 0;
const TRANSLATION_LBA = 1;

/** `disks`: on the first and the second port; `undefined`: none, or no hard disk. */
export function describeDisks(cmos: Uint8Array, disks: readonly (Geometry | undefined)[]): void {
  const [first] = disks;
  if (first !== undefined) {
    const { cylinders, heads, sectors } = first;
    const control = NO_RETRIES | (heads > 8 ? MORE_THAN_EIGHT_HEADS : 0);
    const [low, high] = [cylinders & 0xff, cylinders >> 8];
    cmos[CMOS_TYPES] = TYPE_EXTENDED;
    cmos[CMOS_EXTENDED_TYPE] = TYPE_USER_DEFINED;
    cmos.set([low, high, heads, 0xff, 0xff, control, low, high, sectors], CMOS_PARAMETERS);
  }
  let translation = 0;
  for (const [channel, disk] of disks.entries()) {
    const one = disk === undefined || disk.cylinders <= CYLINDERS_MAX ? TRANSLATION_NONE : TRANSLATION_LBA;
    translation |= one << (4 * channel);
  }
  cmos[CMOS_TRANSLATION] = translation;
}
