import { describe, expect, it } from 'vitest';
import { type DmaAccess, DmaMapper, MEMTX_DECODE_ERROR, MEMTX_OK, ScatterGatherList, TypedDma } from './index.ts';
import { at, Fixture, noting } from './testing/fixture.ts';

const device = { kind: 'device', name: '00:03.0' } as const;

describe('mapping', () => {
  it('lends RAM, up to the end of what follows in one piece', () => {
    const machine = new Fixture();
    const ram = machine.ram(0, 0x3000);
    const mapper = new DmaMapper(machine.space, device);
    const mapping = mapper.map(at(0x2ff0), 0x100, 'from-device')!;
    expect([mapping.bounced, mapping.bytes.length]).toEqual([false, 0x10]);
    const heard: number[][] = [];
    machine.system.onRamWritten = (_region, offset, size) => heard.push([offset, size]);
    mapping.bytes.fill(3);
    expect(mapper.unmap(mapping, 8)).toBe(MEMTX_OK);
    expect(ram.backing[0x2fff]).toBe(3);
    expect(heard).toEqual([[0x2ff0, 8]]);
  });

  it('of a hole succeeds with zeros and swallows the write-back in qemu mode', () => {
    const machine = new Fixture();
    const mapper = new DmaMapper(machine.space, device);
    const read = mapper.map(at(0x1000), 64, 'to-device')!;
    expect([read.bounced, read.result, read.bytes.length]).toEqual([true, MEMTX_OK, 64]);
    expect(read.bytes.every((byte) => byte === 0)).toBe(true);
    const write = mapper.map(at(0x1000), 64, 'from-device')!;
    expect(mapper.unmap(write)).toBe(MEMTX_OK);
    // The device is not told, but the facts are stated.
    expect(machine.failures).toHaveLength(2);
  });

  it('of a hole fails in strict mode, both ways', () => {
    const machine = new Fixture();
    const mapper = new DmaMapper(machine.space, device, 'strict');
    expect(mapper.map(at(0x1000), 64, 'to-device')?.result).toBe(MEMTX_DECODE_ERROR);
    const write = mapper.map(at(0x1000), 64, 'from-device')!;
    expect(mapper.unmap(write)).toBe(MEMTX_DECODE_ERROR);
  });

  it('hands out 4096 bytes of bounce buffer, then nothing until some comes back', () => {
    const machine = new Fixture();
    const mapper = new DmaMapper(machine.space, device);
    const first = mapper.map(at(0x1000), 4000, 'to-device')!;
    const second = mapper.map(at(0x1000), 4000, 'to-device')!;
    expect(second.bytes.length).toBe(96);
    expect(mapper.map(at(0x1000), 1, 'to-device')).toBeUndefined();
    const woken: string[] = [];
    mapper.whenMappable(() => woken.push('a'));
    const stop = mapper.whenMappable(() => woken.push('b'));
    stop();
    expect(woken).toEqual([]);
    mapper.unmap(first);
    mapper.unmap(second);
    expect(woken).toEqual(['a']);
    mapper.whenMappable(() => woken.push('now'));
    expect(woken).toEqual(['a', 'now']);
    expect(() => mapper.unmap(first)).toThrow('unmapped once');
  });

  it('bounces registers, and RAM is never bounced', () => {
    const machine = new Fixture();
    const calls: string[] = [];
    machine.mmio(0x1000, 0x10, noting(calls));
    const mapper = new DmaMapper(machine.space, device);
    const mapping = mapper.map(at(0x1000), 8, 'from-device')!;
    mapping.bytes.set([1, 0, 0, 0, 2, 0, 0, 0]);
    expect(calls).toEqual([]);
    mapper.unmap(mapping, 4);
    expect(calls).toEqual(['w4@0=1']);
    expect(mapper.map(at(0x1000), 0, 'to-device')).toBeUndefined();
  });
});

describe('typed loads and stores', () => {
  it('work in both byte orders and give 0 where nothing is', () => {
    const machine = new Fixture();
    const ram = machine.ram(0, 0x100);
    const dma = new TypedDma(machine.dma);
    dma.store(at(0), 4, 0x1122_3344);
    dma.store(at(4), 4, 0x1122_3344, 'big');
    dma.store(at(8), 2, 0x5566, 'big');
    dma.store64(at(16), 0x0102_0304_0506_0708n);
    expect([...ram.backing.subarray(0, 10)]).toEqual([0x44, 0x33, 0x22, 0x11, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66]);
    expect(dma.load(at(4), 4, 'big')).toBe(MEMTX_OK);
    expect(dma.value).toBe(0x1122_3344);
    dma.load(at(8), 2);
    expect(dma.value).toBe(0x6655);
    dma.load64(at(16), 'big');
    expect(dma.wide).toBe(0x0807_0605_0403_0201n);
    expect(dma.load(at(0x100), 4)).toBe(MEMTX_DECODE_ERROR);
    expect(dma.value).toBe(0);
  });
});

