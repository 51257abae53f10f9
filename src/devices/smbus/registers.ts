/** Registers of the ICH9's SMBus host controller as data (ICH9 datasheet §18.2). Offsets in bytes; each is one byte. */
import { bit, bits, register32, spec } from '../../base/registers.ts';

export const SMBUS_BYTES = 64;
export const HST_STS_OFFSET = 0x00;
export const HST_CNT_OFFSET = 0x02;
export const HST_CMD_OFFSET = 0x03;
export const XMIT_SLVA_OFFSET = 0x04;
export const HST_D0_OFFSET = 0x05;
export const HST_D1_OFFSET = 0x06;
export const HOST_BLOCK_DB_OFFSET = 0x07;
export const AUX_CTL_OFFSET = 0x0d;

export const HST_STS = register32({
  name: 'HST_STS',
  spec: spec('ICH9', '18.2.1'),
  reset: 0,
  fields: {
    busy: bit(0, 'RO', 'HOST_BUSY'),
    interrupt: bit(1, 'RW1C', 'INTR: the command has ended well'),
    deviceError: bit(2, 'RW1C', 'DEV_ERR: nobody answered, or no such command'),
    busError: bit(3, 'RW1C', 'BUS_ERR'),
    failed: bit(4, 'RW1C', 'FAILED: the command was killed'),
    alert: bit(5, 'RW1C', 'SMBALERT_STS'),
    inUse: bit(6, 'RW1C', 'INUSE_STS'),
    byteDone: bit(7, 'RW1C', 'DS: one byte of a block is done'),
  },
});

export const HST_CNT = register32({
  name: 'HST_CNT',
  spec: spec('ICH9', '18.2.2'),
  reset: 0,
  fields: {
    interruptEnable: bit(0, 'RW', 'INTREN'),
    kill: bit(1, 'RW', 'KILL'),
    command: bits(4, 2, 'RW', 'SMB_CMD'),
    lastByte: bit(5, 'RW', 'LAST_BYTE'),
    start: bit(6, 'WO', 'START'),
    errorCheck: bit(7, 'RW', 'PEC_EN (kept)'),
  },
});

export const AUX_CTL = register32({
  name: 'AUX_CTL',
  spec: spec('ICH9', '18.2.11'),
  reset: 0,
  fields: {
    automaticCheck: bit(0, 'RW', 'AAC (kept)'),
    buffer: bit(1, 'RW', 'E32B: the block buffer of 32 bytes is in use'),
  },
});

/** SMB_CMD. */
export const Protocol = { quick: 0, byte: 1, byteData: 2, wordData: 3, block: 5, i2cRead: 6 } as const;
