/** The specification's name of the register at an offset, for facts. */
import type { RegisterSpace } from '../events.ts';

const CAPABILITY: Readonly<Record<number, string>> = {
  0: 'CAPLENGTH',
  2: 'HCIVERSION',
  4: 'HCSPARAMS1',
  8: 'HCSPARAMS2',
  12: 'HCSPARAMS3',
  16: 'HCCPARAMS1',
  20: 'DBOFF',
  24: 'RTSOFF',
  28: 'HCCPARAMS2',
};
const OPERATIONAL: Readonly<Record<number, string>> = {
  0: 'USBCMD',
  4: 'USBSTS',
  8: 'PAGESIZE',
  20: 'DNCTRL',
  24: 'CRCR.lo',
  28: 'CRCR.hi',
  48: 'DCBAAP.lo',
  52: 'DCBAAP.hi',
  56: 'CONFIG',
};
const PORT: Readonly<Record<number, string>> = { 0: 'PORTSC', 4: 'PORTPMSC', 8: 'PORTLI', 12: 'PORTHLPMC' };
const INTERRUPTER: Readonly<Record<number, string>> = {
  0: 'IMAN',
  4: 'IMOD',
  8: 'ERSTSZ',
  16: 'ERSTBA.lo',
  20: 'ERSTBA.hi',
  24: 'ERDP.lo',
  28: 'ERDP.hi',
};

/** `undefined` where no register stands. `offset` is from the space's start. */
export function registerName(space: RegisterSpace, offset: number): string | undefined {
  switch (space) {
    case 'capability':
      return CAPABILITY[offset] ?? (offset >= 0x20 && offset % 4 === 0 ? 'extended capability' : undefined);
    case 'operational':
      return OPERATIONAL[offset];
    case 'port':
      return PORT[offset];
    case 'runtime':
      return offset < 0x20 ? (offset === 0 ? 'MFINDEX' : undefined) : INTERRUPTER[offset & 0x1f];
    case 'doorbell':
      return offset % 4 === 0 ? `DB[${offset / 4}]` : undefined;
    default:
      return space satisfies never;
  }
}
