import { describe, expect, it } from 'vitest';
import { RawImage } from '../block/raw-image.ts';
import { MemoryFile } from '../block/testing/memory-file.ts';
import { StorageGuest } from '../testing/storage-guest.ts';
import { VirtioBlock } from './block.ts';
import { VirtioEntropy } from './entropy.ts';
import { VirtioFunction } from './pci-function.ts';

const BAR = 0xe000_0000;
const PORT = 0xc100;
const [DESC, AVAIL, USED] = [0x1_0000, 0x1_1000, 0x1_2000];
const INDIRECT = 1 << 28;
const EVENT_IDX = 1 << 29;

type Descriptor = readonly [address: number, length: number, flags: number];

function machine(kind: 'block' | 'entropy' = 'block') {
  const guest = new StorageGuest();
  const file = new MemoryFile(
    'disk',
    new Uint8Array(1 << 20).map((_, index) => index >> 9),
  );
  const device =
    kind === 'block' ? new VirtioBlock({ medium: new RawImage(file), serial: 'SER' }) : new VirtioEntropy();
  const entry = new VirtioFunction({ system: guest.bus.system, clock: guest.clock, trace: guest.bus.trace, device });
  guest.plug(entry, 4, 0, { 0: PORT, 1: 0xe008_0000, 4: BAR });
  let index = 0;
  return {
    ...{ guest, file, entry },
    /** Brings the device up through the modern interface. */
    start(features = 0): void {
      guest.write(BAR + 0x14, 3, 1);
      guest.write(BAR + 8, 0);
      guest.write(BAR + 0xc, features);
      guest.write(BAR + 8, 1);
      guest.write(BAR + 0xc, 1);
      guest.write(BAR + 0x14, 11, 1);
      for (const [at, address] of [
        [0x20, DESC],
        [0x28, AVAIL],
        [0x30, USED],
      ] as const) {
        guest.write(BAR + at, address);
        guest.write(BAR + at + 4, 0);
      }
      guest.write(BAR + 0x1c, 1, 2);
      guest.write(BAR + 0x14, 15, 1);
    },
    table(at: number, chain: readonly Descriptor[]): void {
      for (const [slot, [address, length, flags]] of chain.entries()) {
        const entryAt = at + 16 * slot;
        guest.write(entryAt, address);
        guest.write(entryAt + 4, 0);
        guest.write(entryAt + 8, length);
        guest.write(entryAt + 12, flags | (slot + 1 < chain.length ? 1 : 0) | ((slot + 1) << 16));
      }
    },
    offer(): void {
      guest.write(AVAIL + 4 + 2 * (index % (kind === 'block' ? 256 : 8)), 0, 2);
      index += 1;
      guest.write(AVAIL + 2, index, 2);
      guest.write(BAR + 0x3000, 0, 2);
      guest.wait();
    },
    header(type: number, sector: number): void {
      for (const [slot, value] of [type, 0, sector, 0].entries()) guest.write(0x2_0000 + 4 * slot, value);
    },
  };
}

const HEADER: Descriptor = [0x2_0000, 16, 0];
const STATUS: Descriptor = [0x2_1000, 1, 2];

