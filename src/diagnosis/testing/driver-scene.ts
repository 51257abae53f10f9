/**
 * A driver that brings up one xHCI controller, told as the facts that the machine would state. Tests bend one step of it
 * and see which rule speaks. Numbers are those of the story: a kernel mapped at 0xffffff8000000000, 128 MiB of RAM.
 */
import { type BusAddress, bus } from '../../base/address.ts';
import type { TraceEvents, TraceName } from '../../base/trace.ts';
import { MEMTX_DECODE_ERROR } from '../../memory/memtx.ts';
import type { DevicePointer, RegisterSpace, RingRef, TrbWords } from '../../xhci/events.ts';
import { DiagnosisEngine } from '../engine.ts';
import type { Diagnosis, Finding } from '../finding.ts';
import { FakeGuest } from './fake-guest.ts';

export const DEVICE = '00:03.0';
export const DIRECT_MAP = 0xffff_ff80_0000_0000n;
export const BAR = 0xfebf_0000;
export const RAM_END = 0x800_0000;

export const ERST = 0x2e_3080;
export const EVENT_RING = 0x2e_4000;
export const COMMAND_RING = 0x2e_5000;
export const DCBAA = 0x2e_6000;
export const CONTEXT = 0x2e_7000;

export const LINK = 6 << 10;
export const NO_OP = 23 << 10;
export const ENABLE_SLOT = 9 << 10;
export const ADDRESS_DEVICE = 11 << 10;

/** Alignment and boundary of xHCI 1.2 Table 6-1, for the structures that the scene uses. */
const LIMITS: Record<string, readonly [number, number]> = {
  'Event Ring Segment Table': [64, 0],
  'Event Ring segment': [64, 0x1_0000],
  'Event Ring TRB': [16, 0],
  'Command Ring segment': [64, 0x1_0000],
  'Transfer Ring segment': [16, 0x1_0000],
  'Device Context Base Address Array': [64, 4096],
  'Device Context': [64, 4096],
};

export interface Bring {
  erst?: number | bigint;
  erstBase?: number | bigint;
  erstSegmentSize?: number;
  erdp?: number | bigint;
  crcr?: number | bigint;
  dcbaap?: number | bigint;
  context?: number | bigint;
}

export class DriverScene {
  readonly guest = new FakeGuest();
  readonly engine: DiagnosisEngine;
  /** Registers as written, whole. */
  readonly #values = new Map<string, bigint>();
  #lostByReset: string[] = [];
  #pc = DIRECT_MAP + 0x20_1000n;

  constructor() {
    this.guest
      .region('ram', 'pc.ram', 0, RAM_END - 1)
      .region('mmio', 'ioapic', 0xfec0_0000, 0xfec0_0fff)
      .region('mmio', 'xhci', BAR, BAR + 0x3fff)
      .map(DIRECT_MAP, 0, RAM_END)
      .map(0n, 0, RAM_END)
      .variable('init_controller', DIRECT_MAP + 0x20_1000n, 0x1000, 'function')
      .line(DIRECT_MAP + 0x20_1000n, DIRECT_MAP + 0x20_2000n, 'xhci.c', 3, 5)
      .source('xhci.c', 'void init_controller(void)\n{\n    ir->erstba = (uint64_t)erst;\n}\n')
      .variable('erst', DIRECT_MAP + BigInt(ERST), 16)
      .variable('event_ring', DIRECT_MAP + BigInt(EVENT_RING), 4096)
      .variable('command_ring', DIRECT_MAP + BigInt(COMMAND_RING), 4096)
      .variable('dcbaa', DIRECT_MAP + BigInt(DCBAA), 4096);
    this.engine = new DiagnosisEngine({ view: this.guest });
  }

  see<N extends TraceName>(name: N, event: TraceEvents[N]): this {
    this.engine.see(name, event);
    return this;
  }

