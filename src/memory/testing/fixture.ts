/** A small machine for tests: a system address space, a device on it, and everything that the trace bus said. */
import { type BusAddress, bus } from '../../base/address.ts';
import { TraceBus } from '../../base/trace.ts';
import {
  type AccessFailure,
  AddressSpace,
  ContainerRegion,
  DmaView,
  type InvalidAccess,
  type MemoryOptions,
  MemorySystem,
  type MmioOps,
  MmioRegion,
  RamRegion,
  type RegionOptions,
  WHOLE_ADDRESS_SPACE,
} from '../index.ts';

export const at = (address: number | bigint): BusAddress => bus(address);

export class Fixture {
  readonly trace = new TraceBus();
  readonly system: MemorySystem;
  readonly root: ContainerRegion;
  readonly space: AddressSpace;
  readonly dma: DmaView;
  readonly invalid: InvalidAccess[] = [];
  readonly failures: AccessFailure[] = [];

  constructor(options?: Partial<MemoryOptions>) {
    this.system = new MemorySystem(this.trace, options);
    this.root = new ContainerRegion(this.system, 'system', WHOLE_ADDRESS_SPACE);
    this.space = new AddressSpace(this.system, 'memory', this.root);
    this.dma = new DmaView(this.space, '00:03.0');
    this.trace.on('memory.invalid-access', (event) => this.invalid.push(event));
    this.trace.on('memory.access-failed', (event) => this.failures.push(event));
  }

  ram(start: number, size: number, name = 'ram', priority = 0): RamRegion {
    const region = new RamRegion(this.system, name, new Uint8Array(size));
    this.root.addSubregion(start, region, priority);
    return region;
  }

  mmio(start: number, size: number, ops: MmioOps, name = 'regs', options?: RegionOptions): MmioRegion {
    const region = new MmioRegion(this.system, name, size, ops, options);
    this.root.addSubregion(start, region);
    return region;
  }

  /** The system's flat view, one string a range: `0-fff ram @0 rom`. */
  flat(space: AddressSpace = this.space): string[] {
    return space.view.ranges.map((range) => {
      const place = `${range.start.toString(16)}-${(BigInt(range.end) - 1n).toString(16)}`;
      const flags = `${range.readonly ? ' ro' : ''}${range.nonvolatile ? ' nv' : ''}`;
      return `${place} ${range.region.name} @${range.offsetInRegion.toString(16)}${flags}`;
    });
  }
}

/** Registers that note each call as `r4@0` or `w4@0=12345678`, and read as the offset repeated. */
export function noting(calls: string[], rest: Partial<MmioOps> = {}): MmioOps {
  return {
    read: (offset, size) => {
      calls.push(`r${size}@${offset.toString(16)}`);
      return 0x1122_3344;
    },
    write: (offset, size, value) => {
      calls.push(`w${size}@${offset.toString(16)}=${value.toString(16)}`);
    },
    ...rest,
  };
}
