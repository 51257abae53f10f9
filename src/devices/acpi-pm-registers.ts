/** ACPI power management registers of the ICH9 as data (ICH9 datasheet §13.8.3). Offsets from PMBASE, in bytes. */
import { bit, bits, register32, spec } from '../base/registers.ts';

export const ACPI_PM_BYTES = 128;
export const PM1_STS_EN = 0x00;
export const PM1_CNT_OFFSET = 0x04;
export const PM1_TMR = 0x08;
export const GPE0_STS = 0x20;
export const GPE0_EN = 0x28;
export const GPE0_BYTES = 8;
export const SMI_EN_OFFSET = 0x30;
export const SMI_STS_OFFSET = 0x34;

/** Status in the low half, enables in the high half: one aligned double word. */
export const PM1 = register32({
  name: 'PM1_STS/PM1_EN',
  spec: spec('ICH9', '13.8.3.1'),
  reset: 0,
  fields: {
    timerStatus: bit(0, 'RW1C', 'TMROF_STS'),
    busMasterStatus: bit(4, 'RW1C', 'BM_STS'),
    globalStatus: bit(5, 'RW1C', 'GBL_STS'),
    powerButtonStatus: bit(8, 'RW1C', 'PWRBTN_STS'),
    clockStatus: bit(10, 'RW1C', 'RTC_STS'),
    wakeStatus: bit(15, 'RW1C', 'WAK_STS'),
    timerEnable: bit(16, 'RW', 'TMROF_EN'),
    globalEnable: bit(21, 'RW', 'GBL_EN'),
    powerButtonEnable: bit(24, 'RW', 'PWRBTN_EN'),
    clockEnable: bit(26, 'RW', 'RTC_EN'),
  },
});
/** The status bits whose enables stand 16 bits above them. */
export const PM1_EVENTS = 0x0521;

export const PM1_CNT = register32({
  name: 'PM1_CNT',
  spec: spec('ICH9', '13.8.3.3'),
  reset: 0,
  fields: {
    sciEnable: bit(0, 'RW', 'SCI_EN'),
    busMasterReload: bit(1, 'RW', 'BM_RLD'),
    sleepType: bits(12, 10, 'RW', 'SLP_TYP'),
  },
});
/** Written as 1 it sends the machine to sleep; it reads 0. */
export const SLEEP_ENABLE = 1 << 13;

/** SMI_EN: what may raise an SMI. The rest is kept and does nothing, as on QEMU. */
export const SMI_EN = register32({
  name: 'SMI_EN',
  spec: spec('ICH9', '13.8.3.8'),
  reset: 0,
  fields: {
    global: bit(0, 'RW', 'GBL_SMI_EN'),
    bios: bit(2, 'RW', 'BIOS_EN'),
    legacyUsb: bit(3, 'RW', 'LEGACY_USB_EN'),
    onSleep: bit(4, 'RW', 'SLP_SMI_EN'),
    apmc: bit(5, 'RW', 'APMC_EN'),
    softwareTimer: bit(6, 'RW', 'SWSMI_TMR_EN'),
    endOfSmi: bit(1, 'RW', 'EOS'),
    tco: bit(13, 'RW', 'TCO_EN'),
    periodic: bit(14, 'RW', 'PERIODIC_EN'),
  },
});
export const SMI_STS = register32({
  name: 'SMI_STS',
  spec: spec('ICH9', '13.8.3.9'),
  reset: 0,
  fields: { apm: bit(5, 'RW1C', 'APM_STS') },
});
