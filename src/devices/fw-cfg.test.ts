import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TraceBus } from '../base/trace.ts';
import {
  AddressSpace,
  ContainerRegion,
  CpuPortIo,
  createIoPortRoot,
  DmaView,
  MemorySystem,
  MmioRegion,
  RamRegion,
  WHOLE_ADDRESS_SPACE,
} from '../memory/index.ts';
import { FwCfg } from './fw-cfg.ts';
import { SmiFeatures } from './smi-features.ts';

const RAM = 0x2_0000;
const READ = 2;
const SKIP = 4;
const SELECT = 8;
const WRITE = 16;

/** A driver of fw_cfg as firmware has one. */
function firmware() {
  const system = new MemorySystem(new TraceBus());
  const root = new ContainerRegion(system, 'system', WHOLE_ADDRESS_SPACE);
  const bytes = new Uint8Array(RAM);
  root.addSubregion(0, new RamRegion(system, 'ram', bytes));
  const ports = createIoPortRoot(system);
  const device = new FwCfg(new DmaView(new AddressSpace(system, 'memory', root), 'fw_cfg'));
  device.reset();
  ports.addSubregion(0x510, new MmioRegion(system, 'fwcfg', 2, device.ops));
  ports.addSubregion(0x514, new MmioRegion(system, 'fwcfg.dma', 8, device.dmaOps));
  const io = new CpuPortIo(new AddressSpace(system, 'I/O', ports));
  const view = new DataView(bytes.buffer);
  const start = (address: number, high = 0) => {
    const swapped = new DataView(new ArrayBuffer(4));
    swapped.setUint32(0, high);
    io.write(0x514, 4, swapped.getUint32(0, true));
    swapped.setUint32(0, address);
    io.write(0x518, 4, swapped.getUint32(0, true));
  };
  return {
    device,
    bytes,
    io,
    start,
    /** Runs one DMA operation; returns the control word afterwards. */
    dma(control: number, length: number, address: number): number {
      view.setUint32(0x100, control);
      view.setUint32(0x104, length);
      view.setBigUint64(0x108, BigInt(address));
      start(0x100);
      return view.getUint32(0x100);
    },
    select: (key: number) => io.write(0x510, 2, key),
    read: (count: number) => Array.from({ length: count }, () => io.read(0x511, 1)),
  };
}

const text = (bytes: ArrayLike<number>) => String.fromCharCode(...Array.from(bytes)).replace(/\0+$/, '');

