import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { PicPair } from './pic-pair.ts';

let pic: PicPair;
let levels: boolean[];
let master: ReturnType<PicPair['ports']>;
let slave: ReturnType<PicPair['ports']>;

/** ICW1-ICW4 as PC firmware and kernels write them; all inputs unmasked. */
function initialise(icw4 = 0x01): void {
  for (const [ports, base, cascade] of [
    [master, 0x20, 0x04],
    [slave, 0x28, 0x02],
  ] as const) {
    ports.write(0, 1, 0x11);
    ports.write(1, 1, base);
    ports.write(1, 1, cascade);
    ports.write(1, 1, icw4);
    ports.write(1, 1, 0x00);
  }
}

beforeEach(() => {
  levels = [];
  pic = new PicPair((asserted) => levels.push(asserted));
  master = pic.ports('master');
  slave = pic.ports('slave');
  initialise();
});

function readIsr(ports: typeof master): number {
  ports.write(0, 1, 0x0b);
  return ports.read(0);
}

function readIrr(ports: typeof master): number {
  ports.write(0, 1, 0x0a);
  return ports.read(0);
}

describe('requests and priorities (8259A, "Fully Nested Mode")', () => {
  it('delivers an edge once, with its vector, and keeps it in service until EOI', () => {
    pic.setLine(1, true);
    expect(levels).toEqual([true]);
    expect(pic.acknowledge()).toBe(0x21);
    expect([readIsr(master), readIrr(master)]).toEqual([0x02, 0x00]);
    expect(levels).toEqual([true, false]);
    pic.setLine(1, false);
    pic.setLine(1, true);
    expect(levels).toEqual([true, false]);
    master.write(0, 1, 0x20);
    expect(pic.acknowledge()).toBe(0x21);
  });

  it('lets a higher request through and holds a lower one back', () => {
    pic.setLine(3, true);
    expect(pic.acknowledge()).toBe(0x23);
    pic.setLine(4, true);
    expect(pic.output).toBe(false);
    pic.setLine(0, true);
    expect(pic.acknowledge()).toBe(0x20);
    master.write(0, 1, 0x20);
    expect(pic.output).toBe(false);
    master.write(0, 1, 0x20);
    expect(pic.acknowledge()).toBe(0x24);
  });

  it('leads the slave through IR2: IRQ 8-15 need two EOIs', () => {
    pic.setLine(12, true);
    expect(pic.acknowledge()).toBe(0x2c);
    expect([readIsr(master), readIsr(slave)]).toEqual([0x04, 0x10]);
    slave.write(0, 1, 0x20);
    pic.setLine(9, true);
    expect(pic.output).toBe(false);
    master.write(0, 1, 0x62); // specific EOI of IR2
    expect(pic.acknowledge()).toBe(0x29);
  });

  it('masks and unmasks without losing the request', () => {
    master.write(1, 1, 0x10);
    pic.setLine(4, true);
    expect(pic.output).toBe(false);
    expect(master.read(1)).toBe(0x10);
    master.write(1, 1, 0x00);
    expect(pic.acknowledge()).toBe(0x24);
  });

  it('rotates: the level just ended becomes the lowest', () => {
    pic.setLine(0, true);
    pic.acknowledge();
    pic.setLine(0, false);
    master.write(0, 1, 0xa0); // rotate on non-specific EOI
    pic.setLine(0, true);
    pic.setLine(7, true);
    expect(pic.acknowledge()).toBe(0x27);
  });

  it('sets priority by command: level 3 lowest makes level 4 the highest', () => {
    master.write(0, 1, 0xc3);
    pic.setLine(1, true);
    pic.setLine(4, true);
    expect(pic.acknowledge()).toBe(0x24);
  });

  it('special mask mode opens lower levels while one is in service and masked', () => {
    pic.setLine(3, true);
    pic.acknowledge();
    pic.setLine(5, true);
    master.write(1, 1, 0x08);
    expect(pic.output).toBe(false);
    master.write(0, 1, 0x68);
    expect(pic.acknowledge()).toBe(0x25);
    master.write(0, 1, 0x20); // ends 5, never the masked 3
    expect(readIsr(master)).toBe(0x08);
  });
});

