/** Sense data: why a PACKET command failed (MMC-5 Annex F, SPC-3 §4.5). */

export interface Sense {
  /** Sense key, 0-15. */
  readonly key: number;
  /** Additional sense code and its qualifier. */
  readonly code: number;
  readonly qualifier: number;
}

export const NO_SENSE: Sense = { key: 0, code: 0, qualifier: 0 };

export const SENSE = {
  mediumNotPresent: { key: 2, code: 0x3a, qualifier: 0 },
  unrecoveredReadError: { key: 3, code: 0x11, qualifier: 0 },
  illegalOpcode: { key: 5, code: 0x20, qualifier: 0 },
  outOfRange: { key: 5, code: 0x21, qualifier: 0 },
  invalidField: { key: 5, code: 0x24, qualifier: 0 },
  savingNotSupported: { key: 5, code: 0x39, qualifier: 0 },
  removalPrevented: { key: 5, code: 0x53, qualifier: 2 },
} as const satisfies Record<string, Sense>;

/** Fixed format sense data of 18 bytes, current errors. */
export function senseData(sense: Sense): Uint8Array {
  const bytes = new Uint8Array(18);
  bytes[0] = 0x70 | 0x80;
  bytes[2] = sense.key;
  bytes[7] = 10;
  bytes[12] = sense.code;
  bytes[13] = sense.qualifier;
  return bytes;
}
