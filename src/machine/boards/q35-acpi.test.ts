import { describe, expect, it } from 'vitest';
import { TraceBus } from '../../base/trace.ts';
import { FwCfg } from '../../devices/fw-cfg.ts';
import { AddressSpace, ContainerRegion, DmaView, MemorySystem, WHOLE_ADDRESS_SPACE } from '../../memory/index.ts';
import { type AcpiSetting, offerAcpiTables, placeAcpiTables } from './q35-acpi.ts';

const GIB = 2 ** 30;

/** A machine of which only what the tables tell can be changed. */
function board() {
  const system = new MemorySystem(new TraceBus());
  const space = new AddressSpace(system, 'memory', new ContainerRegion(system, 'system', WHOLE_ADDRESS_SPACE));
  const fwCfg = new FwCfg(new DmaView(space, 'fw_cfg'));
  const chipset: { ecam?: number; powerManagement?: number } = {};
  const bars = new Map([[0, { mappedAt: undefined as number | undefined, size: 0x4000 }]]);
  const setting = {
    bus: { functions: [{ bars }] },
    addresses: { ecam: () => chipset.ecam, powerManagement: () => chipset.powerManagement },
    ram: { below4g: 2 * GIB, above4g: GIB },
    apicIds: [0],
    hpet: false,
  } as unknown as AcpiSetting;
  const tables = offerAcpiTables(fwCfg, setting);
  // Sorted: rsdp, tables, table-loader. The second file's key is 0x21.
  const select = (): Uint8Array => {
    fwCfg.ops.write!(0, 2, 0x21);
    return fwCfg.items.file('etc/acpi/tables')!.bytes;
  };
  return { fwCfg, chipset, bars, setting, tables, select };
}

const latin1 = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1');
const u64 = (value: number) => latin1(new Uint8Array(new BigUint64Array([BigInt(value)]).buffer));

describe("the q35 board's ACPI tables", () => {
  it('are built when firmware first asks after a reset, not before and not again', () => {
    const { fwCfg, chipset, tables, select } = board();
    expect(latin1(fwCfg.items.file('etc/acpi/tables')!.bytes)).not.toContain('MCFG');
    chipset.ecam = 0xb000_0000;
    const size = fwCfg.items.file('etc/acpi/tables')!.bytes.length;
    expect(latin1(select())).toContain('MCFG');
    expect(select().length).toBe(size);
    delete chipset.ecam;
    expect(latin1(select())).toContain('MCFG');
    tables.reset();
    expect(latin1(select())).not.toContain('MCFG');
  });

  it('stay as firmware has seen them over save and load', () => {
    const first = board();
    const second = board();
    first.chipset.ecam = 0xb000_0000;
    first.select();
    second.fwCfg.load(first.fwCfg.save());
    second.tables.load(first.tables.save());
    expect(latin1(second.select())).toContain('MCFG');
  });

  it('pass on the memory behind RAM, and BARs that firmware put outside', () => {
    const { bars, tables, select } = board();
    const window = (start: number, end: number) => u64(start) + u64(end - 1) + u64(0) + u64(end - start);
    expect(latin1(select())).toContain(window(5 * GIB, 37 * GIB));
    bars.get(0)!.mappedAt = 64 * GIB;
    tables.reset();
    expect(latin1(select())).toContain(window(5 * GIB, 65 * GIB));
  });

  it('are placed for a kernel only with power management, and then without S3', () => {
    const { chipset, setting, select } = board();
    expect(placeAcpiTables(setting)).toBeUndefined();
    chipset.powerManagement = 0x600;
    const placed = placeAcpiTables(setting)!;
    expect(placed.root).toBe(placed.segments[0]!.address);
    expect(latin1(placed.segments[0]!.bytes)).toContain('RSD PTR ');
    expect(latin1(placed.segments[1]!.bytes)).toContain('_S5_');
    expect(latin1(placed.segments[1]!.bytes)).not.toContain('_S3_');
    expect(latin1(select())).toContain('_S3_');
  });
});