describe('a scatter/gather list', () => {
  it('moves one transfer through several pieces and says what was not reached', () => {
    const machine = new Fixture();
    const ram = machine.ram(0, 0x1000);
    const list = new ScatterGatherList(machine.dma);
    list.add(at(0x10), 3);
    list.add(at(0x100), 0);
    list.add(at(0x200), 5);
    expect(list.size).toBe(8);
    expect(list.scatter(Uint8Array.from([1, 2, 3, 4, 5]))).toEqual({ result: MEMTX_OK, residual: 3 });
    expect([...ram.backing.subarray(0x10, 0x13), ...ram.backing.subarray(0x200, 0x203)]).toEqual([1, 2, 3, 4, 5, 0]);
    const into = new Uint8Array(20);
    expect(list.gather(into)).toEqual({ result: MEMTX_OK, residual: 0 });
    expect([...into.subarray(0, 9)]).toEqual([1, 2, 3, 4, 5, 0, 0, 0, 0]);
  });

  it('goes on after a piece that failed', () => {
    const machine = new Fixture();
    const ram = machine.ram(0, 0x1000);
    const list = new ScatterGatherList(machine.dma);
    list.add(at(0x8000), 2);
    list.add(at(0), 2);
    expect(list.scatter(Uint8Array.from([1, 2, 3, 4]))).toEqual({ result: MEMTX_DECODE_ERROR, residual: 0 });
    expect([...ram.backing.subarray(0, 2)]).toEqual([3, 4]);
    list.clear();
    expect(list.scatter(new Uint8Array(4))).toEqual({ result: MEMTX_OK, residual: 0 });
  });
});

describe('a device port', () => {
  it('fills memory in chunks of 512 bytes', () => {
    const machine = new Fixture();
    const ram = machine.ram(0, 0x1000);
    expect(machine.dma.set(at(0x10), 0xab, 1300)).toBe(MEMTX_OK);
    expect(ram.backing.indexOf(0xab)).toBe(0x10);
    expect(ram.backing.lastIndexOf(0xab)).toBe(0x10 + 1299);
    const sizes: number[] = [];
    machine.trace.on('memory.dma', ({ size }) => sizes.push(size));
    machine.dma.set(at(0), 0, 1300);
    expect(sizes).toEqual([512, 512, 276]);
  });

  it('moves little-endian words, whatever the alignment', () => {
    const machine = new Fixture();
    machine.ram(0, 0x100);
    machine.dma.writeWords(at(3), new Uint32Array([0xffff_fffe, 0x1234_5678]));
    const words = new Uint32Array(2);
    machine.dma.readWords(at(3), words);
    expect([...words]).toEqual([0xffff_fffe, 0x1234_5678]);
  });

  it('states every access while somebody listens', () => {
    const machine = new Fixture();
    machine.ram(0, 0x100);
    const heard: DmaAccess[] = [];
    const stop = machine.trace.on('memory.dma', (event) => heard.push(event));
    const purpose = { what: 'Command TRB', ring: 'command ring' };
    machine.dma.readWords(at(0x40), new Uint32Array(4), purpose);
    stop();
    machine.dma.readWords(at(0x40), new Uint32Array(4), purpose);
    const access = { device: '00:03.0', address: 0x40, size: 16, write: false, result: MEMTX_OK, purpose };
    expect(heard).toEqual([access]);
  });

  it('stays silent for a debugger', () => {
    const machine = new Fixture();
    machine.dma.read(at(0), new Uint8Array(8), undefined, { debug: true });
    expect([machine.invalid, machine.failures]).toEqual([[], []]);
    expect(machine.dma.lastFailure?.reason.kind).toBe('unassigned');
  });

  it('wraps at 2^64 as an adder does', () => {
    const machine = new Fixture();
    machine.ram(0, 0x1000).backing.fill(7);
    const bytes = new Uint8Array(8);
    expect(machine.dma.read(at(0xffff_ffff_ffff_fffcn), bytes)).toBe(MEMTX_DECODE_ERROR);
    expect([...bytes]).toEqual([0, 0, 0, 0, 7, 7, 7, 7]);
  });

  it('crosses from what a number can name into what it cannot', () => {
    const machine = new Fixture();
    machine.dma.read(at(2 ** 52 - 4), new Uint8Array(8));
    expect(machine.invalid.map(({ address }) => address)).toEqual([2 ** 52 - 4, 2n ** 52n]);
  });
});
