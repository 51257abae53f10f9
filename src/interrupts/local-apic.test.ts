import { beforeEach, describe, expect, it } from 'vitest';
import { gpa } from '../base/address.ts';
import { VirtualClock } from '../base/clock.ts';
import { TraceBus, type TraceEvents } from '../base/trace.ts';
import { AddressSpace, ContainerRegion, CpuMemoryPort, MemorySystem, MmioRegion } from '../memory/index.ts';
import { InterruptController } from './interrupt-controller.ts';

let clock: VirtualClock;
let trace: TraceBus;
let controller: InterruptController;
let intr: boolean[];
let calls: string[];
let cpu: number;
let memory: CpuMemoryPort;

const read = (offset: number) => memory.read(gpa(0xfee0_0000 + offset), 4);
const write = (offset: number, value: number) => memory.write(gpa(0xfee0_0000 + offset), 4, value, 0);
const ioRead = (index: number) => {
  memory.write(gpa(0xfec0_0000), 4, index, 0);
  return memory.read(gpa(0xfec0_0010), 4);
};
const ioWrite = (index: number, value: number) => {
  memory.write(gpa(0xfec0_0000), 4, index, 0);
  memory.write(gpa(0xfec0_0010), 4, value, 0);
};
/** Redirection entry of `pin`: low half last, so that it takes effect whole. */
const route = (pin: number, low: number, destination = 0) => {
  ioWrite(0x11 + 2 * pin, (destination << 24) >>> 0);
  ioWrite(0x10 + 2 * pin, low);
};

beforeEach(() => {
  clock = new VirtualClock();
  trace = new TraceBus();
  intr = [false, false];
  calls = [];
  cpu = 0;
  controller = new InterruptController({
    apicIds: [0, 1],
    clock,
    trace,
    currentCpu: () => cpu,
    timeOfTsc: (_cpu, tsc) => Number(tsc),
    features: { x2apic: false, tscDeadline: true },
    lines: {
      setInterruptLine: (target, asserted) => {
        intr[target] = asserted;
      },
      raiseNmi: (target) => calls.push(`nmi ${target}`),
      initialise: (target) => calls.push(`init ${target}`),
      startUp: (target, vector) => calls.push(`sipi ${target} ${vector}`),
    },
  });
  const system = new MemorySystem(trace);
  const root = new ContainerRegion(system, 'system', 2 ** 64);
  root.addSubregion(0xfee0_0000, new MmioRegion(system, 'apic-msi', 0x10_0000, controller.apicOps()), 4096);
  root.addSubregion(0xfec0_0000, new MmioRegion(system, 'ioapic', 0x1000, controller.ioApic.ops));
  memory = new CpuMemoryPort(new AddressSpace(system, 'memory', root));
  write(0xf0, 0x1ff);
  cpu = 1;
  write(0xf0, 0x1ff);
  cpu = 0;
});

const record = <N extends keyof TraceEvents & string>(name: N): TraceEvents[N][] => {
  const events: TraceEvents[N][] = [];
  trace.on(name, (event) => events.push(event));
  return events;
};

describe('registers (Intel SDM Vol. 3A 10.4)', () => {
  it('shows reset values', () => {
    controller.reset();
    expect([0x20, 0x30, 0x80, 0xd0, 0xe0, 0xf0].map(read)).toEqual([0, 0x0005_0014, 0, 0, 0xffff_ffff, 0xff]);
    expect([0x320, 0x330, 0x340, 0x350, 0x360, 0x370].map(read)).toEqual(new Array(6).fill(0x0001_0000));
    cpu = 1;
    expect(read(0x20)).toBe(0x0100_0000);
  });

  it('keeps LVT masks set while software-disabled', () => {
    write(0xf0, 0xff);
    write(0x350, 0x0000_8700);
    expect(read(0x350)).toBe(0x0001_8700);
    write(0xf0, 0x1ff);
    write(0x350, 0x0000_8700);
    expect(read(0x350)).toBe(0x0000_8700);
  });

  it('reports an illegal register through ESR, which a write latches', () => {
    write(0x370, 0x00fe);
    read(0x3f0);
    expect(read(0x280)).toBe(0);
    write(0x280, 0);
    expect(read(0x280)).toBe(0x80);
    expect(controller.acknowledge(0)).toBe(0xfe);
  });

  it('switches off and on through IA32_APIC_BASE, refusing reserved bits and x2APIC', () => {
    expect(controller.msrs.read(0, 0x1b)).toBe(0xfee0_0900n);
    expect(controller.msrs.read(1, 0x1b)).toBe(0xfee0_0800n);
    expect(controller.msrs.write(0, 0x1b, 0xfee0_0d00n)).toBe(false);
    expect(controller.msrs.write(0, 0x1b, 0xfee0_0100n)).toBe(true);
    expect(read(0x30)).toBe(0);
    expect(controller.msrs.write(0, 0x10, 0n)).toBeUndefined();
  });
});

