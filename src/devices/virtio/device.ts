/** What stands behind the virtio transport: a device with features, a configuration and queues. */
import type { StateValue } from '../../base/state.ts';
import type { FeatureSet } from './features.ts';
import type { VirtQueue } from './virtqueue.ts';

/** What the transport does for its device. */
export interface VirtioHost {
  /** Features that the driver accepted. */
  readonly features: FeatureSet;
  /** Chains were given back: the driver is told, if it wants to hear of it. */
  completed(queue: VirtQueue): void;
  /** The driver broke a queue: nothing goes on until it resets the device. */
  broken(problem: string): void;
}

export interface VirtioDevice {
  /** `virtio-blk-pci`. */
  readonly name: string;
  /** Device type (Virtio 1.1 §5). */
  readonly type: number;
  /** PCI Device ID of the transitional device, and its class code. */
  readonly pciDevice: number;
  readonly classCode: number;
  /** Bits of its own that it offers, below 24. */
  readonly features: readonly number[];
  /** Largest size of each queue. */
  readonly queueSizes: readonly number[];
  /** Bytes of the device configuration. */
  readonly configBytes: number;
  /** The device configuration as it stands, `configBytes` long. */
  config(): Uint8Array;
  writeConfig(offset: number, value: number): void;
  /** The driver made requests available in `queue`. */
  serve(queue: VirtQueue, host: VirtioHost): void;
  reset(): void;
  save(): { readonly [field: string]: StateValue };
  load(fields: { readonly [field: string]: StateValue }): void;
}
