import { describe, expect, it } from 'vitest';
import { gpa } from '../base/address.ts';
import { CpuMemoryPort, MEMTX_ACCESS_ERROR, MEMTX_DECODE_ERROR, MEMTX_OK, type MmioOps, RegionOwner } from './index.ts';
import { at, Fixture, noting } from './testing/fixture.ts';

/** What a DMA of `size` bytes at offset `offset` of a region makes its callbacks see. */
function dmaCalls(rest: Partial<MmioOps>, offset: number, size: number, write = false): string[] {
  const calls: string[] = [];
  const machine = new Fixture();
  machine.mmio(0x1000, 0x100, noting(calls, rest));
  const bytes = new Uint8Array(size).map((_, index) => index + 1);
  if (write) machine.dma.write(at(0x1000 + offset), bytes);
  else machine.dma.read(at(0x1000 + offset), bytes);
  return calls;
}

describe('cutting a long access', () => {
  it('makes pieces of 4 bytes when valid.maximum is 0', () => {
    expect(dmaCalls({}, 0, 16)).toEqual(['r4@0', 'r4@4', 'r4@8', 'r4@c']);
  });

  it('is bound by valid.maximum and by what is left', () => {
    expect(dmaCalls({ valid: { maximum: 2 } }, 0, 5)).toEqual(['r2@0', 'r2@2', 'r1@4']);
  });

  it('is bound by alignment, unless impl.unaligned', () => {
    expect(dmaCalls({}, 1, 7)).toEqual(['r1@1', 'r2@2', 'r4@4']);
    expect(dmaCalls({ valid: { unaligned: true }, impl: { unaligned: true } }, 1, 7)).toEqual(['r4@1', 'r2@5', 'r1@7']);
  });

  it('does not stop at the end of the region: registers decode whole accesses', () => {
    const calls: string[] = [];
    const machine = new Fixture();
    machine.mmio(0x1000, 2, noting(calls));
    machine.ram(0x1002, 0x100);
    expect(machine.dma.read(at(0x1000), new Uint8Array(8))).toBe(MEMTX_OK);
    expect(calls).toEqual(['r4@0']);
  });
});

describe('valid: which accesses are accepted, in this order', () => {
  function refusal(valid: MmioOps['valid'], offset: number, size: number): object | undefined {
    const machine = new Fixture();
    machine.mmio(0x1000, 0x100, noting([], { ...(valid && { valid }) }), 'regs');
    new CpuMemoryPort(machine.space).read(gpa(0x1000 + offset), size);
    return machine.invalid[0];
  }

  it('asks `accepts` first', () => {
    const rules = { accepts: () => false, minimum: 4, maximum: 4 };
    expect(refusal(rules, 0, 1)).toEqual({ write: false, address: 0, size: 1, region: 'regs', reason: 'rejected' });
  });

  it('takes any size when maximum is 0, whatever the minimum', () => {
    expect(refusal({ minimum: 4 }, 0, 1)).toBeUndefined();
    expect(refusal({}, 0, 8)).toBeUndefined();
  });

  it('refuses a size outside minimum..maximum, and reports both', () => {
    const refused = { write: false, address: 8, region: 'regs', reason: 'invalid-size', minimum: 2, maximum: 4 };
    expect(refusal({ minimum: 2, maximum: 4 }, 8, 1)).toEqual({ ...refused, size: 1 });
    expect(refusal({ minimum: 2, maximum: 4 }, 8, 8)).toEqual({ ...refused, size: 8 });
    expect(refusal({ minimum: 2, maximum: 4 }, 8, 4)).toBeUndefined();
  });

  it('refuses an unaligned access before it looks at the size', () => {
    const machine = new Fixture();
    machine.mmio(0, 0x100, noting([], { valid: { minimum: 8, maximum: 8 }, impl: { unaligned: true } }));
    expect(machine.dma.read(at(1), new Uint8Array(4))).toBe(MEMTX_DECODE_ERROR);
    expect(machine.invalid[0]).toEqual({ write: false, address: 1, size: 4, region: 'regs', reason: 'unaligned' });
    expect(machine.dma.lastFailure?.reason).toEqual({ kind: 'refused', region: 'regs', because: 'unaligned' });
  });

  it('gives zeros and a reason with the limits', () => {
    const machine = new Fixture();
    machine.mmio(0, 0x100, noting([], { valid: { minimum: 4, maximum: 4 } }));
    const bytes = new Uint8Array([9, 9]);
    expect(machine.dma.read(at(0), bytes)).toBe(MEMTX_DECODE_ERROR);
    expect([...bytes]).toEqual([0, 0]);
    const reason = { kind: 'refused', region: 'regs', because: 'size', minimum: 4, maximum: 4 };
    expect(machine.dma.lastFailure?.reason).toEqual(reason);
  });
});

