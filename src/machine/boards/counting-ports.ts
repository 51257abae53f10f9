/**
 * What stands between the processors and everything that is not RAM: counts what they write to devices, for the proof
 * that a loop changes nothing, and says that time may be seen.
 */
import type { Gpa } from '../../base/address.ts';
import type { MemoryPort, PortIo } from '../../cpu/types.ts';

export interface CountingPorts {
  readonly memory: MemoryPort;
  readonly io: PortIo;
  /** Writes since power-on, memory-mapped and I/O together. */
  readonly writes: number;
}

export function countingPorts(memory: MemoryPort, io: PortIo, observeTime: () => void): CountingPorts {
  let writes = 0;
  return {
    memory: {
      read: (address: Gpa, size: number) => {
        observeTime();
        return memory.read(address, size);
      },
      write: (address: Gpa, size: number, low: number, high: number) => {
        writes += 1;
        observeTime();
        memory.write(address, size, low, high);
      },
      get high() {
        return memory.high;
      },
    },
    io: {
      read: (port: number, size: number) => {
        observeTime();
        return io.read(port, size);
      },
      write: (port: number, size: number, value: number) => {
        writes += 1;
        observeTime();
        io.write(port, size, value);
      },
    },
    get writes() {
      return writes;
    },
  };
}
