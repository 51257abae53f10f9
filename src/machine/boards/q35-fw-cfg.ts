/** fw_cfg of the q35 board: what QEMU 7.2 tells firmware about the machine, in the same keys and files. */
import type { StateSource } from '../../base/state.ts';
import { apicIds } from '../../cpu/topology.ts';
import { FW_CFG_DMA_PORT, FW_CFG_DMA_PORTS, FW_CFG_PORT, FW_CFG_PORTS, FwCfg } from '../../devices/fw-cfg.ts';
import { FW_CFG_FILES_MAX, FW_CFG_KEYS, FW_CFG_NAME_MAX } from '../../devices/fw-cfg-items.ts';
import { SMI_BROADCAST, SmiFeatures } from '../../devices/smi-features.ts';
import { DmaView, MmioRegion } from '../../memory/index.ts';
import { HPET_BLOCK_ID } from '../acpi/fixed-tables.ts';
import type { Backplane } from './q35-backplane.ts';
import { FOUR_GIB, HPET_BASE, HYPERTRANSPORT_BASE, HYPERTRANSPORT_SIZE, type RamLayout } from './q35-memory-map.ts';
import type { BoardError, Q35Options } from './q35-options.ts';

export interface FwCfgParts {
  readonly fwCfg: FwCfg;
  readonly smiFeatures: SmiFeatures;
  readonly stateSources: readonly StateSource[];
}

/** E820 types. */
const USABLE = 1;
const RESERVED = 2;

/** `amd`: the processors' maker is AMD, whose HyperTransport range is no memory. */
export function addFwCfg(board: Backplane, amd: boolean): FwCfgParts | BoardError {
  const { memory, io, options } = board;
  const fwCfg = new FwCfg(new DmaView(board.addressSpace, 'fw_cfg'));
  const smiFeatures = new SmiFeatures(fwCfg, SMI_BROADCAST);
  describeMachine(fwCfg, board, amd);
  describeBoot(fwCfg, options);
  const error = addUserFiles(fwCfg, options);
  if (error !== undefined) return error;
  fwCfg.reset();
  memory.transaction(() => {
    io.addSubregion(FW_CFG_PORT, new MmioRegion(memory, 'fwcfg', FW_CFG_PORTS, fwCfg.ops));
    io.addSubregion(FW_CFG_DMA_PORT, new MmioRegion(memory, 'fwcfg.dma', FW_CFG_DMA_PORTS, fwCfg.dmaOps));
  });
  return { fwCfg, smiFeatures, stateSources: [fwCfg, smiFeatures] };
}

function describeMachine(fwCfg: FwCfg, { options, ram, topology }: Backplane, amd: boolean): void {
  const ids = apicIds(topology);
  const { items } = fwCfg;
  items.set(FW_CFG_KEYS.uuid, options.uuid ?? new Uint8Array(16));
  items.set(FW_CFG_KEYS.ramSize, numbers(8, options.ramBytes));
  items.set(FW_CFG_KEYS.noGraphics, numbers(2, options.noGraphics ? 1 : 0));
  items.set(FW_CFG_KEYS.processors, numbers(2, ids.length));
  const apicIdLimit = Math.max(...ids) + 1;
  items.set(FW_CFG_KEYS.processorsMax, numbers(2, apicIdLimit));
  // Nodes, then the node of each APIC ID: none.
  items.set(FW_CFG_KEYS.numa, new Uint8Array(8 * (1 + apicIdLimit)));
  items.set(FW_CFG_KEYS.irq0Override, numbers(4, 1));
  items.set(FW_CFG_KEYS.hpet, hpetDescription());
  fwCfg.addFile('etc/e820', e820(ram, amd));
  // The log of a TPM that is not there.
  fwCfg.addFile('etc/tpm/log', new Uint8Array(0));
  // S3 and S4 exist, with the values of _S3, _S4 and _S5 in the DSDT.
  fwCfg.addFile('etc/system-states', Uint8Array.of(0x80, 0, 0, 0x81, 0x82, 0x80));
}

function describeBoot(fwCfg: FwCfg, options: Q35Options): void {
  const { menu = false, splashMilliseconds, rebootMilliseconds } = options.boot ?? {};
  fwCfg.items.set(FW_CFG_KEYS.bootMenu, numbers(2, menu ? 1 : 0));
  if (splashMilliseconds !== undefined) fwCfg.addFile('etc/boot-menu-wait', numbers(2, splashMilliseconds));
  fwCfg.addFile('etc/boot-fail-wait', numbers(4, rebootMilliseconds ?? 0xffff_ffff));
  // HALT ends a list; QEMU leaves an empty one empty.
  // Known when all devices stand: offerBootOrder.
  fwCfg.addFile('bootorder', new Uint8Array(0));
  fwCfg.addFile('bios-geometry', new Uint8Array(0));
}

function addUserFiles(fwCfg: FwCfg, options: Q35Options): BoardError | undefined {
  for (const { name, bytes } of options.fwCfgFiles ?? []) {
    const size = new TextEncoder().encode(name).length;
    if (size === 0 || size > FW_CFG_NAME_MAX) {
      return {
        problem: `the fw_cfg name "${name}" has ${size} bytes: 1 to ${FW_CFG_NAME_MAX} are allowed`,
        hint: 'for example -fw_cfg name=opt/org.example/setting,string=on',
      };
    }
    if (fwCfg.items.file(name) !== undefined) {
      return { problem: `two fw_cfg files are called "${name}"`, hint: 'names of your own begin with opt/' };
    }
    if (fwCfg.items.fileNames.length + FILES_TO_COME >= FW_CFG_FILES_MAX) {
      return { problem: 'too many fw_cfg files', hint: `the machine has room for ${FW_CFG_FILES_MAX} altogether` };
    }
    fwCfg.addFile(name, bytes);
  }
  return undefined;
}

/** Tables, SMBIOS, option ROMs: what the board itself still adds. */
const FILES_TO_COME = 8;

function e820(ram: RamLayout, amd: boolean): Uint8Array {
  const rows: [start: number, size: number, type: number][] = [];
  if (amd) rows.push([HYPERTRANSPORT_BASE, HYPERTRANSPORT_SIZE, RESERVED]);
  rows.push([0, ram.below4g, USABLE]);
  if (ram.above4g > 0) rows.push([FOUR_GIB, ram.above4g, USABLE]);
  const view = new DataView(new ArrayBuffer(rows.length * 20));
  for (const [index, [start, size, type]] of rows.entries()) {
    view.setBigUint64(index * 20, BigInt(start), true);
    view.setBigUint64(index * 20 + 8, BigInt(size), true);
    view.setUint32(index * 20 + 16, type, true);
  }
  return new Uint8Array(view.buffer);
}

/** One entry of four possible: block ID, base, minimum tick, page protection. */
function hpetDescription(): Uint8Array {
  const view = new DataView(new ArrayBuffer(1 + 4 * 15));
  view.setUint8(0, 1);
  view.setUint32(1, HPET_BLOCK_ID, true);
  view.setBigUint64(5, BigInt(HPET_BASE), true);
  return new Uint8Array(view.buffer);
}

/** Little-endian; up to 2^53. */
function numbers(size: 2 | 4 | 8, value: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(8));
  view.setBigUint64(0, BigInt(value), true);
  return new Uint8Array(view.buffer, 0, size);
}
