/** The common configuration structure of Virtio 1.1 §4.1.4.3, with the queue reset of Virtio 1.2. */
import { type BusAddress, busFromWords, busHigh, busLow } from '../../base/address.ts';
import { isPowerOfTwo } from '../../base/bits.ts';
import type { StateValue } from '../../base/state.ts';
import { NO_VECTOR, type VirtioCore } from './core.ts';
import type { VirtQueue } from './virtqueue.ts';

const COMMON = {
  deviceFeatureSelect: 0x00,
  deviceFeature: 0x04,
  driverFeatureSelect: 0x08,
  driverFeature: 0x0c,
  configVector: 0x10,
  numQueues: 0x12,
  deviceStatus: 0x14,
  configGeneration: 0x15,
  queueSelect: 0x16,
  queueSize: 0x18,
  queueVector: 0x1a,
  queueEnable: 0x1c,
  queueNotifyOff: 0x1e,
  queueDescLow: 0x20,
  queueDescHigh: 0x24,
  queueDriverLow: 0x28,
  queueDriverHigh: 0x2c,
  queueDeviceLow: 0x30,
  queueDeviceHigh: 0x34,
  queueReset: 0x3a,
} as const;

export class ModernRegisters {
  readonly #core: VirtioCore;
  #deviceFeatureSelect = 0;
  #driverFeatureSelect = 0;
  readonly #driverFeatures: [number, number] = [0, 0];

  constructor(core: VirtioCore) {
    this.#core = core;
  }

  /** The field at `offset`, whatever the width of the access; what a wider access covers beside it reads 0, as on QEMU. */
  read(offset: number): number {
    const core = this.#core;
    switch (offset) {
      case COMMON.deviceFeatureSelect:
        return this.#deviceFeatureSelect;
      case COMMON.deviceFeature:
        return core.offered.words[this.#deviceFeatureSelect] ?? 0;
      case COMMON.driverFeatureSelect:
        return this.#driverFeatureSelect;
      case COMMON.driverFeature:
        return this.#driverFeatures[this.#driverFeatureSelect] ?? 0;
      case COMMON.configVector:
        return core.configVector;
      case COMMON.numQueues:
        return core.queues.length;
      case COMMON.deviceStatus:
        return core.status;
      case COMMON.queueSelect:
        return core.queueSelect;
      default:
        return this.#readQueue(core.queue, offset);
    }
  }

  write(offset: number, value: number): void {
    const core = this.#core;
    switch (offset) {
      case COMMON.deviceFeatureSelect:
        this.#deviceFeatureSelect = value;
        break;
      case COMMON.driverFeatureSelect:
        this.#driverFeatureSelect = value;
        break;
      case COMMON.driverFeature:
        if (this.#driverFeatureSelect > 1) break;
        this.#driverFeatures[this.#driverFeatureSelect] = value;
        core.features.accept(this.#driverFeatures[0], this.#driverFeatures[1], core.offered);
        break;
      case COMMON.configVector:
        core.configVector = value;
        break;
      case COMMON.deviceStatus:
        core.setStatus(value & 0xff);
        break;
      case COMMON.queueSelect:
        core.queueSelect = value & 0xffff;
        break;
      case COMMON.queueVector:
        core.setQueueVector(value & 0xffff);
        break;
      default:
        if (core.queue !== undefined) this.#writeQueue(core.queue, offset, value);
    }
  }

  reset(): void {
    this.#deviceFeatureSelect = 0;
    this.#driverFeatureSelect = 0;
    this.#driverFeatures.fill(0);
  }

  save(): { readonly [field: string]: StateValue } {
    return {
      selects: [this.#deviceFeatureSelect, this.#driverFeatureSelect],
      driverFeatures: [...this.#driverFeatures],
    };
  }

  load(fields: { readonly [field: string]: StateValue }): void {
    [this.#deviceFeatureSelect, this.#driverFeatureSelect] = fields.selects as [number, number];
    [this.#driverFeatures[0], this.#driverFeatures[1]] = fields.driverFeatures as [number, number];
  }

  #readQueue(queue: VirtQueue | undefined, offset: number): number {
    if (queue === undefined) return offset === COMMON.queueVector ? NO_VECTOR : 0;
    switch (offset) {
      case COMMON.queueSize:
        return queue.size;
      case COMMON.queueVector:
        return queue.vector;
      case COMMON.queueEnable:
        return queue.ready ? 1 : 0;
      case COMMON.queueNotifyOff:
        return this.#core.queueSelect;
      case COMMON.queueDescLow:
        return busLow(queue.descriptors);
      case COMMON.queueDescHigh:
        return busHigh(queue.descriptors);
      case COMMON.queueDriverLow:
        return busLow(queue.available);
      case COMMON.queueDriverHigh:
        return busHigh(queue.available);
      case COMMON.queueDeviceLow:
        return busLow(queue.used);
      case COMMON.queueDeviceHigh:
        return busHigh(queue.used);
      default:
        return 0;
    }
  }

  #writeQueue(queue: VirtQueue, offset: number, value: number): void {
    switch (offset) {
      case COMMON.queueSize:
        if (!queue.ready && isPowerOfTwo(value) && value <= queue.sizeMax) queue.size = value;
        break;
      case COMMON.queueEnable:
        if (value === 1) queue.ready = true;
        break;
      case COMMON.queueReset:
        if (value === 1) queue.reset();
        break;
      case COMMON.queueDescLow:
        queue.descriptors = busFromWords(value, busHigh(queue.descriptors));
        break;
      case COMMON.queueDescHigh:
        queue.descriptors = withHigh(queue.descriptors, value);
        break;
      case COMMON.queueDriverLow:
        queue.available = busFromWords(value, busHigh(queue.available));
        break;
      case COMMON.queueDriverHigh:
        queue.available = withHigh(queue.available, value);
        break;
      case COMMON.queueDeviceLow:
        queue.used = busFromWords(value, busHigh(queue.used));
        break;
      case COMMON.queueDeviceHigh:
        queue.used = withHigh(queue.used, value);
        break;
      default:
    }
  }
}

function withHigh(address: BusAddress, high: number): BusAddress {
  return busFromWords(busLow(address), high);
}
