/** For each rule one trace that it finds as the root, and one near miss about which it stays silent. */
import { describe, expect, it } from 'vitest';
import { bus } from '../../base/address.ts';
import { MEMTX_DECODE_ERROR } from '../../memory/memtx.ts';
import {
  ADDRESS_DEVICE,
  BAR,
  COMMAND_RING,
  CONTEXT,
  codesUnder,
  DCBAA,
  DEVICE,
  DIRECT_MAP,
  DriverScene,
  ENABLE_SLOT,
  ERST,
  EVENT_RING,
  LINK,
  NO_OP,
  RAM_END,
  rootCodes,
} from '../testing/driver-scene.ts';
import { RULES } from './index.ts';

interface Traces {
  readonly fires: (scene: DriverScene) => unknown;
  readonly near: (scene: DriverScene) => unknown;
}

const virtual = (physical: number): bigint => DIRECT_MAP + BigInt(physical);

/** A command of `control` at index `index`, the doorbell, and the controller that takes it and looks at the next. */
function runCommand(scene: DriverScene, index: number, control: number, cycle: 0 | 1 = 1): void {
  const at = COMMAND_RING + index * 16;
  scene.step().guest.trb(at, 0, 0, control | cycle);
  scene.doorbell();
  if (scene.look(at, cycle, index)) scene.completed(at).look(at + 16, cycle, index + 1);
}

function configWrite(scene: DriverScene, offset: number, size: number, value: number): void {
  scene.step().see('pci.config-written', { device: DEVICE, name: 'qemu-xhci', offset, size, value });
}

function commandChanged(scene: DriverScene, previous: number, command: number): void {
  configWrite(scene, 4, 2, command);
  scene.see('pci.command-changed', { device: DEVICE, name: 'qemu-xhci', previous, command });
}

function barAccess(scene: DriverScene, because: 'memory-space-off' | 'bar-unassigned'): void {
  scene.step().see('pci.bar-access-while-off', {
    device: DEVICE,
    name: 'qemu-xhci',
    bar: 0,
    offset: 0,
    address: because === 'bar-unassigned' ? 0 : BAR,
    write: false,
    because,
  });
}

function eventRingReset(
  scene: DriverScene,
  outcome: 'ok' | 'size-zero' | 'segment-size',
  erstsz: number,
  size: number,
): void {
  scene.see('xhci.event-ring-reset', {
    controller: DEVICE,
    interrupter: 0,
    erstba: bus(ERST),
    erstsz,
    segments: [{ base: bus(EVENT_RING), size }],
    outcome,
  });
}

function misused(
  scene: DriverScene,
  offset: number,
  register: string | undefined,
  problem: 'read-only' | 'no-register',
): void {
  scene.step().see('xhci.register-misused', {
    controller: DEVICE,
    space: 'runtime',
    offset,
    barOffset: 0x1000 + offset,
    size: 4,
    value: 1,
    register,
    problem,
    bits: 1,
  });
}

function portReset(scene: DriverScene, connected: boolean, warm = false): void {
  scene.step().see('xhci.port-reset', { controller: DEVICE, portId: 3, warm, connected, powered: true });
}

const CLEAN = (scene: DriverScene): unknown => scene.setUp().start();
const HIGH = 0x1_0000_0000;
const MORE_RAM = HIGH + RAM_END - 1;

