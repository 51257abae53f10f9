/** Who gets the q35 board's SMBIOS tables: firmware through fw_cfg, or a kernel that is entered without it. */
import { gpa } from '../../base/address.ts';
import { FEATURES_1_EDX, SIGNATURE } from '../../cpu/layout.ts';
import type { ProcessorTopology } from '../../cpu/topology.ts';
import type { FwCfg } from '../../devices/fw-cfg.ts';
import type { LoadSegment } from '../loaders/load-plan.ts';
import { type SmbiosFacts, smbios } from '../smbios.ts';
import type { RamLayout } from './q35-memory-map.ts';

/** In the reserved area below 1 MiB, on a paragraph, behind the ACPI tables. */
const ENTRY_ADDRESS = 0xf_8000;
const TABLES_ADDRESS = 0xf_8020;
const MANY_THREADS = 1 << 28;

export interface SmbiosSetting {
  readonly ramBytes: number;
  readonly ram: RamLayout;
  readonly topology: ProcessorTopology;
  /** A word of the processor core's state. */
  readonly coreWord: (at: number) => number;
  readonly uuid: Uint8Array | undefined;
}

function facts(setting: SmbiosSetting): SmbiosFacts {
  const { ramBytes, ram, topology, coreWord, uuid = new Uint8Array(16) } = setting;
  const { sockets, cores, threads } = topology;
  return {
    ramBytes,
    ...ram,
    packages: Array.from({ length: sockets }, () => ({ cores, threads })),
    processorSignature: coreWord(SIGNATURE) >>> 0,
    processorFeatures: (coreWord(FEATURES_1_EDX) & ~MANY_THREADS) >>> 0,
    uuid,
  };
}

/** Firmware adds its own BIOS structure, finds a place, and does the entry point's checksums. */
export function offerSmbios(fwCfg: FwCfg, setting: SmbiosSetting): void {
  const { tables, entry } = smbios(facts(setting), false);
  fwCfg.addFile('etc/smbios/smbios-tables', tables);
  fwCfg.addFile('etc/smbios/smbios-anchor', entry(0));
}

export function placeSmbios(setting: SmbiosSetting): LoadSegment[] {
  const { tables, entry } = smbios(facts(setting), true);
  const segment = (address: number, bytes: Uint8Array): LoadSegment => ({
    address: gpa(address),
    bytes,
    memorySize: bytes.length,
    what: 'SMBIOS',
  });
  return [segment(ENTRY_ADDRESS, entry(TABLES_ADDRESS)), segment(TABLES_ADDRESS, tables)];
}
