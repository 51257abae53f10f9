/** MODE SENSE(10) pages of a CD-ROM drive (MMC-5 §7). */
import type { CdDrive } from './cd-drive.ts';
import { SENSE, type Sense } from './sense.ts';

/** Medium Type is obsolete in MMC-5; QEMU leaves this in it. */
const MEDIUM_TYPE = 0x70;
/** Page Control: current values, changeable, default, saved. */
const CONTROL_CURRENT = 0;
const CONTROL_SAVED = 3;

/** The eight-byte header and one page. `selector`: page control in bits 7-6, page code in bits 5-0. */
export function modePage(selector: number, drive: CdDrive): { readonly bytes: Uint8Array } | Sense {
  const control = selector >> 6;
  if (control === CONTROL_SAVED) return SENSE.savingNotSupported;
  if (control !== CONTROL_CURRENT) return SENSE.invalidField;
  const page = pageBytes(selector & 0x3f, drive);
  if (page === undefined) return SENSE.invalidField;
  return { bytes: Uint8Array.of(0, page.length + 6, MEDIUM_TYPE, 0, 0, 0, 0, 0, ...page) };
}

function pageBytes(code: number, drive: CdDrive): readonly number[] | undefined {
  switch (code) {
    case 0x01: // Read/Write Error Recovery: five retries
      return [0x01, 0x06, 0x00, 0x05, 0, 0, 0, 0];
    case 0x0e: // CD Audio Control: no port
      return [0x0e, 0x0e, ...new Array<number>(14).fill(0)];
    case 0x2a: {
      // Capabilities: reads DVD-ROM; mode 2, multi-session; loads by tray, locks and ejects; 704 KB/s (4x), 512 KiB.
      const lock = drive.trayLocked ? 2 : 0;
      const speed = [0x02, 0xc0];
      const body = [0x3b, 0x00, 0x71, 0x60, 0x29 | lock, 0x00, ...speed, 0x00, 0x02, 0x02, 0x00, ...speed];
      return [0x2a, 0x14, ...body, 0, 0, 0, 0, 0, 0];
    }
    default:
      return undefined;
  }
}
