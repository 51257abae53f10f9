/** The I/O registers that drivers older than Virtio 1.0 know (Virtio 1.1 §4.1.4.8). */
import { busLow } from '../../base/address.ts';
import { NO_VECTOR, type VirtioCore } from './core.ts';
import { legacyLayout } from './virtqueue.ts';

const REGISTER = {
  hostFeatures: 0x00,
  guestFeatures: 0x04,
  queueAddress: 0x08,
  queueSize: 0x0c,
  queueSelect: 0x0e,
  queueNotify: 0x10,
  status: 0x12,
  isr: 0x13,
  configVector: 0x14,
  queueVector: 0x16,
} as const;
/** The device configuration follows the registers, of which there are two more while MSI-X is enabled. */
const PLAIN_BYTES = 0x14;
export const LEGACY_REGISTER_BYTES = 0x18;
const PAGE = 4096;

export class LegacyRegisters {
  readonly #core: VirtioCore;
  readonly #msixEnabled: () => boolean;

  constructor(core: VirtioCore, msixEnabled: () => boolean) {
    this.#core = core;
    this.#msixEnabled = msixEnabled;
  }

  read(offset: number, size: number): number {
    const bytes = this.#registerBytes;
    if (offset >= bytes) return this.#core.readConfig(offset - bytes, size);
    const value = this.#readRegister(offset);
    return size === 4 ? value >>> 0 : value & (2 ** (8 * size) - 1);
  }

  write(offset: number, size: number, value: number): void {
    const bytes = this.#registerBytes;
    if (offset >= bytes) this.#core.writeConfig(offset - bytes, size, value);
    else this.#writeRegister(offset, value);
  }

  get #registerBytes(): number {
    return this.#msixEnabled() ? LEGACY_REGISTER_BYTES : PLAIN_BYTES;
  }

  #readRegister(offset: number): number {
    const core = this.#core;
    const { queue } = core;
    switch (offset) {
      case REGISTER.hostFeatures:
        return core.offeredLegacy.words[0];
      case REGISTER.guestFeatures:
        return core.features.words[0];
      case REGISTER.queueAddress:
        return queue?.ready === true ? Math.floor(busLow(queue.descriptors) / PAGE) : 0;
      case REGISTER.queueSize:
        return queue?.size ?? 0;
      case REGISTER.queueSelect:
        return core.queueSelect;
      case REGISTER.status:
        return core.status;
      case REGISTER.isr:
        return core.readIsr();
      case REGISTER.configVector:
        return core.configVector;
      case REGISTER.queueVector:
        return queue?.vector ?? NO_VECTOR;
      default:
        return 0xffff_ffff;
    }
  }

  #writeRegister(offset: number, value: number): void {
    const core = this.#core;
    switch (offset) {
      case REGISTER.guestFeatures:
        core.acceptLegacy(value);
        break;
      case REGISTER.queueAddress:
        this.#setQueueAddress(value);
        break;
      case REGISTER.queueSelect:
        if (value < core.queues.length) core.queueSelect = value;
        break;
      case REGISTER.queueNotify:
        core.notify(value & 0xffff);
        break;
      case REGISTER.status:
        core.setStatus(value & 0xff);
        break;
      case REGISTER.configVector:
        core.configVector = value & 0xffff;
        break;
      case REGISTER.queueVector:
        core.setQueueVector(value & 0xffff);
        break;
      default:
    }
  }

  /** Page 0 takes the queue away, which to QEMU is a reset of the device. */
  #setQueueAddress(page: number): void {
    const { queue } = this.#core;
    if (page === 0) this.#core.reset();
    else if (queue !== undefined) {
      Object.assign(queue, legacyLayout(page, queue.size));
      queue.ready = true;
    }
  }
}