describe('priorities (10.8.3)', () => {
  it('delivers the highest class first and nests only upwards', () => {
    controller.sendMessage(0xfee0_0000, 0x41);
    controller.sendMessage(0xfee0_0000, 0x63);
    expect(intr[0]).toBe(true);
    expect(controller.acknowledge(0)).toBe(0x63);
    expect([intr[0], read(0xa0)]).toEqual([false, 0x60]);
    controller.sendMessage(0xfee0_0000, 0x6f);
    expect(intr[0]).toBe(false);
    controller.sendMessage(0xfee0_0000, 0x70);
    expect(controller.acknowledge(0)).toBe(0x70);
    write(0xb0, 0);
    write(0xb0, 0);
    expect([controller.acknowledge(0), read(0x100 + 0x30)]).toEqual([0x6f, 1 << 15]);
    write(0xb0, 0);
    expect(controller.acknowledge(0)).toBe(0x41);
    write(0xb0, 0);
    expect([controller.acknowledge(0), intr[0]]).toEqual([-1, false]);
  });

  it('holds back what the task priority covers, and CR8 is its upper half', () => {
    write(0x80, 0x50);
    controller.sendMessage(0xfee0_0000, 0x5f);
    expect([intr[0], controller.acknowledge(0)]).toEqual([false, -1]);
    controller.apics[0]!.taskPriority = 0x40;
    expect([intr[0], controller.acknowledge(0)]).toEqual([true, 0x5f]);
  });

  it('drops fixed messages with vectors below 16 and says why', () => {
    const messages = record('interrupts.message');
    controller.sendMessage(0xfee0_0000, 0x0f);
    expect(messages.map(({ dropped }) => dropped)).toEqual(['illegal-vector']);
    write(0x280, 0);
    expect([read(0x280), intr[0]]).toEqual([0x40, false]);
  });
});

describe('messages (10.11, 10.6.2)', () => {
  it('finds processors by physical id, flat and cluster logical sets', () => {
    controller.sendMessage(0xfee0_1000, 0x51);
    expect(intr).toEqual([false, true]);
    expect(controller.acknowledge(1)).toBe(0x51);
    write(0xd0, 0x0100_0000);
    cpu = 1;
    write(0xd0, 0x0200_0000);
    write(0xb0, 0);
    controller.sendMessage(0xfee0_3004, 0x52);
    expect(intr).toEqual([true, true]);
    expect([controller.acknowledge(0), controller.acknowledge(1)]).toEqual([0x52, 0x52]);
    write(0xb0, 0);
    write(0xe0, 0x0fff_ffff);
    write(0xd0, 0x1200_0000);
    controller.sendMessage(0xfee1_2004, 0x73);
    expect(intr).toEqual([false, true]);
  });

  it('gives a lowest-priority message to one processor, the less busy', () => {
    write(0x80, 0x20);
    controller.sendMessage(0xfeef_f000, 0x161);
    expect(intr).toEqual([false, true]);
  });

  it('says so when nobody is there, or software-disabled', () => {
    const messages = record('interrupts.message');
    controller.sendMessage(0xfee0_7000, 0x40);
    write(0xf0, 0x0ff);
    controller.sendMessage(0xfee0_0000, 0x40);
    expect(messages.map(({ dropped }) => dropped)).toEqual(['no-destination', 'no-destination']);
  });

  it('a processor writing beyond its own page sends a message; in the page it reaches its registers', () => {
    memory.write(gpa(0xfee0_1000), 4, 0x44, 0);
    expect(intr).toEqual([false, true]);
  });
});

