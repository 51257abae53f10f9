/** The Command Ring (xHCI 1.2 §4.6, §5.4.5): CRCR, and the loop that carries commands out. */
import { type BusAddress, bus, busHigh, busLow } from '../../base/address.ts';
import type { Timer } from '../../base/clock.ts';
import type { StateValue } from '../../base/state.ts';
import type { Host } from '../host.ts';
import { ConsumerRing, ringRef } from '../rings/consumer-ring.ts';
import { CompletionCode, completionName } from '../spec/completion-codes.ts';
import { CRCR_LO } from '../spec/registers.ts';
import {
  AddressDevice,
  CommandCompletionEvent,
  ConfigureEndpoint,
  DisableSlot,
  EnableSlot,
  EvaluateContext,
  GetPortBandwidth,
  NecChallengeResponse,
  NecFirmwareRequest,
  NoOpCommand,
  ResetDevice,
  ResetEndpoint,
  SetTrDequeuePointer,
  StopEndpoint,
  trbName,
} from '../spec/trbs.ts';
import { pointerFromWords } from '../wire/pointer.ts';
import { Trb, trbWords } from '../wire/trb.ts';
import { addressDevice } from './address-device.ts';
import { configureEndpoint, evaluateContext } from './configure-endpoint.ts';
import { resetEndpoint, setTrDequeuePointer, stopEndpoint } from './endpoint-commands.ts';
import { type Command, type CommandContext, type CommandOutcome, failed, succeeded } from './outcome.ts';
import { getPortBandwidth } from './port-bandwidth.ts';
import { disableSlot, enableSlot, resetDevice } from './slot-commands.ts';
import { necChallenge, necFirmware } from './vendor.ts';

/** Commands at one doorbell. What is left follows at the next one, or later where the controller is strict. */
export const COMMANDS_PER_DOORBELL_MAX = 257;
/** A microsecond for each: a ring whose Link TRB leads back without a toggle never ends, and its time must pass. */
const RESUME_DELAY = COMMANDS_PER_DOORBELL_MAX * 1_000;

/** Commands that name a slot, which must be enabled. */
const SLOT_COMMANDS: ReadonlyMap<number, Command> = new Map<number, Command>([
  [DisableSlot.type, (context, _trb, slot) => disableSlot(context, slot)],
  [AddressDevice.type, addressDevice],
  [ConfigureEndpoint.type, configureEndpoint],
  [EvaluateContext.type, evaluateContext],
  [ResetEndpoint.type, resetEndpoint],
  [StopEndpoint.type, stopEndpoint],
  [SetTrDequeuePointer.type, setTrDequeuePointer],
  [ResetDevice.type, (context, _trb, slot) => resetDevice(context, slot)],
]);

export class CommandRing {
  /** CRCR as software sees it: flags in the low half. */
  low = 0;
  high = 0;
  readonly ring: ConsumerRing;
  readonly #timer: Timer;
  readonly #trb = new Trb();
  /** Software wrote CRCR since the ring was last started. */
  #stale = false;
  /** QEMU's events carry the last command's slot, also where the command had none. */
  #lastSlotId = 0;
  #busy = false;

  constructor(
    readonly host: Host,
    readonly context: CommandContext,
  ) {
    this.ring = new ConsumerRing(host, ringRef(host, 'command'), {
      what: 'Command TRB',
      register: 'CRCR',
      ring: 'command ring',
    });
    this.#timer = host.clock.timer(`xhci ${host.name} command ring`, () => this.process());
  }

  get running(): boolean {
    return CRCR_LO.has(this.low, 'CRR');
  }

  /** The ring's start as software wrote it. */
  get pointer(): BusAddress {
    return pointerFromWords(this.host.personality, this.low & ~0x3f, this.high);
  }

