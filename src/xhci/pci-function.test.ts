import { describe, expect, it } from 'vitest';
import { gpa } from '../base/address.ts';
import { VirtualClock } from '../base/clock.ts';
import { TestBus } from '../pci/testing/test-bus.ts';
import { XhciFunction } from './pci-function.ts';

const BAR = 0xe000_0000;

function plugged() {
  const guest = new TestBus();
  const xhci = new XhciFunction({ system: guest.system, clock: new VirtualClock(), trace: guest.trace });
  xhci.pci.plug(guest.bus, 3);
  xhci.pci.reset();
  guest.configWrite(xhci.pci, 0x10, BAR);
  return { guest, xhci };
}

describe('the controller on PCI', () => {
  it('shows class 0C0330h, SBRN 30h and a 64-bit BAR of 16 KiB (xHCI §5.2)', () => {
    const { guest, xhci } = plugged();
    expect(guest.configRead(xhci.pci, 0x08) >>> 8).toBe(0x0c_0330);
    expect(guest.configRead(xhci.pci, 0x60, 1)).toBe(0x30);
    guest.configWrite(xhci.pci, 0x10, 0xffff_ffff);
    expect(guest.configRead(xhci.pci, 0x10)).toBe(0xffff_c004);
  });

  it('answers registers through memory, and narrow ones by their bytes', () => {
    const { guest, xhci } = plugged();
    guest.configWrite(xhci.pci, 0x04, 2, 2);
    expect(guest.cpu.read(gpa(BAR), 1)).toBe(0x40);
    expect(guest.cpu.read(gpa(BAR + 2), 2)).toBe(0x0120);
    expect(guest.cpu.read(gpa(BAR + 0x44), 4)).toBe(1);
  });

  it('meets a Host System Error when bus mastering is off, and the reason is kept (DMA-13)', () => {
    const { guest, xhci } = plugged();
    const failures = guest.record('memory.access-failed');
    guest.configWrite(xhci.pci, 0x04, 2, 2);
    guest.cpu.write(gpa(BAR + 0x1028), 4, 1, 0);
    guest.cpu.write(gpa(BAR + 0x1030), 8, 0x1000, 0);
    guest.cpu.write(gpa(BAR + 0x40), 4, 1, 0);
    expect(guest.cpu.read(gpa(BAR + 0x44), 4) & 5).toBe(5);
    expect(failures.map(({ reason, purpose }) => [reason.kind, purpose?.what])).toEqual([
      ['bus-master-off', 'ERST entry'],
    ]);
  });

  it('has the name of its place in every fact', () => {
    const { guest, xhci } = plugged();
    const runs = guest.record('xhci.run');
    guest.configWrite(xhci.pci, 0x04, 6, 2);
    guest.cpu.write(gpa(BAR + 0x40), 4, 1, 0);
    expect(runs).toEqual([{ controller: '00:03.0' }]);
  });
});
