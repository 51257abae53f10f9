import { describe, expect, it } from 'vitest';
import { QEMU, SPEC, type XhciPersonality } from './personality.ts';
import { busOf, Driver, LAYOUT } from './testing/driver.ts';
import { TestBench } from './testing/test-bench.ts';

const USBSTS = 0x44;
const IMAN = 0x1020;
const IMOD = 0x1024;
const ERSTSZ = 0x1028;
const ERSTBA = 0x1030;
const ERDP = 0x1038;

function started(personality: XhciPersonality = SPEC) {
  const bench = new TestBench({ personality });
  bench.controller.reset();
  const driver = new Driver(busOf(bench));
  driver.reset();
  driver.start();
  return { bench, driver };
}

/** Queues No Op commands and rings once. */
function noOps(driver: Driver, count: number): void {
  for (let index = 0; index < count; index += 1) driver.commands.push(0, 0, 0, 23 << 10);
  driver.ring(0);
}

/** Completion codes and types of the TRBs in an event segment, as far as they carry the cycle bit. */
function posted(bench: TestBench, base: number, trbs: number, cycle = 1): number[] {
  const types: number[] = [];
  for (let index = 0; index < trbs; index += 1) {
    const control = bench.ram.word(base + 16 * index + 12);
    if ((control & 1) === cycle && control !== 0) types.push((control >>> 10) & 0x3f);
  }
  return types;
}

describe('event rings', () => {
  it('fill their segments in the order of the table and toggle the cycle at the end of the last (§4.9.4)', () => {
    const { bench, driver } = started();
    const segments = [0x3_0000, 0x2_8000, 0x3_4000];
    for (const [index, base] of segments.entries()) {
      bench.ram.setWord(LAYOUT.erst + 16 * index, base);
      bench.ram.setWord(LAYOUT.erst + 16 * index + 4, 0);
      bench.ram.setWord(LAYOUT.erst + 16 * index + 8, 16);
    }
    bench.write(ERSTSZ, 3);
    bench.write64(ERDP, segments[0]!);
    bench.write64(ERSTBA, LAYOUT.erst);
    noOps(driver, 40);
    expect(segments.map((base) => posted(bench, base, 16).length)).toEqual([16, 16, 8]);
    bench.write64(ERDP, (segments[2]! + 16 * 8) | 8);
    noOps(driver, 10);
    // Eight go to the rest of the third segment, two to the first with the cycle bit 0.
    expect(posted(bench, segments[2]!, 16).length).toBe(16);
    expect(posted(bench, segments[0]!, 2, 0)).toEqual([33, 33]);
  });

  it('report Event Ring Full once, keep the rest and the command ring waiting, and go on when ERDP moves (§4.9.4)', () => {
    const { bench, driver } = started();
    bench.ram.setWord(LAYOUT.erst + 8, 16);
    bench.write64(ERSTBA, LAYOUT.erst);
    bench.write64(ERDP, LAYOUT.eventRing);
    const completed: unknown[] = [];
    bench.trace.on('xhci.command-completed', ({ address }) => completed.push(address));
    const fulls: number[] = [];
    bench.trace.on('xhci.event-ring-full', ({ interrupter }) => fulls.push(interrupter));
    noOps(driver, 40);
    const types = posted(bench, LAYOUT.eventRing, 16);
    expect(types.filter((type) => type === 33).length).toBe(14);
    expect(types.filter((type) => type === 37).length).toBe(1);
    expect(fulls).toEqual([0]);
    // 14 events are handled and room for as many is given back, until all 40 commands have been carried out.
    expect(completed.length).toBeLessThan(20);
    for (let turn = 1; turn <= 3; turn += 1) {
      bench.write64(ERDP, (LAYOUT.eventRing + 16 * ((15 * turn) % 16)) | 8);
    }
    expect(completed).toEqual(Array.from({ length: 40 }, (_, index) => LAYOUT.commandRing + 16 * index));
  });

  it('lose nothing and stop nothing while the table is being written in halves and the controller is halted', () => {
    const bench = new TestBench();
    bench.controller.reset();
    const errors: string[] = [];
    bench.trace.on('xhci.host-error', ({ where }) => errors.push(where));
    bench.write(ERSTSZ, 1);
    bench.write(ERSTBA, 0x2e_3080);
    bench.write(ERSTBA + 4, 0xffff_ff80);
    expect(errors).toEqual([]);
    bench.write(0x40, 1);
    expect(errors).toEqual(['ERST of event ring 0']);
  });

  it('refuse more segments than HCSPARAMS2 allows, and segments of less than 16 TRBs (§6.5)', () => {
    for (const [segments, size] of [
      [9, 16],
      [1, 15],
      [1, 4097],
    ] as const) {
      const { bench } = started();
      bench.ram.setWord(LAYOUT.erst + 8, size);
      bench.write(ERSTSZ, segments);
      bench.write64(ERSTBA, LAYOUT.erst);
      expect(bench.read(USBSTS) & 0x1001).toBe(0x1001);
    }
  });

  it('say what became of an event that has no ring to go to', () => {
    const { bench, driver } = started();
    const lost: string[] = [];
    bench.trace.on('xhci.event-lost', ({ because }) => lost.push(because));
    bench.write(ERSTSZ, 0);
    bench.write64(ERSTBA, LAYOUT.erst);
    noOps(driver, 1);
    expect(lost).toEqual(['no-ring']);
  });
});

