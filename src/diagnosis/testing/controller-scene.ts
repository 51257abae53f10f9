/** The real controller, a driver in TypeScript and the diagnosis together: what a whole machine does, without a processor. */
import { type Gpa, gpa, gva } from '../../base/address.ts';
import { MEMTX_OK, type MemTxAttrs, type MemTxResult } from '../../memory/memtx.ts';
import { UsbKeyboard } from '../../usb/devices/keyboard.ts';
import type { XhciPersonality } from '../../xhci/personality.ts';
import { busOf, Driver, type DriverBus, LAYOUT } from '../../xhci/testing/driver.ts';
import { TestBench } from '../../xhci/testing/test-bench.ts';
import { DiagnosisEngine } from '../engine.ts';
import type { Diagnosis } from '../finding.ts';
import type { Site } from '../guest-view.ts';
import { FakeGuest } from './fake-guest.ts';

export const KERNEL_OFFSET = 0xffff_ff80_0000_0000n;
const RAM_BYTES = 0x10_0000;

class BenchGuest extends FakeGuest {
  readonly #bench: TestBench;
  readonly #stores = new Map<number, Site>();

  constructor(bench: TestBench) {
    super();
    this.#bench = bench;
  }

  noteStore(address: number): void {
    if (this.site !== undefined) this.#stores.set(address - (address % 8), this.site);
  }

  override readPhysical(address: Gpa, size: number): Uint8Array | undefined {
    return address + size <= RAM_BYTES ? this.#bench.ram.bytes.slice(address, address + size) : undefined;
  }

  override whoWrote(address: Gpa): Site | undefined {
    return this.#stores.get(address - (address % 8));
  }

  override forgetWriter(address: Gpa): void {
    this.#stores.delete(address - (address % 8));
  }
}

export class ControllerScene {
  readonly bench: TestBench;
  readonly guest: BenchGuest;
  readonly engine: DiagnosisEngine;
  readonly driver: Driver;
  readonly bus: DriverBus;
  #pc = KERNEL_OFFSET + 0x20_0000n;

  constructor(personality: XhciPersonality) {
    this.bench = new TestBench({ personality, ram: RAM_BYTES });
    this.bench.controller.attach(new UsbKeyboard());
    this.bench.controller.reset();
    this.guest = new BenchGuest(this.bench);
    this.guest
      .region('ram', 'pc.ram', 0, RAM_BYTES - 1)
      .region('mmio', 'xhci', 0xfebf_0000, 0xfebf_3fff)
      .map(KERNEL_OFFSET, 0, RAM_BYTES)
      .map(0n, 0, RAM_BYTES);
    this.engine = new DiagnosisEngine({ view: this.guest });
    this.engine.attach(this.bench.trace);
    this.#announceFailures();
    const inner = busOf(this.bench);
    const step = (): void => {
      this.#pc += 4n;
      this.guest.at(this.#pc);
    };
    this.bus = {
      ...inner,
      write: (offset, value, size) => {
        step();
        inner.write(offset, value, size);
      },
      write64: (offset, low, high) => {
        this.bus.write(offset, low);
        this.bus.write(offset + 4, high ?? 0);
      },
      setWord: (address, value) => {
        step();
        this.guest.noteStore(address);
        inner.setWord(address, value);
      },
    };
    this.driver = new Driver(this.bus, LAYOUT, personality.contextSize);
  }

  /** The flat RAM of the bench says nothing on the bus; a machine's memory does. */
  #announceFailures(): void {
    const { ram, trace } = this.bench;
    const failed = trace.channel('memory.access-failed');
    const say = (result: MemTxResult, attrs: MemTxAttrs | undefined): MemTxResult => {
      if (result !== MEMTX_OK && attrs?.debug !== true && ram.lastFailure !== undefined) {
        failed.emit({ ...ram.lastFailure, initiator: { kind: 'device', name: this.bench.controller.name } });
      }
      return result;
    };
    const { readWords, writeWords } = ram;
    ram.readWords = (address, into, purpose, attrs) => say(readWords.call(ram, address, into, purpose, attrs), attrs);
    ram.writeWords = (address, from, purpose, attrs) => say(writeWords.call(ram, address, from, purpose, attrs), attrs);
  }

  /** Writes a 64-bit register. */
  write64(offset: number, value: bigint): void {
    this.bus.write64(offset, Number(value & 0xffff_ffffn), Number(value >> 32n));
  }

  store64(address: number, value: bigint): void {
    this.bus.setWord(address, Number(value & 0xffff_ffffn));
    this.bus.setWord(address + 4, Number(value >> 32n));
  }

  idle(): this {
    this.guest.at(this.#pc);
    this.bench.trace.channel('machine.idle').emit({
      kind: 'spin',
      pc: gva(this.#pc),
      time: this.bench.clock.now(),
      instruction: this.guest.instruction,
    });
    return this;
  }

  finish(): Diagnosis {
    return this.engine.finish({
      kind: 'exited',
      text: 'the test is over',
      time: 0,
      instruction: this.guest.instruction,
    });
  }
}

export function linear(physical: number): bigint {
  return KERNEL_OFFSET + BigInt(gpa(physical));
}
