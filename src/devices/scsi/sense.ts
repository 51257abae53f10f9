/** Sense data: why a command failed (SPC-4 §4.5). */

export interface SenseCode {
  /** Sense key, Table 48. */
  readonly key: number;
  /** Additional sense code and qualifier, Annex F. */
  readonly asc: number;
  readonly ascq: number;
}

const code = (key: number, asc: number, ascq = 0): SenseCode => ({ key, asc, ascq });

export const Sense = {
  None: code(0, 0),
  NoMedium: code(2, 0x3a),
  WriteError: code(3, 0x0c),
  UnrecoveredReadError: code(3, 0x11),
  InvalidOpcode: code(5, 0x20),
  LbaOutOfRange: code(5, 0x21),
  InvalidField: code(5, 0x24),
  LunNotSupported: code(5, 0x25),
  InvalidParameter: code(5, 0x26),
  SavingNotSupported: code(5, 0x39),
  MediumRemovalPrevented: code(5, 0x53, 2),
  Reset: code(6, 0x29),
  WriteProtected: code(7, 0x27),
  Miscompare: code(0xe, 0x1d),
} as const satisfies Record<string, SenseCode>;

const SENSE_BYTES = 18;
/** Current information, fixed format (SPC-4 §4.5.3). */
const FIXED_CURRENT = 0x70;

/** The 18 bytes that REQUEST SENSE returns. */
export function fixedSense({ key, asc, ascq }: SenseCode): Uint8Array {
  const bytes = new Uint8Array(SENSE_BYTES);
  bytes[0] = FIXED_CURRENT;
  bytes[2] = key;
  bytes[7] = SENSE_BYTES - 8;
  bytes[12] = asc;
  bytes[13] = ascq;
  return bytes;
}
