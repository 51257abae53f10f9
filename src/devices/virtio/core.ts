/** What both register layouts of a virtio PCI device share: status, features, queues, interrupts (Virtio 1.1 §2, §3). */
import './events.ts';
import type { Timer, VirtualClock } from '../../base/clock.ts';
import type { StateValue } from '../../base/state.ts';
import type { TraceBus } from '../../base/trace.ts';
import type { DmaPort } from '../../memory/dma-port.ts';
import type { InterruptPort } from '../../pci/interrupt-port.ts';
import type { VirtioDevice, VirtioHost } from './device.ts';
import {
  ANY_LAYOUT,
  BAD_FEATURE,
  FeatureSet,
  NOTIFY_ON_EMPTY,
  RING_EVENT_IDX,
  RING_INDIRECT_DESC,
  RING_RESET,
  VERSION_1,
} from './features.ts';
import { VirtQueue } from './virtqueue.ts';

/** No MSI-X vector is meant. */
export const NO_VECTOR = 0xffff;
export const ISR_QUEUE = 1;
export const ISR_CONFIG = 2;
const STATUS_NEEDS_RESET = 0x40;
/** From a notification to the moment at which the device looks at its queues. */
export const SERVICE_NANOSECONDS = 10_000;

export interface VirtioWires {
  readonly dma: DmaPort;
  readonly interrupts: InterruptPort;
  readonly clock: VirtualClock;
  readonly trace: TraceBus;
  /** MSI-X vectors. */
  readonly vectors: number;
  /** `00:04.0`. */
  readonly label: () => string;
}

export class VirtioCore implements VirtioHost {
  readonly device: VirtioDevice;
  readonly queues: readonly VirtQueue[];
  /** What the modern and the legacy interface offer. */
  readonly offered: FeatureSet;
  readonly offeredLegacy: FeatureSet;
  readonly features = new FeatureSet();
  status = 0;
  queueSelect = 0;
  /** Interrupt status: {@link ISR_QUEUE}, {@link ISR_CONFIG}. */
  isr = 0;
  readonly #wires: VirtioWires;
  readonly #timer: Timer;
  #configVector = NO_VECTOR;
  /** Queues that were notified, and whether the driver broke one. */
  #notified = new Set<number>();
  #broken = false;

  constructor(device: VirtioDevice, wires: VirtioWires) {
    this.device = device;
    this.#wires = wires;
    const common = [...device.features, RING_INDIRECT_DESC, RING_EVENT_IDX];
    this.offered = new FeatureSet([...common, VERSION_1, RING_RESET]);
    this.offeredLegacy = new FeatureSet([...common, NOTIFY_ON_EMPTY, ANY_LAYOUT, BAD_FEATURE]);
    this.queues = device.queueSizes.map((size) => new VirtQueue(wires.dma, this.features, size));
    this.#timer = wires.clock.timer(device.name, () => this.#serve());
  }

  /** The queue that the driver selected, `undefined` when there is none of that number. */
  get queue(): VirtQueue | undefined {
    return this.queues[this.queueSelect];
  }

  get configVector(): number {
    return this.#configVector;
  }

  set configVector(vector: number) {
    this.#configVector = this.#knownVector(vector);
  }

  setQueueVector(vector: number): void {
    if (this.queue !== undefined) this.queue.vector = this.#knownVector(vector);
  }

  /** Device Status was written; 0 resets. */
  setStatus(status: number): void {
    if (status === 0) this.reset();
    else this.status = (status & 0xff) | (this.status & STATUS_NEEDS_RESET);
  }

  /** Legacy drivers know 32 bits; one that takes the bad bit understood nothing of what it accepted. */
  acceptLegacy(low: number): void {
    const bad = ((low >>> BAD_FEATURE) & 1) !== 0;
    this.features.accept(bad ? 0 : low, 0, this.offeredLegacy);
  }