describe('inter-processor interrupts (10.6)', () => {
  it('goes to self, others and a named processor', () => {
    write(0x300, 0x0004_0048);
    expect(intr).toEqual([true, false]);
    write(0x300, 0x000c_0049);
    expect(controller.acknowledge(1)).toBe(0x49);
    write(0x310, 0x0100_0000);
    write(0x300, 0x0000_004a);
    cpu = 1;
    write(0xb0, 0);
    expect(controller.acknowledge(1)).toBe(0x4a);
  });

  it('starts another processor: INIT, de-assert, SIPI', () => {
    write(0x310, 0x0100_0000);
    write(0x300, 0x0000_c500);
    write(0x300, 0x0000_8500);
    write(0x300, 0x0000_0608);
    expect(calls).toEqual(['init 1', 'sipi 1 8']);
    expect(read(0x300)).toBe(0x608);
  });

  it('carries NMI', () => {
    write(0x300, 0x000c_0400);
    expect(calls).toEqual(['nmi 1']);
  });
});

describe('timer (10.5.4)', () => {
  it('one-shot: counts down, fires once', () => {
    write(0x3e0, 0x3); // divide by 16
    write(0x320, 0x0030);
    write(0x380, 100);
    clock.advanceTo(800);
    expect(read(0x390)).toBe(50);
    clock.advanceTo(1599);
    expect(intr[0]).toBe(false);
    clock.advanceTo(1600);
    expect([intr[0], read(0x390), controller.acknowledge(0)]).toEqual([true, 0, 0x30]);
    clock.advanceTo(10_000);
    expect(clock.nextDeadline()).toBeUndefined();
  });

  it('periodic: fires each period until masked, and counts on while masked', () => {
    write(0x3e0, 0xb); // divide by 1
    write(0x320, 0x2_0031);
    write(0x380, 5000);
    const vectors: number[] = [];
    for (let time = 5000; time <= 15_000; time += 5000) {
      clock.advanceTo(time);
      vectors.push(controller.acknowledge(0));
      write(0xb0, 0);
    }
    expect(vectors).toEqual([0x31, 0x31, 0x31]);
    write(0x320, 0x3_0031);
    clock.advanceTo(22_000);
    expect([intr[0], read(0x390)]).toEqual([false, 3000]);
    write(0x320, 0x2_0031);
    expect(clock.nextDeadline()).toBe(25_000);
  });

  it('a period too short to serve does not stop virtual time', () => {
    write(0x3e0, 0xb);
    write(0x320, 0x2_0031);
    write(0x380, 1);
    let fired = 0;
    for (let next = clock.nextDeadline(); next !== undefined && next < 1_000_000; next = clock.nextDeadline()) {
      clock.advanceTo(next);
      fired += 1;
    }
    expect(fired).toBeLessThanOrEqual(1001);
    expect(fired).toBeGreaterThan(900);
  });

  it('TSC deadline: armed by the MSR, disarmed by 0', () => {
    write(0x320, 0x4_0032);
    write(0x380, 1000); // has no effect in this mode
    expect(controller.msrs.write(0, 0x6e0, 700n)).toBe(true);
    clock.advanceTo(700);
    expect([controller.acknowledge(0), controller.msrs.read(0, 0x6e0)]).toEqual([0x32, 0n]);
    controller.msrs.write(0, 0x6e0, 900n);
    controller.msrs.write(0, 0x6e0, 0n);
    expect(clock.nextDeadline()).toBeUndefined();
  });
});

