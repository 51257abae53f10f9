/**
 * The BIOS data area as firmware leaves it to a kernel that is entered directly (docs/adr/0003): kernels take the size of
 * conventional memory and the extended area's segment from it (Phoenix, System BIOS for IBM PCs, 2nd edition, chapter 3).
 */
import { gpa } from '../../base/address.ts';
import type { LoadSegment } from '../loaders/load-plan.ts';

const BDA = 0x400;
const BDA_SIZE = 0x100;
/** The extended BIOS data area: the last KiB of conventional memory. */
const EBDA = 0x9_fc00;
const CONVENTIONAL_KIB = 639;
const COM1 = 0x3f8;
/** No floppy, FPU present, 80x25 colour text, one serial port. */
const EQUIPMENT = 0x0222;

export function biosDataAreas(): LoadSegment[] {
  const view = new DataView(new ArrayBuffer(BDA_SIZE));
  view.setUint16(0x00, COM1, true);
  view.setUint16(0x0e, EBDA >>> 4, true);
  view.setUint16(0x10, EQUIPMENT, true);
  view.setUint16(0x13, CONVENTIONAL_KIB, true);
  // Text mode 3, 80 columns, CRTC at 0x3d4, rows minus one, character height.
  view.setUint8(0x49, 3);
  view.setUint16(0x4a, 80, true);
  view.setUint16(0x63, 0x3d4, true);
  view.setUint8(0x84, 24);
  view.setUint16(0x85, 16, true);
  const bytes = new Uint8Array(view.buffer);
  return [
    { address: gpa(BDA), bytes, memorySize: BDA_SIZE, what: 'BIOS data area' },
    { address: gpa(EBDA), bytes: Uint8Array.of(1), memorySize: 1024, what: 'extended BIOS data area' },
  ];
}
