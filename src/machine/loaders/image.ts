/** Chooses the loader for an image, or says what the file looks like instead. */
import { loadLinux } from './linux.ts';
import { isLinuxImage } from './linux-header.ts';
import type { LoadOptions, LoadResult } from './load-plan.ts';
import { findMisplacedSegment, loadFailed } from './load-plan.ts';
import { findMultiboot2Header, findMultibootHeader, loadMultiboot, loadMultiboot2 } from './multiboot.ts';
import { loadPlainElf } from './plain-elf.ts';
import { findPvhEntry, loadPvh } from './pvh.ts';

export function loadImage(bytes: Uint8Array, options: LoadOptions): LoadResult {
  const result = chooseLoader(bytes, options);
  if (!result.ok) return result;
  const misplaced = findMisplacedSegment(result.plan.segments, options.memoryMap);
  return misplaced === undefined ? result : { ok: false, error: misplaced };
}

function chooseLoader(bytes: Uint8Array, options: LoadOptions): LoadResult {
  if (bytes.length === 0) return loadFailed('the file is empty', 'check the build');
  const header = findMultibootHeader(bytes);
  if (header !== undefined) return loadMultiboot(bytes, header, options);
  const header2 = findMultiboot2Header(bytes);
  if (header2 !== undefined) return loadMultiboot2(bytes, header2, options);
  if (isLinuxImage(bytes)) return loadLinux(bytes, options);
  if (isElf(bytes)) {
    const entry = findPvhEntry(bytes);
    return entry === undefined ? loadPlainElf(bytes, options) : loadPvh(bytes, entry, options);
  }
  return loadFailed(
    `the file is not a kernel that can be entered directly: it looks like ${describeFile(bytes)}`,
    'give a Linux bzImage, a Multiboot 1 or 2 kernel, a PVH kernel, or an ELF64 executable',
  );
}

function isElf(bytes: Uint8Array): boolean {
  return bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46;
}

/** What a file is by its signatures, for the message that refuses it. */
export function describeFile(bytes: Uint8Array): string {
  const ascii = (at: number, length: number): string => String.fromCharCode(...bytes.subarray(at, at + length));
  if (ascii(0, 4) === 'QFI\xfb') return 'a qcow2 disk image';
  if (ascii(0x8001, 5) === 'CD001') return 'an ISO 9660 CD image';
  if (ascii(0, 2) === 'MZ') return 'a PE/EFI program';
  if (ascii(512, 8) === 'EFI PART') return 'a disk image with a GPT';
  if (bytes[510] === 0x55 && bytes[511] === 0xaa) return 'a disk image with a boot sector';
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) return 'a gzip file: unpack it first';
  if (ascii(0, 6) === '\xfd7zXZ\0') return 'an xz file: unpack it first';
  if (ascii(0, 4) === '\x28\xb5\x2f\xfd') return 'a zstd file: unpack it first';
  if (ascii(0, 2) === '#!') return 'a script';
  const sample = bytes.subarray(0, 256);
  if (sample.every((byte) => byte === 9 || byte === 10 || byte === 13 || (byte >= 32 && byte < 127)))
    return 'a text file';
  return `raw binary data (first bytes ${[...bytes.subarray(0, 8)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ')})`;
}
