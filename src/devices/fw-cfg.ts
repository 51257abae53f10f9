/**
 * fw_cfg, how a machine tells its firmware what it is made of: selector and data at I/O ports 0x510 and 0x511, and a DMA
 * interface at 0x514 (QEMU, docs/specs/fw_cfg; the DMA structure and all its fields are big-endian).
 */
import { type BusAddress, busFromWords, offsetBus } from '../base/address.ts';
import type { StateSource, StateValue } from '../base/state.ts';
import type { DmaPort } from '../memory/dma-port.ts';
import type { DmaPurpose } from '../memory/events.ts';
import { MEMTX_OK } from '../memory/memtx.ts';
import type { MmioOps } from '../memory/mmio-ops.ts';
import { FW_CFG_KEYS, type FwCfgFileOptions, type FwCfgItem, FwCfgItems } from './fw-cfg-items.ts';

export const FW_CFG_PORT = 0x510;
export const FW_CFG_PORTS = 2;
export const FW_CFG_DMA_PORT = 0x514;
export const FW_CFG_DMA_PORTS = 8;

/** ID: the ports, and the DMA interface. */
const ID_PORTS_AND_DMA = 0x03;
/** "QEMU CFG": what the DMA register reads. */
const DMA_SIGNATURE = [0x51, 0x45, 0x4d, 0x55, 0x20, 0x43, 0x46, 0x47];
const CONTROL_ERROR = 0x01;
const CONTROL_READ = 0x02;
const CONTROL_SKIP = 0x04;
const CONTROL_SELECT = 0x08;
const CONTROL_WRITE = 0x10;
/** A selection that no item can answer. */
const NOTHING = 0xffff;
/** A guest may ask for 4 GiB of zeros; they are written this many bytes at a time. */
const ZERO_CHUNK = 0x1_0000;
/** What transfers are for, as reports name it. */
const STRUCTURE: DmaPurpose = { what: 'fw_cfg DMA structure' };
const DATA: DmaPurpose = { what: 'data' };

type Transfer = 'read' | 'write' | 'skip';

export class FwCfg implements StateSource {
  readonly name = 'fw_cfg';
  readonly version = 1;
  /** Ports 0x510 and 0x511. */
  readonly ops: MmioOps;
  /** Ports 0x514 to 0x51b. */
  readonly dmaOps: MmioOps;
  readonly items = new FwCfgItems();
  readonly #dma: DmaPort;
  #selected = NOTHING;
  #offset = 0;
  #dmaHigh = 0;

  constructor(dma: DmaPort) {
    this.#dma = dma;
    this.items.set(FW_CFG_KEYS.signature, Uint8Array.from(DMA_SIGNATURE.slice(0, 4)));
    this.items.set(FW_CFG_KEYS.id, Uint8Array.of(ID_PORTS_AND_DMA, 0, 0, 0));
    this.ops = {
      // One register for both ports: two bytes select, one byte is data. Writing data has done nothing since QEMU 2.4.
      read: () => this.#readByte(),
      write: (_offset, size, value) => {
        if (size === 2) this.#select(value & 0xffff);
      },
      endianness: 'little',
      valid: { accepts: (_offset, size, write) => size === 1 || (write && size === 2) },
    };
    this.dmaOps = {
      read: (offset, size) =>
        DMA_SIGNATURE.slice(offset, offset + size).reduce((value, byte) => value * 0x100 + byte, 0),
      write: (offset, _size, value) => {
        if (offset === 0) this.#dmaHigh = value >>> 0;
        else this.#transfer(busFromWords(value, this.#dmaHigh));
      },
      endianness: 'big',
      valid: { maximum: 8, accepts: (offset, size, write) => !write || (size === 4 && (offset === 0 || offset === 4)) },
    };
  }

  /** Adds a file, up to `FW_CFG_FILES_MAX`. Only before the machine runs: keys follow the order of names. */
  addFile(name: string, bytes: Uint8Array, options?: FwCfgFileOptions): void {
    this.items.addFile(name, bytes, options);
  }

