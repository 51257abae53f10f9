/** A root bus with RAM, an MSI catcher and configuration ports, for tests that speak as a driver. */
import { type BusAddress, bus as busAddress } from '../../base/address.ts';
import { TraceBus, type TraceEvents } from '../../base/trace.ts';
import {
  AddressSpace,
  ContainerRegion,
  CpuMemoryPort,
  CpuPortIo,
  createIoPortRoot,
  MEMTX_OK,
  MemorySystem,
  MmioRegion,
  RamRegion,
  WHOLE_ADDRESS_SPACE,
} from '../../memory/index.ts';
import { PciBus } from '../bus.ts';
import type { PciFunction } from '../function.ts';
import { RootComplex } from '../root-complex.ts';

export const TEST_RAM_BYTES = 0x10_0000;

export class TestBus {
  readonly trace = new TraceBus();
  readonly system = new MemorySystem(this.trace);
  readonly root = new ContainerRegion(this.system, 'system', WHOLE_ADDRESS_SPACE);
  readonly pci = new ContainerRegion(this.system, 'pci', WHOLE_ADDRESS_SPACE);
  readonly ports = createIoPortRoot(this.system);
  readonly rootComplex = new RootComplex();
  readonly memorySpace = new AddressSpace(this.system, 'memory', this.root);
  readonly portSpace = new AddressSpace(this.system, 'I/O', this.ports);
  readonly ram = new Uint8Array(TEST_RAM_BYTES);
  readonly cpu = new CpuMemoryPort(this.memorySpace);
  readonly io = new CpuPortIo(this.portSpace);
  /** INTx changes as `device pin level`. */
  readonly wires: string[] = [];
  /** Interrupt messages as address, data, requester id. */
  readonly messages: { address: number; data: number; requesterId: number | undefined }[] = [];
  readonly bus: PciBus;

  constructor(options: { reportMasterAbort?: boolean } = {}) {
    this.root.addSubregion(0, new RamRegion(this.system, 'ram', this.ram));
    this.root.addSubregion(0, this.pci, -1);
    const catcher = new MmioRegion(this.system, 'apic-msi', 0x10_0000, {
      read: () => 0,
      writeWithAttrs: (offset, _size, low, _high, attrs) => {
        this.messages.push({ address: 0xfee0_0000 + offset, data: low, requesterId: attrs.requesterId });
        return MEMTX_OK;
      },
    });
    this.root.addSubregion(0xfee0_0000, catcher, 4096);
    this.ports.addSubregion(0xcf8, new MmioRegion(this.system, 'pci-conf-idx', 4, this.rootComplex.addressPorts()));
    this.ports.addSubregion(0xcfc, new MmioRegion(this.system, 'pci-conf-data', 4, this.rootComplex.dataPorts()));
    this.bus = new PciBus({
      system: this.system,
      trace: this.trace,
      memory: this.pci,
      io: this.ports,
      dmaRoot: this.root,
      intx: { setIntx: (device, pin, asserted) => this.wires.push(`${device} ${pin} ${asserted}`) },
      ...options,
    });
    this.rootComplex.addBus(this.bus);
  }

  /** Collects one kind of fact. */
  record<N extends keyof TraceEvents & string>(name: N): TraceEvents[N][] {
    const events: TraceEvents[N][] = [];
    this.trace.on(name, (event) => events.push(event));
    return events;
  }

  configRead(entry: PciFunction, offset: number, size = 4): number {
    this.#select(entry, offset);
    return this.io.read(0xcfc + (offset & 3), size);
  }

  configWrite(entry: PciFunction, offset: number, value: number, size = 4): void {
    this.#select(entry, offset);
    this.io.write(0xcfc + (offset & 3), size, value);
  }

  dmaAddress(value: number | bigint): BusAddress {
    return busAddress(value);
  }

  #select(entry: PciFunction, offset: number): void {
    const { bus, device, function: number } = entry.address;
    const address = 0x8000_0000 + bus * 0x1_0000 + device * 0x800 + number * 0x100 + (offset & 0xfc);
    this.io.write(0xcf8, 4, address);
  }
}
