/** Whether a CD-ROM image is all there: ISO 9660 (ECMA-119) 8.4, the primary volume descriptor, says how long it is. */
import type { HostFile } from '../../devices/block/block-device.ts';

/** Logical sector 16, where the volume descriptors begin. */
const DESCRIPTOR = 0x8000;
const PRIMARY = 1;
/** BP 81: Volume Space Size, in blocks; BP 129: Logical Block Size. Both in either byte order, the little one first. */
const SPACE_SIZE = 80;
const BLOCK_SIZE = 128;

/** A sentence about an image that ends before its volume does; `undefined` for a whole one and for no ISO 9660. */
export function cutDisc(file: HostFile): string | undefined {
  const head = new Uint8Array(BLOCK_SIZE + 2);
  if (file.size < DESCRIPTOR + head.length || file.read(DESCRIPTOR, head) !== undefined) return undefined;
  if (head[0] !== PRIMARY || String.fromCharCode(...head.subarray(1, 6)) !== 'CD001') return undefined;
  const view = new DataView(head.buffer);
  const wanted = view.getUint32(SPACE_SIZE, true) * view.getUint16(BLOCK_SIZE, true);
  if (wanted <= file.size) return undefined;
  return `${file.name} is cut off: its volume has ${wanted} bytes, the file has ${file.size}; copy or download it again`;
}