describe('spurious interrupts', () => {
  it('answers IRQ 7 when the request has gone, and puts nothing into service', () => {
    pic.setLine(5, true);
    pic.setLine(5, false);
    expect(pic.acknowledge()).toBe(0x27);
    expect(readIsr(master)).toBe(0);
  });

  it('does not happen where an edge stays latched, as in QEMU', () => {
    pic = new PicPair(() => {}, true);
    master = pic.ports('master');
    slave = pic.ports('slave');
    initialise();
    pic.setLine(5, true);
    pic.setLine(5, false);
    expect([pic.output, pic.acknowledge(), pic.output]).toEqual([true, 0x25, false]);
  });

  it('answers IRQ 15 for the slave: the master keeps IR2 in service', () => {
    pic.setLine(10, true);
    // The slave loses its request between the master's first and its own second INTA.
    pic.slave.irr = 0;
    expect(pic.acknowledge()).toBe(0x2f);
    expect([readIsr(master), readIsr(slave)]).toEqual([0x04, 0x00]);
  });
});

describe('modes of a PC', () => {
  it('level-triggered inputs (ELCR) ask again after EOI while asserted; the fixed edges cannot be switched', () => {
    const elcr = pic.elcrPorts();
    elcr.write(0, 1, 0xff);
    elcr.write(1, 1, 0xff);
    expect([elcr.read(0), elcr.read(1)]).toEqual([0xf8, 0xde]);
    pic.setLine(11, true);
    expect(pic.acknowledge()).toBe(0x2b);
    slave.write(0, 1, 0x20);
    master.write(0, 1, 0x20);
    expect(pic.acknowledge()).toBe(0x2b);
    pic.setLine(11, false);
    slave.write(0, 1, 0x20);
    master.write(0, 1, 0x20);
    expect(pic.output).toBe(false);
  });

  it('auto-EOI leaves nothing in service, and the slave behind it delivers both of its requests', () => {
    initialise(0x03);
    pic.setLine(9, true);
    pic.setLine(14, true);
    expect([pic.acknowledge(), pic.acknowledge(), pic.output]).toEqual([0x29, 0x2e, false]);
    expect([readIsr(master), readIsr(slave)]).toEqual([0, 0]);
  });

  it('special fully nested mode lets the slave interrupt itself', () => {
    initialise(0x11);
    pic.setLine(12, true);
    pic.acknowledge();
    pic.setLine(8, true);
    expect(pic.acknowledge()).toBe(0x28);
  });

  it('polls: one read acknowledges and names the level', () => {
    pic.setLine(6, true);
    master.write(0, 1, 0x0c);
    expect(master.read(0)).toBe(0x86);
    master.write(0, 1, 0x0c);
    expect(master.read(0)).toBe(0x00);
    expect(readIsr(master)).toBe(0x40);
  });

  it('ICW1 clears the mask and demands a new edge', () => {
    master.write(1, 1, 0xff);
    pic.setLine(1, true);
    initialise();
    expect([master.read(1), pic.output]).toEqual([0, false]);
    pic.setLine(1, false);
    pic.setLine(1, true);
    expect(pic.acknowledge()).toBe(0x21);
  });

  it('comes back from saved state in the middle of everything', () => {
    pic.setLine(9, true);
    pic.acknowledge();
    pic.setLine(1, true);
    const saved = pic.save();
    const other = new PicPair(() => {});
    other.load(saved);
    expect(other.acknowledge()).toBe(0x21);
    other.ports('master').write(0, 1, 0x20);
    expect(other.save()).not.toEqual(saved);
    expect(other.master.describe()).toBe('pic0: irr=00 imr=00 isr=04 hprio=0 irq_base=20 rr_sel=0 elcr=00 fnm=0');
  });
});

it('never throws and never leaves INT asserted with nothing to acknowledge', () => {
  const step = fc.oneof(
    fc.tuple(fc.constant('line' as const), fc.nat(15), fc.boolean()),
    fc.tuple(fc.constant('write' as const), fc.nat(3), fc.nat(255)),
    fc.tuple(fc.constant('acknowledge' as const), fc.constant(0), fc.constant(0)),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const other = new PicPair(() => {});
      const ports = [other.ports('master'), other.ports('slave')] as const;
      for (const [kind, a, b] of steps) {
        if (kind === 'line') other.setLine(a, b as boolean);
        else if (kind === 'write') ports[a >> 1]!.write(a & 1, 1, b as number);
        else if (other.output) {
          const before = other.master.isr;
          const vector = other.acknowledge();
          expect(vector).toBeGreaterThanOrEqual(0);
          expect(vector).toBeLessThan(256);
          expect(other.master.isr & before).toBe(before);
        }
      }
    }),
  );
});
