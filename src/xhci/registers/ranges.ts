/** The five register spaces as ranges of BAR 0, with their access rules and the facts that every access states. */

import type { XhciController } from '../controller.ts';
import type { RegisterSpace } from '../events.ts';
import {
  CAPABILITY_BASE,
  CAPABILITY_BYTES,
  DOORBELL_BASE,
  INTERRUPTER_SET_BYTES,
  INTERRUPTERS_MAX,
  OPERATIONAL_BASE,
  OPERATIONAL_BYTES,
  PORT_SET_BYTES,
  PORTS_BASE,
  RUNTIME_BASE,
  SLOTS_MAX,
} from '../spec/bar.ts';
import { registerName } from './names.ts';
import type { AccessSizes, RegisterRange } from './space.ts';

/** QEMU sizes its doorbell and runtime regions by 20h a slot and interrupter; the strict ones end with the last register. */
const QEMU_DOORBELL_BYTES = (SLOTS_MAX + 1) * 0x20;
const RUNTIME_BYTES = (INTERRUPTERS_MAX + 1) * INTERRUPTER_SET_BYTES;

const DWORDS: AccessSizes = { minimum: 4, maximum: 4 };
const DWORD_OR_QWORD: AccessSizes = { minimum: 4, maximum: 8 };
const UP_TO_DWORD: AccessSizes = { minimum: 1, maximum: 4 };
const ANY: AccessSizes = { minimum: 1, maximum: 8 };

/** Reads and writes whole registers; `undefined` and `false` mean that none stands there. */
interface Backing {
  readonly name: string;
  readonly space: RegisterSpace;
  readonly base: number;
  readonly size: number;
  readonly valid: AccessSizes;
  readonly portId?: number;
  read(offset: number): number | undefined;
  write(offset: number, value: number): boolean;
}

export function registerRanges(controller: XhciController): RegisterRange[] {
  const qemu = controller.personality.registers.narrow === 'qemu';
  const wide = qemu ? DWORD_OR_QWORD : ANY;
  const backings: Backing[] = [
    {
      name: 'capabilities',
      space: 'capability',
      base: CAPABILITY_BASE,
      size: CAPABILITY_BYTES,
      valid: qemu ? UP_TO_DWORD : ANY,
      read: (offset) => controller.readCapability(offset),
      write: (offset) => offset >= CAPABILITY_BYTES,
    },
    {
      name: 'operational',
      space: 'operational',
      base: OPERATIONAL_BASE,
      size: OPERATIONAL_BYTES,
      valid: wide,
      read: (offset) => controller.operational.read(offset),
      write: (offset, value) => controller.operational.write(offset, value),
    },
    ...controller.hub.ports.map(
      (port): Backing => ({
        name: `usb${port.protocol} port #${port.socket.index + 1}`,
        space: 'port',
        base: PORTS_BASE + (port.portId - 1) * PORT_SET_BYTES,
        size: PORT_SET_BYTES,
        valid: qemu ? DWORDS : ANY,
        portId: port.portId,
        read: (offset) => controller.readPort(port, offset),
        write: (offset, value) => controller.writePort(port, offset, value),
      }),
    ),
    {
      name: 'runtime',
      space: 'runtime',
      base: RUNTIME_BASE,
      size: qemu ? RUNTIME_BYTES : (controller.model.interrupters + 1) * INTERRUPTER_SET_BYTES,
      valid: wide,
      read: (offset) => controller.readRuntime(offset),
      write: (offset, value) => controller.writeRuntime(offset, value),
    },
    {
      name: 'doorbell',
      space: 'doorbell',
      base: DOORBELL_BASE,
      size: qemu ? QEMU_DOORBELL_BYTES : (controller.model.slots + 1) * 4,
      valid: qemu ? DWORDS : ANY,
      read: () => 0,
      write: (offset, value) => controller.ringDoorbell(offset, value),
    },
  ];
  return backings.map((backing) => new Range(controller, backing, qemu));
}

