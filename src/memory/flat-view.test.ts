import { describe, expect, it } from 'vitest';
import {
  AddressSpace,
  AliasRegion,
  ContainerRegion,
  MEMTX_OK,
  MmioRegion,
  RamRegion,
  WHOLE_ADDRESS_SPACE,
} from './index.ts';
import { at, Fixture, noting } from './testing/fixture.ts';

describe('priorities', () => {
  it('shows the higher priority, also a negative one over a lower one', () => {
    const machine = new Fixture();
    machine.ram(0, 0x3000, 'back', -2);
    machine.ram(0x1000, 0x1000, 'front', -1);
    expect(machine.flat()).toEqual(['0-fff back @0', '1000-1fff front @0', '2000-2fff back @2000']);
  });

  it('shows the later added of two with the same priority', () => {
    const machine = new Fixture();
    const first = machine.ram(0, 0x1000, 'first');
    machine.ram(0, 0x1000, 'second');
    expect(machine.flat()).toEqual(['0-fff second @0']);
    first.setPriority(1);
    expect(machine.flat()).toEqual(['0-fff first @0']);
  });

  it('count only inside their container', () => {
    const machine = new Fixture();
    const box = new ContainerRegion(machine.system, 'box', 0x1000);
    box.addSubregion(0, new RamRegion(machine.system, 'inside', new Uint8Array(0x1000)), 1000);
    machine.root.addSubregion(0, box, 0);
    machine.ram(0, 0x1000, 'outside', 1);
    expect(machine.flat()).toEqual(['0-fff outside @0']);
  });
});

describe('containers and parents', () => {
  it("show a sibling behind through a container's holes, but not through an MMIO parent's", () => {
    const machine = new Fixture();
    machine.ram(0, 0x3000, 'ram', -1);
    const box = new ContainerRegion(machine.system, 'box', 0x1000);
    box.addSubregion(0x400, new RamRegion(machine.system, 'child', new Uint8Array(0x100)));
    machine.root.addSubregion(0, box);
    const parent = machine.mmio(0x2000, 0x1000, noting([]), 'parent');
    parent.addSubregion(0x400, new RamRegion(machine.system, 'inner', new Uint8Array(0x100)));
    expect(machine.flat()).toEqual([
      '0-3ff ram @0',
      '400-4ff child @0',
      '500-1fff ram @500',
      '2000-23ff parent @0',
      '2400-24ff inner @0',
      '2500-2fff parent @500',
    ]);
  });

  it('clip what sticks out of them', () => {
    const machine = new Fixture();
    const box = new ContainerRegion(machine.system, 'box', 0x1000);
    box.addSubregion(0xf00, new RamRegion(machine.system, 'ram', new Uint8Array(0x1000)));
    machine.root.addSubregion(0x8000, box);
    expect(machine.flat()).toEqual(['8f00-8fff ram @0']);
  });
});

describe('aliases', () => {
  it('put memory below and above a hole, from one region', () => {
    const machine = new Fixture();
    const { system, root } = machine;
    const ram = new RamRegion(system, 'pc.ram', new Uint8Array(0x3000));
    root.addSubregion(0, new AliasRegion(system, 'below', ram, 0, 0x2000));
    root.addSubregion(0x10_0000, new AliasRegion(system, 'above', ram, 0x2000, 0x1000));
    expect(machine.flat()).toEqual(['0-1fff pc.ram @0', '100000-100fff pc.ram @2000']);
    machine.dma.write(at(0x10_0004), new Uint8Array([5]));
    expect(ram.backing[0x2004]).toBe(5);
  });

  it('show what the target holds, from its own place', () => {
    const machine = new Fixture();
    const { system, root } = machine;
    const pci = new ContainerRegion(system, 'pci', WHOLE_ADDRESS_SPACE);
    pci.addSubregion(0xc000, new RamRegion(system, 'pc.rom', new Uint8Array(0x4000)));
    root.addSubregion(0x100, pci, -1);
    machine.ram(0, 0x2_0000, 'ram');
    root.addSubregion(0xc000, new AliasRegion(system, 'pam', pci, 0xc000, 0x1000), 1);
    expect(machine.flat()).toEqual(['0-bfff ram @0', 'c000-cfff pc.rom @0', 'd000-1ffff ram @d000']);
  });

  it('make what they show read-only or nonvolatile', () => {
    const machine = new Fixture();
    const ram = new RamRegion(machine.system, 'ram', new Uint8Array(0x1000));
    const alias = new AliasRegion(machine.system, 'alias', ram, 0, 0x1000);
    alias.setReadonly(true);
    alias.setNonvolatile(true);
    machine.root.addSubregion(0, alias);
    expect(machine.flat()).toEqual(['0-fff ram @0 ro nv']);
    machine.dma.write(at(0), new Uint8Array([1]));
    expect(ram.backing[0]).toBe(0);
    expect(machine.failures[0]?.reason).toEqual({ kind: 'rom-write', region: 'ram' });
  });

  it("let a device's write through a read-only window in the qemu personality, as QEMU does", () => {
    const machine = new Fixture({ readonlyAliases: 'qemu' });
    const ram = new RamRegion(machine.system, 'ram', new Uint8Array(0x1000));
    const alias = new AliasRegion(machine.system, 'alias', ram, 0, 0x1000);
    alias.setReadonly(true);
    machine.root.addSubregion(0, alias);
    expect(machine.dma.write(at(0), new Uint8Array([1]))).toBe(MEMTX_OK);
    expect(ram.backing[0]).toBe(1);
  });

  it('follow a moved window', () => {
    const machine = new Fixture();
    const ram = new RamRegion(machine.system, 'ram', new Uint8Array(0x2000));
    const alias = new AliasRegion(machine.system, 'bank', ram, 0, 0x1000);
    machine.root.addSubregion(0xa0000, alias);
    alias.setOffset(0x1000);
    expect(machine.flat()).toEqual(['a0000-a0fff ram @1000']);
  });
});

