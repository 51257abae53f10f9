/** Writes a disk image with one FAT16 partition: what firmware and UEFI read (Microsoft FAT specification 1.03). */

const SECTOR = 512;
const PARTITION_START = 2048;
const RESERVED_SECTORS = 4;
const FATS = 2;
const ROOT_ENTRIES = 512;
const ENTRY = 32;
/** FAT16 has between 4085 and 65524 clusters (section 3.5). */
const CLUSTERS_MIN = 4085;
const CLUSTERS_MAX = 65524;
const END_OF_CHAIN = 0xffff;
const ATTRIBUTE_VOLUME = 0x08;
const ATTRIBUTE_FOLDER = 0x10;
const ATTRIBUTE_FILE = 0x20;
/** 2024-01-01 00:00. */
const DATE = ((2024 - 1980) << 9) | (1 << 5) | 1;
/** FAT16 with LBA. */
const PARTITION_TYPE = 0x0e;

export interface FatDisk {
  /** Of the whole disk, 8 to 1024. */
  readonly megabytes: number;
  readonly label?: string;
  /** By path in the 8.3 form (`EFI/BOOT/BOOTX64.EFI`); folders are made. */
  readonly files: Readonly<Record<string, Uint8Array>>;
}

interface Folder {
  readonly folders: Map<string, Folder>;
  readonly files: Map<string, Uint8Array>;
}

export function fatDisk({ megabytes, label = 'DMASCOPE', files }: FatDisk): Uint8Array {
  const disk = new Uint8Array(megabytes * 1024 * 1024);
  const sectors = disk.length / SECTOR - PARTITION_START;
  const record = new DataView(disk.buffer);
  // One entry of the partition table; CHS fields say "use LBA".
  disk.set([0x80, 0xfe, 0xff, 0xff, PARTITION_TYPE, 0xfe, 0xff, 0xff], 0x1be);
  record.setUint32(0x1c6, PARTITION_START, true);
  record.setUint32(0x1ca, sectors, true);
  record.setUint32(0x1b8, 0x646d_6173, true);
  record.setUint16(0x1fe, 0xaa55, true);
  new FatWriter(disk.subarray(PARTITION_START * SECTOR), label).write(treeOf(files));
  return disk;
}

class FatWriter {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #label: string;
  readonly #clusterSectors: number;
  readonly #fatSectors: number;
  readonly #firstData: number;
  readonly #clusters: number;
  #next = 2;

  constructor(bytes: Uint8Array, label: string) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#label = label.toUpperCase().padEnd(11).slice(0, 11);
    const sectors = bytes.length / SECTOR;
    const rootSectors = (ROOT_ENTRIES * ENTRY) / SECTOR;
    let clusterSectors = 1;
    while (sectors / clusterSectors > CLUSTERS_MAX) clusterSectors *= 2;
    this.#clusterSectors = clusterSectors;
    this.#fatSectors = Math.ceil(((sectors / clusterSectors + 2) * 2) / SECTOR);
    this.#firstData = RESERVED_SECTORS + FATS * this.#fatSectors + rootSectors;
    this.#clusters = Math.floor((sectors - this.#firstData) / clusterSectors);
    if (this.#clusters < CLUSTERS_MIN) throw new Error('too small for FAT16');
  }

