/** The setup header of a Linux bzImage (Documentation/arch/x86/boot.rst of the kernel: "The Real-Mode Kernel Header"). */
import type { LoadError } from './load-plan.ts';

const MAGIC_AT = 0x202;
/** "HdrS". */
const MAGIC = 0x5372_6448;
const SECTOR = 512;
/** Four setup sectors if the field says 0. */
const SETUP_SECTORS_DEFAULT = 4;
/** Protocol 2.06 (Linux 2.6.22) is the first that says how long a command line may be. */
const VERSION_MIN = 0x206;
const VERSION_64 = 0x20c;
const LOADED_HIGH = 1;
const XLF_KERNEL_64 = 1;

export interface LinuxHeader {
  /** Protocol version, 0x20f for 2.15. */
  readonly version: number;
  /** Bytes before the protected-mode code: the boot sector and the setup sectors. */
  readonly setupBytes: number;
  /** Offset behind the header's last byte, which boot_params takes over. */
  readonly headerEnd: number;
  readonly commandLineMax: number;
  /** The highest address that the initial RAM disk may reach. */
  readonly initrdMax: number;
  readonly loadAddress: number;
  /** Bytes from the load address on that the kernel needs before it has looked at the memory map. */
  readonly initSize: number;
  /** Entered 0x200 bytes behind its start in 64-bit mode. */
  readonly has64BitEntry: boolean;
}

export function isLinuxImage(bytes: Uint8Array): boolean {
  return bytes.length >= MAGIC_AT + 4 && viewOf(bytes).getUint32(MAGIC_AT, true) === MAGIC;
}

export function readLinuxHeader(bytes: Uint8Array): LinuxHeader | LoadError {
  const view = viewOf(bytes);
  const version = view.getUint16(0x206, true);
  if (version < VERSION_MIN || (view.getUint8(0x211) & LOADED_HIGH) === 0) {
    return {
      problem: `the Linux image speaks boot protocol ${protocolName(version)}${version < VERSION_MIN ? '' : ' and is a zImage'}`,
      hint: 'dmascope enters bzImages of protocol 2.06 (Linux 2.6.22) and later',
    };
  }
  const setupBytes = ((view.getUint8(0x1f1) || SETUP_SECTORS_DEFAULT) + 1) * SECTOR;
  const headerEnd = MAGIC_AT + view.getUint8(0x201);
  const size = view.getUint32(0x1f4, true) * 16;
  if (bytes.length <= setupBytes || bytes.length < setupBytes + Math.min(size, 2 ** 31) - 15) {
    return {
      problem: `the Linux image is cut off: its header says ${setupBytes + size} bytes, the file has ${bytes.length}`,
      hint: 'copy or download it again',
    };
  }
  const codeStart = view.getUint32(0x214, true);
  const relocatable = version >= 0x20a && view.getUint8(0x234) !== 0;
  return {
    version,
    setupBytes,
    headerEnd,
    commandLineMax: view.getUint32(0x238, true),
    initrdMax: view.getUint32(0x22c, true),
    loadAddress: relocatable ? Number(view.getBigUint64(0x258, true)) : codeStart,
    initSize: version >= 0x20a ? view.getUint32(0x260, true) : bytes.length - setupBytes,
    has64BitEntry: version >= VERSION_64 && (view.getUint16(0x236, true) & XLF_KERNEL_64) !== 0,
  };
}

export function protocolName(version: number): string {
  return `${version >>> 8}.${String(version & 0xff).padStart(2, '0')}`;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
