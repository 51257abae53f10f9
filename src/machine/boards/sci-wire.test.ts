/** The SCI and where ACPI_CNTL leads it (ICH9 datasheet §13.1.13). */
import { beforeEach, describe, expect, it } from 'vitest';
import { SciWire } from './sci-wire.ts';

let levels: Map<number, boolean>;
let wire: SciWire;

beforeEach(() => {
  levels = new Map();
  wire = new SciWire((irq, asserted) => levels.set(irq, asserted));
});

describe('the SCI', () => {
  it('is IRQ 9 after a reset', () => {
    wire.set(true);
    expect([...levels]).toEqual([[9, true]]);
  });

  it('keeps its level when it is led elsewhere', () => {
    wire.set(true);
    wire.route(20);
    expect([...levels]).toEqual([
      [9, false],
      [20, true],
    ]);
    wire.set(false);
    expect(levels.get(20)).toBe(false);
  });

  it('touches nothing when it is led elsewhere at rest', () => {
    wire.route(20);
    wire.route(9);
    expect(levels.size).toBe(0);
  });

  it('is loaded without a change on any wire', () => {
    wire.route(21);
    wire.set(true);
    const saved = wire.save();
    levels.clear();
    const copy = new SciWire((irq, asserted) => levels.set(irq, asserted));
    copy.load(saved);
    expect(levels.size).toBe(0);
    copy.set(false);
    expect([...levels]).toEqual([[21, false]]);
    expect(copy.save()).toEqual({ irq: 21, asserted: false });
  });
});
