import { describe, expect, it } from 'vitest';
import { AliasRegion, type MemoryListener, type MemorySection, RamRegion } from './index.ts';
import { at, Fixture, noting } from './testing/fixture.ts';

function recorder(heard: string[], rest: Partial<MemoryListener> = {}): MemoryListener {
  const note = (what: string) => (section: MemorySection) => {
    heard.push(`${rest.name ?? ''}${what} ${section.region.name}@${section.start.toString(16)}`);
  };
  return {
    begin: () => heard.push(`${rest.name ?? ''}begin`),
    commit: () => heard.push(`${rest.name ?? ''}commit`),
    regionAdd: note('add'),
    regionDel: note('del'),
    regionNop: note('nop'),
    ...rest,
  };
}

describe('a listener', () => {
  it('hears what is there when it subscribes, and that it goes when it leaves', () => {
    const machine = new Fixture();
    machine.ram(0, 0x1000);
    const heard: string[] = [];
    const leave = machine.system.listen(machine.space, recorder(heard));
    leave();
    expect(heard).toEqual(['begin', 'add ram@0', 'commit', 'begin', 'del ram@0', 'commit']);
    machine.ram(0x1000, 0x1000);
    expect(heard).toHaveLength(6);
  });

  it('hears of one transaction once: removals first, then additions and what stayed, by address', () => {
    const machine = new Fixture();
    const moved = machine.ram(0x1000, 0x1000, 'moved');
    machine.ram(0x3000, 0x1000, 'kept');
    const heard: string[] = [];
    machine.system.listen(machine.space, recorder(heard));
    heard.length = 0;
    machine.system.transaction(() => {
      moved.setAddress(0x5000);
      machine.ram(0, 0x1000, 'new');
      expect(heard).toEqual([]);
      expect(machine.flat()).toHaveLength(2);
    });
    expect(heard).toEqual(['begin', 'del moved@1000', 'add new@0', 'nop kept@3000', 'add moved@5000', 'commit']);
  });

  it('hears additions in order of priority and removals in the reverse', () => {
    const machine = new Fixture();
    const heard: string[] = [];
    machine.system.listen(machine.space, recorder(heard, { name: 'late ', priority: 10 }));
    machine.system.listen(machine.space, recorder(heard, { name: 'early ', priority: -1 }));
    heard.length = 0;
    const ram = machine.ram(0, 0x1000);
    machine.root.removeSubregion(ram);
    expect(heard.filter((line) => /add|del/.test(line))).toEqual([
      'early add ram@0',
      'late add ram@0',
      'late del ram@0',
      'early del ram@0',
    ]);
  });

  it('sees the old view until all have heard, and a nested transaction ends with the outer', () => {
    const machine = new Fixture();
    const seen: number[] = [];
    const look = () => seen.push(machine.space.view.ranges.length);
    machine.system.listen(machine.space, { regionAdd: look, commit: look });
    machine.system.transaction(() => {
      machine.system.transaction(() => machine.ram(0, 0x1000));
      look();
    });
    expect(seen).toEqual([0, 0, 0, 1]);
  });

  it('is not called for a change that cannot be seen', () => {
    const machine = new Fixture();
    const heard: string[] = [];
    machine.system.listen(machine.space, recorder(heard));
    heard.length = 0;
    const loose = new RamRegion(machine.system, 'loose', new Uint8Array(0x1000));
    loose.setEnabled(false);
    machine.root.addSubregion(0, loose);
    expect(heard.filter((line) => !/begin|commit/.test(line))).toEqual([]);
  });

  it('may change the tree again when it hears of a change', () => {
    const machine = new Fixture();
    const shadow = machine.ram(0x8000, 0x1000, 'shadow');
    machine.system.listen(machine.space, {
      regionAdd: ({ region }) => region.name === 'new' && shadow.setEnabled(false),
    });
    machine.ram(0, 0x1000, 'new');
    expect(machine.flat()).toEqual(['0-fff new @0']);
  });

  it('hears of write hooks with their addresses', () => {
    const machine = new Fixture();
    const heard: string[] = [];
    const region = machine.mmio(0x1000, 0x100, noting([]));
    machine.system.listen(machine.space, {
      writeHookAdd: (_section, _hook, address) => heard.push(`add ${address.toString(16)}`),
      writeHookDel: (_section, _hook, address) => heard.push(`del ${address.toString(16)}`),
    });
    const hook = region.addWriteHook({ offset: 0x10, size: 4 }, () => {});
    region.setAddress(0x2000);
    region.removeWriteHook(hook);
    expect(heard).toEqual(['add 1010', 'del 1010', 'add 2010', 'del 2010']);
  });

  it('is told on the trace bus which address spaces changed', () => {
    const machine = new Fixture();
    const heard: string[] = [];
    machine.trace.on('memory.topology-changed', ({ addressSpace }) => heard.push(addressSpace));
    machine.ram(0, 0x1000);
    expect(heard).toEqual(['memory']);
  });
});

