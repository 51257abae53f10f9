import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { gpa } from '../base/address.ts';
import { ContainerRegion, MEMTX_DECODE_ERROR, MEMTX_OK, MmioRegion } from '../memory/index.ts';
import { PciFunction } from './function.ts';
import { TestBus } from './testing/test-bus.ts';

let guest: TestBus;
let device: PciFunction;
let registers: number[];

/** A function like qemu-xhci: 16 KiB of 64-bit BAR 0 with MSI-X inside, MSI, PCI Express, INTA. */
beforeEach(() => {
  guest = new TestBus();
  registers = [];
  device = new PciFunction({
    name: 'qemu-xhci',
    identity: {
      vendor: 0x1b36,
      device: 0x000d,
      revision: 1,
      classCode: 0x0c_0330,
      subsystemVendor: 0x1af4,
      subsystem: 0x1100,
    },
    system: guest.system,
    interruptPin: 1,
    express: true,
  });
  const bar = new ContainerRegion(guest.system, 'xhci', 0x4000);
  const ops = {
    read: (offset: number) => 0x1000_0000 + offset,
    write: (offset: number, _size: number, value: number) => registers.push(offset, value),
  };
  bar.addSubregion(0, new MmioRegion(guest.system, 'capabilities', 0x40, ops, { owner: device.owner }));
  device.addMemoryBar(0, { region: bar, is64: true });
  device.addMsi({ vectors: 4, maskable: true, offset: 0x70 });
  device.addMsix({
    vectors: 16,
    table: { bar: 0, offset: 0x3000 },
    pendingBits: { bar: 0, offset: 0x3800 },
    offset: 0x90,
  });
  device.addExpress({ offset: 0xa0 });
  device.addPowerManagement({ offset: 0x50 });
  device.plug(guest.bus, 3);
});

const read = (offset: number, size = 4) => guest.configRead(device, offset, size);
const write = (offset: number, value: number, size = 4) => guest.configWrite(device, offset, value, size);
const mmio = (address: number) => guest.cpu.read(gpa(address), 4);

describe('configuration header (PCI 3.0 §6.1)', () => {
  it('shows the identity as QEMU does for qemu-xhci', () => {
    expect(device.label).toBe('00:03.0');
    expect(read(0x00)).toBe(0x000d_1b36);
    expect(read(0x08)).toBe(0x0c03_3001);
    expect(read(0x2c)).toBe(0x1100_1af4);
    expect(read(0x3c)).toBe(0x0000_0100);
    expect(read(0x0e, 1)).toBe(0);
  });

  it('answers byte and word accesses at every offset of the data port', () => {
    expect(read(0x01, 1)).toBe(0x1b);
    expect(read(0x02, 2)).toBe(0x000d);
    write(0x3c, 0x0b, 1);
    expect(read(0x3c)).toBe(0x0000_010b);
  });

  it('keeps read-only bits and clears status bits by writing 1', () => {
    write(0x00, 0xffff_ffff);
    expect(read(0x00)).toBe(0x000d_1b36);
    write(0x04, 0xffff_ffff);
    expect(read(0x04)).toBe(0x0010_0507);
  });

  it('reads all ones for absent functions, devices and buses, and while CONFIG_ADDRESS is not enabled', () => {
    guest.io.write(0xcf8, 4, 0x8000_2000);
    expect(guest.io.read(0xcfc, 4)).toBe(0xffff_ffff);
    guest.io.write(0xcf8, 4, 0x8001_1800);
    expect(guest.io.read(0xcfc, 2)).toBe(0xffff);
    guest.io.write(0xcf8, 4, 0x0000_1800);
    expect(guest.io.read(0xcfc, 4)).toBe(0xffff_ffff);
  });

  it('takes CONFIG_ADDRESS from double word writes only, and drops its reserved bits', () => {
    guest.io.write(0xcf8, 4, 0xffff_ffff);
    expect(guest.io.read(0xcf8, 4)).toBe(0x80ff_fffc);
    guest.io.write(0xcf8, 1, 0x12);
    guest.io.write(0xcfa, 2, 0x3456);
    expect(guest.io.read(0xcf8, 4)).toBe(0x80ff_fffc);
  });

  it('lists its capabilities, the newest first, without a loop', () => {
    expect(read(0x06, 2) & 0x10).toBe(0x10);
    const ids: number[] = [];
    for (let at = read(0x34, 1); at !== 0 && ids.length < 48; at = read(at + 1, 1)) ids.push(read(at, 1));
    expect(ids).toEqual([0x01, 0x10, 0x11, 0x05]);
    expect(read(0xa0, 4) >>> 16).toBe(0x0092);
  });
});