class Range implements RegisterRange {
  readonly name: string;
  readonly space: RegisterSpace;
  readonly base: number;
  readonly size: number;
  readonly valid: AccessSizes;
  /** Strict: narrow reads reach us as they are, so that byte lanes can be picked; QEMU widens them to a dword. */
  readonly impl: AccessSizes;

  constructor(
    readonly controller: XhciController,
    readonly backing: Backing,
    readonly qemu: boolean,
  ) {
    this.name = backing.name;
    this.space = backing.space;
    this.base = backing.base;
    this.size = backing.size;
    this.valid = backing.valid;
    this.impl = qemu ? DWORDS : UP_TO_DWORD;
  }

  read(offset: number, size: number): number {
    const value = this.qemu ? this.#register(offset) : this.#lanes(offset, size);
    const read = this.controller.facts['xhci.register-read'];
    if (read.active) read.emit(this.#access(offset, size, value));
    return value;
  }

  write(offset: number, value: number, size: number): void {
    const { facts } = this.controller;
    // QEMU has no trace point for capability writes, which it ignores.
    const written = facts['xhci.register-written'];
    if (written.active) written.emit(this.#access(offset, size, value >>> 0));
    if (!this.qemu && (size !== 4 || offset % 4 !== 0)) {
      this.#misused(offset, size, value, size === 4 ? 'unaligned' : 'width', 0);
      return;
    }
    if (this.space === 'capability') {
      this.#misused(offset, size, value, 'read-only', value >>> 0);
      return;
    }
    if (this.controller.notReady && !(this.space === 'operational' && offset === 4)) {
      this.#misused(offset, size, value, 'while-not-ready', 0);
      return;
    }
    if (facts['xhci.register-misused'].active) this.controller.reportMisuse(this.#access(offset, size, value >>> 0));
    // Before the write acts, so that the pointer's fact precedes what comes of it.
    this.controller.noteWritten(this.space, offset, value >>> 0);
    if (this.backing.write(offset, value >>> 0)) return;
    this.#missing(offset, 'write');
    this.#misused(offset, size, value, 'no-register', value >>> 0);
  }

  #register(offset: number): number {
    const value = this.backing.read(offset);
    if (value !== undefined) return value >>> 0;
    this.#missing(offset, 'read');
    return 0;
  }

  /** A narrow read gets its bytes of the register, as a bus with byte enables gives them. */
  #lanes(offset: number, size: number): number {
    const lane = offset % 4;
    const register = this.backing.read(offset - lane) ?? 0;
    if (size === 4 && lane === 0) return register >>> 0;
    if (this.space !== 'capability') this.#misused(offset, size, 0, size === 4 ? 'unaligned' : 'width', 0);
    const shifted = register >>> (8 * lane);
    return size === 4 ? shifted : shifted & (2 ** (8 * size) - 1);
  }

  /** QEMU's `usb_xhci_unimplemented` (the wording is that of 7.2). */
  #missing(offset: number, verb: 'read' | 'write'): void {
    const { facts, name } = this.controller;
    const unimplemented = facts['xhci.unimplemented'];
    if (!unimplemented.active || this.space === 'doorbell') return;
    const short = { capability: 'cap', operational: 'oper', port: 'port', runtime: 'runtime' }[this.space];
    // QEMU words a write inside an interrupter's register set as one to the operational space.
    const place = this.space === 'runtime' && offset >= INTERRUPTER_SET_BYTES ? 'oper' : short;
    unimplemented.emit({ controller: name, what: `${place} ${verb}`, offset });
  }

  #misused(
    offset: number,
    size: number,
    value: number,
    problem: 'read-only' | 'width' | 'unaligned' | 'no-register' | 'while-not-ready',
    bits: number,
  ): void {
    const misused = this.controller.facts['xhci.register-misused'];
    if (misused.active) misused.emit({ ...this.#access(offset, size, value >>> 0), problem, bits });
  }

  #access(offset: number, size: number, value: number) {
    const { portId } = this.backing;
    const access = {
      controller: this.controller.name,
      space: this.space,
      offset,
      barOffset: this.base + offset,
      size,
      value,
      register: registerName(this.space, offset),
    };
    return portId === undefined ? access : { ...access, portId };
  }
}