describe('dirty logging', () => {
  it('starts and stops for the display, and nests', () => {
    const machine = new Fixture();
    const ram = machine.ram(0, 0x4000);
    const heard: string[] = [];
    machine.system.listen(machine.space, {
      logStart: (_section, previous, next) => heard.push(`start ${previous}->${next}`),
      logStop: (_section, previous, next) => heard.push(`stop ${previous}->${next}`),
    });
    expect(heard).toEqual(['start 0->2']);
    ram.setLog(true);
    ram.setLog(true);
    ram.setLog(false);
    expect(ram.isLogging('vga')).toBe(true);
    ram.setLog(false);
    expect(heard).toEqual(['start 0->2', 'start 2->3', 'stop 3->2']);
    expect(ram.isLogging('vga')).toBe(false);
  });

  it('keeps the pages that DMA wrote since the display last asked', () => {
    const machine = new Fixture();
    const vram = machine.ram(0x10_0000, 0x4000);
    vram.setLog(true);
    expect(vram.snapshotAndClearDirty(0, 0x4000, 'vga').isDirty(0x3fff, 1)).toBe(true);
    machine.dma.write(at(0x10_1ffe), new Uint8Array(4));
    const snapshot = vram.snapshotAndClearDirty(0, 0x4000, 'vga');
    expect([0, 1, 2, 3].map((page) => snapshot.isDirty(page * 4096, 4096))).toEqual([false, true, true, false]);
    expect(vram.snapshotAndClearDirty(0, 0x4000, 'vga').isDirty(0, 0x4000)).toBe(false);
  });

  it('asks listeners for what they wrote directly', () => {
    const machine = new Fixture();
    const vram = machine.ram(0, 0x2000);
    vram.setLog(true);
    vram.resetDirty(0, 0x2000, 'vga');
    machine.system.listen(machine.space, { logSync: ({ region }) => region === vram && vram.setDirty(0x1000, 1) });
    const snapshot = vram.snapshotAndClearDirty(0, 0x2000, 'vga');
    expect([snapshot.isDirty(0, 0x1000), snapshot.isDirty(0x1000, 0x1000)]).toEqual([false, true]);
  });

  it('covers all RAM while global logging runs', () => {
    const machine = new Fixture();
    const ram = machine.ram(0, 0x2000);
    const heard: string[] = [];
    machine.system.listen(machine.space, {
      logGlobalStart: () => heard.push('global start'),
      logGlobalStop: () => heard.push('global stop'),
      logStart: (_section, previous, next) => heard.push(`start ${previous}->${next}`),
      logStop: (_section, previous, next) => heard.push(`stop ${previous}->${next}`),
    });
    machine.system.startGlobalDirtyLog();
    ram.snapshotAndClearDirty(0, 0x2000, 'migration');
    machine.dma.write(at(0x1000), new Uint8Array(1));
    const snapshot = ram.snapshotAndClearDirty(0, 0x2000, 'migration');
    expect([snapshot.isDirty(0, 1), snapshot.isDirty(0x1000, 1)]).toEqual([false, true]);
    machine.system.stopGlobalDirtyLog();
    expect(heard).toEqual(['start 0->2', 'global start', 'start 2->6', 'global stop', 'stop 6->2']);
  });

  it('tells the processor of every write to RAM, and by whom', () => {
    const machine = new Fixture();
    const ram = new RamRegion(machine.system, 'ram', new Uint8Array(0x2000));
    machine.root.addSubregion(0x8000, new AliasRegion(machine.system, 'alias', ram, 0x1000, 0x1000));
    const heard: unknown[] = [];
    machine.system.onRamWritten = (region, offset, size, address, writer) => {
      heard.push([region.name, offset, size, address, writer]);
    };
    machine.dma.write(at(0x8010), new Uint8Array(3));
    machine.dma.read(at(0x8010), new Uint8Array(3));
    expect(heard).toEqual([['ram', 0x1010, 3, 0x8010, { kind: 'device', name: '00:03.0' }]]);
  });
});
