/** What the parts of the controller know of the whole. */
import type { BusAddress } from '../base/address.ts';
import type { VirtualClock } from '../base/clock.ts';
import type { TraceBus } from '../base/trace.ts';
import type { DmaPort } from '../memory/dma-port.ts';
import type { DmaPurpose } from '../memory/events.ts';
import type { MemTxResult } from '../memory/memtx.ts';
import type { InterruptPort } from '../pci/interrupt-port.ts';
import type { XhciFacts } from './facts.ts';
import type { XhciModel, XhciPersonality } from './personality.ts';

/** The wires of the controller. */
export interface XhciPorts {
  readonly dma: DmaPort;
  readonly interrupts: InterruptPort;
  readonly clock: VirtualClock;
  readonly trace: TraceBus;
}

/** An Event TRB before its cycle bit is set: four little-endian words. */
export type EventWords = readonly [number, number, number, number];

export interface Host {
  /** The PCI function's name in facts: `00:03.0`. */
  readonly name: string;
  readonly personality: XhciPersonality;
  readonly model: XhciModel;
  readonly dma: DmaPort;
  readonly interrupts: InterruptPort;
  readonly clock: VirtualClock;
  readonly facts: XhciFacts;

  /** USBSTS.HCH is 0. */
  readonly running: boolean;
  /** USBCMD.INTE. */
  readonly interruptsEnabled: boolean;
  /** DCBAAP, 0 while software has not written it. */
  readonly deviceContextArray: BusAddress;
  /** CONFIG.MaxSlotsEn. */
  readonly slotsEnabled: number;

  /** Posts an event on an interrupter's ring. Never fails towards the caller; what becomes of it is a fact. */
  post(interrupter: number, event: EventWords, blockInterrupt?: boolean): void;
  /** True when events for this interrupter wait for software, so that no more work should be started. */
  blocked(interrupter: number): boolean;
  /** A memory access failed: USBSTS.HSE and a halt, or QEMU's HCE. `qemuFunction` is the name in QEMU's log line. */
  memoryFailed(result: MemTxResult, where: string, qemuFunction: string): void;
  /** The same for a ring that cannot be read: QEMU only logs it and takes the ring for empty. */
  ringUnreadable(result: MemTxResult, where: string, qemuFunction: string): void;
  /** Something that only HCE can report. */
  controllerFailed(where: string): void;
  /** USBSTS.EINT := 1. */
  eventInterrupt(): void;
  /** USBSTS.PCD := 1. */
  portChanged(): void;
  /** The interrupter's ring has room again: carry on with rings that waited. */
  resume(): void;
  /** A pointer that the controller can reach changed: audit eagerly when somebody listens. */
  pointersChanged(cause: string): void;

  /** Reads words of a context. Fills with ones when the access fails (what an aborted PCIe read gives). */
  readWords(address: BusAddress, into: Uint32Array, purpose: DmaPurpose): boolean;
  writeWords(address: BusAddress, from: Uint32Array, purpose: DmaPurpose): boolean;
}
