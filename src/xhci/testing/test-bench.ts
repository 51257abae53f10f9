/** A controller on a flat RAM with a register bus, for tests that speak as a driver. */
import { VirtualClock } from '../../base/clock.ts';
import { TraceBus } from '../../base/trace.ts';
import type { InterruptPort } from '../../pci/interrupt-port.ts';
import { XhciController } from '../controller.ts';
import { QEMU_XHCI, SPEC, type XhciModel, type XhciPersonality } from '../personality.ts';
import type { RegisterRange } from '../registers/space.ts';
import { FlatRam } from './flat-ram.ts';

/** Collects what the controller sends. */
export class RecordedInterrupts implements InterruptPort {
  mode: 'msix' | 'msi' | 'intx' = 'intx';
  level = false;
  readonly messages: number[] = [];

  setLevel(asserted: boolean): void {
    this.level = asserted;
  }

  sendMessage(vector: number): void {
    this.messages.push(vector);
  }
}

export interface BenchOptions {
  readonly personality?: XhciPersonality;
  readonly model?: XhciModel;
  /** Bytes of RAM from address 0. */
  readonly ram?: number;
}

export class TestBench {
  readonly trace = new TraceBus();
  readonly clock = new VirtualClock();
  readonly interrupts = new RecordedInterrupts();
  readonly ram: FlatRam;
  readonly controller: XhciController;

  constructor(options: BenchOptions = {}) {
    this.ram = new FlatRam(options.ram ?? 0x10_0000, 0, this.trace);
    const { clock, interrupts, trace } = this;
    this.controller = new XhciController(
      { dma: this.ram, interrupts, clock, trace },
      { name: '00:03.0', personality: options.personality ?? SPEC, model: options.model ?? QEMU_XHCI },
    );
  }

  /** A register read of 1, 2 or 4 bytes at an offset in BAR 0; 0 where nothing stands, as on QEMU's bus. */
  read(offset: number, size = 4): number {
    const range = this.#range(offset, size);
    if (range === undefined || size < range.valid.minimum || size > range.valid.maximum) return 0;
    if (offset % size !== 0) return 0;
    const wide = Math.max(size, range.impl.minimum);
    const value = range.read(offset - range.base, wide);
    return size === 4 ? value >>> 0 : value & (2 ** (8 * size) - 1);
  }

  write(offset: number, value: number, size = 4): void {
    const range = this.#range(offset, size);
    if (range === undefined || size < range.valid.minimum || size > range.valid.maximum) return;
    if (offset % size !== 0) return;
    range.write(offset - range.base, value >>> 0, Math.max(size, range.impl.minimum));
  }

  /** Two dwords, low first (xHCI 1.2 §5.1). */
  write64(offset: number, low: number, high = 0): void {
    this.write(offset, low);
    this.write(offset + 4, high);
  }

  /** Lets virtual time pass. */
  advance(nanoseconds: number): void {
    this.clock.advanceTo(this.clock.now() + nanoseconds);
  }

  #range(offset: number, size: number): RegisterRange | undefined {
    return this.controller.ranges.find(({ base, size: bytes }) => offset >= base && offset + size <= base + bytes);
  }
}