describe('I/O APIC (82093AA)', () => {
  it('shows version, entries and id', () => {
    expect(ioRead(1)).toBe(0x0017_0020);
    expect([ioRead(0x10), ioRead(0x3e), ioRead(0x40)]).toEqual([0x0001_0000, 0x0001_0000, 0]);
    ioWrite(0, 0x0f00_0000);
    expect([ioRead(0), ioRead(2)]).toEqual([0x0f00_0000, 0x0f00_0000]);
  });

  it('delivers an edge once and forgets one that came while masked', () => {
    const masked = record('interrupts.ioapic-masked');
    controller.setIrq(4, true);
    controller.setIrq(4, false);
    expect(masked).toEqual([{ pin: 4, vector: 0 }]);
    route(4, 0x0034);
    expect(intr[0]).toBe(false);
    controller.setIrq(4, true);
    expect(controller.acknowledge(0)).toBe(0x34);
    write(0xb0, 0);
    expect(intr[0]).toBe(false);
  });

  it('asks again at EOI while a level-triggered wire is asserted; Remote IRR shows it in service', () => {
    route(23, 0x8037, 1);
    controller.setIrq(23, true);
    expect(ioRead(0x3e)).toBe(0xc037);
    cpu = 1;
    expect(controller.acknowledge(1)).toBe(0x37);
    write(0xb0, 0);
    expect(controller.acknowledge(1)).toBe(0x37);
    controller.setIrq(23, false);
    write(0xb0, 0);
    expect([intr[1], ioRead(0x3e)]).toEqual([false, 0x8037]);
  });

  it('takes IRQ 0 on input 2', () => {
    route(2, 0x0030);
    controller.setIrq(0, true);
    expect(controller.acknowledge(0)).toBe(0x30);
  });
});

describe('virtual wire (MultiProcessor Specification 1.4 §3.6.2.2)', () => {
  /** The 8259s as a kernel sets them up, IRQ 0 at vector 0x20. */
  function initialisePic(): void {
    for (const [ports, base, cascade] of [
      [controller.pic.ports('master'), 0x20, 4],
      [controller.pic.ports('slave'), 0x28, 2],
    ] as const) {
      for (const [a0, value] of [
        [0, 0x11],
        [1, base],
        [1, cascade],
        [1, 1],
        [1, 0],
      ] as const) {
        ports.write(a0, 1, value);
      }
    }
  }

  it('an 8259 interrupt passes LINT0 in ExtINT mode, below nothing', () => {
    initialisePic();
    controller.setIrq(1, true);
    expect(intr[0]).toBe(false); // LINT0 is masked after reset
    controller.setUpVirtualWire();
    expect(intr).toEqual([true, false]);
    expect(controller.acknowledge(0)).toBe(0x21);
    expect([intr[0], controller.apics[0]!.isr.highest]).toEqual([false, -1]);
  });

  it('is what firmware leaves, with the 8259s at the BIOS vectors', () => {
    controller.setUpAsFirmware();
    expect(controller.pic.master.describe()).toMatch(/imr=b8 .* irq_base=08 /);
    expect(controller.pic.slave.describe()).toMatch(/imr=8e .* irq_base=70 /);
    controller.setIrq(1, true);
    expect(controller.acknowledge(0)).toBe(0x09);
  });

  it('an APIC interrupt comes before the 8259s', () => {
    initialisePic();
    controller.setUpVirtualWire();
    const taken = record('interrupts.acknowledged');
    controller.setIrq(1, true);
    controller.sendMessage(0xfee0_0000, 0x40);
    expect([controller.acknowledge(0), controller.acknowledge(0)]).toEqual([0x40, 0x21]);
    expect(taken.map(({ source }) => source)).toEqual(['apic', 'pic']);
  });

  it('with the APIC off, the 8259s reach processor 0 directly', () => {
    initialisePic();
    controller.msrs.write(0, 0x1b, 0xfee0_0100n);
    controller.setIrq(3, true);
    expect([intr[0], controller.acknowledge(0), intr[0]]).toEqual([true, 0x23, false]);
  });
});

it('saved state restores timers, wires and what is in service', () => {
  write(0x3e0, 0xb);
  write(0x320, 0x0030);
  write(0x380, 4000);
  route(23, 0x8047);
  controller.setIrq(23, true);
  controller.acknowledge(0);
  const saved = controller.stateSources.map((source) => source.save());
  controller.reset();
  for (const [index, source] of controller.stateSources.entries()) source.load(saved[index]!);
  expect(controller.stateSources.map((source) => source.save())).toEqual(saved);
  expect(clock.nextDeadline()).toBe(4000);
  write(0xb0, 0);
  expect(controller.acknowledge(0)).toBe(0x47);
});
