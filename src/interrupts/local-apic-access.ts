/** How software reaches a local APIC's registers: one row a register (Intel SDM Vol. 3A table 10-1). */
import type { LocalApic } from './local-apic.ts';
import { APIC, APIC_VERSION, DIVIDE, ESR, ICR_LOW, SVR } from './local-apic-registers.ts';

/** What the registers hold. All values are unsigned 32-bit numbers, `id` the 8-bit APIC id. */
export interface ApicRegisters {
  id: number;
  tpr: number;
  ldr: number;
  dfr: number;
  svr: number;
  icrLow: number;
  icrHigh: number;
  /** Errors gathered since the last write to ESR (10.5.3). */
  errors: number;
  /** What a read of ESR shows. */
  esr: number;
}

export function resetRegisters(id: number): ApicRegisters {
  return { id, tpr: 0, ldr: 0, dfr: 0xffff_ffff, svr: SVR.reset, icrLow: 0, icrHigh: 0, errors: 0, esr: 0 };
}

interface Row {
  readonly read: (apic: LocalApic) => number;
  /** Absent: read-only, a write does nothing. */
  readonly write?: (apic: LocalApic, value: number) => void;
}

const ROWS: ReadonlyMap<number, Row> = new Map<number, Row>([
  [
    APIC.ID,
    {
      read: (apic) => (apic.mode === 'x2apic' ? apic.initialId : (apic.registers.id << 24) >>> 0),
      write: (apic, value) => {
        apic.registers.id = value >>> 24;
      },
    },
  ],
  [APIC.VERSION, { read: () => APIC_VERSION }],
  [
    APIC.TPR,
    {
      read: (apic) => apic.taskPriority,
      write: (apic, value) => {
        apic.taskPriority = value;
      },
    },
  ],
  [APIC.APR, { read: (apic) => apic.arbitrationPriority }],
  [APIC.PPR, { read: (apic) => apic.processorPriority }],
  [APIC.EOI, { read: () => 0, write: (apic) => apic.endOfInterrupt() }],
  [
    APIC.LDR,
    {
      read: (apic) => apic.logicalId,
      write: (apic, value) => {
        apic.registers.ldr = (value & 0xff00_0000) >>> 0;
      },
    },
  ],
  [
    APIC.DFR,
    {
      read: (apic) => apic.registers.dfr,
      write: (apic, value) => {
        apic.registers.dfr = (value | 0x0fff_ffff) >>> 0;
      },
    },
  ],
  [
    APIC.SVR,
    {
      read: (apic) => apic.registers.svr,
      write: (apic, value) => {
        apic.registers.svr = SVR.afterGuestWrite(apic.registers.svr, value);
        if (!apic.acceptsFixed) apic.lvt.maskAll();
        apic.update();
      },
    },
  ],
  [
    APIC.ESR,
    {
      read: (apic) => apic.registers.esr,
      // A write of anything latches what was gathered and starts anew (10.5.3).
      write: (apic) => {
        apic.registers.esr = apic.registers.errors;
        apic.registers.errors = 0;
      },
    },
  ],
  [
    APIC.ICR_LOW,
    {
      read: (apic) => apic.registers.icrLow,
      write: (apic, value) => {
        apic.registers.icrLow = ICR_LOW.afterGuestWrite(apic.registers.icrLow, value);
        apic.sendIpi();
      },
    },
  ],
  [
    APIC.ICR_HIGH,
    {
      read: (apic) => apic.registers.icrHigh,
      write: (apic, value) => {
        apic.registers.icrHigh = (value & 0xff00_0000) >>> 0;
      },
    },
  ],
  [
    APIC.INITIAL_COUNT,
    { read: (apic) => apic.timer.initialCount, write: (apic, value) => apic.timer.writeInitialCount(value) },
  ],
  [APIC.CURRENT_COUNT, { read: (apic) => apic.timer.currentCount }],
  [
    APIC.DIVIDE,
    {
      read: (apic) => apic.timer.divide,
      write: (apic, value) => apic.timer.writeDivide(DIVIDE.afterGuestWrite(apic.timer.divide, value)),
    },
  ],
]);

/** The ISR, TMR and IRR: eight registers of 32 vectors each. */
function vectorWord(apic: LocalApic, index: number): number | undefined {
  if (index >= APIC.ISR && index < APIC.ISR + 8) return apic.isr.words[index - APIC.ISR];
  if (index >= APIC.TMR && index < APIC.TMR + 8) return apic.tmr.words[index - APIC.TMR];
  if (index >= APIC.IRR && index < APIC.IRR + 8) return apic.irr.words[index - APIC.IRR];
  return undefined;
}

export function readRegister(apic: LocalApic, index: number): number {
  const value = vectorWord(apic, index) ?? apic.lvt.read(index) ?? ROWS.get(index)?.read(apic);
  if (value === undefined) apic.raiseError(ESR.illegalRegister);
  return value ?? 0;
}

export function writeRegister(apic: LocalApic, index: number, value: number): void {
  if (apic.lvt.write(index, value, apic.acceptsFixed) || vectorWord(apic, index) !== undefined) return;
  const row = ROWS.get(index);
  if (row === undefined) apic.raiseError(ESR.illegalRegister);
  else row.write?.(apic, value);
}
