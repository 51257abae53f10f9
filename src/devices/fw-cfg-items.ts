/** What fw_cfg offers: numbered items, and named files with their directory (QEMU, docs/specs/fw_cfg). */
import { assert } from '../base/assert.ts';
import type { StateValue } from '../base/state.ts';

/** Keys that are not files. Those from 0x8000 belong to the architecture (here: the PC). */
export const FW_CFG_KEYS = {
  signature: 0x00,
  id: 0x01,
  uuid: 0x02,
  ramSize: 0x03,
  noGraphics: 0x04,
  processors: 0x05,
  kernelAddress: 0x07,
  kernelSize: 0x08,
  initrdAddress: 0x0a,
  initrdSize: 0x0b,
  numa: 0x0d,
  bootMenu: 0x0e,
  processorsMax: 0x0f,
  kernelEntry: 0x10,
  kernelData: 0x11,
  initrdData: 0x12,
  commandLineAddress: 0x13,
  commandLineSize: 0x14,
  commandLineData: 0x15,
  setupAddress: 0x16,
  setupSize: 0x17,
  setupData: 0x18,
  fileDirectory: 0x19,
  irq0Override: 0x8002,
  hpet: 0x8004,
} as const;

/** Marks a key of the architecture; bit 14 once marked writes and is ignored. */
const ARCHITECTURE = 0x8000;
const KEY_MASK = 0x3fff;
const FILE_FIRST = 0x20;
/** Files that one machine can offer (QEMU's q35, property `x-file-slots`). */
export const FW_CFG_FILES_MAX = 0x20;
/** Bytes of a file's name without the zero behind it. */
export const FW_CFG_NAME_MAX = 55;
const DIRECTORY_ROW = 64;

export interface FwCfgItem {
  /** Replaced by `prepare`; guests write into it when `writable`. */
  bytes: Uint8Array;
  readonly writable: boolean;
  /** Called when a guest selects the item, before the first byte is read. */
  readonly prepare?: () => void;
}

export interface FwCfgFileOptions {
  readonly writable?: boolean;
  readonly prepare?: () => void;
}

export class FwCfgItems {
  readonly #items = new Map<number, FwCfgItem>();
  /** In order of name, as QEMU has sorted them since 2.5; a file's key is its place. */
  readonly #files: { readonly name: string; readonly item: FwCfgItem }[] = [];
  #directory: Uint8Array | undefined;

  set(key: number, bytes: Uint8Array): void {
    this.#items.set(key, { bytes, writable: false });
  }

  /** Adds a file. Keys of files with later names move, so all of them are added before the machine runs. */
  addFile(name: string, bytes: Uint8Array, options: FwCfgFileOptions = {}): void {
    assert(this.file(name) === undefined, `fw_cfg has the file "${name}" already`);
    assert(this.#files.length < FW_CFG_FILES_MAX, `fw_cfg holds ${FW_CFG_FILES_MAX} files`);
    assert(name.length <= FW_CFG_NAME_MAX, `a fw_cfg name has at most ${FW_CFG_NAME_MAX} bytes`);
    const at = this.#files.findIndex((file) => file.name > name);
    const { writable = false, prepare } = options;
    const item: FwCfgItem = prepare === undefined ? { bytes, writable } : { bytes, writable, prepare };
    this.#files.splice(at < 0 ? this.#files.length : at, 0, { name, item });
    this.#directory = undefined;
  }

  file(name: string): FwCfgItem | undefined {
    return this.#files.find((file) => file.name === name)?.item;
  }

  get fileNames(): readonly string[] {
    return this.#files.map((file) => file.name);
  }

  /** False: no item can have this key, and selecting it selects nothing. */
  static isKey(key: number): boolean {
    return (key & KEY_MASK) < FILE_FIRST + FW_CFG_FILES_MAX;
  }

  find(key: number): FwCfgItem | undefined {
    const index = key & KEY_MASK;
    if ((key & ARCHITECTURE) !== 0) return this.#items.get(ARCHITECTURE | index);
    if (index === FW_CFG_KEYS.fileDirectory) return { bytes: this.#directoryBytes(), writable: false };
    return index >= FILE_FIRST ? this.#files[index - FILE_FIRST]?.item : this.#items.get(index);
  }

  /** Contents that may differ from one run to the next. */
  save(): { readonly [name: string]: StateValue } {
    const changing = this.#files.filter(({ item }) => item.writable || item.prepare !== undefined);
    return Object.fromEntries(changing.map(({ name, item }) => [name, item.bytes.slice()]));
  }

  load(files: { readonly [name: string]: StateValue }): void {
    for (const { name, item } of this.#files) {
      const bytes = files[name];
      if (!(bytes instanceof Uint8Array)) continue;
      // In place where it fits: whoever added a writable file looks at the same bytes.
      if (bytes.length === item.bytes.length) item.bytes.set(bytes);
      else item.bytes = bytes.slice();
    }
  }

  #directoryBytes(): Uint8Array {
    if (this.#directory !== undefined) return this.#directory;
    const bytes = new Uint8Array(4 + FW_CFG_FILES_MAX * DIRECTORY_ROW);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, this.#files.length);
    for (const [index, { name, item }] of this.#files.entries()) {
      const at = 4 + index * DIRECTORY_ROW;
      view.setUint32(at, item.bytes.length);
      view.setUint16(at + 4, FILE_FIRST + index);
      bytes.set(new TextEncoder().encode(name), at + 8);
    }
    this.#directory = bytes;
    return bytes;
  }
}
