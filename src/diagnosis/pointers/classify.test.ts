import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bus, gpa, gva } from '../../base/address.ts';
import type { DevicePointer } from '../../xhci/events.ts';
import { ControllerKnowledge } from '../knowledge.ts';
import { FakeGuest } from '../testing/fake-guest.ts';
import { classify } from './classify.ts';
import type { Verdict } from './verdict.ts';

const MAP = 0xffff_8000_0000_0000n;
const RAM = 0x800_0000;
const HIGH = 0x1_0000_0000;

function guest(): FakeGuest {
  return new FakeGuest()
    .region('ram', 'pc.ram', 0, RAM - 1)
    .region('rom', 'pc.bios', 0xfffc_0000, 0xffff_ffff)
    .region('mmio', 'xhci', 0xfebf_0000, 0xfebf_3fff)
    .map(MAP, 0, RAM)
    .at(MAP + 0x20_0000n);
}

function pointer(value: number | bigint, over: Partial<DevicePointer> = {}): DevicePointer {
  return {
    controller: '00:03.0',
    target: 'Event Ring Segment Table',
    holder: 'ERSTBA',
    value: bus(BigInt.asUintN(64, BigInt(value))),
    storedAt: undefined,
    size: 16,
    alignment: 64,
    boundary: 0,
    written: bus(BigInt.asUintN(64, BigInt(value))),
    write: false,
    ...over,
  };
}

function judge(value: number | bigint, over: Partial<DevicePointer> = {}, view = guest()): Verdict {
  const known = new ControllerKnowledge('00:03.0', view);
  return classify({ view, known, pointer: pointer(value, over), site: view.site });
}

describe('a pointer', () => {
  it('into RAM is good, also one that ends with the last byte', () => {
    expect(judge(0x1000).kind).toBe('ok');
    expect(judge(RAM - 16).kind).toBe('ok');
  });

  it('that runs over the end of RAM says where the first missing byte is', () => {
    expect(judge(RAM - 8)).toMatchObject({ kind: 'outside', firstMissing: RAM });
  });

  it('into a hole names what is below and above', () => {
    expect(judge(0x9000_0000)).toMatchObject({
      kind: 'outside',
      hole: { below: { region: 'pc.ram', last: RAM - 1 }, above: { region: 'xhci', start: 0xfebf_0000 } },
    });
  });

  it('into ROM is good for reading only', () => {
    expect(judge(0xfffc_0000).kind).toBe('ok');
    expect(judge(0xfffc_0000, { write: true }).kind).toBe('rom');
  });

  it('into registers is wrong', () => {
    expect(judge(0xfebf_0000).kind).toBe('mmio');
  });

  it('that the page tables map is virtual, with the physical address', () => {
    expect(judge(MAP + 0x2e_3080n)).toMatchObject({
      kind: 'virtual',
      physical: 0x2e_3080,
      offset: MAP,
      certainty: 'certain',
    });
  });

  it('that is mapped to itself is not virtual: a hole is a hole', () => {
    const view = guest().map(0x9000_0000n, 0x9000_0000, 0x1000);
    expect(judge(0x9000_0000, {}, view).kind).toBe('outside');
  });

  it('of the upper half that is no longer mapped is only suspected, and only where the structure really stands', () => {
    const view = new FakeGuest().region('ram', 'pc.ram', 0, RAM - 1).at(0x1000n);
    expect(judge(0xffff_ffff_8030_0000n, {}, view).kind).toBe('outside');
    view.store(0x30_0000, 0x40_0000).store(0x30_0008, 256);
    expect(judge(0xffff_ffff_8030_0000n, {}, view)).toMatchObject({
      kind: 'virtual',
      physical: 0x30_0000,
      certainty: 'suspected',
    });
  });

  it('that was translated twice is found by adding the direct map again', () => {
    const view = guest().store(0x2e_3080, 0x2e_4000).store(0x2e_3088, 256);
    expect(judge(0x2e_3080n - MAP, {}, view)).toMatchObject({
      kind: 'double-translated',
      physical: 0x2e_3080,
      certainty: 'certain',
    });
  });

  it('that is the lower half of a virtual address is truncated', () => {
    const view = new FakeGuest()
      .region('ram', 'pc.ram', 0, RAM - 1)
      .map(0xffff_ffff_8000_0000n, 0, RAM)
      .at(0xffff_ffff_8020_0000n)
      .store(0x2e_3080, 0x2e_4000)
      .store(0x2e_3088, 256);
    expect(judge(0x802e_3080, {}, view)).toMatchObject({
      kind: 'truncated',
      virtual: true,
      physical: 0x2e_3080,
      certainty: 'certain',
    });
  });

  it('below 4 GiB is not accused because something of its kind stands 4 GiB above', () => {
    const view = guest().region('ram', 'high', HIGH, HIGH + RAM - 1);
    view.store(0x30_0040, 0x40_0000).store(0x30_0048, 256);
    view.store(HIGH + 0x30_0040, 0x40_0000).store(HIGH + 0x30_0048, 256);
    expect(judge(0x30_0040, {}, view).kind).toBe('ok');
    const data = { target: 'data buffer', holder: 'Normal TRB', storedAt: bus(0x5000) };
    expect(judge(0x30_0080, data, view).kind).toBe('ok');
  });
});

describe('any 64-bit value', () => {
  it('gets a verdict, and "ok" only where memory answers', () => {
    const view = guest();
    const known = new ControllerKnowledge('00:03.0', view);
    fc.assert(
      fc.property(
        fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn }),
        fc.integer({ min: 1, max: 65536 }),
        (value, size) => {
          const verdict = classify({ view, known, pointer: pointer(value, { size }), site: view.site });
          if (verdict.kind !== 'ok') return true;
          return view.readPhysical(gpa(Number(value)), size) !== undefined;
        },
      ),
      { numRuns: 500 },
    );
  });

  it('that any direct map makes of a RAM address is recognised as virtual', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 0xffff }), fc.integer({ min: 0, max: RAM / 4096 - 1 }), (slot, page) => {
        const base = 0xffff_0000_0000_0000n + (BigInt(slot) << 32n);
        const view = new FakeGuest()
          .region('ram', 'pc.ram', 0, RAM - 1)
          .map(base, 0, RAM)
          .at(base + 0x1000n);
        const verdict = judge(gva(base + BigInt(page * 4096)), {}, view);
        return verdict.kind === 'virtual' && verdict.physical === page * 4096;
      }),
      { numRuns: 100 },
    );
  });
});