describe('impl: what the callbacks see', () => {
  const wide = { valid: { minimum: 1, maximum: 8 } };

  it('defaults to pieces of at most 4 bytes, low half first', () => {
    expect(dmaCalls(wide, 0, 8, true)).toEqual(['w4@0=4030201', 'w4@4=8070605']);
  });

  it('splits big-endian values with the high part first', () => {
    const calls = dmaCalls({ ...wide, endianness: 'big', impl: { maximum: 2 } }, 0, 4, true);
    expect(calls).toEqual(['w2@0=102', 'w2@2=304']);
  });

  it('widens to impl.minimum at the same address: reads are masked, writes padded with zeros', () => {
    expect(dmaCalls({ impl: { minimum: 4 } }, 0, 1)).toEqual(['r4@0']);
    expect(dmaCalls({ impl: { minimum: 4 } }, 2, 2, true)).toEqual(['w4@2=201']);
    const machine = new Fixture();
    machine.mmio(0, 4, noting([], { impl: { minimum: 4 } }));
    const bytes = new Uint8Array(1);
    machine.dma.read(at(0), bytes);
    expect(bytes[0]).toBe(0x44);
  });

  it('gives the first byte of a big-endian register to a byte access', () => {
    const machine = new Fixture();
    machine.mmio(0, 4, noting([], { endianness: 'big', impl: { minimum: 4 } }));
    const bytes = new Uint8Array(1);
    machine.dma.read(at(0), bytes);
    expect(bytes[0]).toBe(0x11);
  });

  it('turns a big-endian register around', () => {
    const machine = new Fixture();
    machine.mmio(0, 4, noting([], { endianness: 'big' }));
    const bytes = new Uint8Array(4);
    machine.dma.read(at(0), bytes);
    expect([...bytes]).toEqual([0x11, 0x22, 0x33, 0x44]);
  });

  it('hands 8 bytes to a callback that implements 8', () => {
    const machine = new Fixture();
    const written: number[][] = [];
    machine.mmio(0, 8, {
      readWithAttrs: (_offset, _size, _attrs, out) => {
        out.low = 0x5566_7788;
        out.high = 0x1122_3344;
        return MEMTX_OK;
      },
      writeWithAttrs: (offset, size, low, high) => {
        written.push([offset, size, low, high]);
        return MEMTX_OK;
      },
      valid: { minimum: 8, maximum: 8 },
      impl: { maximum: 8 },
    });
    const cpu = new CpuMemoryPort(machine.space);
    expect(cpu.read(gpa(0), 8)).toBe(0x5566_7788);
    expect(cpu.high).toBe(0x1122_3344);
    cpu.write(gpa(0), 8, 1, 2);
    expect(written).toEqual([[0, 8, 1, 2]]);
  });

  it('passes the attributes on', () => {
    const machine = new Fixture();
    const seen: (number | undefined)[] = [];
    machine.mmio(0, 8, {
      read: () => 0,
      writeWithAttrs: (_offset, _size, _low, _high, attrs) => {
        seen.push(attrs.requesterId);
        return MEMTX_OK;
      },
    });
    machine.dma.write(at(0), new Uint8Array(4), undefined, { requesterId: 0x18 });
    expect(seen).toEqual([0x18]);
  });
});

describe('the re-entrancy guard', () => {
  function selfDma(reentrant: boolean, sameOwner = true): { machine: Fixture; inner: number[] } {
    const machine = new Fixture();
    const owner = new RegionOwner('xhci');
    const inner: number[] = [];
    const doorbell = machine.mmio(
      0x1000,
      0x10,
      {
        read: () => 0,
        write: (_offset, _size, value) => {
          if (value === 1) inner.push(machine.dma.write(at(0x2000), new Uint8Array(4)));
        },
      },
      'doorbell',
      { owner },
    );
    const other = sameOwner ? { owner } : {};
    machine.mmio(0x2000, 0x10, noting([]), 'runtime', other).reentrant = reentrant;
    machine.dma.writeWords(at(0x1000), new Uint32Array([1]));
    expect(owner.engagedInIo).toBe(false);
    expect(doorbell.owner).toBe(owner);
    return { machine, inner };
  }

  it('refuses a device that reaches any of its own registers from inside a callback', () => {
    const { machine, inner } = selfDma(false);
    expect(inner).toEqual([MEMTX_ACCESS_ERROR]);
    expect(machine.failures.map(({ reason }) => reason)).toEqual([{ kind: 'reentrancy', region: 'runtime' }]);
  });

  it('lets other devices and opted-out regions through', () => {
    expect(selfDma(true).inner).toEqual([MEMTX_OK]);
    expect(selfDma(false, false).inner).toEqual([MEMTX_OK]);
  });
});

describe('write hooks', () => {
  it('take a matching write away from the callback', () => {
    const calls: string[] = [];
    const machine = new Fixture();
    const region = machine.mmio(0, 0x10, noting(calls));
    const hook = region.addWriteHook({ offset: 4, size: 2, data: 7 }, () => calls.push('hook'));
    region.addWriteHook({ offset: 8, size: 0 }, () => calls.push('any'));
    const write = (offset: number, ...bytes: number[]) => machine.dma.write(at(offset), Uint8Array.from(bytes));
    expect(write(4, 7, 0)).toBe(MEMTX_OK);
    write(4, 8, 0);
    write(4, 7);
    write(8, 1, 2, 3, 4);
    region.removeWriteHook(hook);
    write(4, 7, 0);
    expect(calls).toEqual(['hook', 'w2@4=8', 'w1@4=7', 'any', 'w2@4=7']);
  });

  it('compare the value that the guest wrote, whatever the endianness of the device', () => {
    const calls: string[] = [];
    const machine = new Fixture();
    machine.mmio(0, 4, noting(calls, { endianness: 'big' })).addWriteHook({ offset: 0, size: 2, data: 1 }, () => {
      calls.push('hook');
    });
    machine.dma.write(at(0), Uint8Array.from([1, 0]));
    machine.dma.write(at(0), Uint8Array.from([0, 1]));
    expect(calls).toEqual(['hook', 'w2@0=1']);
  });
});