  reset(): void {
    // As after a selection of key 0, the signature.
    this.#select(FW_CFG_KEYS.signature);
    this.#dmaHigh = 0;
  }

  save(): { readonly [field: string]: StateValue } {
    return { selected: this.#selected, offset: this.#offset, dmaHigh: this.#dmaHigh, files: this.items.save() };
  }

  load(fields: { readonly [field: string]: StateValue }): void {
    this.#selected = fields.selected as number;
    this.#offset = fields.offset as number;
    this.#dmaHigh = fields.dmaHigh as number;
    this.items.load(fields.files as { readonly [name: string]: StateValue });
  }

  get #item(): FwCfgItem | undefined {
    return this.#selected === NOTHING ? undefined : this.items.find(this.#selected);
  }

  #select(key: number): void {
    this.#offset = 0;
    this.#selected = FwCfgItems.isKey(key) ? key : NOTHING;
    this.#item?.prepare?.();
  }

  #readByte(): number {
    const byte = this.#item?.bytes[this.#offset];
    if (byte === undefined) return 0;
    this.#offset += 1;
    return byte;
  }

  /** Does what the structure at `address` asks for: control, length, address. Then control holds nothing or the error. */
  #transfer(address: BusAddress): void {
    this.#dmaHigh = 0;
    const bytes = new Uint8Array(16);
    if (this.#dma.read(address, bytes, STRUCTURE) !== MEMTX_OK) {
      this.#finish(address, CONTROL_ERROR);
      return;
    }
    const view = new DataView(bytes.buffer);
    const control = view.getUint32(0);
    if ((control & CONTROL_SELECT) !== 0) this.#select(control >>> 16);
    const transfer = transferOf(control);
    const moved =
      transfer === undefined ||
      this.#move(transfer, busFromWords(view.getUint32(12), view.getUint32(8)), view.getUint32(4));
    this.#finish(address, moved ? 0 : CONTROL_ERROR);
  }

  /** Up to the item's end its bytes; beyond it reads give zeros and writes fail. */
  #move(transfer: Transfer, address: BusAddress, length: number): boolean {
    const item = this.#item;
    const inside = Math.min(length, Math.max(0, (item?.bytes.length ?? 0) - this.#offset));
    if (length === 0) return true;
    if (transfer === 'write') {
      if (item?.writable !== true || inside !== length) return false;
      // Through a copy: a read that fails half way leaves the item as it was.
      const bytes = new Uint8Array(length);
      if (this.#dma.read(address, bytes, DATA) !== MEMTX_OK) return false;
      item.bytes.set(bytes, this.#offset);
    } else if (transfer === 'read' && inside > 0) {
      const bytes = item!.bytes.subarray(this.#offset, this.#offset + inside);
      if (this.#dma.write(address, bytes, DATA) !== MEMTX_OK) return false;
    }
    this.#offset += inside;
    return transfer !== 'read' || this.#zero(offsetBus(address, inside), length - inside);
  }

  /** DEVIATION: QEMU goes on behind a chunk that fails; the guest sees the same error, and less zeroed memory. */
  #zero(address: BusAddress, length: number): boolean {
    const zeros = new Uint8Array(Math.min(length, ZERO_CHUNK));
    for (let done = 0; done < length; done += ZERO_CHUNK) {
      const chunk = zeros.subarray(0, Math.min(length - done, ZERO_CHUNK));
      if (this.#dma.write(offsetBus(address, done), chunk, DATA) !== MEMTX_OK) return false;
    }
    return true;
  }

  #finish(address: BusAddress, control: number): void {
    this.#dma.write(address, Uint8Array.of(0, 0, 0, control), STRUCTURE);
  }
}

/** One operation: reading comes before writing, and writing before skipping. */
function transferOf(control: number): Transfer | undefined {
  if ((control & CONTROL_READ) !== 0) return 'read';
  if ((control & CONTROL_WRITE) !== 0) return 'write';
  return (control & CONTROL_SKIP) !== 0 ? 'skip' : undefined;
}
