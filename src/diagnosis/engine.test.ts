import { describe, expect, it } from 'vitest';
import { bus, gva } from '../base/address.ts';
import { TraceBus } from '../base/trace.ts';
import { DiagnosisEngine } from './engine.ts';
import { rootOf } from './folding.ts';
import type { SymbolAddress } from './guest-view.ts';
import { defineRule } from './rule.ts';
import virtualAddress from './rules/dma/virtual-address.ts';
import { RULES } from './rules/index.ts';
import {
  COMMAND_RING,
  codesUnder,
  DEVICE,
  DIRECT_MAP,
  DriverScene,
  ERST,
  EVENT_RING,
  rootCodes,
} from './testing/driver-scene.ts';
import { FakeGuest } from './testing/fake-guest.ts';

const virtual = (physical: number): bigint => DIRECT_MAP + BigInt(physical);

/** The driver of the story: only the Device Context Base Address Array was translated. */
function story(): DriverScene {
  const scene = new DriverScene();
  const bend = {
    erst: virtual(ERST),
    erstBase: virtual(EVENT_RING),
    erdp: virtual(EVENT_RING),
    crcr: virtual(COMMAND_RING) | 1n,
  };
  scene.setUp(bend).start(scene.memoryPointers(bend));
  scene.failedRead(virtual(ERST), 'ERST entry', 'ERSTBA').hostError('ERST of interrupter 0');
  scene.doorbell(0, 0, 'host-error');
  return scene.idle();
}

describe('the story of the virtual event ring', () => {
  it('has one root, and that is the pointer which the controller ran into first', () => {
    const diagnosis = story().finish();
    expect(diagnosis.problems).toEqual([]);
    expect(rootCodes(diagnosis)).toEqual(['DMA-01']);
    expect(diagnosis.roots[0]).toMatchObject({
      where: 'ERSTBA',
      address: 0xffff_ff80_002e_3080n,
      expected: 0x2e_3080,
      certainty: 'certain',
      severity: 'error',
    });
  });

  it('folds the other pointers and the hang under it', () => {
    const diagnosis = story().finish();
    expect(codesUnder(diagnosis, 'DMA-01').sort()).toEqual(['DMA-01', 'DMA-01', 'DMA-03', 'HANG-01']);
    for (const finding of diagnosis.findings) expect(rootOf(finding)).toBe(diagnosis.roots[0]);
  });

  it('says which pointers are wrong and which are fine', () => {
    const [root] = story().finish().roots;
    const checked = root!.facts.find((entry) => entry.label === 'checked')!.text.join(' ');
    expect(checked).toContain('DCBAAP 0x2e6000 ok');
    expect(checked).toContain('ERDP 0xffffff80002e4000 BAD (virtual, pa 0x2e4000)');
  });

  it('walks the page tables that were in force when the value was written', () => {
    const scene = new DriverScene();
    scene.setUp({ erst: virtual(ERST) });
    const site = scene.engine.known.controller(DEVICE).writerOf('ERSTBA');
    expect(site?.pageTables).toBe(0x10_3000);
    const [root] = scene.start().finish().roots;
    expect(root!.facts.find((entry) => entry.label === 'why')!.text.join(' ')).toContain('CR3 0x103000');
  });
});

describe('the line to blame', () => {
  it('is the caller of the accessor that wrote the register, also when the mistake shows only at R/S = 1', () => {
    const scene = new DriverScene();
    const caller = gva(DIRECT_MAP + 0x30_0000n);
    const name = (symbol: string): SymbolAddress => ({
      name: symbol,
      offset: 0,
      kind: 'function',
      module: 'kernel.elf',
      size: 64,
    });
    scene.guest.symbolAt = (pc) => name(pc === caller ? 'init_event_ring' : 'mmio_write32');
    scene.guest.backtrace = () => [
      { pc: scene.guest.site!.pc, symbol: name('mmio_write32'), location: undefined, guessed: false },
      { pc: caller, symbol: name('init_event_ring'), location: { file: 'ring.c', line: 9, column: 1 }, guessed: false },
    ];
    scene.setUp({ erst: virtual(ERST) });
    scene.guest.backtrace = () => [];
    const [root] = scene.start().finish().roots;
    expect(root!.site).toMatchObject({ symbol: { name: 'init_event_ring' }, location: { file: 'ring.c', line: 9 } });
    expect(root!.site!.through.map((frame) => frame.symbol?.name)).toEqual(['mmio_write32']);
  });
});

