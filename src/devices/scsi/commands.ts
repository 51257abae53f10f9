/** Operation codes (SPC-4 Table D.2) and how a command descriptor block names blocks. */
import { readBig, readBig64 } from './big-endian.ts';

export const Operation = {
  TestUnitReady: 0x00,
  RequestSense: 0x03,
  Read6: 0x08,
  Write6: 0x0a,
  Seek6: 0x0b,
  Inquiry: 0x12,
  ModeSelect6: 0x15,
  Reserve6: 0x16,
  Release6: 0x17,
  ModeSense6: 0x1a,
  StartStopUnit: 0x1b,
  PreventAllowMediumRemoval: 0x1e,
  ReadCapacity10: 0x25,
  Read10: 0x28,
  Write10: 0x2a,
  Seek10: 0x2b,
  WriteAndVerify10: 0x2e,
  Verify10: 0x2f,
  SynchronizeCache10: 0x35,
  ModeSelect10: 0x55,
  Reserve10: 0x56,
  Release10: 0x57,
  ModeSense10: 0x5a,
  Read16: 0x88,
  Write16: 0x8a,
  WriteAndVerify16: 0x8e,
  Verify16: 0x8f,
  SynchronizeCache16: 0x91,
  ServiceActionIn16: 0x9e,
  ReportLuns: 0xa0,
  Read12: 0xa8,
  Write12: 0xaa,
  WriteAndVerify12: 0xae,
  Verify12: 0xaf,
} as const;

/** Service action of SERVICE ACTION IN(16). */
export const READ_CAPACITY_16 = 0x10;

export interface Extent {
  /** First block; `Infinity` where no number holds it. */
  readonly lba: number;
  readonly blocks: number;
}

/** LOGICAL BLOCK ADDRESS and TRANSFER LENGTH, which the group code places (SPC-4 §4.2.5.1). */
export function extentOf(cdb: Uint8Array): Extent {
  switch (cdb[0]! >> 5) {
    case 0: {
      // SBC-3 §5.10: in READ(6) and WRITE(6) a length of 0 is 256 blocks.
      const length = cdb[4]!;
      return { lba: readBig(cdb, 1, 3) & 0x1f_ffff, blocks: length === 0 ? 256 : length };
    }
    case 4:
      return { lba: readBig64(cdb, 2), blocks: readBig(cdb, 10, 4) };
    case 5:
      return { lba: readBig(cdb, 2, 4), blocks: readBig(cdb, 6, 4) };
    default:
      return { lba: readBig(cdb, 2, 4), blocks: readBig(cdb, 7, 2) };
  }
}
