import { describe, expect, it } from 'vitest';
import { CdRom } from '../ata/cdrom.ts';
import { AtaDisk } from '../ata/disk.ts';
import { RawImage } from '../block/raw-image.ts';
import { MemoryFile } from '../block/testing/memory-file.ts';
import { AhciDriver, StorageGuest } from '../testing/storage-guest.ts';
import { AhciFunction } from './pci-function.ts';

const BAR = 0xe000_0000;
const IDENTITY = { serial: 'S1', model: 'DISK', firmware: '1' };

function machine(port = 0) {
  const guest = new StorageGuest();
  const file = new MemoryFile('disk', new Uint8Array(1 << 20));
  for (let index = 0; index < file.bytes.length; index += 1) file.bytes[index] = (index >> 9) ^ index;
  const ahci = new AhciFunction({ system: guest.bus.system, clock: guest.clock });
  ahci.controller.ports[0]!.device = new AtaDisk({ medium: new RawImage(file), identity: IDENTITY });
  ahci.controller.ports[1]!.device = new CdRom({ medium: new RawImage(file), identity: IDENTITY });
  guest.plug(ahci.pci, 31, 2, { 4: 0xc000, 5: BAR });
  const driver = new AhciDriver(guest, BAR, port);
  driver.start();
  driver.restart();
  return { guest, ahci, driver, file };
}

