/** Registers of the high precision event timers as data (IA-PC HPET Specification 1.0a, 2.3). Offsets in bytes. */
import { bit, bits, register32, spec } from '../base/registers.ts';

const DOCUMENT = 'IA-PC HPET 1.0a';

export const HPET_BYTES = 0x400;
export const HPET_TIMERS = 3;
/** A tick takes 10 ns, as on QEMU; the register counts femtoseconds. */
export const HPET_TICK_NANOSECONDS = 10;
const TICK_FEMTOSECONDS = 10_000_000;

export const GCAP_ID_OFFSET = 0x00;
export const GCAP_PERIOD_OFFSET = 0x04;
export const GEN_CONF_OFFSET = 0x10;
export const GINTR_STA_OFFSET = 0x20;
export const MAIN_CNT_OFFSET = 0xf0;
export const FIRST_TIMER_OFFSET = 0x100;
export const TIMER_BYTES = 0x20;
/** Within a timer's block. */
export const TIMER = { config: 0x00, routes: 0x04, comparator: 0x08, comparatorHigh: 0x0c, fsb: 0x10, fsbHigh: 0x14 };

export const GCAP_ID = register32({
  name: 'GCAP_ID',
  spec: spec(DOCUMENT, '2.3.4'),
  reset: 0x8086_a201,
  fields: {
    revision: bits(7, 0, 'RO', 'REV_ID'),
    lastTimer: bits(12, 8, 'RO', 'NUM_TIM_CAP: number of the last timer'),
    wide: bit(13, 'RO', 'COUNT_SIZE_CAP: the main counter has 64 bits'),
    legacy: bit(15, 'RO', 'LEG_RT_CAP: legacy replacement route'),
    vendor: bits(31, 16, 'RO', 'VENDOR_ID'),
  },
});

export const GCAP_PERIOD = register32({
  name: 'COUNTER_CLK_PERIOD',
  spec: spec(DOCUMENT, '2.3.4'),
  reset: TICK_FEMTOSECONDS,
  fields: { femtoseconds: bits(31, 0, 'RO', 'Femtoseconds in a tick of the main counter') },
});

export const GEN_CONF = register32({
  name: 'GEN_CONF',
  spec: spec(DOCUMENT, '2.3.5'),
  reset: 0,
  fields: {
    enable: bit(0, 'RW', 'ENABLE_CNF: the counter runs and timers interrupt'),
    legacy: bit(1, 'RW', 'LEG_RT_CNF: timer 0 is IRQ 0, timer 1 is IRQ 8'),
  },
});

export const GINTR_STA = register32({
  name: 'GINTR_STA',
  spec: spec(DOCUMENT, '2.3.6'),
  reset: 0,
  fields: {
    timer0: bit(0, 'RW1C', 'T0_INT_STS (level-triggered only)'),
    timer1: bit(1, 'RW1C', 'T1_INT_STS (level-triggered only)'),
    timer2: bit(2, 'RW1C', 'T2_INT_STS (level-triggered only)'),
  },
});

export const TIMER_CONF = register32({
  name: 'TIM[n]_CONF',
  spec: spec(DOCUMENT, '2.3.8'),
  reset: 0x30,
  fields: {
    level: bit(1, 'RW', 'INT_TYPE_CNF: level-triggered'),
    enable: bit(2, 'RW', 'INT_ENB_CNF'),
    periodic: bit(3, 'RW', 'TYPE_CNF: periodic'),
    periodicCapable: bit(4, 'RO', 'PER_INT_CAP'),
    wide: bit(5, 'RO', 'SIZE_CAP: the comparator has 64 bits'),
    setValue: bit(6, 'RW', 'VAL_SET_CNF: the next write sets the comparator itself; clears itself'),
    narrow: bit(8, 'RW', '32MODE_CNF: the comparator works with 32 bits'),
    route: bits(13, 9, 'RW', 'INT_ROUTE_CNF: input of the I/O APIC'),
    fsbEnable: bit(14, 'RW', 'FSB_EN_CNF (kept; messages are not offered)'),
    fsbCapable: bit(15, 'RO', 'FSB_INT_DEL_CAP'),
  },
});

export const TIMER_ROUTES = register32({
  name: 'TIM[n]_CONF, high half',
  spec: spec(DOCUMENT, '2.3.8'),
  reset: 0x00ff_0104,
  fields: { routes: bits(31, 0, 'RO', 'INT_ROUTE_CAP: inputs of the I/O APIC that the timer may be routed to') },
});
