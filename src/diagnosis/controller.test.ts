/** The rules against the real controller: silent on a driver that is right, exact on one that is wrong. */
import { describe, expect, it } from 'vitest';
import { QEMU, SPEC, type XhciPersonality } from '../xhci/personality.ts';
import { LAYOUT } from '../xhci/testing/driver.ts';
import { ControllerScene, linear } from './testing/controller-scene.ts';
import { codesUnder, rootCodes } from './testing/driver-scene.ts';

const USBCMD = 0x40;
const CRCR = 0x58;
const DCBAAP = 0x70;
const CONFIG = 0x78;
const ERSTSZ = 0x1028;
const ERSTBA = 0x1030;
const ERDP = 0x1038;

interface Bend {
  erstba?: bigint;
  segment?: bigint;
  erdp?: bigint;
  crcr?: bigint;
  dcbaap?: bigint;
  trbs?: number;
  order?: 'size-last';
}

/** The driver's `start`, with one value or another bent. */
function start(scene: ControllerScene, bend: Bend = {}): void {
  const { bus } = scene;
  bus.write(CONFIG, 8);
  scene.write64(DCBAAP, bend.dcbaap ?? BigInt(LAYOUT.dcbaa));
  scene.write64(CRCR, bend.crcr ?? BigInt(LAYOUT.commandRing | 1));
  scene.store64(LAYOUT.erst, bend.segment ?? BigInt(LAYOUT.eventRing));
  bus.setWord(LAYOUT.erst + 8, bend.trbs ?? LAYOUT.eventRingTrbs);
  bus.setWord(LAYOUT.erst + 12, 0);
  if (bend.order === undefined) bus.write(ERSTSZ, 1);
  scene.write64(ERDP, bend.erdp ?? BigInt(LAYOUT.eventRing));
  scene.write64(ERSTBA, bend.erstba ?? BigInt(LAYOUT.erst));
  if (bend.order === 'size-last') bus.write(ERSTSZ, 1);
  bus.write(USBCMD, 5);
}

function noOp(scene: ControllerScene, type = 23): void {
  scene.driver.commands.push(0, 0, 0, type << 10);
  scene.driver.ring(0);
}

const PERSONALITIES: readonly XhciPersonality[] = [SPEC, QEMU];

describe.each(PERSONALITIES)('a correct driver on the personality $name', (personality) => {
  it('is not accused of anything: start, laps of the command ring, a device, transfers, a stall', () => {
    const scene = new ControllerScene(personality);
    const { driver } = scene;
    driver.reset();
    driver.start();
    driver.events();
    for (let lap = 0; lap < 4; lap += 1) {
      for (let index = 0; index < 7; index += 1) expect(driver.command(23).code).toBe(1);
      // A spare doorbell on an empty ring is nothing.
      driver.ring(0);
      driver.commands.wrap();
    }
    driver.resetPort(5);
    driver.events();
    const slotId = driver.address(5);
    driver.controlTransfer(slotId, [0x80, 6, 0x0100, 0, 18]);
    driver.controlTransfer(slotId, [0x80, 6, 0x0f00, 0, 5]);
    driver.command(14, slotId, 0, 0, 1 << 16);
    driver.command(16, slotId, driver.control.next | 1, 0, 1 << 16);
    driver.ring(slotId, 1);
    driver.controlTransfer(slotId, [0x80, 6, 0x0100, 0, 18]);
    driver.command(10, slotId);
    const diagnosis = scene.idle().finish();
    expect(diagnosis.problems).toEqual([]);
    expect(diagnosis.findings.map((finding) => `${finding.rule.code} ${finding.title}`)).toEqual([]);
  });

  it('may be started again by another driver after a reset', () => {
    const scene = new ControllerScene(personality);
    for (let owner = 0; owner < 2; owner += 1) {
      scene.driver.reset();
      scene.driver.start();
      scene.bus.advance(1_000_000);
    }
    expect(
      scene
        .idle()
        .finish()
        .findings.map((finding) => finding.rule.code),
    ).toEqual([]);
  });
});

interface Case {
  readonly code: string;
  readonly where?: string;
  readonly expected?: number;
  readonly run: (scene: ControllerScene) => void;
  readonly only?: string;
}

