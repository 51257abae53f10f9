/** What a file is that somebody wants to boot, by its first bytes. */
import type { HostFile } from '../devices/block/block-device.ts';

/**
 * `kernel`: entered directly. `disk` and `cdrom`: a BIOS starts them. `unknown`: the loaders will say what it looks like.
 */
export type ImageKind = 'kernel' | 'disk' | 'cdrom' | 'unknown';

/** Far enough for the volume descriptor of ISO 9660 and for Multiboot 2 headers. */
const HEAD_BYTES = 0x9000;
const MULTIBOOT_SEARCH = 8192;
const MULTIBOOT2_SEARCH = 32_768;
const MULTIBOOT_MAGIC = 0x1bad_b002;
const MULTIBOOT2_MAGIC = 0xe852_50d6;
const QCOW2_MAGIC = 0x5146_49fb;

/** Returns the host's reason when the file cannot be read. */
export function imageKind(file: HostFile): ImageKind | { readonly problem: string } {
  const head = new Uint8Array(Math.min(HEAD_BYTES, file.size));
  const problem = head.length === 0 ? undefined : file.read(0, head);
  if (problem !== undefined) return { problem };
  const text = (at: number, length: number) => String.fromCharCode(...head.subarray(at, at + length));
  if (text(0x202, 4) === 'HdrS' || text(0, 4) === '\x7fELF') return 'kernel';
  // Before the boot sector's signature: images for discs and sticks alike have both.
  if (text(0x8001, 5) === 'CD001') return 'cdrom';
  const view = new DataView(head.buffer);
  if (head.length >= 4 && view.getUint32(0) === QCOW2_MAGIC) return 'disk';
  if (hasWord(view, MULTIBOOT_MAGIC, MULTIBOOT_SEARCH) || hasWord(view, MULTIBOOT2_MAGIC, MULTIBOOT2_SEARCH)) {
    return 'kernel';
  }
  return head[510] === 0x55 && head[511] === 0xaa ? 'disk' : 'unknown';
}

function hasWord(view: DataView, magic: number, search: number): boolean {
  const last = Math.min(view.byteLength, search) - 4;
  for (let at = 0; at <= last; at += 4) if (view.getUint32(at, true) === magic) return true;
  return false;
}