describe('an AHCI port', () => {
  it('shows the signature of a disk and of a PACKET device (ATA8-ACS §11)', () => {
    expect(machine(0).driver.read(0x24)).toBe(0x0000_0101);
    expect(machine(1).driver.read(0x24)).toBe(0xeb14_0101);
    expect(machine(2).driver.read(0x28)).toBe(0);
  });

  it('reads by DMA into scattered regions and tells the bytes in PRDBC (AHCI §4.2.2)', () => {
    const { guest, driver, file } = machine();
    const regions = [
      [0x8002, 6],
      [0x9000, 1018],
    ] as const;
    driver.run({ command: 0x25, lba: 3, count: 2, regions });
    expect(driver.outcome()).toEqual({ ci: 0, sact: 0, is: 1, tfd: 0x50, bytes: 1024 });
    expect(guest.bus.ram.slice(0x8002, 0x8008)).toEqual(file.bytes.slice(1536, 1542));
    expect(guest.bus.ram.slice(0x9000, 0x93fa)).toEqual(file.bytes.slice(1542, 2560));
  });

  it('ends a read by PIO with a PIO Setup FIS alone, whose E_Status is the end', () => {
    const { driver } = machine();
    driver.run({ command: 0x20, lba: 3, count: 1, regions: [[0x8000, 512]] });
    expect(driver.outcome()).toMatchObject({ ci: 0, is: 2, tfd: 0x50 });
    expect(driver.received(0x20)[0]! & 0xffff).toBe(0x605f);
    expect(driver.received(0x20)[3]! >>> 24).toBe(0x50);
  });

  it('writes queued commands in any order and clears their PxSACT bits', () => {
    const { guest, driver, file } = machine();
    for (const slot of [3, 5]) {
      guest.bus.ram.fill(slot, 0x8000 + slot * 512, 0x8200 + slot * 512);
      driver.prepare({
        ...{ command: 0x61, lba: slot, features: 1, count: slot << 3, slot, write: true },
        regions: [[0x8000 + slot * 512, 512]],
      });
    }
    driver.write(0x34, 0x28);
    driver.write(0x38, 0x28);
    guest.wait();
    expect(driver.outcome(3)).toMatchObject({ ci: 0, sact: 0, is: 8, tfd: 0x50 });
    expect([file.bytes[3 * 512], file.bytes[5 * 512 + 511]]).toEqual([3, 5]);
  });

  it('stops after an error with PxCI as it was, and goes on after PxCMD.ST (AHCI §6.2.2.1)', () => {
    const { guest, driver } = machine();
    driver.run({ command: 0x25, lba: 2048, count: 1, regions: [[0x8000, 512]] });
    expect(driver.outcome()).toMatchObject({ ci: 1, is: 0x4000_0001, tfd: 0x0441 });
    driver.run({ command: 0xec, slot: 1, regions: [[0x8000, 512]] });
    expect(driver.outcome().ci).toBe(3);
    driver.restart();
    expect(driver.outcome().ci).toBe(0);
    driver.run({ command: 0xec, regions: [[0x8000, 512]] });
    expect(driver.outcome()).toMatchObject({ ci: 0, is: 2 });
    expect(guest.read(0x8000 + 54, 2)).toBe(0x4449); // "DI"
  });

  it('reports a medium that fails as uncorrectable', () => {
    const { driver, file } = machine();
    file.failure = 'worn out';
    driver.run({ command: 0x25, lba: 0, count: 1, regions: [[0x8000, 512]] });
    expect(driver.outcome()).toMatchObject({ is: 0x4000_0001, tfd: 0x4041 });
  });

  it('reports memory that does not answer as a host bus fatal error, with what it wanted', () => {
    const { guest, driver } = machine();
    const failures = guest.bus.record('memory.access-failed');
    driver.run({ command: 0x25, lba: 0, count: 1, regions: [[0x9000_0000, 512]] });
    expect(driver.outcome()).toMatchObject({ ci: 1, is: 0x2000_0000 });
    driver.restart();
    driver.write(0x00, 0x9000_0000);
    driver.run({ command: 0xec, regions: [[0x8000, 512]] });
    expect(failures.map(({ purpose }) => purpose?.what)).toEqual(['data', 'Command Header']);
  });

  it('stops with an overflow when the PRD table is too short (AHCI §6.1.3)', () => {
    const { driver } = machine();
    driver.run({ command: 0x25, lba: 0, count: 2, regions: [[0x8000, 512]] });
    expect(driver.outcome()).toMatchObject({ ci: 1, is: 0x0100_0000 });
  });

  it('finds the device again after COMRESET, and says that it did (AHCI §3.3.12)', () => {
    const { driver } = machine();
    driver.write(0x2c, 1);
    expect(driver.read(0x28)).toBe(0);
    driver.write(0x2c, 0);
    expect([driver.read(0x28), driver.read(0x30), driver.read(0x24)]).toEqual([0x113, 0x0401_0000, 0x101]);
    expect(driver.read(0x10) & 0x0040_0041).toBe(0x0040_0041);
  });

  it('sends a message for each new event, and drives INTx without MSI', () => {
    const { guest, ahci, driver } = machine();
    guest.write(BAR + 4, 0x8000_0002);
    driver.write(0x14, 1);
    driver.run({ command: 0xea });
    expect(guest.bus.wires).toEqual(['31 0 true']);
    driver.write(0x10, 1);
    guest.write(BAR + 8, 1);
    expect(guest.bus.wires.at(-1)).toBe('31 0 false');
    guest.bus.configWrite(ahci.pci, 0x84, 0xfee0_0000);
    guest.bus.configWrite(ahci.pci, 0x8c, 0x41);
    guest.bus.configWrite(ahci.pci, 0x80, 0x0001_0000);
    driver.run({ command: 0xea });
    driver.write(0x10, 1);
    guest.write(BAR + 8, 1);
    driver.run({ command: 0xea });
    expect(guest.bus.messages.map(({ data }) => data)).toEqual([0x41, 0x41]);
  });

  it('reads a disc through packets, and says why not (MMC-5)', () => {
    const { guest, driver, file } = machine(1);
    const read10 = (lba: number) => [0x28, 0, 0, 0, lba >> 8, lba & 0xff, 0, 0, 1];
    driver.run({ command: 0xa0, features: 1, lba: 0xfffe00, packet: read10(5), regions: [[0x8000, 2048]] });
    expect(driver.outcome()).toMatchObject({ ci: 0, tfd: 0x50, bytes: 2048 });
    expect(guest.bus.ram.slice(0x8000, 0x8800)).toEqual(file.bytes.slice(5 * 2048, 6 * 2048));
    driver.run({ command: 0xa0, features: 1, lba: 0xfffe00, packet: read10(512), regions: [[0x8000, 2048]] });
    expect(driver.outcome().tfd).toBe(0x5041);
    driver.restart();
    driver.run({ command: 0xa0, lba: 0xfffe00, packet: [0x03, 0, 0, 0, 18], regions: [[0x8000, 18]] });
    expect([guest.read(0x8002, 1), guest.read(0x800c, 1)]).toEqual([5, 0x21]);
  });

  it('goes on from saved state as if nothing had happened', () => {
    const first = machine();
    first.driver.prepare({ command: 0x25, lba: 9, count: 1, regions: [[0x8000, 512]] });
    first.driver.write(0x38, 1);
    const second = machine();
    second.guest.bus.ram.set(first.guest.bus.ram);
    second.ahci.controller.load(first.ahci.controller.save());
    expect(second.ahci.controller.save()).toEqual(first.ahci.controller.save());
    for (const { guest } of [first, second]) guest.wait();
    expect(second.driver.outcome()).toEqual(first.driver.outcome());
    expect(second.driver.outcome()).toMatchObject({ ci: 0, bytes: 512 });
    expect(Buffer.compare(second.guest.bus.ram, first.guest.bus.ram)).toBe(0);
  });
});
