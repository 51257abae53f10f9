/** Firmware by its path, or by its name where Debian's packages put it. None comes with dmascope. */
import { readInput } from '../execution.ts';
import { FileProblem, type Host } from '../host.ts';
import { UsageError } from '../usage-error.ts';

const FOLDERS = ['/usr/share/seabios', '/usr/share/ovmf', '/usr/share/OVMF', '/usr/share/qemu'];

/** What a PC starts with that is told nothing else. */
export const DEFAULT_BIOS = 'bios-256k.bin';

const VIDEO_BIOS = 'vgabios-stdvga.bin';
const UNIT_BYTES = 0x1_0000;
const FIRMWARE_MAX = 16 * 2 ** 20;

export interface InputFile {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** A file by path, or by name in one of the folders; `undefined` when it is in none. */
export function findFirmwareFile(host: Host, name: string): InputFile | undefined {
  for (const path of name.includes('/') ? [name] : [name, ...FOLDERS.map((folder) => `${folder}/${name}`)]) {
    try {
      return { path, bytes: host.readFile(path) };
    } catch (error) {
      if (!(error instanceof FileProblem)) throw error;
    }
  }
  return undefined;
}

/** `-vga std`, with its video BIOS where Debian puts it. Without one a BIOS shows nothing, but the adapter is there. */
export function standardDisplay(host: Host): { readonly rom?: Uint8Array } {
  const rom = findFirmwareFile(host, VIDEO_BIOS)?.bytes;
  return rom === undefined ? {} : { rom };
}

/** `-bios NAME`; without one, what starts a disk. */
export function readFirmware(host: Host, name: string | undefined): InputFile {
  if (name?.includes('/') === true) return checked(readInput(host, 'the firmware', name));
  const found = findFirmwareFile(host, name ?? DEFAULT_BIOS);
  if (found !== undefined) return checked(found);
  const places = FOLDERS.join(', ');
  if (name === undefined) {
    throw new UsageError(
      `a disk is started by a BIOS, and there is no ${DEFAULT_BIOS} in ${places}`,
      'on Debian: apt-get install seabios; or give the file with -bios FILE, or a kernel with -kernel FILE',
    );
  }
  const uefi = /ovmf|efi/i.test(name);
  throw new UsageError(
    `-bios ${name}: there is no such firmware here or in ${places}`,
    `on Debian: apt-get install ${uefi ? 'ovmf, then -bios OVMF.fd' : 'seabios, then -bios bios-256k.bin'}`,
  );
}

/** A kernel or a disk given as firmware would start in the middle of nothing. */
function checked(file: InputFile): InputFile {
  const { path, bytes } = file;
  const looksLike = whatElse(bytes);
  if (looksLike === undefined) {
    if (bytes.length > 0 && bytes.length % UNIT_BYTES === 0 && bytes.length <= FIRMWARE_MAX) return file;
    throw new UsageError(
      `-bios ${path}: this is no firmware: it has ${bytes.length} bytes, not a multiple of ${UNIT_BYTES} up to 16 MiB`,
      `for example -bios ${DEFAULT_BIOS}`,
    );
  }
  throw new UsageError(`-bios ${path}: this is no firmware: it looks like ${looksLike.what}`, looksLike.instead);
}

function whatElse(bytes: Uint8Array): { readonly what: string; readonly instead: string } | undefined {
  const text = (at: number, length: number) => String.fromCharCode(...bytes.subarray(at, at + length));
  if (text(0, 4) === '\x7fELF') return { what: 'an ELF program', instead: 'give a kernel with -kernel FILE' };
  if (text(0x202, 4) === 'HdrS') return { what: 'a Linux kernel', instead: 'give it with -kernel FILE' };
  if (text(0x8001, 5) === 'CD001') return { what: 'a CD-ROM image', instead: 'give it with -cdrom FILE' };
  if (text(0, 4) === 'QFI\xfb') return { what: 'a qcow2 disk image', instead: 'give it with -drive file=FILE' };
  return undefined;
}