  /** The driver says that queue `index` has work; the device looks a moment later. */
  notify(index: number): void {
    if (this.queues[index]?.ready !== true || this.#broken) return;
    this.#notified.add(index);
    if (this.#timer.deadline === undefined) this.#timer.after(SERVICE_NANOSECONDS);
  }

  completed(queue: VirtQueue): void {
    if (queue.ready && queue.wantsInterrupt()) this.#interrupt(ISR_QUEUE, queue.vector);
  }

  broken(problem: string): void {
    this.#broken = true;
    const channel = this.#wires.trace.channel('virtio.needs-reset');
    if (channel.active) channel.emit({ device: this.#wires.label(), name: this.device.name, problem });
    if (!this.features.has(VERSION_1)) return;
    this.status |= STATUS_NEEDS_RESET;
    this.#interrupt(ISR_CONFIG, this.#configVector);
  }

  /** A read of the interrupt status clears it and lowers the wire. */
  readIsr(): number {
    const { isr } = this;
    this.isr = 0;
    this.#wires.interrupts.setLevel(false);
    return isr;
  }

  /** Device configuration, `size` bytes at `offset`; all ones behind its end. */
  readConfig(offset: number, size: number): number {
    if (offset + size > this.device.configBytes) return size === 4 ? 0xffff_ffff : 2 ** (8 * size) - 1;
    const bytes = this.device.config();
    let value = 0;
    for (let index = size - 1; index >= 0; index -= 1) value = value * 256 + bytes[offset + index]!;
    return value;
  }

  writeConfig(offset: number, size: number, value: number): void {
    if (offset + size > this.device.configBytes) return;
    for (let index = 0; index < size; index += 1)
      this.device.writeConfig(offset + index, (value >>> (8 * index)) & 0xff);
  }

  reset(): void {
    this.status = 0;
    this.queueSelect = 0;
    this.isr = 0;
    this.#configVector = NO_VECTOR;
    this.features.accept(0, 0, this.offered);
    this.#notified.clear();
    this.#broken = false;
    this.#timer.cancel();
    for (const queue of this.queues) queue.reset();
    this.device.reset();
    this.#wires.interrupts.setLevel(false);
  }

  save(): { readonly [field: string]: StateValue } {
    const { status, queueSelect, isr } = this;
    return {
      ...{ status, queueSelect, isr, configVector: this.#configVector, broken: this.#broken },
      features: [...this.features.words],
      notified: [...this.#notified],
      deadline: this.#timer.deadline,
      queues: this.queues.map((queue) => queue.save()),
      device: { ...this.device.save() },
    };
  }

  load(fields: { readonly [field: string]: StateValue }): void {
    this.status = fields.status as number;
    this.queueSelect = fields.queueSelect as number;
    this.isr = fields.isr as number;
    this.#configVector = fields.configVector as number;
    this.#broken = fields.broken as boolean;
    const [low, high] = fields.features as readonly [number, number];
    this.features.words[0] = low;
    this.features.words[1] = high;
    this.#notified = new Set(fields.notified as readonly number[]);
    if (fields.deadline === undefined) this.#timer.cancel();
    else this.#timer.at(fields.deadline as number);
    const queues = fields.queues as readonly { readonly [field: string]: StateValue }[];
    for (const [index, queue] of this.queues.entries()) queue.load(queues[index]!);
    this.device.load(fields.device as { readonly [field: string]: StateValue });
  }

  #serve(): void {
    const notified = [...this.#notified].sort((a, b) => a - b);
    this.#notified.clear();
    for (const index of notified) {
      const queue = this.queues[index]!;
      if (queue.ready && !this.#broken) this.device.serve(queue, this);
    }
  }

  #knownVector(vector: number): number {
    return vector < this.#wires.vectors ? vector : NO_VECTOR;
  }

  #interrupt(isr: number, vector: number): void {
    const { interrupts } = this.#wires;
    this.isr |= isr;
    if (interrupts.mode !== 'msix') interrupts.setLevel(true);
    else if (vector !== NO_VECTOR) interrupts.sendMessage(vector);
  }
}