describe('interrupts (§4.17)', () => {
  it('set IP, EINT and EHB together, and drive INTx while IP, IE and INTE are 1', () => {
    const { bench, driver } = started();
    bench.write(IMAN, 2);
    noOps(driver, 1);
    expect(bench.read(IMAN)).toBe(3);
    expect(bench.read(USBSTS) & 8).toBe(8);
    expect(bench.read(ERDP) & 8).toBe(8);
    expect(bench.interrupts.level).toBe(true);
    bench.write(IMAN, 3);
    expect(bench.interrupts.level).toBe(false);
  });

  it('name the first closed gate', () => {
    const { bench, driver } = started();
    const gates: string[] = [];
    bench.trace.on('xhci.interrupt-blocked', ({ gate }) => gates.push(gate));
    noOps(driver, 1);
    expect(gates).toEqual(['IE']);
    bench.write(IMAN, 3);
    noOps(driver, 1);
    expect(gates[1]).toBe('EHB');
    bench.write(0x40, 1);
    bench.write64(ERDP, (LAYOUT.eventRing + 32) | 8);
    bench.advance(10_000_000);
    noOps(driver, 1);
    expect(gates.at(-1)).toBe('INTE');
  });

  it('do not come again before EHB is cleared, and then do when events are left', () => {
    const { bench, driver } = started();
    bench.interrupts.mode = 'msix';
    bench.write(IMOD, 0);
    bench.write(IMAN, 2);
    noOps(driver, 2);
    expect(bench.interrupts.messages).toEqual([0]);
    // A message clears IP (§4.17.5).
    expect(bench.read(IMAN)).toBe(2);
    bench.write64(ERDP, LAYOUT.eventRing + 16);
    expect(bench.interrupts.messages).toEqual([0]);
    bench.write64(ERDP, (LAYOUT.eventRing + 16) | 8);
    expect(bench.interrupts.messages).toEqual([0, 0]);
  });

  it('are held apart by IMODI times 250 ns (§4.17.2), and not at all by QEMU', () => {
    for (const personality of [SPEC, QEMU]) {
      const { bench, driver } = started(personality);
      bench.interrupts.mode = 'msix';
      bench.write(IMOD, 400);
      bench.write(IMAN, 2);
      noOps(driver, 1);
      bench.write64(ERDP, (LAYOUT.eventRing + 16) | 8);
      noOps(driver, 1);
      const held = personality === SPEC;
      expect(bench.interrupts.messages.length).toBe(held ? 1 : 2);
      bench.advance(99_000);
      expect(bench.interrupts.messages.length).toBe(held ? 1 : 2);
      bench.advance(2_000);
      expect(bench.interrupts.messages.length).toBe(2);
    }
  });
});

describe('the command ring', () => {
  it('honours RCS, which QEMU forces to 1 (§5.4.5)', () => {
    for (const personality of [SPEC, QEMU]) {
      const { bench, driver } = started(personality);
      bench.write(0x40, 0);
      bench.write(0x40, 5);
      bench.write64(0x58, LAYOUT.commandRing);
      const empties: number[] = [];
      bench.trace.on('xhci.ring-empty', ({ consumerCycle }) => empties.push(consumerCycle));
      noOps(driver, 1);
      expect(empties).toEqual([personality === SPEC ? 0 : 1]);
      expect(driver.events().length).toBe(personality === SPEC ? 0 : 1);
    }
  });

  it('keeps its pointer while it runs and reads as 0 but for CRR (§5.4.5)', () => {
    const { bench, driver } = started();
    expect(bench.read(0x58)).toBe(0);
    noOps(driver, 1);
    expect(bench.read(0x58)).toBe(8);
    bench.write64(0x58, 0x3_0001);
    noOps(driver, 1);
    expect(driver.events().map(({ pointer }) => pointer)).toEqual([LAYOUT.commandRing, LAYOUT.commandRing + 16]);
  });

  it('stops on Command Stop, says where, and goes on from there (§4.6.1.1)', () => {
    const { bench, driver } = started();
    noOps(driver, 1);
    driver.events();
    bench.write(0x58, 2);
    const [event] = driver.events();
    expect([event?.code, event?.pointer]).toEqual([24, LAYOUT.commandRing + 16]);
    expect(bench.read(0x58)).toBe(0);
    noOps(driver, 1);
    expect(driver.events().map(({ code }) => code)).toEqual([1]);
  });
});

describe('MFINDEX (§5.5.1)', () => {
  it('counts microframes while the controller runs and wraps at 14 bits with an event', () => {
    const { bench, driver } = started();
    bench.advance(125_000 * 5);
    expect(bench.read(0x1000)).toBe(5);
    bench.write(0x40, 0x401);
    bench.advance(125_000 * 0x4000);
    expect(bench.read(0x1000)).toBe(5);
    expect(driver.events().map(({ type }) => type)).toEqual([39]);
    bench.write(0x40, 0);
    bench.advance(125_000 * 7);
    expect(bench.read(0x1000)).toBe(5);
  });
});
