/** The devices at fixed I/O ports. */
import type { StateSource } from '../../base/state.ts';
import { DebugExit } from '../../devices/debug-exit.ts';
import { DEBUGCON_PORT, Debugcon } from '../../devices/debugcon.ts';
import type { ResetKind } from '../../devices/events.ts';
import { I8042 } from '../../devices/i8042.ts';
import { NUMERIC_ERROR_PORT, NumericError } from '../../devices/numeric-error.ts';
import { Pit8254 } from '../../devices/pit-8254.ts';
import { Port92 } from '../../devices/port92.ts';
import { PostPort } from '../../devices/post-port.ts';
import { RESET_CONTROL_PORT, ResetControl } from '../../devices/reset-control.ts';
import { Rtc } from '../../devices/rtc.ts';
import { SystemControlB } from '../../devices/system-control-b.ts';
import { Uart16550 } from '../../devices/uart-16550.ts';
import type { InterruptController } from '../../interrupts/interrupt-controller.ts';
import { type MmioOps, MmioRegion } from '../../memory/index.ts';
import type { ResetCause } from '../events.ts';
import type { RunLoop } from '../run-loop.ts';
import type { A20Gate } from './a20-gate.ts';
import type { Backplane } from './q35-backplane.ts';
import { BootLetters } from './q35-boot-order.ts';
import type { TimerWires } from './q35-hpet.ts';
import { hasFirmware } from './q35-options.ts';

export interface IsaSetting {
  readonly interrupts: InterruptController;
  readonly loop: RunLoop;
  readonly a20: A20Gate;
  readonly timerWires: TimerWires;
  /** IGNNE# to the processor at work. */
  readonly ignoreNumericError: () => void;
  /** INIT to every processor. */
  readonly initialiseProcessors: () => void;
}

export interface IsaDevices {
  readonly serial: Uart16550;
  /** The battery-backed memory. */
  readonly cmos: Uint8Array;
  readonly i8042: I8042;
  readonly numericError: NumericError;
  readonly stateSources: readonly StateSource[];
  /** As after power-on; what the battery keeps stays. */
  readonly reset: () => void;
}

const CMOS_EQUIPMENT = 0x14;
const EQUIPMENT_FPU = 1 << 1;
const EQUIPMENT_MOUSE = 1 << 2;
const CMOS_FURTHER_PROCESSORS = 0x5f;
const IRQ_KEYBOARD = 1;
const IRQ_SERIAL = 4;
const IRQ_MOUSE = 12;
const IRQ_NUMERIC_ERROR = 13;

export function addIsaDevices(board: Backplane, setting: IsaSetting): IsaDevices {
  const { memory, io, clock, trace, options, ram, asQemu } = board;
  const { interrupts, loop, a20 } = setting;
  const irq = (gsi: number) => (asserted: boolean) => interrupts.setIrq(gsi, asserted);
  const ports = (first: number, count: number, name: string, ops: MmioOps, priority = 0): void =>
    io.addSubregion(first, new MmioRegion(memory, name, count, ops), priority);
  // Without firmware there is nothing to come back to after a reset: the run ends.
  const noReboot = options.noReboot ?? !hasFirmware(options);
  const resetBy =
    (cause: ResetCause) =>
    (kind: ResetKind): void => {
      if (noReboot) loop.end({ kind: 'exited', by: 'reset', status: 0 });
      else if (kind === 'hard' || asQemu) loop.reset(cause);
      else setting.initialiseProcessors();
    };

  const serial = new Uart16550({
    name: 'serial0',
    clock,
    trace,
    transmit: options.serialOutput,
    interrupt: irq(IRQ_SERIAL),
    out2GatesInterrupt: !asQemu,
  });
  const pit = new Pit8254({ clock, interrupt: setting.timerWires.pit });
  const controlB = new SystemControlB(clock, pit);
  const port92 = new Port92({
    trace,
    reset: resetBy('port92'),
    a20Changed: (open) => a20.set('port92', open),
  });
  const keyboard = new I8042({
    trace,
    reset: resetBy('i8042'),
    a20Changed: (open) => a20.set('i8042', open),
    interrupt: irq(IRQ_KEYBOARD),
    mouseInterrupt: irq(IRQ_MOUSE),
    asQemu,
  });
  const resetControl = new ResetControl(trace, resetBy('reset-control'));
  const { rtcSeconds } = options;
  const rtc = new Rtc({
    clock,
    interrupt: setting.timerWires.rtc,
    ...(rtcSeconds === undefined ? {} : { epochSeconds: rtcSeconds }),
  });
  rtc.setMemorySizes(ram.below4g, ram.above4g);
  // SeaBIOS waits for as many processors more than one.
  rtc.cmos[CMOS_FURTHER_PROCESSORS] = board.topology.cpus - 1;
  const bootLetters = new BootLetters(rtc.cmos, options.boot);
  rtc.cmos[CMOS_EQUIPMENT] = EQUIPMENT_FPU | EQUIPMENT_MOUSE;
  const post = new PostPort(trace);
  const numericError = new NumericError({ interrupt: irq(IRQ_NUMERIC_ERROR), ignore: setting.ignoreNumericError });
  memory.transaction(() => {
    ports(0x20, 2, 'pic', interrupts.pic.ports('master'));
    ports(0xa0, 2, 'pic', interrupts.pic.ports('slave'));
    ports(0x4d0, 2, 'elcr', interrupts.pic.elcrPorts());
    ports(0x40, 4, 'pit', pit.ops);
    ports(0x60, 1, 'i8042-data', keyboard.dataOps);
    ports(0x61, 1, 'pcspk', controlB.ops);
    ports(0x64, 1, 'i8042-cmd', keyboard.commandOps);
    ports(0x70, 2, 'rtc', rtc.ops);
    ports(0x80, 1, 'post', post.ops);
    ports(0x92, 1, 'port92', port92.ops);
    ports(NUMERIC_ERROR_PORT, 1, 'ioportF0', numericError.ops);
    ports(0x3f8, 8, 'serial', serial.ops);
    ports(RESET_CONTROL_PORT, 1, 'reset-control', resetControl.ops, 1);
    if (options.debugOutput !== undefined) {
      ports(DEBUGCON_PORT, 1, 'isa-debugcon', new Debugcon(options.debugOutput).ops);
    }
    for (const device of options.devices) {
      if (device.kind === 'isa-debugcon') ports(device.port, 1, 'isa-debugcon', new Debugcon(device.output).ops);
      if (device.kind !== 'isa-debug-exit') continue;
      const debugExit = new DebugExit({
        port: device.port,
        size: device.size,
        exit: (status) => loop.end({ kind: 'exited', by: 'isa-debug-exit', status }),
      });
      ports(debugExit.port, debugExit.size, 'isa-debug-exit', debugExit.ops);
    }
  });
  return {
    serial,
    cmos: rtc.cmos,
    i8042: keyboard,
    numericError,
    stateSources: [
      ...[serial, pit, controlB, port92, keyboard, keyboard.keyboard, keyboard.mouse, numericError],
      ...[resetControl, rtc, post, a20, bootLetters],
    ],
    reset: () => {
      for (const device of [serial, pit, controlB, port92, keyboard, numericError, resetControl, rtc, a20])
        device.reset();
      bootLetters.reset();
    },
  };
}
