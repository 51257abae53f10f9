import { beforeEach, describe, expect, it } from 'vitest';
import { VirtualClock } from '../base/clock.ts';
import { TraceBus } from '../base/trace.ts';
import { AddressSpace, CpuPortIo, createIoPortRoot, MemorySystem, MmioRegion } from '../memory/index.ts';
import { Uart16550 } from './uart-16550.ts';

let clock: VirtualClock;
let uart: Uart16550;
let irq: boolean;
let sent: number[];
let io: CpuPortIo;

function build(out2GatesInterrupt = true): void {
  const trace = new TraceBus();
  clock = new VirtualClock();
  sent = [];
  irq = false;
  uart = new Uart16550({
    name: 'serial0',
    clock,
    trace,
    transmit: (byte) => sent.push(byte),
    interrupt: (asserted) => {
      irq = asserted;
    },
    out2GatesInterrupt,
  });
  const system = new MemorySystem(trace);
  const root = createIoPortRoot(system);
  root.addSubregion(0x3f8, new MmioRegion(system, 'serial', 8, uart.ops));
  io = new CpuPortIo(new AddressSpace(system, 'I/O', root));
}

beforeEach(() => build());

const read = (offset: number) => io.read(0x3f8 + offset, 1);
const write = (offset: number, value: number) => io.write(0x3f8 + offset, 1, value);

/** 115200 8N1, FIFOs on, trigger at 14 bytes, OUT2: what most kernels write. */
function initialise(fcr = 0xc7): void {
  write(1, 0x00);
  write(3, 0x80);
  write(0, 0x01);
  write(1, 0x00);
  write(3, 0x03);
  write(2, fcr);
  write(4, 0x0b);
}

describe('transmitter', () => {
  it('sends each byte at once and is always empty', () => {
    initialise();
    for (const character of 'hello') {
      expect(read(5) & 0x20).toBe(0x20);
      write(0, character.charCodeAt(0));
    }
    expect(String.fromCharCode(...sent)).toBe('hello');
  });

  it('interrupts when the enable is set and after each byte, until IIR is read (§8.6)', () => {
    initialise();
    write(1, 0x02);
    expect([irq, read(2), irq, read(2)]).toEqual([true, 0xc2, false, 0xc1]);
    write(0, 0x41);
    expect(irq).toBe(true);
  });

  it('keeps the divisor behind DLAB and the scratch register apart', () => {
    initialise();
    write(7, 0xa5);
    write(3, 0x83);
    write(0, 0x0c);
    expect([read(0), read(1), read(7), uart.baud]).toEqual([0x0c, 0x00, 0xa5, 9600]);
    expect(sent).toEqual([]);
  });
});

describe('receiver', () => {
  it('hands over everything in order and then says that nothing is left', () => {
    initialise();
    uart.receive([...Array(40).keys()]);
    const got: number[] = [];
    while ((read(5) & 1) !== 0) got.push(read(0));
    expect(got).toEqual([...Array(40).keys()]);
    expect(uart.waiting).toBe(0);
  });

  it('interrupts at the trigger level, and below it by time-out after four characters', () => {
    initialise();
    write(1, 0x01);
    uart.receive(Array(13).fill(0x55));
    expect(irq).toBe(false);
    clock.advanceTo(347_221); // 4 characters of 10 bits at 115200 baud: 347.2 microseconds
    expect([irq, read(2)]).toEqual([false, 0xc1]);
    clock.advanceTo(347_223);
    expect([irq, read(2)]).toEqual([true, 0xcc]);
    read(0);
    expect(irq).toBe(false);
    uart.receive([0x56, 0x57]);
    expect([irq, read(2)]).toEqual([true, 0xc4]);
  });

  it('without FIFOs holds one byte and interrupts for each', () => {
    initialise(0x00);
    write(1, 0x01);
    uart.receive([1, 2]);
    expect([irq, read(2), read(0), irq, read(0), irq]).toEqual([true, 0x04, 1, true, 2, false]);
  });

  it('FCR clears the receiver', () => {
    initialise();
    uart.receive([1, 2, 3]);
    write(2, 0xc3);
    expect(read(5) & 1).toBe(0);
  });
});

describe('loop mode and modem lines (§8.8, §8.9)', () => {
  it('returns bytes and outputs, and nothing leaves', () => {
    initialise();
    write(4, 0x1a); // loop, OUT2, RTS
    expect(read(6) & 0xf0).toBe(0x90);
    write(0, 0x5a);
    expect([read(5) & 1, read(0), sent]).toEqual([1, 0x5a, []]);
    write(4, 0x1e);
    write(4, 0x1a);
    expect(read(6) & 0x04).toBe(0x04); // trailing edge of ring
    expect(read(6) & 0x0f).toBe(0);
  });

  it('overruns when nobody reads', () => {
    initialise();
    write(4, 0x10);
    for (let byte = 0; byte < 17; byte += 1) write(0, byte);
    expect(read(5) & 0x03).toBe(0x03);
    expect(read(5) & 0x03).toBe(0x01);
    expect(read(0)).toBe(0);
  });

  it('shows a connected peer outside loop mode', () => {
    expect(read(6)).toBe(0xb0);
  });
});

describe('the interrupt wire of a PC', () => {
  it('needs OUT2', () => {
    initialise();
    write(4, 0x03);
    write(1, 0x02);
    expect(irq).toBe(false);
    write(4, 0x0b);
    expect(irq).toBe(true);
  });

  it('does not need it where QEMU does not', () => {
    build(false);
    write(1, 0x02);
    expect(irq).toBe(true);
  });
});

it('saves and loads in the middle of a conversation', () => {
  initialise();
  write(1, 0x05);
  uart.receive(Array.from({ length: 20 }, (_, index) => index));
  const saved = uart.save();
  uart.reset();
  uart.load(saved);
  expect(uart.save()).toEqual(saved);
  expect(read(0)).toBe(0);
  expect(read(0)).toBe(1);
});