describe('changes', () => {
  it('take a disabled region and all in it away, also from aliases of it', () => {
    const machine = new Fixture();
    const ram = machine.ram(0, 0x1000);
    machine.root.addSubregion(0x8000, new AliasRegion(machine.system, 'alias', ram, 0, 0x1000));
    ram.setEnabled(false);
    expect(machine.flat()).toEqual([]);
    ram.setEnabled(true);
    expect(machine.flat()).toEqual(['0-fff ram @0', '8000-8fff ram @0']);
  });

  it('join neighbours that continue each other, unless one is unmergeable', () => {
    const machine = new Fixture();
    const ram = new RamRegion(machine.system, 'ram', new Uint8Array(0x2000));
    machine.root.addSubregion(0, new AliasRegion(machine.system, 'a', ram, 0, 0x1000));
    const upper = new AliasRegion(machine.system, 'b', ram, 0x1000, 0x1000);
    machine.root.addSubregion(0x1000, upper);
    expect(machine.flat()).toEqual(['0-1fff ram @0']);
    upper.setUnmergeable(true);
    expect(machine.flat()).toEqual(['0-fff ram @0', '1000-1fff ram @1000']);
  });

  it('move, resize and remove', () => {
    const machine = new Fixture();
    const region = machine.mmio(0, 0x1000, noting([]));
    region.setAddress(0x4000);
    region.setSize(0x800);
    expect(machine.flat()).toEqual(['4000-47ff regs @0']);
    machine.root.removeSubregion(region);
    expect(machine.flat()).toEqual([]);
    expect(region.container).toBeUndefined();
  });

  it('refuse what only we could do wrong', () => {
    const machine = new Fixture();
    const ram = machine.ram(0, 0x1000);
    expect(() => machine.root.addSubregion(0, ram)).toThrow('already in system');
    const alias = new AliasRegion(machine.system, 'alias', ram, 0, 0x1000);
    const stray = new MmioRegion(machine.system, 'stray', 4, noting([]));
    expect(() => alias.addSubregion(0, stray)).toThrow('no subregions');
    expect(() => ram.addSubregion(0, ram)).toThrow('already in');
  });
});

describe('sharing', () => {
  it('gives one view to all address spaces that look the same', () => {
    const machine = new Fixture();
    const { system, root } = machine;
    machine.ram(0, 0x1000);
    machine.ram(0x4000, 0x1000);
    const container = new ContainerRegion(system, 'container', WHOLE_ADDRESS_SPACE);
    const alias = new AliasRegion(system, 'alias', root, 0, WHOLE_ADDRESS_SPACE);
    container.addSubregion(0, alias);
    const same = new AddressSpace(system, 'same', container);
    expect(same.view).toBe(machine.space.view);
    const shifted = new AddressSpace(system, 'part', new AliasRegion(system, 'part', root, 0x4000, 0x1000));
    expect(shifted.view).not.toBe(machine.space.view);
    expect(machine.flat(shifted)).toEqual(['0-fff ram @0']);
    alias.setEnabled(false);
    const nothing = new AddressSpace(system, 'nothing', new ContainerRegion(system, 'empty', 0x1000));
    expect(same.view).toBe(nothing.view);
    expect(same.view.root).toBeUndefined();
  });

  it('renders a root at 0 wherever it stands elsewhere', () => {
    const machine = new Fixture();
    const ram = machine.ram(0x7000, 0x1000);
    const own = new AddressSpace(machine.system, 'own', ram);
    expect(machine.flat(own)).toEqual(['0-fff ram @0']);
  });
});
