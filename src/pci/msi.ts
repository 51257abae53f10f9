/** Message Signaled Interrupts (PCI Local Bus 3.0 §6.8.1), 32- or 64-bit address, with or without per-vector masks. */
import { type BusAddress, busFromWords } from '../base/address.ts';
import { assert } from '../base/assert.ts';
import { isPowerOfTwo } from '../base/bits.ts';
import { bit, bits, pci, register32 } from '../base/registers.ts';
import { CAPABILITY, type CapabilityList } from './capabilities.ts';
import type { ConfigSpace } from './config-space.ts';

/** Capability id and next pointer in the low half, Message Control in the high half. */
export const MSI_CONTROL = register32({
  name: 'MSI Message Control',
  spec: pci('6.8.1.3'),
  reset: 0,
  fields: {
    id: bits(7, 0, 'RO', 'Capability ID'),
    next: bits(15, 8, 'RO', 'Next Pointer'),
    enable: bit(16, 'RW', 'MSI Enable'),
    multipleCapable: bits(19, 17, 'RO', 'Multiple Message Capable'),
    multipleEnable: bits(22, 20, 'RW', 'Multiple Message Enable'),
    address64: bit(23, 'RO', '64 bit address capable'),
    maskable: bit(24, 'RO', 'Per-vector masking capable'),
  },
});

export interface MsiOptions {
  /** Messages that the function can ask for: 1, 2, 4, 8, 16 or 32. */
  readonly vectors: number;
  readonly address64?: boolean;
  readonly maskable?: boolean;
  readonly offset?: number;
}

/** One memory write that is an interrupt. */
export interface Message {
  readonly address: BusAddress;
  readonly data: number;
}

export class MsiCapability {
  readonly offset: number;
  readonly length: number;
  readonly vectors: number;
  readonly #config: ConfigSpace;
  readonly #address64: boolean;
  readonly #maskable: boolean;
  readonly #send: (message: Message) => void;
  readonly #held: (vector: number) => void;

  constructor(
    list: CapabilityList,
    config: ConfigSpace,
    options: MsiOptions,
    send: (message: Message) => void,
    held: (vector: number) => void,
  ) {
    const { vectors, address64 = true, maskable = false } = options;
    assert(isPowerOfTwo(vectors) && vectors <= 32, 'MSI has 1, 2, 4, 8, 16 or 32 vectors');
    this.#config = config;
    this.#address64 = address64;
    this.#maskable = maskable;
    this.#send = send;
    this.#held = held;
    this.vectors = vectors;
    this.length = (maskable ? 0x14 : 0x0a) + (address64 ? 4 : 0);
    const at = list.add(CAPABILITY.msi, this.length, options.offset);
    this.offset = at;
    let control = config.read(at, 4);
    control = MSI_CONTROL.with(control, 'multipleCapable', Math.log2(vectors));
    control = MSI_CONTROL.with(control, 'address64', address64 ? 1 : 0);
    control = MSI_CONTROL.with(control, 'maskable', maskable ? 1 : 0);
    config.declareRegister(at, MSI_CONTROL, control);
    config.declare(at + 4, 4, 0, 0xffff_fffc);
    if (address64) config.declare(at + 8, 4, 0, 0xffff_ffff);
    config.declare(this.#dataOffset, 2, 0, 0xffff);
    // One bit per vector; vectors that are not implemented have none (§6.8.1.7).
    if (maskable) config.declare(this.#maskOffset, 4, 0, 2 ** vectors - 1);
  }

  get #dataOffset(): number {
    return this.offset + (this.#address64 ? 0x0c : 0x08);
  }

  get #maskOffset(): number {
    return this.offset + (this.#address64 ? 0x10 : 0x0c);
  }

  get enabled(): boolean {
    return MSI_CONTROL.has(this.#config.read(this.offset, 4), 'enable');
  }

  /** Messages that software allotted: at most as many as the function asked for (§6.8.1.3). */
  get allotted(): number {
    return Math.min(1 << MSI_CONTROL.get(this.#config.read(this.offset, 4), 'multipleEnable'), this.vectors);
  }

  /** One bit per vector that waits for its mask bit to clear. */
  get pending(): number {
    return this.#maskable ? this.#config.read(this.#maskOffset + 4, 4) : 0;
  }

  /** What message `vector` would be now; vectors beyond the allotted ones share by modulo. */
  message(vector: number): Message {
    const { allotted } = this;
    const high = this.#address64 ? this.#config.read(this.offset + 8, 4) : 0;
    const data = this.#config.read(this.#dataOffset, 2);
    return {
      address: busFromWords(this.#config.read(this.offset + 4, 4), high),
      // Only the low log2(allotted) bits belong to the device (§6.8.1.6).
      data: (data & ~(allotted - 1)) | (vector % allotted),
    };
  }

  send(vector: number): void {
    if (!this.enabled) return;
    const index = vector % this.allotted;
    if (this.#maskable && (this.#config.read(this.#maskOffset, 4) & (1 << index)) !== 0) {
      this.#config.set(this.#maskOffset + 4, 4, (this.pending | (1 << index)) >>> 0);
      this.#held(index);
      return;
    }
    this.#send(this.message(index));
  }

  /** After a guest's write: vectors that became unmasked and were pending are sent now. */
  configWritten(): void {
    if (!this.#maskable || !this.enabled) return;
    const ready = this.pending & ~this.#config.read(this.#maskOffset, 4);
    if (ready === 0) return;
    this.#config.set(this.#maskOffset + 4, 4, (this.pending & ~ready) >>> 0);
    for (let vector = 0; vector < this.allotted; vector += 1) {
      if ((ready & (1 << vector)) !== 0) this.#send(this.message(vector));
    }
  }

  reset(): void {
    const config = this.#config;
    config.set(this.offset + 2, 2, config.read(this.offset + 2, 2) & ~0x0071);
    for (let at = this.offset + 4; at < this.offset + this.length; at += 1) config.set(at, 1, 0);
  }
}
