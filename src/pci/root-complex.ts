/** The way from the CPU to configuration space: the CF8/CFC port pair and the memory-mapped window (ECAM). */
import type { MmioOps } from '../memory/mmio-ops.ts';
import type { PciBus } from './bus.ts';

/** I/O ports of configuration mechanism #1 (PCI Local Bus 3.0 §3.2.2.3.2). */
export const CONFIG_ADDRESS_PORT = 0xcf8;
export const CONFIG_DATA_PORT = 0xcfc;

/** Bytes of ECAM a bus takes: 32 devices of 8 functions of 4096 bytes (PCI Express 4.0 §7.2.2). */
export const ECAM_BYTES_PER_BUS = 0x10_0000;

const ADDRESS_ENABLE = 0x8000_0000;
/** Enable, bus, device, function and double word; bits 30-24 and 1-0 are reserved and read as zero. */
const ADDRESS_MASK = 0x80ff_fffc;

export class RootComplex {
  #buses: readonly PciBus[] = [];
  #address = 0;

  /** In the place of an earlier one of the same name. */
  addBus(bus: PciBus): void {
    this.#buses = [...this.#buses.filter(({ nameNumber }) => nameNumber !== bus.nameNumber), bus];
  }

  /** The bus that software has given `number`; the root bus is 0, before any that has none yet. */
  bus(number: number): PciBus | undefined {
    return this.#buses.find((bus) => bus.number === number);
  }

  /** Buses in order of number. */
  get buses(): readonly PciBus[] {
    return [...this.#buses].sort((a, b) => a.number - b.number);
  }

  /** CONFIG_ADDRESS as software last wrote it; saved with the host bridge. */
  get configAddress(): number {
    return this.#address;
  }

  set configAddress(value: number) {
    this.#address = (value & ADDRESS_MASK) >>> 0;
  }

  /** A configuration read; a bus that does not exist gives all ones, as an absent function does. */
  configRead(busNumber: number, devfn: number, offset: number, size: number): number {
    const bus = this.bus(busNumber);
    if (bus === undefined) return size === 4 ? 0xffff_ffff : 2 ** (8 * size) - 1;
    return bus.configRead({ bus: busNumber, device: devfn >> 3, function: devfn & 7 }, offset, size);
  }

  configWrite(busNumber: number, devfn: number, offset: number, size: number, value: number): void {
    const address = { bus: busNumber, device: devfn >> 3, function: devfn & 7 };
    this.bus(busNumber)?.configWrite(address, offset, size, value);
  }

  /** Four ports at 0xcf8. Only a double word access is CONFIG_ADDRESS; others are ordinary I/O that nobody claims. */
  addressPorts(): MmioOps {
    return {
      read: (offset, size) => (offset === 0 && size === 4 ? this.#address : 0xffff_ffff),
      write: (offset, size, value) => {
        if (offset === 0 && size === 4) this.configAddress = value;
      },
    };
  }

  /** Four ports at 0xcfc: byte, word and double word accesses to the double word that CONFIG_ADDRESS selects. */
  dataPorts(): MmioOps {
    return {
      read: (offset, size) => {
        if ((this.#address & ADDRESS_ENABLE) === 0) return 0xffff_ffff;
        return this.configRead((this.#address >> 16) & 0xff, (this.#address >> 8) & 0xff, this.#register(offset), size);
      },
      write: (offset, size, value) => {
        if ((this.#address & ADDRESS_ENABLE) === 0) return;
        const register = this.#register(offset);
        this.configWrite((this.#address >> 16) & 0xff, (this.#address >> 8) & 0xff, register, size, value);
      },
    };
  }

  /** The memory-mapped window: bus in bits 27-20, device 19-15, function 14-12, register 11-0. */
  ecamOps(): MmioOps {
    return {
      read: (offset, size) =>
        this.configRead(Math.floor(offset / ECAM_BYTES_PER_BUS), (offset >> 12) & 0xff, offset & 0xfff, size),
      write: (offset, size, value) =>
        this.configWrite(Math.floor(offset / ECAM_BYTES_PER_BUS), (offset >> 12) & 0xff, offset & 0xfff, size, value),
    };
  }

  #register(offset: number): number {
    return (this.#address & 0xfc) + offset;
  }
}