describe('base address registers (PCI 3.0 §6.2.5)', () => {
  it('sizes by writing ones', () => {
    write(0x10, 0xffff_ffff);
    write(0x14, 0xffff_ffff);
    expect([read(0x10), read(0x14), read(0x18)]).toEqual([0xffff_c004, 0xffff_ffff, 0]);
  });

  it('decodes only while Memory Space is on', () => {
    const mapped = guest.record('pci.bar-mapped');
    write(0x10, 0xfebf_0000);
    expect(mmio(0xfebf_0008)).toBe(0);
    write(0x04, 0x0002, 2);
    expect(mmio(0xfebf_0008)).toBe(0x1000_0008);
    guest.cpu.write(gpa(0xfebf_0010), 4, 0xabcd, 0);
    expect(registers).toEqual([0x10, 0xabcd]);
    write(0x04, 0x0000, 2);
    expect(mmio(0xfebf_0008)).toBe(0);
    const place = { device: '00:03.0', name: 'qemu-xhci', bar: 0, address: 0xfebf_0000, size: 0x4000 };
    expect(mapped).toEqual([
      { ...place, mapped: true },
      { ...place, mapped: false },
    ]);
  });

  it('moves above 4 GiB with the high half, and leaves the bus beyond physical addresses', () => {
    write(0x04, 0x0002, 2);
    write(0x14, 0x0000_0008);
    expect(mmio(0x8_0000_0004)).toBe(0x1000_0004);
    write(0x14, 0xffff_ffff);
    write(0x10, 0xffff_ffff);
    expect(device.bars.get(0)!.mappedAt).toBeUndefined();
  });

  it('decodes nothing at address 0', () => {
    write(0x04, 0x0002, 2);
    expect(device.bars.get(0)!.mappedAt).toBeUndefined();
  });

  it('leaves the bus in D3hot and comes back in D0 with its registers intact', () => {
    write(0x10, 0xfebf_0000);
    write(0x04, 0x0002, 2);
    write(0x54, 0x0003, 2);
    expect(mmio(0xfebf_0000)).toBe(0);
    write(0x54, 0x0000, 2);
    expect(mmio(0xfebf_0000)).toBe(0x1000_0000);
  });
});

describe('what the CPU meant (catalogue PCI-01, PCI-06)', () => {
  it('explains an access to a BAR whose decoding is off', () => {
    const facts = guest.record('pci.bar-access-while-off');
    guest.bus.explainCpuAccesses();
    write(0x10, 0xfebf_0000);
    mmio(0xfebf_0020);
    mmio(0xd000_0000);
    expect(facts).toEqual([
      {
        device: '00:03.0',
        name: 'qemu-xhci',
        bar: 0,
        offset: 0x20,
        address: 0xfebf_0020,
        write: false,
        because: 'memory-space-off',
      },
    ]);
  });

  it('says so when decoding goes on over a BAR that was left at 0, once per enabling', () => {
    const facts = guest.record('pci.bar-access-while-off');
    write(0x04, 0x0006, 2);
    write(0x04, 0x0406, 2);
    expect(facts.map(({ because, address }) => ({ because, address }))).toEqual([
      { because: 'bar-unassigned', address: 0 },
    ]);
  });

  it('is silent about a correct driver', () => {
    const facts = guest.record('pci.bar-access-while-off');
    guest.bus.explainCpuAccesses();
    write(0x10, 0xfebf_0000);
    write(0x04, 0x0006, 2);
    mmio(0xfebf_0000);
    expect(facts).toEqual([]);
  });
});

