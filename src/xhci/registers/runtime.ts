/** MFINDEX and the interrupters' register sets (xHCI 1.2 §5.5). */
import type { Interrupter } from '../interrupter.ts';
import { INTERRUPTER_SET_BYTES } from '../spec/bar.ts';

/** `undefined`: no register there. `offset` is from the runtime base. */
export function readRuntime(
  interrupters: readonly Interrupter[],
  microframeIndex: () => number,
  offset: number,
): number | undefined {
  if (offset < INTERRUPTER_SET_BYTES) return offset === 0 ? microframeIndex() : undefined;
  const interrupter = interrupters[Math.floor(offset / INTERRUPTER_SET_BYTES) - 1];
  if (interrupter === undefined) return 0;
  switch (offset % INTERRUPTER_SET_BYTES) {
    case 0x00:
      return interrupter.iman;
    case 0x04:
      return interrupter.readModeration();
    case 0x08:
      return interrupter.erstsz;
    case 0x10:
      return interrupter.erstbaLow;
    case 0x14:
      return interrupter.erstbaHigh;
    case 0x18:
      return interrupter.erdpLow;
    case 0x1c:
      return interrupter.erdpHigh;
    default:
      return 0;
  }
}

/** Returns false where no register stands. */
export function writeRuntime(interrupters: readonly Interrupter[], offset: number, value: number): boolean {
  const interrupter = interrupters[Math.floor(offset / INTERRUPTER_SET_BYTES) - 1];
  if (interrupter === undefined) return offset >= INTERRUPTER_SET_BYTES;
  switch (offset % INTERRUPTER_SET_BYTES) {
    case 0x00:
      interrupter.writeManagement(value);
      return true;
    case 0x04:
      interrupter.writeModeration(value);
      return true;
    case 0x08:
      interrupter.writeTableSize(value);
      return true;
    case 0x10:
      interrupter.writeTableLow(value);
      return true;
    case 0x14:
      interrupter.writeTableHigh(value);
      return true;
    case 0x18:
      interrupter.writeDequeueLow(value);
      return true;
    case 0x1c:
      interrupter.writeDequeueHigh(value);
      return true;
    default:
      return false;
  }
}
