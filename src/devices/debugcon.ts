/** The debug console of Bochs and QEMU: what is written to port 0xe9 reaches the host. */
import type { MmioOps } from '../memory/mmio-ops.ts';

export const DEBUGCON_PORT = 0xe9;

export class Debugcon {
  /** Byte accesses at one port; a read gives 0xe9, by which a guest knows that the console is there. */
  readonly ops: MmioOps;

  constructor(written: (byte: number) => void) {
    this.ops = {
      read: () => DEBUGCON_PORT,
      write: (_offset, _size, value) => written(value & 0xff),
      impl: { minimum: 1, maximum: 1 },
    };
  }
}