describe('bus mastering (PCI 3.0 §6.2.2)', () => {
  const into = new Uint8Array(4);

  it('gives the device no memory until Bus Master is on, and says that this is why', () => {
    guest.ram.set([1, 2, 3, 4], 0x1000);
    expect(device.dma.read(guest.dmaAddress(0x1000), into)).toBe(MEMTX_DECODE_ERROR);
    expect(device.dma.lastFailure?.reason).toEqual({ kind: 'bus-master-off', device: '00:03.0' });
    expect(device.dma.wouldAnswer(guest.dmaAddress(0x1000), 4, false)).toBe(false);
    write(0x04, 0x0004, 2);
    expect(device.dma.read(guest.dmaAddress(0x1000), into)).toBe(MEMTX_OK);
    expect([...into]).toEqual([1, 2, 3, 4]);
    expect(read(0x06, 2) & 0x2000).toBe(0);
  });

  it('sets Received Master Abort when nobody answers, until the driver clears it', () => {
    write(0x04, 0x0004, 2);
    device.dma.read(guest.dmaAddress(0xffff_ff80_002e_3080n), into);
    expect(read(0x06, 2) & 0x2000).toBe(0x2000);
    write(0x06, 0x2000, 2);
    expect(read(0x06, 2) & 0x2000).toBe(0);
  });

  it('does not set Received Master Abort where QEMU does not', () => {
    guest = new TestBus({ reportMasterAbort: false });
    const { identity } = device;
    const other = new PciFunction({ name: 'other', identity, system: guest.system });
    other.plug(guest.bus, 4);
    guest.configWrite(other, 0x04, 0x0004, 2);
    expect(other.dma.read(guest.dmaAddress(0xc000_0000), into)).toBe(MEMTX_DECODE_ERROR);
    expect(guest.configRead(other, 0x06, 2)).toBe(0);
  });
});

describe('INTx (PCI 3.0 §2.2.6)', () => {
  it('drives the wire, shows Interrupt Status, and obeys Interrupt Disable', () => {
    device.interrupts.setLevel(true);
    device.interrupts.setLevel(true);
    expect(read(0x06, 2) & 0x08).toBe(0x08);
    write(0x04, 0x0400, 2);
    expect(read(0x06, 2) & 0x08).toBe(0x08);
    write(0x04, 0x0000, 2);
    device.interrupts.setLevel(false);
    expect(guest.wires).toEqual(['3 0 true', '3 0 false', '3 0 true', '3 0 false']);
    expect(read(0x06, 2) & 0x08).toBe(0);
  });

  it('leaves the wire while MSI is enabled', () => {
    device.interrupts.setLevel(true);
    write(0x72, 0x0001, 2);
    expect(device.interrupts.mode).toBe('msi');
    expect(guest.wires).toEqual(['3 0 true', '3 0 false']);
  });
});