  reset(): void {
    this.low = 0;
    this.high = 0;
    // QEMU forgets CRCR, not where its ring stood.
    if (this.host.personality.commandRingStarts === 'at-doorbell') this.ring.start(bus(0), 1);
    this.ring.consumed = 0;
    this.#stale = false;
    this.#timer.cancel();
  }

  /** R/S = 0 stops the ring (§5.4.5, CRR). */
  stop(): void {
    this.low = (this.low & ~CRCR_LO.mask('CRR')) >>> 0;
  }

  readLow(): number {
    if (this.host.personality.crcrReads === 'pointer') return (this.low & ~0xe) >>> 0;
    return this.low & CRCR_LO.mask('CRR');
  }

  readHigh(): number {
    return this.host.personality.crcrReads === 'pointer' ? this.high : 0;
  }

  writeLow(value: number): void {
    if (this.host.personality.commandRingStarts === 'at-high-half') {
      this.low = ((value & ~CRCR_LO.mask('RsvdP5')) | (this.low & CRCR_LO.mask('CRR'))) >>> 0;
      return;
    }
    if (this.running) {
      // §5.4.5: while CRR = 1 only CS and CA mean anything.
      if (CRCR_LO.has(value, 'CS') || CRCR_LO.has(value, 'CA')) this.#stop(this.ring.dequeue);
      return;
    }
    this.low = (value & (CRCR_LO.mask('RCS') | CRCR_LO.mask('CommandRingPointer'))) >>> 0;
    this.#stale = true;
    this.host.pointersChanged('CRCR');
  }

  writeHigh(value: number): void {
    if (this.host.personality.commandRingStarts === 'at-high-half') {
      this.high = value;
      const asked = CRCR_LO.has(this.low, 'CS') || CRCR_LO.has(this.low, 'CA');
      if (asked && this.running) this.#stop(bus(0));
      else this.ring.start(this.pointer, 1);
      this.low = (this.low & ~(CRCR_LO.mask('CS') | CRCR_LO.mask('CA'))) >>> 0;
    } else if (!this.running) {
      this.high = value;
      this.#stale = true;
    }
    this.host.pointersChanged('CRCR');
  }

  /** Doorbell 0 (§4.7), or a ring that waited for the event ring. */
  process(): void {
    if (!this.host.running || this.#busy) return;
    this.low = (this.low | CRCR_LO.mask('CRR')) >>> 0;
    if (this.#stale) {
      this.#stale = false;
      const cycle = this.host.personality.ringCycleState === 'honoured' ? this.low & 1 : 1;
      this.ring.start(this.pointer, cycle as 0 | 1);
    }
    this.#busy = true;
    this.#lastSlotId = 0;
    this.#drain();
    this.#busy = false;
  }

  #drain(): void {
    const { host, ring } = this;
    const qemu = host.personality.contextChecks === 'qemu';
    const trb = this.#trb;
    for (let done = 0; ; ) {
      if (!qemu && (!host.running || !this.running || host.blocked(0))) return;
      if (ring.next(trb) !== 'trb') return;
      if (qemu && trb.type === 0) return;
      const outcome = this.#execute(trb);
      // A controller that halted over this command reports nothing.
      if (!qemu && !host.running) return;
      this.#report(trb, outcome);
      done += 1;
      if (done > COMMANDS_PER_DOORBELL_MAX) {
        const limit = host.facts['xhci.limit-enforced'];
        if (limit.active) limit.emit({ controller: host.name, what: 'commands' });
        if (!qemu) this.#timer.after(RESUME_DELAY);
        return;
      }
    }
  }

