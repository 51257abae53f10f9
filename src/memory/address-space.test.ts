import { beforeEach, describe, expect, it } from 'vitest';
import { type BusAddress, bus } from '../base/address.ts';
import { TraceBus } from '../base/trace.ts';
import type { AccessFailure, InvalidAccess } from './events.ts';
import {
  AddressSpace,
  BusMasterGate,
  ContainerRegion,
  CpuPortIo,
  createIoPortRoot,
  createRom,
  DmaView,
  MEMTX_ACCESS_ERROR,
  MEMTX_DECODE_ERROR,
  MEMTX_ERROR,
  MEMTX_OK,
  MemorySystem,
  MmioRegion,
  RamRegion,
  ReservationRegion,
  WHOLE_ADDRESS_SPACE,
} from './index.ts';

let trace: TraceBus;
let system: MemorySystem;
let root: ContainerRegion;
let space: AddressSpace;
let invalid: InvalidAccess[];
let failures: AccessFailure[];
const at = (address: number | bigint): BusAddress => bus(address);

beforeEach(() => {
  trace = new TraceBus();
  system = new MemorySystem(trace);
  root = new ContainerRegion(system, 'system', WHOLE_ADDRESS_SPACE);
  space = new AddressSpace(system, 'memory', root);
  invalid = [];
  failures = [];
  trace.on('memory.invalid-access', (event) => invalid.push(event));
  trace.on('memory.access-failed', (event) => failures.push(event));
});

function ram(start: number, size: number, name = 'ram'): RamRegion {
  const region = new RamRegion(system, name, new Uint8Array(size));
  root.addSubregion(start, region);
  return region;
}

describe('unassigned memory', () => {
  it('answers the story: a 16-byte read of a virtual address is four refused 4-byte reads at exact addresses', () => {
    ram(0, 0x1000);
    const dma = new DmaView(space, '00:03.0');
    const words = new Uint32Array(4).fill(0xdead_beef);
    const purpose = { what: 'ERST entry', register: 'ERSTBA', index: 0 };
    expect(dma.readWords(at(0xffff_ff80_002e_3080n), words, purpose)).toBe(MEMTX_DECODE_ERROR);
    expect([...words]).toEqual([0, 0, 0, 0]);
    expect(invalid).toEqual(
      [0xffff_ff80_002e_3080n, 0xffff_ff80_002e_3084n, 0xffff_ff80_002e_3088n, 0xffff_ff80_002e_308cn].map(
        (address) => ({
          write: false,
          address,
          size: 4,
          region: undefined,
          reason: 'rejected',
        }),
      ),
    );
    expect(failures).toEqual([
      {
        initiator: { kind: 'device', name: '00:03.0' },
        address: 0xffff_ff80_002e_3080n,
        size: 16,
        write: false,
        result: MEMTX_DECODE_ERROR,
        offset: 0,
        reason: { kind: 'beyond-physical' },
        purpose,
      },
    ]);
    expect(dma.lastFailure).toBe(failures[0]);
  });

  it('cuts by alignment as QEMU does: 7 bytes at ...1 are 1, 2 and 4', () => {
    new DmaView(space, 'd').read(at(0xc0_0000_0001), new Uint8Array(7));
    expect(invalid.map(({ address, size }) => [address, size])).toEqual([
      [0xc0_0000_0001, 1],
      [0xc0_0000_0002, 2],
      [0xc0_0000_0004, 4],
    ]);
  });

  it('moves the bytes that are there, zeroes the rest and names the neighbours', () => {
    ram(0, 0x1000, 'low').backing.fill(0xaa);
    ram(0x9000, 0x1000, 'high');
    const dma = new DmaView(space, 'd');
    const bytes = new Uint8Array(8).fill(0xff);
    expect(dma.read(at(0xffc), bytes)).toBe(MEMTX_DECODE_ERROR);
    expect([...bytes]).toEqual([0xaa, 0xaa, 0xaa, 0xaa, 0, 0, 0, 0]);
    expect(dma.lastFailure?.offset).toBe(4);
    expect(dma.lastFailure?.reason).toEqual({
      kind: 'unassigned',
      below: { region: 'low', kind: 'ram', start: 0, last: 0xfff },
      above: { region: 'high', kind: 'ram', start: 0x9000, last: 0x9fff },
    });
  });

  it('reads I/O ports that nobody claims as all ones, without a failure', () => {
    const io = new AddressSpace(system, 'I/O', createIoPortRoot(system));
    const ports = new CpuPortIo(io);
    expect([ports.read(0x80, 1), ports.read(0x80, 2), ports.read(0x80, 4)]).toEqual([0xff, 0xffff, 0xffff_ffff]);
    ports.write(0x80, 1, 0x55);
    expect(failures).toEqual([]);
    expect(invalid).toEqual([]);
  });
});

