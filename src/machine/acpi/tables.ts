/** All ACPI tables of the board, once: as files with a loader script for firmware, or settled in memory. */
import { alignUp } from '../../base/bits.ts';
import { ascii, little } from './aml.ts';
import type { BoardFacts } from './board-facts.ts';
import { dsdt } from './dsdt.ts';
import { addFadt, addHpet, addMadt, addMcfg, addWaet } from './fixed-tables.ts';
import { TableBlob } from './table-blob.ts';

export const RSDP_FILE = 'etc/acpi/rsdp';
export const TABLES_FILE = 'etc/acpi/tables';
export const LOADER_FILE = 'etc/table-loader';

const FACS_SIZE = 64;
const MIB = 1024 * 1024;
/** Files whose size must not change between power-on and the reading are rounded up to this. */
const TABLES_ROUNDING = 0x2_0000;
const LOADER_ROUNDING = 0x1000;
const RSDP_SIZE_1 = 20;
const RSDP_SIZE_2 = 36;

interface Tables {
  readonly blob: TableBlob;
  readonly rsdt: number;
  readonly xsdt: number | undefined;
}

/** @param extended with an XSDT, for whoever gets a root pointer of revision 2. */
function buildTables(facts: BoardFacts, extended: boolean): Tables {
  const blob = new TableBlob();
  // First, because it wants an address divisible by 64.
  const facs = blob.append([...ascii('FACS'), ...little(FACS_SIZE, 4), ...new Array<number>(FACS_SIZE - 8).fill(0)]);
  const code = blob.table('DSDT', 1, dsdt(facts));
  const tables = [addFadt(blob, facts, facs, code), addMadt(blob, facts)];
  if (facts.hpet) tables.push(addHpet(blob));
  if (facts.ecam !== undefined) tables.push(addMcfg(blob, facts.ecam.base, facts.ecam.size / MIB));
  tables.push(addWaet(blob));
  const root = (signature: string, size: 4 | 8): number =>
    blob.table(
      signature,
      1,
      tables.flatMap((at) => little(at, size)),
      tables.map((_, index) => ({ at: 36 + size * index, size })),
    );
  return { blob, rsdt: root('RSDT', 4), xsdt: extended ? root('XSDT', 8) : undefined };
}

/** The Root System Description Pointer (ACPI 6.4, 5.2.5.3); its checksums are done by {@link TableBlob.settle}. */
function rootPointer(rsdt: number, xsdt: number | undefined): TableBlob {
  const blob = new TableBlob();
  blob.append([...ascii('RSD PTR '), 0, ...ascii('BOCHS '), xsdt === undefined ? 0 : 2, ...little(rsdt, 4)]);
  blob.pointers.push({ at: 16, size: 4 });
  blob.checksums.push({ at: 8, start: 0, length: RSDP_SIZE_1 });
  if (xsdt === undefined) return blob;
  blob.append([...little(RSDP_SIZE_2, 4), ...little(xsdt, 8), 0, 0, 0, 0]);
  blob.pointers.push({ at: 24, size: 8 });
  blob.checksums.push({ at: 32, start: 0, length: RSDP_SIZE_2 });
  return blob;
}

export interface AcpiFiles {
  readonly rsdp: Uint8Array;
  readonly tables: Uint8Array;
  readonly loader: Uint8Array;
}

/** The three files for firmware; their sizes are multiples that leave room for what PCI setup changes. */
export function acpiFiles(facts: BoardFacts): AcpiFiles {
  const { blob, rsdt } = buildTables(facts, false);
  const rsdp = rootPointer(rsdt, undefined);
  const script = [
    ...allocate(RSDP_FILE, 16, ZONE_FSEG),
    ...allocate(TABLES_FILE, 64, ZONE_HIGH),
    ...commands(TABLES_FILE, blob),
    ...commands(RSDP_FILE, rsdp),
  ];
  const loader = new Uint8Array(alignUp(script.length, LOADER_ROUNDING));
  loader.set(script);
  return { rsdp: rsdp.bytes(), tables: blob.bytes(alignUp(blob.size, TABLES_ROUNDING)), loader };
}

/** Commands of the loader script, 128 bytes each. */
const COMMAND_SIZE = 128;
const ALLOCATE = 1;
const ADD_POINTER = 2;
const ADD_CHECKSUM = 3;
const ZONE_HIGH = 1;
const ZONE_FSEG = 2;
const NAME_SIZE = 56;

function command(...content: readonly (readonly number[])[]): number[] {
  const bytes = content.flat();
  return [...bytes, ...new Array<number>(COMMAND_SIZE - bytes.length).fill(0)];
}

const file = (name: string): number[] => [...ascii(name), ...new Array<number>(NAME_SIZE - name.length).fill(0)];

function allocate(name: string, alignment: number, zone: number): number[] {
  return command(little(ALLOCATE, 4), file(name), little(alignment, 4), [zone]);
}

/** First all pointers, into the tables; then the checksums over what came out. */
function commands(name: string, blob: TableBlob): number[] {
  return [
    ...blob.pointers.flatMap(({ at, size }) =>
      command(little(ADD_POINTER, 4), file(name), file(TABLES_FILE), little(at, 4), [size]),
    ),
    ...blob.checksums.flatMap(({ at, start, length }) =>
      command(little(ADD_CHECKSUM, 4), file(name), little(at, 4), little(start, 4), little(length, 4)),
    ),
  ];
}

export interface PlacedTables {
  readonly rsdp: Uint8Array;
  readonly tables: Uint8Array;
}

/** The tables as firmware would have left them at `base`, a multiple of 64, with a root pointer of revision 2. */
export function acpiInMemory(facts: BoardFacts, base: number): PlacedTables {
  const { blob, rsdt, xsdt } = buildTables(facts, true);
  return { rsdp: rootPointer(rsdt, xsdt).settle(base), tables: blob.settle(base) };
}
