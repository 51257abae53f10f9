/** Writes an initramfs: the "newc" form of cpio, which Linux unpacks (Documentation/driver-api/early-userspace). */

export interface CpioEntry {
  /** Without a leading slash. Its folders must come before it. */
  readonly path: string;
  /** File type and permissions, as `st_mode`: 0o100755, 0o040755. */
  readonly mode: number;
  readonly bytes?: Uint8Array;
  /** Of a character device: major, minor. */
  readonly device?: readonly [number, number];
}

const HEADER = 110;
const TRAILER = 'TRAILER!!!';

export function cpioArchive(entries: readonly CpioEntry[]): Uint8Array {
  const parts = [...entries, { path: TRAILER, mode: 0 }].map((entry, index) => member(entry, index + 1));
  return Buffer.concat(parts);
}

/** Folders, files and devices for these paths, parents made as needed, in the order that unpacking needs. */
export function entriesOf(
  files: Readonly<Record<string, Uint8Array>>,
  devices: Readonly<Record<string, readonly [number, number]>> = {},
  folders: readonly string[] = [],
): CpioEntry[] {
  const parents = new Set(folders);
  for (const path of [...Object.keys(files), ...Object.keys(devices), ...folders]) {
    const names = path.split('/');
    for (let depth = 1; depth < names.length; depth += 1) parents.add(names.slice(0, depth).join('/'));
  }
  return [
    ...[...parents].sort().map((path) => ({ path, mode: 0o040755 })),
    ...Object.entries(devices).map(([path, device]) => ({ path, mode: 0o020600, device })),
    ...Object.entries(files).map(([path, bytes]) => ({ path, mode: 0o100755, bytes })),
  ];
}

function member(entry: CpioEntry, inode: number): Buffer {
  const { path, mode, bytes = new Uint8Array(0), device = [0, 0] } = entry;
  const nameSize = Buffer.byteLength(path) + 1;
  // inode, mode, uid, gid, links, mtime, size, device of the file system (2), device (2), name's size, checksum
  const fields = [inode, mode, 0, 0, 1, 0, bytes.length, 0, 0, ...device, nameSize, 0];
  const header = `070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}${path}\0`;
  const at = roundUp(HEADER + nameSize);
  const out = Buffer.alloc(at + roundUp(bytes.length));
  out.write(header, 'latin1');
  out.set(bytes, at);
  return out;
}

function roundUp(size: number): number {
  return (size + 3) & ~3;
}
