/** The small devices: debug console, exit port, POST codes and the four ways to reset a PC. */
import { beforeEach, describe, expect, it } from 'vitest';
import { TraceBus } from '../base/trace.ts';
import { AddressSpace, CpuPortIo, createIoPortRoot, MemorySystem, MmioRegion } from '../memory/index.ts';
import { DebugExit } from './debug-exit.ts';
import { Debugcon } from './debugcon.ts';
import { I8042 } from './i8042.ts';
import { Port92 } from './port92.ts';
import { PostPort } from './post-port.ts';
import { ResetControl } from './reset-control.ts';

let trace: TraceBus;
let io: CpuPortIo;
let log: string[];

beforeEach(() => {
  trace = new TraceBus();
  log = [];
  const system = new MemorySystem(trace);
  const root = createIoPortRoot(system);
  const reset = (kind: string) => log.push(`reset ${kind}`);
  const a20Changed = (enabled: boolean) => log.push(`a20 ${enabled}`);
  const keyboard = new I8042({
    trace,
    reset,
    a20Changed,
    interrupt: (level) => log.push(`irq1 ${level}`),
    mouseInterrupt: (level) => log.push(`irq12 ${level}`),
    asQemu: false,
  });
  const exit = new DebugExit({ port: 0xf4, size: 4, exit: (status) => log.push(`exit ${status}`) });
  const add = (port: number, size: number, ops: Debugcon['ops'], priority = 0) =>
    root.addSubregion(port, new MmioRegion(system, `port ${port}`, size, ops), priority);
  add(0x60, 1, keyboard.dataOps);
  add(0x64, 1, keyboard.commandOps);
  add(0x80, 1, new PostPort(trace).ops);
  add(0x92, 1, new Port92({ trace, reset, a20Changed }).ops);
  add(0xe9, 1, new Debugcon((byte) => log.push(`debug ${byte}`)).ops);
  add(0xf4, 4, exit.ops);
  add(0xcf9, 1, new ResetControl(trace, reset).ops);
  io = new CpuPortIo(new AddressSpace(system, 'I/O', root));
});

it('the debug console says that it is there and takes bytes', () => {
  expect(io.read(0xe9, 1)).toBe(0xe9);
  io.write(0xe9, 1, 0x41);
  expect(log).toEqual(['debug 65']);
});

it('isa-debug-exit: status is value << 1 | 1, from any width', () => {
  io.write(0xf4, 1, 0x10);
  io.write(0xf4, 4, 0x10);
  io.write(0xf4, 2, 0);
  expect(log).toEqual(['exit 33', 'exit 33', 'exit 1']);
});

it('POST codes are stated and read back', () => {
  const codes: number[] = [];
  trace.on('devices.post-code', ({ code }) => codes.push(code));
  io.write(0x80, 1, 0x2a);
  expect([codes, io.read(0x80, 1)]).toEqual([[0x2a], 0x2a]);
});

it('unassigned ports read all ones', () => {
  expect([io.read(0x1234, 1), io.read(0x1234, 2), io.read(0x1234, 4)]).toEqual([0xff, 0xffff, 0xffff_ffff]);
});

describe('reset', () => {
  it('through the keyboard controller: 0xfe, or bit 0 of its output port', () => {
    io.write(0x64, 1, 0xfe);
    io.write(0x64, 1, 0xd1);
    io.write(0x60, 1, 0xdf);
    expect(log).toEqual(['reset hard', 'a20 true']);
    io.write(0x64, 1, 0xd1);
    io.write(0x60, 1, 0xde);
    expect(log).toEqual(['reset hard', 'a20 true', 'a20 true', 'reset hard']);
  });

  it('through port 0x92: bit 0 rising resets the processor; bit 1 is A20', () => {
    io.write(0x92, 1, 0x02);
    io.write(0x92, 1, 0x03);
    io.write(0x92, 1, 0x03);
    expect(log).toEqual(['a20 true', 'a20 true', 'reset cpu', 'a20 true']);
    expect(io.read(0x92, 1)).toBe(0x03);
  });

  it('through 0xcf9: 2 then 6 is a hard reset, 4 alone resets the processor', () => {
    io.write(0xcf9, 1, 0x02);
    expect(log).toEqual([]);
    io.write(0xcf9, 1, 0x06);
    io.write(0xcf9, 1, 0x00);
    io.write(0xcf9, 1, 0x04);
    expect(log).toEqual(['reset hard', 'reset cpu']);
  });
});