describe('rom', () => {
  it('drops a write as a decode error, with the address relative to the region', () => {
    const rom = createRom(system, 'pc.bios', new Uint8Array(0x4_0000).fill(0x90));
    root.addSubregion(0xfffc_0000, rom);
    const dma = new DmaView(space, 'd');
    expect(dma.writeWords(at(0xffff_f000), new Uint32Array([1]))).toBe(MEMTX_DECODE_ERROR);
    expect(rom.backing[0x3_f000]).toBe(0x90);
    expect(invalid).toEqual([{ write: true, address: 0x3_f000, size: 4, region: 'pc.bios', reason: 'rejected' }]);
    expect(dma.lastFailure?.reason).toEqual({ kind: 'rom-write', region: 'pc.bios' });
  });

  it('is written by a debugger', () => {
    const rom = createRom(system, 'pc.bios', new Uint8Array(0x1000));
    root.addSubregion(0, rom);
    expect(new DmaView(space, 'd').write(at(4), new Uint8Array([1, 2]), undefined, { debug: true })).toBe(MEMTX_OK);
    expect([...rom.backing.subarray(4, 6)]).toEqual([1, 2]);
  });
});

describe('a device that answers', () => {
  it('goes on after a piece that failed, and ORs the results', () => {
    const seen: number[] = [];
    const region = new MmioRegion(system, 'regs', 0x10, {
      readWithAttrs: (offset, _size, _attrs, out) => {
        seen.push(offset);
        out.low = offset;
        return offset === 4 ? MEMTX_ERROR : MEMTX_OK;
      },
      write: () => {},
      valid: { minimum: 4, maximum: 4 },
    });
    root.addSubregion(0x1000, region);
    const dma = new DmaView(space, 'd');
    const words = new Uint32Array(4);
    expect(dma.readWords(at(0x1004), words)).toBe(MEMTX_ERROR | MEMTX_DECODE_ERROR);
    expect(seen).toEqual([4, 8, 12]);
    expect([...words]).toEqual([4, 8, 12, 0]);
    expect(dma.lastFailure?.reason).toEqual({ kind: 'device-error', region: 'regs' });
  });

  it('answers only for memory when attributes ask for memory alone', () => {
    root.addSubregion(0, new MmioRegion(system, 'regs', 0x10, { read: () => 7, write: () => {} }));
    const dma = new DmaView(space, 'd');
    expect(dma.read(at(0), new Uint8Array(12), undefined, { memory: true })).toBe(MEMTX_ACCESS_ERROR);
    expect(invalid).toEqual([{ write: false, address: 0, size: 12, region: 'regs', reason: 'non-ram' }]);
    expect(dma.lastFailure?.reason).toEqual({ kind: 'not-memory', region: 'regs' });
  });

  it('states nothing about a look that an observer took', () => {
    root.addSubregion(0, new MmioRegion(system, 'regs', 0x10, { read: () => 7, write: () => {} }));
    const dma = new DmaView(space, 'd');
    const attrs = { memory: true, debug: true };
    expect(dma.read(at(0), new Uint8Array(12), undefined, attrs)).toBe(MEMTX_ACCESS_ERROR);
    expect(dma.read(at(0x20), new Uint8Array(12), undefined, attrs)).toBe(MEMTX_ACCESS_ERROR);
    expect(invalid).toEqual([]);
    expect(failures).toEqual([]);
  });

  it('is hidden by a reservation, which rejects', () => {
    ram(0, 0x1000);
    root.addSubregion(0x800, new ReservationRegion(system, 'kvm', 0x100), 1);
    expect(new DmaView(space, 'd').read(at(0x800), new Uint8Array(4))).toBe(MEMTX_DECODE_ERROR);
    expect(failures[0]?.reason).toEqual({ kind: 'refused', region: 'kvm', because: 'accepts' });
  });
});

describe('the bus master gate', () => {
  it('leaves an empty view while off, and says so', () => {
    const bytes = ram(0, 0x1000).backing.fill(1);
    const gate = new BusMasterGate(system, 'qemu-xhci', '00:03.0', root);
    const dma = new DmaView(gate.space, '00:03.0');
    expect(gate.space.view.ranges).toEqual([]);
    expect(dma.read(at(0), new Uint8Array(4))).toBe(MEMTX_DECODE_ERROR);
    expect(dma.lastFailure?.reason).toEqual({ kind: 'bus-master-off', device: '00:03.0' });
    gate.setEnabled(true);
    expect(gate.space.view).toBe(space.view);
    expect(dma.write(at(0), new Uint8Array([9]))).toBe(MEMTX_OK);
    expect(bytes[0]).toBe(9);
  });
});
