/** The high precision event timers, and the wires that pass through them. */
import type { StateSource } from '../../base/state.ts';
import { Hpet } from '../../devices/hpet.ts';
import { HPET_BYTES } from '../../devices/hpet-registers.ts';
import type { InterruptController } from '../../interrupts/interrupt-controller.ts';
import { MmioRegion } from '../../memory/index.ts';
import { SharedWires } from '../../pci/intx.ts';
import type { Backplane } from './q35-backplane.ts';
import { HPET_BASE } from './q35-memory-map.ts';

/** Where the wires go that the timers may replace or share. */
export interface TimerWires {
  readonly pit: (asserted: boolean) => void;
  readonly rtc: (asserted: boolean) => void;
  /** Inputs 16-23 of the I/O APIC, which the PIRQs drive; each change is told once. */
  readonly ioApicPin: (pin: number, asserted: boolean) => void;
  readonly stateSources: readonly StateSource[];
  readonly reset: () => void;
}

const IRQ_TIMER = 0;
const IRQ_CLOCK = 8;
/** The timer's own input of the I/O APIC; at the 8259s it is the cascade. */
const TIMER_PIN = 2;
const FIRST_PIRQ_PIN = 16;
const PINS = 24;

/** With the board's option `hpet: false` no timers stand there, and the wires go straight on. */
export function addHpet(board: Backplane, interrupts: InterruptController): TimerWires {
  const straight = (irq: number) => (asserted: boolean) => interrupts.setIrq(irq, asserted);
  if (board.options.hpet === false) {
    return {
      pit: straight(IRQ_TIMER),
      rtc: straight(IRQ_CLOCK),
      ioApicPin: (pin, asserted) => interrupts.ioApic.setLine(pin, asserted),
      stateSources: [],
      reset: () => undefined,
    };
  }
  const pins = new SharedWires(PINS, (pin, asserted) => interrupts.ioApic.setLine(pin, asserted));
  const hpet = new Hpet({
    clock: board.clock,
    asQemu: board.asQemu,
    interrupt: (route, asserted) => {
      if (route === TIMER_PIN) interrupts.ioApic.setLine(TIMER_PIN, asserted);
      else if (route < FIRST_PIRQ_PIN) interrupts.setIrq(route, asserted);
      else if (route < PINS) pins.change(route, asserted);
    },
  });
  board.system.addSubregion(HPET_BASE, new MmioRegion(board.memory, 'hpet', HPET_BYTES, hpet.ops));
  const wires: StateSource = {
    name: 'timer-wires',
    version: 1,
    save: () => ({ pins: pins.save() }),
    load: (fields) => pins.load(fields.pins as readonly number[]),
  };
  return {
    pit: (asserted) => hpet.pitOutput(asserted),
    rtc: (asserted) => hpet.clockOutput(asserted),
    ioApicPin: (pin, asserted) => pins.change(pin, asserted),
    stateSources: [hpet, wires],
    reset: () => hpet.reset(),
  };
}