describe('findings', () => {
  it('are the same however often the mistake is seen', () => {
    const scene = new DriverScene().setUp({ erst: virtual(ERST) }).start();
    for (let again = 0; again < 5; again += 1) scene.failedRead(virtual(ERST), 'ERST entry', 'ERSTBA');
    const diagnosis = scene.finish();
    expect(diagnosis.findings).toHaveLength(1);
    expect(diagnosis.findings[0]!.count).toBe(5);
  });

  it('blame the table entry, not the register, when an event ring segment is virtual', () => {
    const bend = { erstBase: virtual(EVENT_RING) };
    const scene = new DriverScene().setUp(bend);
    scene.see('xhci.event-ring-reset', {
      controller: DEVICE,
      interrupter: 0,
      erstba: bus(ERST),
      erstsz: 1,
      segments: [{ base: bus(virtual(EVENT_RING)), size: 256 }],
      outcome: 'ok',
    });
    scene.failedRead(virtual(EVENT_RING) + 32n, 'Event TRB', 'ERSTBA', 16, true);
    const [root] = scene.finish().roots;
    expect(root).toMatchObject({ where: 'ERST[0].base', expected: EVENT_RING });
    expect(root!.rule.code).toBe('DMA-03');
  });

  it('that follow from a misaligned table are folded under it', () => {
    const scene = new DriverScene().setUp({ erst: ERST + 8 });
    const garbage = scene.pointer('Event Ring segment', 'ERST[0].base', 0x7_0000_0000_0000, ERST, 4096);
    const diagnosis = scene.start([garbage]).finish();
    expect(rootCodes(diagnosis)).toEqual(['RING-09']);
    expect(codesUnder(diagnosis, 'RING-09')).toEqual(['DMA-09']);
  });

  it('wait for the second half of a register that is written in halves', () => {
    const scene = new DriverScene();
    // Above 4 GiB, so that the low half alone leads nowhere.
    scene.guest.region('ram', 'pc.ram above 4G', 0x1_0000_0000, 0x1_07ff_ffff);
    scene.setUp({ dcbaap: 0x1_0600_0000 }).start();
    expect(scene.finish().findings).toEqual([]);
  });
});

describe('the engine', () => {
  it('survives a rule that throws, names it and goes on', () => {
    const broken = defineRule({
      ...virtualAddress,
      id: 'test/broken',
      on: {
        'xhci.doorbell': () => {
          throw new Error('oops');
        },
      },
    });
    const guest = new FakeGuest();
    const engine = new DiagnosisEngine({ view: guest, rules: [broken, ...RULES] });
    const bell = { controller: DEVICE, slotId: 3, target: 1, streamId: 0, value: 1 };
    engine.see('xhci.doorbell', { ...bell, outcome: 'slot-disabled' });
    engine.see('xhci.doorbell', { ...bell, outcome: 'slot-disabled' });
    const diagnosis = engine.finish({ kind: 'exited', text: '', time: 0, instruction: 0 });
    expect(diagnosis.problems).toHaveLength(1);
    expect(diagnosis.problems[0]).toContain('test/broken');
    expect(rootCodes(diagnosis)).toEqual(['RING-11']);
  });

  it('survives a guest view that throws', () => {
    const scene = new DriverScene();
    scene.guest.describePhysical = () => {
      throw new Error('no such machine');
    };
    expect(scene.setUp().start().finish().problems.length).toBeGreaterThan(0);
  });

  it('keeps a bounded number of findings and counts the rest', () => {
    const scene = new DriverScene();
    for (let slotId = 1; slotId <= 600; slotId += 1) scene.doorbell(slotId, 1, 'slot-disabled');
    const diagnosis = scene.finish();
    expect(diagnosis.findings).toHaveLength(512);
    expect(diagnosis.dropped).toBe(88);
  });

  it('listens to a bus until the run ends', () => {
    const trace = new TraceBus();
    const engine = new DiagnosisEngine({ view: new FakeGuest() });
    engine.attach(trace);
    expect(trace.channel('xhci.doorbell').active).toBe(true);
    // Reads are the bulk of what a polling driver does: nobody needs them, so nobody pays for them.
    expect(trace.channel('xhci.register-read').active).toBe(false);
    engine.finish({ kind: 'exited', text: '', time: 0, instruction: 0 });
    expect(trace.channel('xhci.doorbell').active).toBe(false);
  });
});

describe('rules', () => {
  it('have distinct codes and ids', () => {
    for (const key of ['code', 'id'] as const) {
      const names = RULES.map((rule) => rule[key]);
      expect(new Set(names).size).toBe(names.length);
    }
  });

  it('explain only rules that exist, and never in a circle', () => {
    const byCode = new Map(RULES.map((rule) => [rule.code, rule]));
    const visit = (code: string, trail: readonly string[]): void => {
      expect(trail, `${[...trail, code].join(' -> ')}`).not.toContain(code);
      for (const next of byCode.get(code)!.explains ?? []) {
        expect(byCode.has(next), `${code} explains ${next}`).toBe(true);
        visit(next, [...trail, code]);
      }
    };
    for (const code of byCode.keys()) visit(code, []);
  });

  it('each bring an explanation with both examples and a specification', () => {
    for (const rule of RULES) {
      for (const text of [rule.what, rule.why, rule.fix]) expect(text.length, rule.code).toBeGreaterThan(40);
      expect(rule.example.bad, rule.code).not.toBe(rule.example.good);
      expect(rule.spec.length, rule.code).toBeGreaterThan(0);
      expect(rule.summary, rule.code).not.toMatch(/\.$/);
    }
  });
});
