/** The capability list (PCI Local Bus 3.0 §6.7) and the capabilities that need no behaviour beyond their bits. */
import { assert } from '../base/assert.ts';
import { alignUp } from '../base/bits.ts';
import { bit, bits, register32, spec } from '../base/registers.ts';
import {
  CAPABILITIES_POINTER,
  CONVENTIONAL_SIZE,
  HEADER_END,
  STATUS,
  STATUS_CAPABILITIES,
} from './config-registers.ts';
import type { ConfigSpace } from './config-space.ts';

/** Capability ids (PCI Code and ID Assignment Specification §2). */
export const CAPABILITY = {
  powerManagement: 0x01,
  msi: 0x05,
  vendor: 0x09,
  subsystemIds: 0x0d,
  express: 0x10,
  msix: 0x11,
} as const;

/** Links capabilities into a function's list; the newest stands first, as QEMU's list does. */
export class CapabilityList {
  readonly #config: ConfigSpace;
  readonly #used: { start: number; end: number }[] = [];

  constructor(config: ConfigSpace) {
    this.#config = config;
  }

  /**
   * Adds a capability of `length` bytes (header included) at `offset`, or at the first free double word from 0x40 on.
   * Its bytes start as zero and read-only. Returns the offset.
   */
  add(id: number, length: number, offset: number = this.#firstFree(length)): number {
    const end = offset + alignUp(length, 4);
    assert(offset >= HEADER_END && end <= CONVENTIONAL_SIZE && offset % 4 === 0, 'a capability lies in 0x40-0xff');
    assert(!this.#used.some((range) => offset < range.end && range.start < end), 'capabilities do not overlap');
    this.#used.push({ start: offset, end });
    const config = this.#config;
    for (let at = offset; at < offset + length; at += 1) config.declare(at, 1, 0);
    config.set(offset, 1, id);
    config.set(offset + 1, 1, config.read(CAPABILITIES_POINTER, 1));
    config.set(CAPABILITIES_POINTER, 1, offset);
    config.set(STATUS, 2, config.read(STATUS, 2) | STATUS_CAPABILITIES);
    return offset;
  }

  #firstFree(length: number): number {
    let offset = HEADER_END;
    for (const range of [...this.#used].sort((a, b) => a.start - b.start)) {
      if (offset + length <= range.start) break;
      offset = Math.max(offset, range.end);
    }
    return offset;
  }
}

/** Power Management Control/Status, offset 4 of its capability. */
export const PMCSR = register32({
  name: 'PMCSR',
  spec: spec('PCI Power Management 1.2', '3.2.4'),
  reset: 0x0000_0008,
  fields: {
    powerState: bits(1, 0, 'RW', 'PowerState'),
    noSoftReset: bit(3, 'RO', 'No_Soft_Reset'),
    pmeEnable: bit(8, 'RW', 'PME_En'),
    pmeStatus: bit(15, 'RW1C', 'PME_Status'),
  },
});

/** As QEMU's virtio functions have it: only the state, and no promise of what D3hot leaves. */
export const PMCSR_STATE_ONLY = register32({
  name: 'PMCSR',
  spec: spec('PCI Power Management 1.2', '3.2.4'),
  reset: 0,
  fields: { powerState: bits(1, 0, 'RW', 'PowerState') },
});

export interface PowerManagementOptions {
  readonly offset?: number;
  /** Default: {@link PMCSR}. */
  readonly control?: typeof PMCSR | typeof PMCSR_STATE_ONLY;
}

/** Adds the power management capability: version 1.2, D0 and D3hot, no PME#. Returns its offset. */
export function addPowerManagement(list: CapabilityList, config: ConfigSpace, options: PowerManagementOptions): number {
  const at = list.add(CAPABILITY.powerManagement, 8, options.offset);
  config.declare(at + 2, 2, 0x0003);
  config.declareRegister(at + 4, options.control ?? PMCSR);
  return at;
}

/** Device/Port Type of the PCI Express Capabilities register (PCI Express 4.0 §7.5.3.2). */
export const EXPRESS_PORT_TYPE = { endpoint: 0, rootPort: 4, rootComplexIntegratedEndpoint: 9 } as const;

export const DEVICE_CONTROL = register32({
  name: 'Device Control/Status',
  spec: spec('PCI Express 4.0', '7.5.3.4'),
  reset: 0,
  fields: {
    correctableErrorReporting: bit(0, 'RW', 'Correctable Error Reporting Enable'),
    nonFatalErrorReporting: bit(1, 'RW', 'Non-Fatal Error Reporting Enable'),
    fatalErrorReporting: bit(2, 'RW', 'Fatal Error Reporting Enable'),
    unsupportedRequestReporting: bit(3, 'RW', 'Unsupported Request Reporting Enable'),
    correctableErrorDetected: bit(16, 'RW1C', 'Correctable Error Detected'),
    nonFatalErrorDetected: bit(17, 'RW1C', 'Non-Fatal Error Detected'),
    fatalErrorDetected: bit(18, 'RW1C', 'Fatal Error Detected'),
    unsupportedRequestDetected: bit(19, 'RW1C', 'Unsupported Request Detected'),
  },
});

export interface ExpressOptions {
  /** Default: a root complex integrated endpoint, which a device on the root bus is. */
  readonly portType?: number;
  readonly offset?: number;
  /** Device Control bit 15 resets the function (PCI Express 4.0 §6.6.2). Default false. */
  readonly functionLevelReset?: boolean;
  /** The bits of Link Control that can be written. Default: none. */
  readonly linkControl?: number;
}

/** Offsets in the capability, and their bits for a function level reset. */
export const DEVICE_CONTROL_OFFSET = 0x08;
export const LINK_CONTROL_OFFSET = 0x10;
export const DEVICE_CONTROL_2_OFFSET = 0x28;
export const INITIATE_FUNCTION_LEVEL_RESET = 1 << 15;
const FUNCTION_LEVEL_RESET_CAPABLE = 1 << 28;

/**
 * Adds the PCI Express capability, version 2, 60 bytes: 128-byte payload, role-based error reporting; a link of one
 * lane at 2.5 GT/s, which a root complex integrated endpoint shows in QEMU too. Returns its offset.
 */
export function addExpressCapability(list: CapabilityList, config: ConfigSpace, options: ExpressOptions): number {
  const { rootComplexIntegratedEndpoint } = EXPRESS_PORT_TYPE;
  const { offset, portType = rootComplexIntegratedEndpoint, functionLevelReset = false, linkControl = 0 } = options;
  const at = list.add(CAPABILITY.express, 0x3c, offset);
  config.declare(at + 2, 2, 0x0002 | (portType << 4));
  config.declare(at + 0x04, 4, 0x0000_8000 | (functionLevelReset ? FUNCTION_LEVEL_RESET_CAPABLE : 0));
  if (portType === rootComplexIntegratedEndpoint) config.declare(at + DEVICE_CONTROL_OFFSET, 4, 0);
  else config.declareRegister(at + DEVICE_CONTROL_OFFSET, DEVICE_CONTROL);
  config.declare(at + 0x0c, 4, 0x0000_0411);
  config.declare(at + LINK_CONTROL_OFFSET, 4, 0x0011_0000, linkControl);
  config.declare(at + 0x24, 4, 0x0030_0000);
  config.declare(at + DEVICE_CONTROL_2_OFFSET, 4, 0, 0x0000_8000);
  return at;
}