const CASES: readonly Case[] = [
  {
    code: 'DMA-01',
    where: 'ERSTBA',
    expected: LAYOUT.erst,
    run: (scene) => start(scene, { erstba: linear(LAYOUT.erst) }),
  },
  {
    code: 'DMA-01',
    where: 'CRCR',
    expected: LAYOUT.commandRing,
    run: (scene) => {
      start(scene, { crcr: linear(LAYOUT.commandRing) | 1n });
      noOp(scene);
    },
  },
  {
    code: 'DMA-02',
    where: 'ERDP',
    expected: LAYOUT.eventRing,
    run: (scene) => start(scene, { erdp: BigInt.asUintN(64, BigInt(LAYOUT.eventRing) - linear(0)) }),
  },
  {
    code: 'DMA-03',
    where: 'ERST[0].base',
    expected: LAYOUT.eventRing,
    run: (scene) => {
      start(scene, { segment: linear(LAYOUT.eventRing) });
      noOp(scene);
    },
  },
  {
    code: 'DMA-04',
    expected: LAYOUT.commandRing,
    run: (scene) => {
      scene.store64(LAYOUT.commandRing + 31 * 16, linear(LAYOUT.commandRing));
      scene.bus.setWord(LAYOUT.commandRing + 31 * 16 + 12, (6 << 10) | 2);
      start(scene);
    },
  },
  { code: 'DMA-09', where: 'DCBAAP', run: (scene) => start(scene, { dcbaap: 0x10_0080n & ~0x3fn }) },
  { code: 'DMA-10', where: 'CRCR', run: (scene) => start(scene, { crcr: 0xfebf_1001n }) },
  { code: 'INIT-05', where: 'DCBAAP', run: (scene) => start(scene, { dcbaap: 0n }) },
  {
    code: 'INIT-07',
    only: 'spec',
    run: (scene) => {
      start(scene, { crcr: BigInt(LAYOUT.commandRing) });
      noOp(scene);
    },
  },
  { code: 'INIT-08', run: (scene) => start(scene, { order: 'size-last' }) },
  { code: 'INIT-09', run: (scene) => start(scene, { trbs: 8 }) },
  {
    code: 'INIT-11',
    run: (scene) => {
      noOp(scene);
      start(scene);
    },
  },
  {
    code: 'INIT-04',
    run: (scene) => {
      scene.write64(DCBAAP, BigInt(LAYOUT.dcbaa));
      scene.driver.reset();
      start(scene, { dcbaap: 0n });
    },
  },
  {
    code: 'INIT-06',
    run: (scene) => {
      start(scene);
      noOp(scene);
      scene.write64(CRCR, 0x2_0001n);
    },
  },
  {
    code: 'CTX-08',
    run: (scene) => {
      start(scene);
      scene.driver.resetPort(5);
      scene.driver.command(9);
      scene.driver.prepareAddress(1, 5);
      scene.bus.setWord(LAYOUT.dcbaa + 8, 0);
      scene.bus.setWord(LAYOUT.dcbaa, LAYOUT.deviceContext);
      scene.driver.command(11, 1, LAYOUT.inputContext);
    },
  },
  {
    code: 'RING-01',
    run: (scene) => {
      start(scene);
      noOp(scene);
      scene.driver.commands.cycle = 0;
      noOp(scene);
    },
  },
  {
    code: 'RING-02',
    run: (scene) => {
      start(scene);
      for (let index = 0; index < 8; index += 1) noOp(scene);
      // The driver starts over at the first TRB, with the other cycle bit, and no Link TRB sends the controller back.
      scene.driver.commands.next = LAYOUT.commandRing;
      scene.driver.commands.cycle = 0;
      noOp(scene);
    },
  },
  {
    code: 'RING-02',
    run: (scene) => {
      start(scene);
      for (let index = 0; index < 4; index += 1) noOp(scene);
      scene.driver.commands.push(LAYOUT.commandRing, 0, 0, 6 << 10);
      scene.driver.ring(0);
    },
  },
  {
    code: 'RING-08',
    run: (scene) => {
      const ring = 0x1_ff00;
      scene.store64(ring + 31 * 16, BigInt(ring));
      scene.bus.setWord(ring + 31 * 16 + 12, (6 << 10) | 2);
      start(scene, { crcr: BigInt(ring | 1) });
    },
  },
  { code: 'RING-09', where: 'DCBAAP', run: (scene) => start(scene, { dcbaap: BigInt(LAYOUT.dcbaa) + 0x10n }) },
  {
    code: 'RING-11',
    run: (scene) => {
      start(scene);
      scene.driver.ring(3, 1);
    },
  },
  {
    code: 'RING-15',
    run: (scene) => {
      start(scene);
      noOp(scene, 8);
    },
  },
  {
    code: 'REG-01',
    only: 'spec',
    run: (scene) => {
      start(scene);
      scene.bus.write(USBCMD, 5, 1);
    },
  },
  {
    code: 'REG-04',
    run: (scene) => {
      scene.bus.write(CRCR, LAYOUT.commandRing | 1);
      const { write64 } = scene;
      scene.write64 = (offset, value) => (offset === CRCR ? undefined : write64.call(scene, offset, value));
      start(scene);
    },
  },
  {
    code: 'REG-09',
    run: (scene) => {
      scene.bus.write(ERSTSZ - 0x20, 1);
      start(scene);
    },
  },
  {
    code: 'PORT-05',
    run: (scene) => {
      start(scene);
      scene.bus.write(0x440, 0x200 | 0x10);
    },
  },
];

describe.each(PERSONALITIES)('a driver with one mistake on the personality $name', (personality) => {
  for (const { code, where, expected, run, only } of CASES) {
    if (only !== undefined && only !== personality.name) continue;
    it(`${code}${where === undefined ? '' : ` at ${where}`} is the only root`, () => {
      const scene = new ControllerScene(personality);
      scene.driver.reset();
      run(scene);
      const diagnosis = scene.idle().finish();
      expect(diagnosis.problems).toEqual([]);
      expect(rootCodes(diagnosis)).toEqual([code]);
      const [root] = diagnosis.roots;
      if (where !== undefined) expect(root!.where).toBe(where);
      if (expected !== undefined) expect(root!.expected).toBe(expected);
      expect(root!.site).toBeDefined();
    });
  }

  it('names every wrong pointer of a driver that translates nothing, under one root', () => {
    const scene = new ControllerScene(personality);
    scene.driver.reset();
    start(scene, {
      erstba: linear(LAYOUT.erst),
      segment: linear(LAYOUT.eventRing),
      erdp: linear(LAYOUT.eventRing),
      crcr: linear(LAYOUT.commandRing) | 1n,
      dcbaap: linear(LAYOUT.dcbaa),
    });
    const diagnosis = scene.idle().finish();
    expect(rootCodes(diagnosis)).toEqual(['DMA-01']);
    expect(diagnosis.roots[0]!.where).toBe('ERSTBA');
    expect(codesUnder(diagnosis, 'DMA-01')).toContain('HANG-01');
    expect(diagnosis.findings.map((finding) => finding.where).sort()).toEqual(
      ['CRCR', 'DCBAAP', 'ERDP', 'ERST[0].base', 'ERSTBA', 'processor'].sort(),
    );
  });
});