const TRACES: Record<string, Traces> = {
  'DMA-01': {
    fires: (scene) => scene.setUp({ erst: virtual(ERST) }).start(),
    near: CLEAN,
  },
  'DMA-02': {
    fires: (scene) => scene.setUp({ erdp: BigInt(EVENT_RING) - DIRECT_MAP }).start(),
    // Translated once, from virtual.
    near: (scene) => scene.setUp({ erdp: virtual(EVENT_RING) - DIRECT_MAP }).start(),
  },
  'DMA-03': {
    fires: (scene) => {
      const bend = { context: virtual(CONTEXT) };
      return scene.setUp(bend).start(scene.memoryPointers(bend));
    },
    near: CLEAN,
  },
  'DMA-04': {
    fires: (scene) => {
      scene.setUp();
      const link = COMMAND_RING + 63 * 16;
      scene.step().guest.trb(link, virtual(COMMAND_RING), 0, LINK | 2);
      return scene.start([
        scene.pointer('Command Ring segment', 'Link TRB of the command ring', virtual(COMMAND_RING), link, 16),
      ]);
    },
    near: (scene) => {
      scene.setUp();
      const link = COMMAND_RING + 63 * 16;
      return scene.start([
        scene.pointer('Command Ring segment', 'Link TRB of the command ring', COMMAND_RING, link, 16),
      ]);
    },
  },
  'DMA-06': {
    // The table stands above 4 GiB; below, at the same low bits, is empty RAM.
    fires: (scene) => {
      scene.guest.region('ram', 'pc.ram above 4G', HIGH, MORE_RAM);
      const low = 0x30_0040;
      scene.setUp({ erst: low });
      scene
        .step()
        .guest.store(HIGH + low, EVENT_RING)
        .store(HIGH + low + 8, 256);
      return scene.start();
    },
    // The same 4 GiB machine, and a table that really stands below.
    near: (scene) => {
      scene.guest.region('ram', 'pc.ram above 4G', HIGH, MORE_RAM);
      scene
        .step()
        .guest.store(HIGH + ERST, EVENT_RING)
        .store(HIGH + ERST + 8, 256);
      return scene.setUp().start();
    },
  },
  'DMA-09': {
    fires: (scene) => scene.setUp({ dcbaap: RAM_END + 0x80 - 0x40 }).start(),
    // The last 128 bytes of RAM hold 72.
    near: (scene) => scene.setUp({ dcbaap: RAM_END - 0x80 }).start(),
  },
  'DMA-10': {
    fires: (scene) => scene.setUp({ crcr: BigInt(BAR) + 0x1001n }).start(),
    near: (scene) => scene.setUp({ crcr: 0x7f_0001n }).start(),
  },
  'DMA-13': {
    fires: (scene) => {
      commandChanged(scene, 0, 2);
      scene.setUp().start();
      scene.doorbell().see('memory.access-failed', {
        initiator: { kind: 'device', name: DEVICE },
        address: bus(COMMAND_RING),
        size: 16,
        write: false,
        result: MEMTX_DECODE_ERROR,
        offset: 0,
        reason: { kind: 'bus-master-off', device: DEVICE },
        purpose: { what: 'Command TRB', register: 'CRCR' },
      });
    },
    near: (scene) => {
      commandChanged(scene, 0, 6);
      scene.setUp().start();
      runCommand(scene, 0, NO_OP);
    },
  },
  'PCI-01': {
    fires: (scene) => barAccess(scene, 'memory-space-off'),
    near: (scene) => {
      commandChanged(scene, 0, 2);
      scene.setUp().start();
    },
  },
  'PCI-06': {
    fires: (scene) => {
      scene.see('pci.config-read', { device: DEVICE, name: 'qemu-xhci', offset: 0x10, size: 4, value: 4 });
      commandChanged(scene, 0, 6);
    },
    // A kernel that sizes the BAR, gives it an address, then switches decoding on; and a function without BARs.
    near: (scene) => {
      scene.see('pci.config-read', { device: DEVICE, name: 'qemu-xhci', offset: 0x10, size: 4, value: 4 });
      configWrite(scene, 0x10, 4, 0xffff_ffff);
      scene.see('pci.config-read', { device: DEVICE, name: 'qemu-xhci', offset: 0x10, size: 4, value: 0xffff_c004 });
      configWrite(scene, 0x10, 4, BAR);
      configWrite(scene, 0x14, 4, 0);
      commandChanged(scene, 0, 6);
      scene.see('pci.config-read', { device: '00:00.0', name: 'mch', offset: 0x10, size: 4, value: 0 });
      scene.see('pci.command-changed', { device: '00:00.0', name: 'mch', previous: 0, command: 6 });
    },
  },
  'INIT-04': {
    fires: (scene) => {
      scene
        .setUp()
        .reset()
        .write64('CRCR', BigInt(COMMAND_RING) | 1n);
      scene.write32('ERSTSZ', 1, 'runtime', 0x28).write64('ERDP', EVENT_RING).write64('ERSTBA', ERST).start([]);
    },
    // Firmware's set-up is reset away; the kernel writes everything again.
    near: (scene) => scene.setUp().reset().setUp().start(),
  },
  'INIT-05': {
    fires: (scene) => scene.setUp({ dcbaap: 0 }).start([]),
    near: CLEAN,
  },
  'INIT-06': {
    fires: (scene) => {
      scene.setUp().start();
      runCommand(scene, 0, NO_OP);
      scene.write64('CRCR', 0x40_0001n);
    },
    // Stop first, then write.
    near: (scene) => {
      scene.setUp().start();
      runCommand(scene, 0, NO_OP);
      scene.write64('CRCR', 2n).write64('CRCR', 0x40_0001n);
    },
  },
  'INIT-07': {
    fires: (scene) => {
      scene.setUp({ crcr: COMMAND_RING }).start();
      scene.step().guest.trb(COMMAND_RING, 0, 0, NO_OP | 1);
      scene.doorbell().look(COMMAND_RING, 0, 0);
    },
    // The doorbell came a moment too early, and was rung again: nothing is lost.
    near: (scene) => {
      scene.setUp().start();
      scene.step().guest.trb(COMMAND_RING, 0, 0, NO_OP);
      scene.doorbell().look(COMMAND_RING, 1, 0);
      runCommand(scene, 0, NO_OP);
    },
  },
  'INIT-08': {
    fires: (scene) => {
      scene.write64('DCBAAP', DCBAA).write64('CRCR', BigInt(COMMAND_RING) | 1n);
      scene.write64('ERSTBA', ERST).write64('ERDP', EVENT_RING);
      eventRingReset(scene, 'size-zero', 0, 256);
      scene.start([]);
    },
    near: CLEAN,
  },
  'INIT-09': {
    fires: (scene) => {
      scene.setUp({ erstSegmentSize: 8 });
      eventRingReset(scene, 'segment-size', 1, 8);
    },
    near: (scene) => {
      scene.setUp({ erstSegmentSize: 16 });
      eventRingReset(scene, 'ok', 1, 16);
      scene.start();
    },
  },
  'INIT-11': {
    fires: (scene) => {
      scene.setUp();
      scene.step().guest.trb(COMMAND_RING, 0, 0, NO_OP | 1);
      scene.doorbell(0, 0, 'halted').start();
    },
    // Too early, but rung again once the controller runs.
    near: (scene) => {
      scene.setUp();
      scene.doorbell(0, 0, 'halted').start();
      runCommand(scene, 0, NO_OP);
    },
  },
  'CTX-08': {
    fires: (scene) => {
      scene.setUp({ context: 0 }).start([]);
      scene.step().guest.store(DCBAA, CONTEXT);
      runCommand(scene, 0, ADDRESS_DEVICE | (1 << 24));
    },
    near: (scene) => {
      scene.setUp().start();
      runCommand(scene, 0, ADDRESS_DEVICE | (1 << 24));
    },
  },
  'RING-01': {
    fires: (scene) => {
      scene.setUp().start();
      runCommand(scene, 0, NO_OP);
      scene.step().guest.trb(COMMAND_RING + 16, 0, 0, NO_OP);
      scene.doorbell().look(COMMAND_RING + 16, 1, 1);
    },
    // In the second lap an old TRB stands at the dequeue pointer, and a spare doorbell is rung: the ring is just empty.
    near: (scene) => {
      scene.setUp().start();
      for (let index = 0; index < 63; index += 1) runCommand(scene, index, NO_OP);
      scene.wrap(COMMAND_RING + 63 * 16, COMMAND_RING, true);
      runCommand(scene, 0, NO_OP, 0);
      scene.doorbell().look(COMMAND_RING + 16, 0, 64);
    },
  },
  'RING-02': {
    fires: (scene) => {
      scene.setUp().start();
      for (let index = 0; index < 16; index += 1) runCommand(scene, index, NO_OP);
      // The driver wraps at 16, where no Link TRB stands.
      scene.step().guest.trb(COMMAND_RING, 0, 0, ENABLE_SLOT);
      scene.doorbell().look(COMMAND_RING + 16 * 16, 1, 16);
    },
    // The same wrap through a Link TRB.
    near: (scene) => {
      scene.setUp().start();
      for (let index = 0; index < 16; index += 1) runCommand(scene, index, NO_OP);
      scene.wrap(COMMAND_RING + 16 * 16, COMMAND_RING, true);
      runCommand(scene, 0, ENABLE_SLOT, 0);
    },
  },
  'RING-08': {
    fires: (scene) => {
      scene.setUp({ erdp: 0x2f_f000, erstBase: 0x2f_f000 });
      return scene.start([scene.pointer('Event Ring segment', 'ERST[0].base', 0x2f_f000, ERST, 8192)]);
    },
    // Ends exactly at the boundary.
    near: (scene) => {
      scene.setUp({ erdp: 0x2f_e000, erstBase: 0x2f_e000 });
      return scene.start([scene.pointer('Event Ring segment', 'ERST[0].base', 0x2f_e000, ERST, 8192)]);
    },
  },
  'RING-09': {
    fires: (scene) => scene.setUp({ dcbaap: DCBAA + 8 }).start(),
    // RCS in CRCR and EHB in ERDP are flags, not addresses.
    near: (scene) => scene.setUp({ crcr: BigInt(COMMAND_RING) | 1n, erdp: EVENT_RING | 8 }).start(),
  },
  'RING-10': {
    fires: (scene) => scene.setUp({ dcbaap: DCBAA + 0xfc0 }).start(),
    near: (scene) => scene.setUp({ dcbaap: DCBAA + 0xf80 }).start(),
  },
  'RING-11': {
    fires: (scene) => scene.setUp().start().doorbell(2, 1, 'slot-disabled'),
    near: (scene) => scene.setUp().start().doorbell(1, 1, 'rung'),
  },
  'RING-15': {
    fires: (scene) => {
      scene.setUp().start();
      runCommand(scene, 0, 8 << 10);
    },
    // A TRB of another type that the controller does not own is none of its business.
    near: (scene) => {
      scene.setUp().start();
      runCommand(scene, 0, NO_OP);
      scene.step().guest.trb(COMMAND_RING + 16, 0, 0, 8 << 10);
      scene.doorbell().look(COMMAND_RING + 16, 1, 1);
    },
  },
  'REG-01': {
    fires: (scene) => {
      scene.setUp().write32('USBCMD', 1, 'operational', 0, 1);
      const access = {
        space: 'operational',
        offset: 0,
        barOffset: 0x40,
        size: 1,
        value: 1,
        register: 'USBCMD',
      } as const;
      scene.see('xhci.register-misused', { controller: DEVICE, ...access, problem: 'width', bits: 0 });
    },
    near: (scene) => {
      // CAPLENGTH is a byte.
      scene.step().see('xhci.register-read', {
        controller: DEVICE,
        space: 'capability',
        offset: 0,
        barOffset: 0,
        size: 1,
        value: 0x40,
        register: 'CAPLENGTH',
      });
      scene.setUp().start();
    },
  },
  'REG-04': {
    fires: (scene) => {
      scene.write32('CONFIG', 8, 'operational', 0x38);
      scene.write64('DCBAAP', DCBAA).write64('CRCR', BigInt(COMMAND_RING) | 1n, 'low');
      scene.write32('ERSTSZ', 1, 'runtime', 0x28).write64('ERDP', EVENT_RING).write64('ERSTBA', ERST).start();
    },
    near: CLEAN,
  },
  'REG-09': {
    fires: (scene) => misused(scene, 0x8, undefined, 'no-register'),
    // Read-only bits of a writable register are written back all the time.
    near: (scene) => misused(scene, 0x20, 'IMAN', 'read-only'),
  },
  'PORT-05': {
    fires: (scene) => portReset(scene, false),
    near: (scene) => {
      portReset(scene, true);
      portReset(scene, false, true);
    },
  },
};

