/** From the drives that were asked for to opened images: in place, read-only, or with their writes kept in memory. */
import type { BlockDevice } from '../../devices/block/block-device.ts';
import { openImage } from '../../devices/block/open-image.ts';
import { FileProblem, type Host, type OpenFile } from '../host.ts';
import { Talk } from '../talk.ts';
import { UsageError } from '../usage-error.ts';
import { cutDisc } from './disc-size.ts';
import type { DriveRequest } from './drives.ts';

/** What is open during a run. Written bytes are on the host's disk when {@link close} returns. */
export class OpenDrives {
  readonly #host: Host;
  readonly #keepWrites: string;
  readonly #files: OpenFile[] = [];
  /** By the file's identity: two names may mean one file. */
  readonly #written = new Map<string, DriveRequest>();

  /** `keepWrites`: what a person writes to keep writes in memory. */
  constructor(host: Host, keepWrites = 'snapshot=on') {
    this.#host = host;
    this.#keepWrites = keepWrites;
  }

  /** `undefined`: there is no medium in the drive. Throws `UsageError` for a file that does not do. */
  open(drive: DriveRequest, snapshotAll: boolean): BlockDevice | undefined {
    const { path, option } = drive;
    if (path === undefined) return undefined;
    const snapshot = drive.readOnly ? false : (drive.snapshot ?? snapshotAll);
    const file = this.#file(drive, path, drive.readOnly || snapshot ? 'read' : 'read-write');
    if (file.size === 0) throw new UsageError(saying(drive, `${path} is empty`), emptyDiskHint(drive));
    const cut = drive.media === 'cdrom' ? cutDisc(file) : undefined;
    if (cut !== undefined) new Talk(this.#host).note(cut);
    const image = openImage(file, { id: drive.id, format: drive.format, snapshot });
    if ('problem' in image) throw new UsageError(saying(drive, image.problem), image.hint);
    if (image.readOnly && !drive.readOnly) {
      throw new UsageError(
        `${option}: qcow2 images cannot be written here`,
        `${this.#keepWrites} keeps writes in memory; qemu-img convert -O raw ${path} disk.img makes an image that can be written`,
      );
    }
    if (image.readOnly && drive.interface === 'ide' && drive.media === 'disk') {
      throw new UsageError(
        `${option}: a SATA disk cannot be read-only`,
        `use ${this.#keepWrites}, which keeps writes in memory, or if=virtio`,
      );
    }
    return image;
  }

  /** Brings what was written to the host's disk. Returns what went wrong. */
  close(): readonly string[] {
    const problems: string[] = [];
    for (const file of this.#files.splice(0)) {
      const problem = file.writable ? file.flush() : undefined;
      if (problem !== undefined) problems.push(`${file.name}: ${problem}`);
      file.close();
    }
    return problems;
  }

  #file(drive: DriveRequest, path: string, access: 'read' | 'read-write'): OpenFile {
    try {
      const file = this.#host.openFile(path, access);
      this.#files.push(file);
      if (access === 'read-write') this.#claim(drive, path, file.identity);
      return file;
    } catch (error) {
      if (!(error instanceof FileProblem)) throw error;
      throw new UsageError(
        saying(drive, `cannot open ${path}: ${error.reason}`),
        this.#hint(drive, path, access, error.missing),
      );
    }
  }

  #claim(drive: DriveRequest, path: string, identity: string): void {
    const other = this.#written.get(identity);
    if (other === undefined) {
      this.#written.set(identity, drive);
      return;
    }
    const holder = other.option === other.path ? 'another drive' : other.option;
    throw new UsageError(
      saying(drive, `${path} is written by ${holder} already`),
      `two drives would damage it: ${this.#keepWrites}`,
    );
  }

  /** What would work with this file, if anything does. */
  #hint(drive: DriveRequest, path: string, access: 'read' | 'read-write', missing: boolean): string | undefined {
    if (access === 'read-write') {
      try {
        this.#host.openFile(path, 'read').close();
        return `it can be read: ${this.#keepWrites} keeps writes in memory`;
      } catch (error) {
        if (!(error instanceof FileProblem)) throw error;
      }
    }
    return missing ? emptyDiskHint(drive) : undefined;
  }
}

/** The option that the file stands in, unless that is the file itself. */
function saying({ option, path }: DriveRequest, text: string): string {
  return option === path ? text : `${option}: ${text}`;
}

function emptyDiskHint({ media, interface: bus, path }: DriveRequest): string | undefined {
  return media === 'disk' && bus !== 'pflash' ? `to make an empty disk: truncate -s 64M ${path}` : undefined;
}