  /** The next instruction of the driver. */
  step(): this {
    this.#pc += 4n;
    this.guest.at(this.#pc);
    return this;
  }

  /** Writes a 32-bit register. */
  write32(register: string, value: number, space: RegisterSpace, offset: number, size = 4): this {
    this.step();
    if (!register.includes('.')) this.#values.set(register, BigInt(value));
    return this.see('xhci.register-written', {
      controller: DEVICE,
      space,
      offset,
      barOffset: (space === 'runtime' ? 0x1000 : space === 'doorbell' ? 0x2000 : 0x40) + offset,
      size,
      value,
      register,
    });
  }

  /** Writes a 64-bit register as two halves, low first; `halves` leaves one out. */
  write64(register: string, value: number | bigint, halves: 'both' | 'low' | 'high' = 'both'): this {
    const wide = BigInt.asUintN(64, BigInt(value));
    const offsets: Record<string, [RegisterSpace, number]> = {
      CRCR: ['operational', 0x18],
      DCBAAP: ['operational', 0x30],
      ERSTBA: ['runtime', 0x30],
      ERDP: ['runtime', 0x38],
    };
    const [space, offset] = offsets[register]!;
    let kept = this.#values.get(register) ?? 0n;
    if (halves !== 'high') {
      kept = (kept & ~0xffff_ffffn) | (wide & 0xffff_ffffn);
      this.write32(`${register}.lo`, Number(wide & 0xffff_ffffn), space, offset);
      this.#values.set(register, kept);
      this.see('xhci.pointer-set', this.registerPointer(register));
    }
    if (halves !== 'low') {
      kept = (kept & 0xffff_ffffn) | (wide & ~0xffff_ffffn);
      this.write32(`${register}.hi`, Number(wide >> 32n), space, offset + 4);
      this.#values.set(register, kept);
      this.see('xhci.pointer-set', this.registerPointer(register));
    }
    return this;
  }

  value(register: string): bigint {
    return this.#values.get(register) ?? 0n;
  }

  registerPointer(register: string, size?: number): DevicePointer {
    const targets: Record<string, [string, number, bigint]> = {
      ERSTBA: ['Event Ring Segment Table', 16, 0x3fn],
      ERDP: ['Event Ring TRB', 16, 0xfn],
      CRCR: ['Command Ring segment', 16, 0x3fn],
      DCBAAP: ['Device Context Base Address Array', 72, 0x3fn],
    };
    const [target, bytes, low] = targets[register]!;
    const value = this.value(register);
    return this.pointer(target, register, value & ~low, undefined, size ?? bytes, value);
  }

  pointer(
    target: string,
    holder: string,
    value: number | bigint,
    storedAt: number | undefined,
    size: number,
    written: number | bigint = value,
  ): DevicePointer {
    const [alignment, boundary] = LIMITS[target] ?? [1, 0];
    return {
      controller: DEVICE,
      target,
      holder,
      value: bus(BigInt.asUintN(64, BigInt(value))),
      storedAt: storedAt === undefined ? undefined : bus(storedAt),
      size,
      alignment,
      boundary,
      written: bus(BigInt.asUintN(64, BigInt(written))),
      write: target === 'Event Ring segment' || target === 'Device Context',
    };
  }

  reset(): this {
    for (const [name, value] of this.#values) if (value !== 0n) this.#lostByReset.push(name);
    this.#values.clear();
    this.step();
    return this.see('xhci.reset', { controller: DEVICE });
  }

  /** Everything a correct driver sets up before R/S = 1, with one value or another bent by the test. */
  setUp(bend: Bring = {}): this {
    const segment = bend.erstBase ?? EVENT_RING;
    this.step()
      .guest.store(ERST, segment)
      .store(ERST + 8, bend.erstSegmentSize ?? 256);
    this.step().guest.trb(COMMAND_RING + 63 * 16, COMMAND_RING, 0, LINK | 2);
    this.step().guest.store(DCBAA + 8, bend.context ?? CONTEXT);
    this.write32('CONFIG', 8, 'operational', 0x38);
    this.write64('DCBAAP', bend.dcbaap ?? DCBAA);
    this.write64('CRCR', bend.crcr ?? BigInt(COMMAND_RING) | 1n);
    this.write32('ERSTSZ', 1, 'runtime', 0x28);
    this.write64('ERDP', bend.erdp ?? EVENT_RING);
    this.write64('ERSTBA', bend.erst ?? ERST);
    return this;
  }

  memoryPointers(bend: Bring = {}): DevicePointer[] {
    return [
      this.pointer('Event Ring segment', 'ERST[0].base', bend.erstBase ?? EVENT_RING, ERST, 4096),
      this.pointer('Device Context', 'DCBAA[1]', bend.context ?? CONTEXT, DCBAA + 8, 1024),
    ];
  }

  /** R/S = 1, with the audit that the controller makes then. */
  start(pointers: readonly DevicePointer[] = this.memoryPointers()): this {
    this.write32('USBCMD', 1, 'operational', 0);
    this.see('xhci.run', { controller: DEVICE });
    this.see('xhci.started', {
      controller: DEVICE,
      dcbaap: this.registerPointer('DCBAAP').value,
      crcr: this.registerPointer('CRCR').value,
      maxSlotsEnabled: Number(this.value('CONFIG')),
      interrupters: [
        {
          index: 0,
          erstba: this.registerPointer('ERSTBA').value,
          erstsz: Number(this.value('ERSTSZ')),
          erdp: this.registerPointer('ERDP').value,
        },
      ],
      lostByReset: this.#lostByReset,
    });
    const registers = ['DCBAAP', 'CRCR', 'ERSTBA', 'ERDP'].map((name) => this.registerPointer(name));
    return this.see('xhci.pointers-audited', {
      controller: DEVICE,
      cause: 'USBCMD.R/S',
      pointers: [...registers, ...pointers],
    });
  }

  failedRead(address: number | bigint, what: string, register: string, size = 16, write = false): this {
    return this.see('memory.access-failed', {
      initiator: { kind: 'device', name: DEVICE },
      address: bus(address),
      size,
      write,
      result: MEMTX_DECODE_ERROR,
      offset: 0,
      reason: { kind: 'unassigned', below: undefined, above: undefined },
      purpose: { what, register },
    });
  }

  hostError(where: string): this {
    return this.see('xhci.host-error', { controller: DEVICE, bit: 'HSE', result: MEMTX_DECODE_ERROR, where });
  }

  doorbell(slotId = 0, target = 0, outcome: TraceEvents['xhci.doorbell']['outcome'] = 'rung'): this {
    this.step();
    return this.see('xhci.doorbell', { controller: DEVICE, slotId, target, streamId: 0, value: target, outcome });
  }

  readonly commandRing: RingRef = { controller: DEVICE, kind: 'command', slotId: 0, endpointId: 0, streamId: 0 };

  /** The controller looks at the TRB at `address`: takes it if its cycle bit is `cycle`, else finds the ring empty. */
  look(address: number, cycle: 0 | 1, consumed: number): boolean {
    const bytes = this.guest.readPhysical(address as never, 16)!;
    const view = new DataView(bytes.buffer);
    const trb: TrbWords = {
      parameterLow: view.getUint32(0, true),
      parameterHigh: view.getUint32(4, true),
      status: view.getUint32(8, true),
      control: view.getUint32(12, true),
    };
    const at: BusAddress = bus(address);
    this.see('xhci.trb-fetched', { ...this.commandRing, address: at, trb, typeName: 'TRB' });
    if ((trb.control & 1) === cycle) return true;
    this.see('xhci.ring-empty', { ...this.commandRing, address: at, trb, consumerCycle: cycle, consumed });
    return false;
  }

  completed(address: number): this {
    return this.see('xhci.command-completed', {
      controller: DEVICE,
      address: bus(address),
      trb: { parameterLow: 0, parameterHigh: 0, status: 0, control: 0 },
      commandName: 'No Op',
      slotId: 0,
      completionCode: 1,
      completionName: 'Success',
    });
  }

  wrap(link: number, target: number, toggled: boolean): this {
    return this.see('xhci.ring-wrapped', { ...this.commandRing, link: bus(link), target: bus(target), toggled });
  }

  idle(kind: 'spin' | 'halted' = 'spin'): this {
    this.step();
    const { time, instruction } = this.guest.now();
    return this.see('machine.idle', { kind, pc: this.guest.site!.pc, time, instruction });
  }

  finish(kind = 'idle'): Diagnosis {
    const { time, instruction } = this.guest.now();
    return this.engine.finish({ kind, text: 'the guest came to rest', time, instruction });
  }
}

/** Codes of the roots, in order: what a test compares. */
export function rootCodes(diagnosis: Diagnosis): string[] {
  return diagnosis.roots.map((finding: Finding) => finding.rule.code);
}

export function codesUnder(diagnosis: Diagnosis, root: string): string[] {
  return (
    diagnosis.roots.find((finding) => finding.rule.code === root)?.symptoms.map((symptom) => symptom.rule.code) ?? []
  );
}
