/** From a file to a disk: recognises the format, or takes the one that was asked for. */
import type { BlockDevice, HostFile } from './block-device.ts';
import { Overlay } from './overlay.ts';
import { QCOW2_MAGIC, Qcow2Image } from './qcow2.ts';
import { RawImage } from './raw-image.ts';

export type ImageFormat = 'raw' | 'qcow2';

export interface ImageOptions {
  /** Unique among the machine's disks. */
  readonly id: string;
  /** `undefined`: by what the file looks like. */
  readonly format?: ImageFormat | undefined;
  /** Writes stay in memory. */
  readonly snapshot: boolean;
}

export interface ImageError {
  readonly problem: string;
  readonly hint: string;
}

interface Signature {
  readonly offset: number;
  readonly bytes: readonly number[] | string;
  readonly what: string;
}

/** Formats that are not disks as they stand; somebody who gives one has taken the wrong file. */
const FOREIGN: readonly Signature[] = [
  { offset: 0, bytes: [0x7f, 0x45, 0x4c, 0x46], what: 'an ELF program: -kernel takes kernels' },
  { offset: 0, bytes: 'KDMV', what: 'a VMware image: convert it with qemu-img convert -O qcow2' },
  { offset: 0, bytes: 'conectix', what: 'a VHD image: convert it with qemu-img convert -O qcow2' },
  { offset: 0, bytes: 'vhdxfile', what: 'a VHDX image: convert it with qemu-img convert -O qcow2' },
  {
    offset: 0x40,
    bytes: [0x7f, 0x10, 0xda, 0xbe],
    what: 'a VirtualBox image: convert it with qemu-img convert -O qcow2',
  },
  { offset: 0, bytes: [0x1f, 0x8b], what: 'compressed with gzip: unpack it first' },
  { offset: 0, bytes: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0], what: 'compressed with xz: unpack it first' },
  { offset: 0, bytes: 'BZh', what: 'compressed with bzip2: unpack it first' },
  { offset: 0, bytes: [0x28, 0xb5, 0x2f, 0xfd], what: 'compressed with zstd: unpack it first' },
];
const HEAD = 0x60;

/** Opens an image. A read-only format without `snapshot` gives a read-only disk. */
export function openImage(file: HostFile, options: ImageOptions): BlockDevice | ImageError {
  const head = new Uint8Array(Math.min(HEAD, file.size));
  const unreadable = head.length === 0 ? undefined : file.read(0, head);
  if (unreadable !== undefined) return { problem: `${file.name}: ${unreadable}`, hint: 'is it a regular file?' };
  if (file.size === 0) return { problem: `${file.name} is empty`, hint: 'truncate -s 64M FILE makes an empty disk' };
  const isQcow2 = head.length >= 4 && new DataView(head.buffer).getUint32(0) === QCOW2_MAGIC;
  const format = options.format ?? (isQcow2 ? 'qcow2' : 'raw');
  if (options.format === undefined && format === 'raw') {
    const foreign = FOREIGN.find((signature) => matches(head, signature));
    if (foreign !== undefined) {
      return {
        problem: `${file.name} is no disk image: it is ${foreign.what}`,
        hint: `if it is one all the same: qemu-system-x86_64 -drive file=${file.name},format=raw`,
      };
    }
  }
  if (format === 'qcow2' && !isQcow2) {
    return { problem: `${file.name} is not in qcow2 format`, hint: 'leave format= out, or give format=raw' };
  }
  const image = format === 'raw' ? new RawImage(file) : Qcow2Image.open(file);
  if (typeof image === 'string') {
    return {
      problem: `${file.name}: this qcow2 image cannot be used: ${image}`,
      hint: `qemu-img convert -O raw ${file.name} disk.img makes one that can`,
    };
  }
  return options.snapshot ? new Overlay(image, options.id) : image;
}

function matches(head: Uint8Array, { offset, bytes }: Signature): boolean {
  const wanted = typeof bytes === 'string' ? [...bytes].map((letter) => letter.charCodeAt(0)) : bytes;
  return wanted.every((byte, index) => head[offset + index] === byte);
}
