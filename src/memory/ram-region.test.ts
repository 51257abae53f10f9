import { describe, expect, it } from 'vitest';
import { StateRegistry } from '../base/state.ts';
import {
  createRom,
  MEMTX_DECODE_ERROR,
  MEMTX_OK,
  RamDeviceRegion,
  ResizeableRamRegion,
  RomDeviceRegion,
} from './index.ts';
import { at, Fixture, noting } from './testing/fixture.ts';

describe('resizeable RAM', () => {
  it('grows up to its backing and tells its owner', () => {
    const machine = new Fixture();
    const sizes: number[] = [];
    const acpi = new ResizeableRamRegion(machine.system, 'acpi', new Uint8Array(0x4000), 0x1000, (size) =>
      sizes.push(size),
    );
    machine.root.addSubregion(0, acpi);
    expect(machine.dma.read(at(0x1000), new Uint8Array(4))).toBe(MEMTX_DECODE_ERROR);
    acpi.resize(0x4000);
    expect(machine.dma.read(at(0x3ffc), new Uint8Array(4))).toBe(MEMTX_OK);
    expect(machine.flat()).toEqual(['0-3fff acpi @0']);
    expect(sizes).toEqual([0x4000]);
    expect(() => acpi.resize(0x4001)).toThrow('at most 16384 bytes');
  });
});

describe('a RAM device', () => {
  it('is reached in naturally sized accesses up to 8 bytes, never lent', () => {
    const machine = new Fixture();
    const bytes = Uint8Array.from({ length: 64 }, (_, index) => index);
    machine.root.addSubregion(0, new RamDeviceRegion(machine.system, 'vfio', bytes));
    const into = new Uint8Array(16);
    expect(machine.dma.read(at(3), into)).toBe(MEMTX_OK);
    expect([...into]).toEqual([...bytes.subarray(3, 19)]);
    machine.dma.write(at(40), Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8, 9]));
    expect([...bytes.subarray(40, 50)]).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 49]);
    expect(machine.space.view.ranges[0]?.readBacking).toBeUndefined();
  });
});

describe('a ROM device', () => {
  it('reads directly in ROM mode and through callbacks otherwise; writes are always callbacks', () => {
    const machine = new Fixture();
    const calls: string[] = [];
    const flash = new RomDeviceRegion(machine.system, 'flash', new Uint8Array(0x1000).fill(0xff), noting(calls));
    machine.root.addSubregion(0, flash);
    const into = new Uint8Array(4);
    machine.dma.read(at(0), into);
    expect([...into]).toEqual([255, 255, 255, 255]);
    machine.dma.write(at(0), new Uint8Array([0x90]));
    flash.setRomMode(false);
    machine.dma.read(at(0), into);
    expect([...into]).toEqual([0x44, 0x33, 0x22, 0x11]);
    expect(calls).toEqual(['w1@0=90', 'r4@0']);
    expect(flash.backing[0]).toBe(0xff);
  });

  it('tells whoever caches its bytes that they changed', () => {
    const machine = new Fixture();
    const flash = new RomDeviceRegion(machine.system, 'flash', new Uint8Array(0x1000), noting([]));
    const heard: number[][] = [];
    machine.system.onRamWritten = (_region, offset, size) => heard.push([offset, size]);
    flash.flush(0x100, 0x40);
    expect(heard).toEqual([[0x100, 0x40]]);
  });
});

describe('saved state', () => {
  it('brings the bytes back', () => {
    const machine = new Fixture();
    const ram = machine.ram(0, 0x1000, 'pc.ram');
    const registry = new StateRegistry();
    registry.register(ram.stateSource());
    machine.dma.write(at(0), new Uint8Array([1, 2, 3]));
    const saved = registry.save();
    machine.dma.write(at(0), new Uint8Array([9, 9, 9]));
    expect(registry.load(saved)).toEqual([]);
    expect([...ram.backing.subarray(0, 3)]).toEqual([1, 2, 3]);
  });
});

describe('rom', () => {
  it('becomes RAM and ROM again by its flag', () => {
    const machine = new Fixture();
    const rom = createRom(machine.system, 'rom', new Uint8Array(4));
    machine.root.addSubregion(0, rom);
    expect([rom.kind, rom.typeWord]).toEqual(['rom', 'rom']);
    rom.setReadonly(false);
    expect(machine.dma.write(at(0), new Uint8Array([1]))).toBe(MEMTX_OK);
    rom.setReadonly(true);
    expect(machine.dma.write(at(0), new Uint8Array([2]))).toBe(MEMTX_DECODE_ERROR);
    expect(rom.backing[0]).toBe(1);
  });
});