  write(root: Folder): void {
    this.#writeBootSector();
    this.#setFat(0, 0xfff8);
    this.#setFat(1, END_OF_CHAIN);
    const label = this.#entry(this.#label, ATTRIBUTE_VOLUME, 0, 0);
    const entries = [label, ...this.#entriesOf(root, 0)];
    if (entries.length > ROOT_ENTRIES) throw new Error('too many files in the root');
    const at = (this.#firstData - (ROOT_ENTRIES * ENTRY) / SECTOR) * SECTOR;
    for (const [index, entry] of entries.entries()) this.#bytes.set(entry, at + index * ENTRY);
  }

  #writeBootSector(): void {
    const view = this.#view;
    const sectors = this.#bytes.length / SECTOR;
    this.#bytes.set([0xeb, 0x3c, 0x90], 0);
    this.#bytes.set(Buffer.from('DMASCOPE'), 3);
    view.setUint16(11, SECTOR, true);
    view.setUint8(13, this.#clusterSectors);
    view.setUint16(14, RESERVED_SECTORS, true);
    view.setUint8(16, FATS);
    view.setUint16(17, ROOT_ENTRIES, true);
    view.setUint16(19, sectors < 0x1_0000 ? sectors : 0, true);
    view.setUint8(21, 0xf8);
    view.setUint16(22, this.#fatSectors, true);
    view.setUint16(24, 63, true);
    view.setUint16(26, 255, true);
    view.setUint32(28, PARTITION_START, true);
    view.setUint32(32, sectors < 0x1_0000 ? 0 : sectors, true);
    view.setUint8(36, 0x80);
    view.setUint8(38, 0x29);
    view.setUint32(39, 0x646d_6173, true);
    this.#bytes.set(Buffer.from(this.#label), 43);
    this.#bytes.set(Buffer.from('FAT16   '), 54);
    view.setUint16(510, 0xaa55, true);
  }

  /** The directory entries of a folder's contents, which are written. `self`: its first cluster, 0 for the root. */
  #entriesOf(folder: Folder, self: number): Uint8Array[] {
    const entries: Uint8Array[] = [];
    for (const [name, bytes] of folder.files) {
      const first = bytes.length === 0 ? 0 : this.#reserve(bytes.length);
      if (first !== 0) this.#bytes.set(bytes, this.#offsetOf(first));
      entries.push(this.#entry(shortName(name), ATTRIBUTE_FILE, first, bytes.length));
    }
    for (const [name, inner] of folder.folders) {
      const first = this.#reserve((inner.files.size + inner.folders.size + 2) * ENTRY);
      const dots = [
        this.#entry('.'.padEnd(11), ATTRIBUTE_FOLDER, first, 0),
        this.#entry('..'.padEnd(11), ATTRIBUTE_FOLDER, self, 0),
      ];
      const at = this.#offsetOf(first);
      for (const [index, entry] of [...dots, ...this.#entriesOf(inner, first)].entries()) {
        this.#bytes.set(entry, at + index * ENTRY);
      }
      entries.push(this.#entry(shortName(name), ATTRIBUTE_FOLDER, first, 0));
    }
    return entries;
  }

  #entry(name: string, attribute: number, cluster: number, size: number): Uint8Array {
    const entry = new Uint8Array(ENTRY);
    const view = new DataView(entry.buffer);
    entry.set(Buffer.from(name, 'latin1'));
    entry[11] = attribute;
    view.setUint16(16, DATE, true);
    view.setUint16(18, DATE, true);
    view.setUint16(24, DATE, true);
    view.setUint16(26, cluster, true);
    view.setUint32(28, size, true);
    return entry;
  }

  /** Chains neighbouring clusters for `size` bytes. Returns the first. */
  #reserve(size: number): number {
    const first = this.#next;
    const count = Math.ceil(size / (this.#clusterSectors * SECTOR));
    if (first + count > this.#clusters + 2) throw new Error('the files do not fit');
    for (let index = 0; index < count; index += 1) {
      this.#setFat(first + index, index === count - 1 ? END_OF_CHAIN : first + index + 1);
    }
    this.#next += count;
    return first;
  }

  #setFat(cluster: number, value: number): void {
    for (let fat = 0; fat < FATS; fat += 1) {
      this.#view.setUint16((RESERVED_SECTORS + fat * this.#fatSectors) * SECTOR + cluster * 2, value, true);
    }
  }

  #offsetOf(cluster: number): number {
    return (this.#firstData + (cluster - 2) * this.#clusterSectors) * SECTOR;
  }
}

function treeOf(files: Readonly<Record<string, Uint8Array>>): Folder {
  const root: Folder = { folders: new Map(), files: new Map() };
  for (const [path, bytes] of Object.entries(files)) {
    const names = path.split('/');
    let folder = root;
    for (const name of names.slice(0, -1)) {
      const inner: Folder = folder.folders.get(name) ?? { folders: new Map(), files: new Map() };
      folder.folders.set(name, inner);
      folder = inner;
    }
    folder.files.set(names[names.length - 1]!, bytes);
  }
  return root;
}

/** `README.TXT` as a directory entry has it. */
function shortName(name: string): string {
  const fits = /^([A-Z0-9_~-]{1,8})(?:\.([A-Z0-9_~-]{1,3}))?$/.exec(name.toUpperCase());
  if (fits === null) throw new Error(`${name} is not a name of the 8.3 form`);
  return fits[1]!.padEnd(8) + (fits[2] ?? '').padEnd(3);
}
