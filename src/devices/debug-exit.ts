/** QEMU's isa-debug-exit: a guest ends the machine by writing a value, and chooses the exit status by it. */
import type { MmioOps } from '../memory/mmio-ops.ts';

export interface DebugExitOptions {
  /** First I/O port. Default 0x501, as in QEMU; test kernels mostly use 0xf4. */
  readonly port?: number;
  /** Number of ports. Default 2, as in QEMU. */
  readonly size?: number;
  /** Called with the exit status, `value << 1 | 1`: never 0, so that a crash and success can be told apart. */
  readonly exit: (status: number) => void;
}

export class DebugExit {
  readonly port: number;
  readonly size: number;
  readonly ops: MmioOps;

  constructor(options: DebugExitOptions) {
    this.port = options.port ?? 0x501;
    this.size = options.size ?? 2;
    this.ops = {
      read: () => 0,
      // The host's exit() keeps the low 8 bits of the status; the whole value is handed on.
      write: (_offset, _size, value) => options.exit(((value << 1) | 1) >>> 0),
      valid: { minimum: 1, maximum: 4 },
    };
  }
}