describe('MSI (PCI 3.0 §6.8.1)', () => {
  beforeEach(() => {
    write(0x04, 0x0006, 2);
    write(0x74, 0xfee0_1000);
    write(0x7c, 0x0041, 2);
    write(0x72, 0x0011, 2); // two messages allotted
  });

  it('sends a 32-bit write with the vector in the allotted low bits and the requester id', () => {
    device.interrupts.sendMessage(0);
    device.interrupts.sendMessage(1);
    device.interrupts.sendMessage(3);
    expect(guest.messages.map(({ data }) => data)).toEqual([0x40, 0x41, 0x41]);
    expect(guest.messages[0]).toEqual({ address: 0xfee0_1000, data: 0x40, requesterId: 0x18 });
  });

  it('sends nothing before it is enabled', () => {
    write(0x72, 0x0010, 2);
    device.interrupts.sendMessage(0);
    expect(guest.messages).toEqual([]);
  });

  it('keeps a masked vector pending and sends it at unmask', () => {
    write(0x80, 0x0000_0002);
    device.interrupts.sendMessage(1);
    expect(guest.messages).toEqual([]);
    expect(read(0x84)).toBe(0x2);
    write(0x80, 0);
    expect(read(0x84)).toBe(0);
    expect(guest.messages.map(({ data }) => data)).toEqual([0x41]);
  });

  it('is blocked while bus mastering is off, and says so', () => {
    const facts = guest.record('pci.message');
    write(0x04, 0x0002, 2);
    device.interrupts.sendMessage(0);
    expect(guest.messages).toEqual([]);
    expect(facts).toEqual([{ device: '00:03.0', address: 0xfee0_1000, data: 0x40, delivered: false }]);
  });
});

describe('MSI-X (PCI 3.0 §6.8.2)', () => {
  const TABLE = 0xfebf_3000;
  const PENDING = 0xfebf_3800;
  const store = (address: number, value: number) => guest.cpu.write(gpa(address), 4, value, 0);

  beforeEach(() => {
    write(0x10, 0xfebf_0000);
    write(0x04, 0x0006, 2);
    store(TABLE + 0x20, 0xfee0_0003); // bits 1-0 read as zero
    store(TABLE + 0x28, 0x0000_0042);
  });

  it('announces its table and starts with every vector masked', () => {
    expect(read(0x90) >>> 16).toBe(0x000f);
    expect(read(0x94)).toBe(0x3000);
    expect(read(0x98)).toBe(0x3800);
    expect([0, 1, 2, 15].map((vector) => mmio(TABLE + 16 * vector + 12))).toEqual([1, 1, 1, 1]);
    expect(mmio(TABLE + 0x20)).toBe(0xfee0_0000);
  });

  it('holds a message back by vector mask, then by function mask, and sends it once when both are open', () => {
    write(0x92, 0x8000, 2);
    expect(device.interrupts.mode).toBe('msix');
    device.interrupts.sendMessage(2);
    device.interrupts.sendMessage(2);
    expect(mmio(PENDING)).toBe(0x4);
    write(0x92, 0xc000, 2);
    store(TABLE + 0x2c, 0);
    expect(guest.messages).toEqual([]);
    expect(device.msix!.maskOf(2)).toBe('function-mask');
    write(0x92, 0x8000, 2);
    expect(mmio(PENDING)).toBe(0);
    expect(guest.messages).toEqual([{ address: 0xfee0_0000, data: 0x42, requesterId: 0x18 }]);
  });

  it('sends at once when nothing is masked, and never lets software write the pending bits', () => {
    write(0x92, 0x8000, 2);
    store(TABLE + 0x2c, 0);
    store(PENDING, 0xffff_ffff);
    expect(mmio(PENDING)).toBe(0);
    device.interrupts.sendMessage(2);
    expect(guest.messages).toHaveLength(1);
  });

  it('answers 64-bit table accesses in both halves', () => {
    expect(guest.cpu.read(gpa(TABLE + 0x28), 8)).toBe(0x42);
    expect(guest.cpu.high).toBe(1);
  });
});

describe('reset and saved state', () => {
  it('takes everything the driver set away', () => {
    write(0x10, 0xfebf_0000);
    write(0x04, 0x0007, 2);
    write(0x92, 0x8000, 2);
    device.interrupts.setLevel(true);
    device.reset();
    expect([read(0x04), read(0x10), read(0x90) >>> 16]).toEqual([0x0010_0000, 0x4, 0x000f]);
    expect(device.bars.get(0)!.mappedAt).toBeUndefined();
  });

  it('comes back from saved state with BARs mapped and the gate open', () => {
    write(0x10, 0xfebf_0000);
    write(0x04, 0x0006, 2);
    guest.cpu.write(gpa(0xfebf_3028), 4, 0x55, 0);
    const saved = device.save();
    device.reset();
    device.load(saved);
    expect(device.name).toBe('pci/00:03.0');
    expect(mmio(0xfebf_3028)).toBe(0x55);
    expect(device.dma.read(guest.dmaAddress(0x1000), new Uint8Array(4))).toBe(MEMTX_OK);
  });
});

