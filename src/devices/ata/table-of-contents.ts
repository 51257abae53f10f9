/** READ TOC/PMA/ATIP of a disc with one data track (MMC-5 §6.26). */

const LEAD_OUT = 0xaa;
/** Data track, copying not allowed. */
const DATA_TRACK = 0x14;

/**
 * Formats 0 (tracks), 1 (sessions) and 2 (raw). `msf`: addresses as minute, second, frame. `undefined`: the drive does
 * not know the format, or there is no such track.
 */
export function tableOfContents(
  format: number,
  msf: boolean,
  startTrack: number,
  sectors: number,
): Uint8Array | undefined {
  switch (format) {
    case 0:
      return tracks(msf, startTrack, sectors);
    case 1:
      return Uint8Array.of(0, 0x0a, 1, 1, 0, DATA_TRACK, 1, 0, ...address(0, msf));
    case 2:
      return raw(msf, sectors);
    default:
      return undefined;
  }
}

function tracks(msf: boolean, startTrack: number, sectors: number): Uint8Array | undefined {
  if (startTrack > 1 && startTrack !== LEAD_OUT) return undefined;
  const rows: number[] = [];
  if (startTrack <= 1) rows.push(0, DATA_TRACK, 1, 0, ...address(0, msf));
  rows.push(0, 0x16, LEAD_OUT, 0, ...address(sectors, msf));
  return Uint8Array.of(0, rows.length + 2, 1, 1, ...rows);
}

function raw(msf: boolean, sectors: number): Uint8Array {
  const point = (number: number, values: readonly number[]): number[] => [1, DATA_TRACK, 0, number, 0, 0, 0, ...values];
  const rows = [
    ...point(0xa0, [0, 1, 0, 0]),
    ...point(0xa1, [0, 1, 0, 0]),
    ...point(0xa2, address(sectors, msf)),
    ...point(1, address(0, msf)),
  ];
  return Uint8Array.of(0, rows.length + 2, 1, 1, ...rows);
}

/** Four bytes: a logical block, or minute, second and frame, which count from two seconds before block 0. */
function address(block: number, msf: boolean): number[] {
  if (!msf) return [(block >>> 24) & 0xff, (block >>> 16) & 0xff, (block >>> 8) & 0xff, block & 0xff];
  const frame = block + 150;
  return [0, Math.floor(frame / (60 * 75)), Math.floor(frame / 75) % 60, frame % 75];
}