describe('virtio-blk', () => {
  it('reads, writes and identifies through the modern interface (Virtio 1.1 §5.2.6)', () => {
    const vm = machine();
    vm.start();
    vm.header(0, 7);
    vm.table(DESC, [HEADER, [0x3_0000, 512, 2], STATUS]);
    vm.guest.write(0x2_1000, 0xff, 1);
    vm.offer();
    expect([vm.guest.read(0x3_0000, 1), vm.guest.read(0x2_1000, 1)]).toEqual([7, 0]);
    expect([vm.guest.read(USED + 2, 2), vm.guest.read(USED + 4), vm.guest.read(USED + 8)]).toEqual([1, 0, 513]);
    vm.header(1, 9);
    vm.guest.write(0x3_0000, 0x1234_5678);
    vm.table(DESC, [HEADER, [0x3_0000, 512, 0], STATUS]);
    vm.offer();
    expect([...vm.file.bytes.slice(9 * 512, 9 * 512 + 4)]).toEqual([0x78, 0x56, 0x34, 0x12]);
    vm.header(8, 0);
    vm.table(DESC, [HEADER, [0x3_0000, 20, 2], STATUS]);
    vm.offer();
    expect(vm.guest.read(0x3_0000)).toBe(0x0052_4553);
    expect(vm.guest.bus.wires).toEqual(['4 0 true']);
    expect([vm.guest.read(BAR + 0x1000, 1), vm.guest.bus.wires.at(-1)]).toEqual([1, '4 0 false']);
  });

  it('answers what lies outside of the disk, or is unknown, with a status', () => {
    const vm = machine();
    vm.start();
    for (const [type, sector, status] of [
      [0, 2048, 1],
      [99, 0, 2],
    ] as const) {
      vm.header(type, sector);
      vm.table(DESC, [HEADER, [0x3_0000, 512, 2], STATUS]);
      vm.offer();
      expect(vm.guest.read(0x2_1000, 1)).toBe(status);
    }
  });

  it('zeroes a range', () => {
    const vm = machine();
    vm.start();
    vm.header(13, 0);
    for (const [slot, value] of [5, 0, 2, 0].entries()) vm.guest.write(0x3_0000 + 4 * slot, value);
    vm.table(DESC, [HEADER, [0x3_0000, 16, 0], STATUS]);
    vm.offer();
    expect([4, 5, 6, 7].map((sector) => vm.file.bytes[sector * 512])).toEqual([4, 0, 0, 7]);
  });

  it('follows indirect tables, and interrupts by event index (§2.6.5.3, §2.6.7)', () => {
    const vm = machine();
    vm.start((INDIRECT | EVENT_IDX) >>> 0);
    vm.header(0, 7);
    vm.table(0x2_2000, [HEADER, [0x3_0000, 512, 2], STATUS]);
    vm.table(DESC, [[0x2_2000, 48, 4]]);
    vm.guest.write(AVAIL + 4 + 512, 1, 2);
    vm.offer();
    expect(vm.guest.read(0x3_0000, 1)).toBe(7);
    expect(vm.guest.read(USED + 4 + 8 * 256, 2)).toBe(1);
    expect(vm.guest.read(BAR + 0x1000, 1)).toBe(1);
    vm.offer();
    expect(vm.guest.read(BAR + 0x1000, 1)).toBe(1);
    vm.offer();
    expect(vm.guest.read(BAR + 0x1000, 1)).toBe(0);
  });

  it.each([
    ['a chain that loops', (vm: ReturnType<typeof machine>) => vm.guest.write(DESC + 12, 1), 'chain-loops'],
    [
      'a next outside of the table',
      (vm: ReturnType<typeof machine>) => vm.guest.write(DESC + 12, 0x0400_0001),
      'next-outside',
    ],
    [
      'memory that does not answer',
      (vm: ReturnType<typeof machine>) => vm.guest.write(DESC, 0x9000_0000),
      'virtio-blk missing headers',
    ],
    ['an index that jumped', (vm: ReturnType<typeof machine>) => vm.guest.write(AVAIL + 2, 0x300, 2), 'index-jumped'],
  ] as const)('needs a reset after %s', (_what, damage, problem) => {
    const vm = machine();
    const facts = vm.guest.bus.record('virtio.needs-reset');
    vm.start();
    vm.header(0, 7);
    vm.table(DESC, [HEADER, [0x3_0000, 512, 2], STATUS]);
    vm.guest.write(AVAIL + 2, 1, 2);
    damage(vm);
    vm.guest.write(BAR + 0x3000, 0, 2);
    vm.guest.wait();
    expect(facts).toEqual([{ device: '00:04.0', name: 'virtio-blk-pci', problem }]);
    expect(vm.guest.read(BAR + 0x14, 1) & 0x40).toBe(0x40);
    vm.guest.write(BAR + 0x14, 0, 1);
    expect(vm.guest.read(BAR + 0x14, 1)).toBe(0);
  });

  it('serves a legacy driver whose queue is one aligned area (§2.6.2, §4.1.4.8)', () => {
    const vm = machine();
    const { guest } = vm;
    guest.out(PORT + 0x12, 3, 1);
    guest.out(PORT + 4, 0);
    guest.out(PORT + 8, DESC / 4096);
    guest.out(PORT + 0x12, 7, 1);
    vm.header(0, 7);
    vm.table(DESC, [HEADER, [0x3_0000, 512, 2], STATUS]);
    guest.write(DESC + 4096 + 4, 0, 2);
    guest.write(DESC + 4096 + 2, 1, 2);
    guest.out(PORT + 0x10, 0, 2);
    guest.wait();
    // 256 descriptors fill a page, the available ring stands behind them, the used ring on the next page.
    expect([guest.read(0x3_0000, 1), guest.read(DESC + 8192 + 2, 2)]).toEqual([7, 1]);
    expect(guest.in(PORT + 0x13, 1)).toBe(1);
  });

  it('reaches its structures through the configuration window (§4.1.4.7)', () => {
    const { guest, entry } = machine();
    guest.bus.configWrite(entry, 0x88, 4, 1);
    guest.bus.configWrite(entry, 0x8c, 0x2000);
    guest.bus.configWrite(entry, 0x90, 4);
    expect(guest.bus.configRead(entry, 0x94)).toBe(2048);
  });

  it('goes on from saved state as if nothing had happened', () => {
    const [first, second] = [machine(), machine()];
    first.start();
    first.header(0, 7);
    first.table(DESC, [HEADER, [0x3_0000, 512, 2], STATUS]);
    first.guest.write(AVAIL + 2, 1, 2);
    first.guest.write(BAR + 0x3000, 0, 2);
    second.guest.bus.ram.set(first.guest.bus.ram);
    second.entry.load(first.entry.save());
    second.entry.deviceState.load(first.entry.deviceState.save());
    expect(second.entry.deviceState.save()).toEqual(first.entry.deviceState.save());
    for (const { guest } of [first, second]) guest.wait();
    expect(second.guest.read(0x3_0000, 1)).toBe(7);
    expect(Buffer.compare(second.guest.bus.ram, first.guest.bus.ram)).toBe(0);
  });
});

describe('virtio-rng', () => {
  it('fills buffers with bytes that repeat from run to run, not within one', () => {
    const [first, second] = [machine('entropy'), machine('entropy')];
    for (const vm of [first, second]) {
      vm.start();
      vm.table(DESC, [[0x3_0000, 64, 2]]);
      vm.offer();
    }
    const bytes = first.guest.bus.ram.slice(0x3_0000, 0x3_0040);
    expect(new Set(bytes).size).toBeGreaterThan(40);
    expect(second.guest.bus.ram.slice(0x3_0000, 0x3_0040)).toEqual(bytes);
    expect(first.guest.read(USED + 8)).toBe(64);
    first.offer();
    expect(first.guest.bus.ram.slice(0x3_0000, 0x3_0040)).not.toEqual(bytes);
  });
});