it('survives any sequence of guest accesses and device interrupts with its identity intact', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('config' as const), offset: fc.nat(0xff), value: fc.nat(0xffff_ffff) }),
    fc.record({
      kind: fc.constant('mmio' as const),
      offset: fc.nat(0xfff).map((at) => at * 4),
      value: fc.nat(0xffff_ffff),
    }),
    fc.record({ kind: fc.constant('level' as const), offset: fc.constant(0), value: fc.nat(1) }),
    fc.record({ kind: fc.constant('message' as const), offset: fc.constant(0), value: fc.nat(40) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      for (const { kind, offset, value } of steps) {
        if (kind === 'config') write(offset & ~3, value);
        else if (kind === 'level') device.interrupts.setLevel(value === 1);
        else if (kind === 'message') device.interrupts.sendMessage(value);
        else guest.cpu.write(gpa((device.bars.get(0)!.mappedAt ?? 0xfebf_0000) + offset), 4, value, 0);
      }
      expect([read(0x00), read(0x08), read(0x2c), read(0x34, 1)]).toEqual([
        0x000d_1b36, 0x0c03_3001, 0x1100_1af4, 0x50,
      ]);
      // The wire is asserted exactly when the device wants it and neither gate nor message mode forbids it.
      const wanted = (read(0x06, 2) & 0x08) !== 0;
      const open = (read(0x04, 2) & 0x0400) === 0 && device.interrupts.mode === 'intx';
      expect(guest.wires.at(-1) === '3 0 true').toBe(wanted && open);
    }),
    { numRuns: 200 },
  );
});

describe('function level reset (PCI Express 4.0 §6.6.2)', () => {
  const build = (functionLevelReset: boolean): PciFunction => {
    const { identity } = device;
    const other = new PciFunction({ name: 'other', identity, system: guest.system, express: true });
    other.addExpress({ offset: 0x40, portType: 0, functionLevelReset, linkControl: 0xc0 });
    other.plug(guest.bus, 5);
    guest.configWrite(other, 0x04, 0x0007, 2);
    guest.configWrite(other, 0x50, 0x00c0, 2);
    return other;
  };

  it.each([
    [0x48, 0x0000_800f, 4],
    [0x48, 0x8000, 2],
    [0x49, 0x80, 1],
    [0x47, 0x0080_0000, 4],
  ])('begins with Device Control bit 15, by a write to 0x%s of %s, %d bytes', (offset, value, size) => {
    let resets = 0;
    const other = build(true);
    other.onReset = () => {
      resets += 1;
    };
    other.configWrite(offset, size, value);
    expect([resets, other.command, guest.configRead(other, 0x48), guest.configRead(other, 0x50, 2)]).toEqual([
      1, 0, 0, 0,
    ]);
  });

  it('is not begun by other bits, nor where it is not offered', () => {
    const other = build(true);
    guest.configWrite(other, 0x48, 0x7fff, 2);
    expect(other.command).toBe(7);
    const without = new PciFunction({
      name: 'without',
      identity: device.identity,
      system: guest.system,
      express: true,
    });
    without.addExpress({ offset: 0x40, portType: 0 });
    without.plug(guest.bus, 6);
    guest.configWrite(without, 0x04, 0x0007, 2);
    guest.configWrite(without, 0x48, 0x8000, 2);
    expect([without.command, guest.configRead(without, 0x44) >>> 28]).toEqual([7, 0]);
  });
});
