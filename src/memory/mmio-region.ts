import type { MemorySystem } from './memory-system.ts';
import { AccessRules, type MmioOps, UNASSIGNED_IO_OPS, UNASSIGNED_MEMORY_OPS } from './mmio-ops.ts';
import { MemoryRegion, type RegionOptions } from './region.ts';

/** A device's registers: every access runs a callback. */
export class MmioRegion extends MemoryRegion {
  readonly kind = 'mmio';
  readonly #rules: AccessRules;

  constructor(system: MemorySystem, name: string, size: number, ops: MmioOps, options?: RegionOptions) {
    super(system, name, size, options);
    this.#rules = new AccessRules(ops);
  }

  override get rules(): AccessRules {
    return this.#rules;
  }
}

const RESERVED = new AccessRules(UNASSIGNED_MEMORY_OPS);

/** Keeps a range for something handled elsewhere: hides what lies behind it and rejects every access. */
export class ReservationRegion extends MemoryRegion {
  readonly kind = 'reservation';

  override get rules(): AccessRules {
    return RESERVED;
  }
}

/** Bytes in the x86 I/O port space. */
export const IO_PORT_SPACE = 0x1_0000;

/** The root of an I/O port space: where no device stands, reads give all ones and nothing fails. */
export function createIoPortRoot(system: MemorySystem, name = 'io'): MmioRegion {
  return new MmioRegion(system, name, IO_PORT_SPACE, UNASSIGNED_IO_OPS);
}