describe('every rule', () => {
  it('has a trace that fires and a near miss', () => {
    const codes = RULES.map((rule) => rule.code).filter((code) => code !== 'HANG-01');
    expect(Object.keys(TRACES).sort()).toEqual([...codes].sort());
  });

  for (const [code, { fires, near }] of Object.entries(TRACES)) {
    it(`${code} is found as the root`, () => {
      const scene = new DriverScene();
      fires(scene);
      const diagnosis = scene.finish();
      expect(diagnosis.problems).toEqual([]);
      expect(rootCodes(diagnosis)).toEqual([code]);
      expect(diagnosis.roots[0]!.facts.length).toBeGreaterThan(1);
    });

    it(`${code} stays silent about a near miss`, () => {
      const scene = new DriverScene();
      near(scene);
      const diagnosis = scene.finish();
      expect(diagnosis.problems).toEqual([]);
      expect(rootCodes(diagnosis)).toEqual([]);
    });
  }
});

describe('a hang', () => {
  it('is folded under the root that stops the controller, and makes it an error', () => {
    const scene = new DriverScene().setUp({ erst: virtual(ERST) });
    scene.failedRead(virtual(ERST), 'ERST entry', 'ERSTBA').hostError('ERST of interrupter 0').start().idle();
    const diagnosis = scene.finish();
    expect(rootCodes(diagnosis)).toEqual(['DMA-01']);
    expect(codesUnder(diagnosis, 'DMA-01')).toEqual(['HANG-01']);
  });

  it('of a guest that simply has nothing to do is no finding', () => {
    const scene = new DriverScene().setUp().start().idle('halted');
    expect(scene.finish().findings).toEqual([]);
  });

  it('after a mere portability warning is no finding either', () => {
    const scene = new DriverScene().setUp();
    portReset(scene, false);
    const diagnosis = scene.start().idle('halted').finish();
    expect(diagnosis.findings.map((finding) => finding.rule.code)).toEqual(['PORT-05']);
    expect(diagnosis.roots[0]!.severity).toBe('warning');
  });
});