describe('fw_cfg', () => {
  it('says QEMU, then zeros, byte by byte', () => {
    const guest = firmware();
    expect(text(guest.read(6))).toBe('QEMU');
    guest.select(1);
    expect(guest.read(4)).toEqual([3, 0, 0, 0]);
    guest.select(0);
    expect(text(guest.read(4))).toBe('QEMU');
  });

  it('says that DMA is there, at any width', () => {
    const { io } = firmware();
    expect(io.read(0x514, 4)).toBe(0x554d_4551);
    expect(io.read(0x518, 4)).toBe(0x4746_4320);
    expect([0, 1, 2, 3, 4, 5, 6, 7].map((at) => String.fromCharCode(io.read(0x514 + at, 1))).join('')).toBe('QEMU CFG');
    expect(io.read(0x51a, 2)).toBe(0x4746);
  });

  it('lists files by name, with the keys in that order', () => {
    const guest = firmware();
    guest.device.addFile('etc/b', Uint8Array.of(1, 2, 3));
    guest.device.addFile('opt/c', Uint8Array.of(4));
    guest.device.addFile('bootorder', new Uint8Array(0));
    expect(guest.dma((0x19 << 16) | SELECT | READ, 4 + 64 * 4, 0x1000)).toBe(0);
    const row = (index: number) => guest.bytes.subarray(0x1004 + 64 * index, 0x1004 + 64 * (index + 1));
    expect([...guest.bytes.subarray(0x1000, 0x1004)]).toEqual([0, 0, 0, 3]);
    expect([0, 1, 2].map((index) => text(row(index).subarray(8)))).toEqual(['bootorder', 'etc/b', 'opt/c']);
    expect([...row(1).subarray(0, 8)]).toEqual([0, 0, 0, 3, 0, 0x21, 0, 0]);
    expect(row(3).every((byte) => byte === 0)).toBe(true);
    guest.select(0x21);
    expect(guest.read(4)).toEqual([1, 2, 3, 0]);
  });

  it('skips, and reads zeros beyond the end', () => {
    const guest = firmware();
    guest.device.addFile('opt/a', Uint8Array.of(1, 2, 3, 4));
    guest.bytes.fill(0xee, 0x1000, 0x1010);
    expect(guest.dma((0x20 << 16) | SELECT | SKIP, 2, 0)).toBe(0);
    expect(guest.dma(READ, 6, 0x1000)).toBe(0);
    expect([...guest.bytes.subarray(0x1000, 0x1007)]).toEqual([3, 4, 0, 0, 0, 0, 0xee]);
  });

  it('takes writes that fit into a writable file, and no others', () => {
    const guest = firmware();
    const bytes = new Uint8Array(4);
    guest.device.addFile('opt/a', bytes, { writable: true });
    guest.device.addFile('opt/b', Uint8Array.of(9));
    guest.bytes.set([5, 6, 7, 8, 9], 0x1000);
    expect(guest.dma((0x20 << 16) | SELECT | WRITE, 5, 0x1000)).toBe(1);
    expect([...bytes]).toEqual([0, 0, 0, 0]);
    expect(guest.dma((0x20 << 16) | SELECT | WRITE, 4, 0x1000)).toBe(0);
    expect([...bytes]).toEqual([5, 6, 7, 8]);
    expect(guest.dma(WRITE, 1, 0x1000)).toBe(1);
    expect(guest.dma((0x21 << 16) | SELECT | WRITE, 1, 0x1000)).toBe(1);
    // Data that cannot be fetched leaves the file as it was.
    expect(guest.dma((0x20 << 16) | SELECT | WRITE, 4, RAM - 2)).toBe(1);
    expect([...bytes]).toEqual([5, 6, 7, 8]);
  });

  it('reports memory that is not there', () => {
    const guest = firmware();
    expect(guest.dma((0x00 << 16) | SELECT | READ, 4, 0x10_0000)).toBe(1);
    expect(guest.dma((0x00 << 16) | SELECT | READ, 0xffff_ffff, 0x1000)).toBe(1);
    // The structure itself: its last bytes are missing, its control word is not.
    guest.bytes.fill(0xff, RAM - 8);
    guest.start(RAM - 8);
    expect([...guest.bytes.subarray(RAM - 8, RAM - 4)]).toEqual([0, 0, 0, 1]);
    guest.start(0, 0xffff_ffff);
  });

  it('selects nothing with a key that no item can have', () => {
    const guest = firmware();
    guest.select(0x40);
    expect(guest.read(2)).toEqual([0, 0]);
    expect(guest.dma(READ, 2, 0x1000)).toBe(0);
    expect(guest.dma((0x3fff << 16) | SELECT | WRITE, 2, 0x1000)).toBe(1);
  });

  it('prepares a file when it is selected', () => {
    const guest = firmware();
    let calls = 0;
    const prepare = () => {
      calls += 1;
      guest.device.items.file('opt/a')!.bytes = Uint8Array.of(calls);
    };
    guest.device.addFile('opt/a', Uint8Array.of(0), { prepare });
    guest.select(0x20);
    expect(guest.read(1)).toEqual([1]);
    expect(guest.dma((0x20 << 16) | SELECT | READ, 1, 0x1000)).toBe(0);
    expect(guest.bytes[0x1000]).toBe(2);
  });

  it('goes on in the middle after save and load', () => {
    const first = firmware();
    const second = firmware();
    for (const { device } of [first, second]) device.addFile('opt/a', new Uint8Array(4), { writable: true });
    first.bytes.set([5, 6, 7, 8], 0x1000);
    expect(first.dma((0x20 << 16) | SELECT | WRITE, 4, 0x1000)).toBe(0);
    first.select(0x20);
    first.read(1);
    second.device.load(first.device.save());
    expect(second.read(4)).toEqual([6, 7, 8, 0]);
    expect(second.device.save()).toEqual({ ...first.device.save(), offset: 4 });
  });

  it('goes on answering, whatever is written', () => {
    const guest = firmware();
    guest.device.addFile('opt/a', new Uint8Array(64), { writable: true });
    const word = fc.oneof(fc.nat(), fc.integer({ min: 0, max: RAM }), fc.constant(0xffff_ffff));
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 0x6f }),
        fc.nat({ max: 31 }),
        word,
        word,
        (key, control, length, address) => {
          guest.dma((key << 16) | control, length & 0xf_ffff, address);
          guest.select(0);
          expect(text(guest.read(4))).toBe('QEMU');
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe('SMI features', () => {
  it('grants once what the machine has', () => {
    const guest = firmware();
    const features = new SmiFeatures(guest.device, 1);
    const [okKey, requestKey] = [0x20, 0x21];
    const request = (...bytes: number[]) => {
      guest.bytes.set(bytes, 0x1000);
      guest.dma((requestKey << 16) | SELECT | WRITE, 8, 0x1000);
      guest.select(okKey);
      return guest.read(1)[0];
    };
    expect(request(2, 0, 0, 0, 0, 0, 0, 0)).toBe(0);
    expect(request(1, 0, 0, 0, 0, 0, 0, 1)).toBe(0);
    expect(features.negotiated).toBe(0);
    expect(request(1, 0, 0, 0, 0, 0, 0, 0)).toBe(1);
    expect(features.negotiated).toBe(1);
    expect(request(0, 0, 0, 0, 0, 0, 0, 0)).toBe(1);
    expect(features.negotiated).toBe(1);
    const other = firmware();
    const restored = new SmiFeatures(other.device, 1);
    other.device.load(guest.device.save());
    restored.load(features.save());
    expect(restored.negotiated).toBe(1);
    other.select(okKey);
    expect(other.read(1)).toEqual([1]);
    restored.reset();
    other.select(requestKey);
    expect(other.read(1)).toEqual([0]);
    features.reset();
    expect(features.negotiated).toBe(0);
  });
});