  #execute(trb: Trb): CommandOutcome {
    const { type } = trb;
    const command = SLOT_COMMANDS.get(type);
    if (command !== undefined) return this.#onSlot(trb, command);
    switch (type) {
      case NoOpCommand.type:
        return succeeded;
      case EnableSlot.type:
        return enableSlot(this.context);
      case GetPortBandwidth.type:
        return getPortBandwidth(this.context, trb);
      case NecFirmwareRequest.type:
        if (this.host.model.nec) return necFirmware();
        return this.host.personality.contextChecks === 'qemu' ? failed('TrbError') : this.#unknown(type);
      case NecChallengeResponse.type:
        if (this.host.model.nec) return necChallenge(trb);
        return this.host.personality.contextChecks === 'qemu' ? failed('TrbError') : this.#unknown(type);
      default:
        return this.#unknown(type);
    }
  }

  #onSlot(trb: Trb, command: Command): CommandOutcome {
    const slotId = trb.control >>> 24;
    const slot = this.context.slots.get(slotId);
    const qemu = this.host.personality.contextChecks === 'qemu';
    if (slot === undefined) return { ...failed('TrbError'), slotId: qemu ? 0 : slotId };
    if (!slot.enabled) return { ...failed('SlotNotEnabledError'), slotId: qemu ? 0 : slotId };
    return { ...command(this.context, trb, slot), slotId };
  }

  #unknown(type: number): CommandOutcome {
    const unimplemented = this.host.facts['xhci.unimplemented'];
    if (unimplemented.active) unimplemented.emit({ controller: this.host.name, what: 'command', offset: type });
    return failed('TrbError');
  }

  #report(trb: Trb, outcome: CommandOutcome): void {
    const { host } = this;
    if (outcome.slotId !== undefined) this.#lastSlotId = outcome.slotId;
    const slotId = host.personality.contextChecks === 'qemu' ? this.#lastSlotId : (outcome.slotId ?? 0);
    const completed = host.facts['xhci.command-completed'];
    if (completed.active) {
      completed.emit({
        controller: host.name,
        address: trb.address,
        trb: trbWords(trb.words),
        commandName: trbName(trb.type),
        slotId,
        completionCode: outcome.code & 0xff,
        completionName: completionName(outcome.code & 0xff),
      });
    }
    const endpoint = outcome.endpointId ?? 0;
    const type = outcome.eventType ?? CommandCompletionEvent.type;
    host.post(0, [
      busLow(trb.address),
      busHigh(trb.address),
      (((outcome.code & 0xff) << 24) | (outcome.parameter ?? 0)) >>> 0,
      ((slotId << 24) | (endpoint << 16) | (type << 10)) >>> 0,
    ]);
  }

  /** CS or CA: the ring stops and says where (§4.6.1.1, §4.6.1.2). */
  #stop(dequeue: BusAddress): void {
    this.stop();
    const { host } = this;
    if (host.personality.commandRingStarts === 'at-doorbell') {
      // The pointer that the ring carries on from, should software only ring the doorbell again.
      this.low = (busLow(dequeue) & ~0x3f) | this.ring.cycle;
      this.high = busHigh(dequeue);
    }
    host.post(0, [
      busLow(dequeue),
      busHigh(dequeue),
      (CompletionCode.CommandRingStopped << 24) >>> 0,
      CommandCompletionEvent.type << 10,
    ]);
  }

  save(): { readonly [field: string]: StateValue } {
    const { ring } = this;
    return {
      registers: [this.low, this.high],
      ring: [busLow(ring.dequeue), busHigh(ring.dequeue), ring.cycle, ring.consumed],
      stale: this.#stale,
      timer: this.#timer.deadline,
    };
  }

  load(fields: { readonly [field: string]: StateValue }): void {
    const [low, high] = fields.registers as number[];
    this.low = low!;
    this.high = high!;
    const [dequeueLow, dequeueHigh, cycle, consumed] = fields.ring as number[];
    this.ring.dequeue = pointerFromWords(this.host.personality, dequeueLow!, dequeueHigh!);
    this.ring.cycle = cycle as 0 | 1;
    this.ring.consumed = consumed!;
    this.#stale = fields.stale as boolean;
    if (fields.timer === undefined) this.#timer.cancel();
    else this.#timer.at(fields.timer as number);
  }
}
