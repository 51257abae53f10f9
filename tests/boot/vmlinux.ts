/** The ELF kernel inside of a bzImage (Documentation/x86/boot.rst: setup_sects, payload_offset, payload_length). */
import { execFileSync } from 'node:child_process';
import { MissingPart } from '../oracles/debian-packages.ts';

const SETUP_SECTS = 0x1f1;
const PAYLOAD_OFFSET = 0x248;
const PAYLOAD_LENGTH = 0x24c;
const SECTOR = 512;
/** No kernel is larger; the decompressors' output is held in memory. */
const KERNEL_MAX = 256 * 1024 * 1024;
/** What each compression begins with, and the tool that undoes it. */
const TOOLS: readonly { readonly magic: number; readonly command: readonly string[]; readonly about: string }[] = [
  { magic: 0xfd37_7a58, command: ['xz', '-dc', '--single-stream'], about: 'xz-utils' },
  { magic: 0x28b5_2ffd, command: ['zstd', '-dc'], about: 'zstd' },
  { magic: 0x1f8b_0800, command: ['gzip', '-dc'], about: 'gzip' },
];
const LZ4_LEGACY = 0x0221_4c18;

export function extractVmlinux(image: Uint8Array): Uint8Array {
  const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
  const start = (image[SETUP_SECTS]! + 1) * SECTOR + view.getUint32(PAYLOAD_OFFSET, true);
  // The payload ends with the size that it unpacks to.
  const payload = image.subarray(start, start + view.getUint32(PAYLOAD_LENGTH, true) - 4);
  const magic = view.getUint32(start);
  const kernel = magic === LZ4_LEGACY ? unpackLz4(payload) : unpackWith(magic, payload);
  if (Buffer.from(kernel.subarray(0, 4)).toString('latin1') !== '\x7fELF') {
    throw new Error('what the bzImage holds is not an ELF file');
  }
  return kernel;
}

function unpackWith(magic: number, payload: Uint8Array): Uint8Array {
  const tool = TOOLS.find((each) => each.magic === magic);
  if (tool === undefined) throw new Error(`unknown compression 0x${magic.toString(16)}`);
  const [command, ...words] = tool.command;
  try {
    return execFileSync(command!, words, {
      input: payload,
      maxBuffer: KERNEL_MAX,
      stdio: ['pipe', 'pipe', 'ignore'],
    });
  } catch (problem) {
    if ((problem as NodeJS.ErrnoException).code !== 'ENOENT') throw problem;
    throw new MissingPart(`${command} is not here (apt-get install ${tool.about})`);
  }
}

/** The legacy frame of LZ4, which the kernel's build uses: blocks of up to 8 MiB, each with its size in front. */
function unpackLz4(payload: Uint8Array): Uint8Array {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const out = Buffer.alloc(KERNEL_MAX);
  let to = 0;
  for (let at = 4; at + 4 <= payload.length; ) {
    const size = view.getUint32(at, true);
    at += 4;
    to = unpackBlock(payload.subarray(at, at + size), out, to);
    at += size;
  }
  return out.subarray(0, to);
}

/** One block: literals, then a match of at least 4 bytes that lies up to 65535 bytes back, in turns. */
function unpackBlock(block: Uint8Array, out: Buffer, start: number): number {
  let to = start;
  for (let at = 0; at < block.length; ) {
    const token = block[at]!;
    at += 1;
    const longer = (nibble: number): number => {
      let length = nibble;
      for (let byte = nibble === 15 ? 255 : 0; byte === 255; length += byte) {
        byte = block[at]!;
        at += 1;
      }
      return length;
    };
    const literals = longer(token >> 4);
    out.set(block.subarray(at, at + literals), to);
    at += literals;
    to += literals;
    if (at >= block.length) break;
    const back = block[at]! | (block[at + 1]! << 8);
    at += 2;
    const length = longer(token & 15) + 4;
    // A match may run into what it has just written.
    for (let end = to + length; to < end; to += 1) out[to] = out[to - back]!;
  }
  return to;
}
