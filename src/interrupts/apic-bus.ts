/**
 * The path between local APICs, I/O APICs and MSI writers: routes each message to the local APICs that its destination
 * names (Intel SDM Vol. 3A 10.6.2) and carries EOI broadcasts back to the I/O APICs.
 */
import type { TraceBus, TraceChannel } from '../base/trace.ts';
import type { MessageDropReason } from './events.ts';

/** Delivery modes (Intel SDM Vol. 3A 10.6.1). */
export const DELIVERY = {
  fixed: 0,
  lowestPriority: 1,
  smi: 2,
  reserved: 3,
  nmi: 4,
  init: 5,
  startUp: 6,
  extInt: 7,
} as const;

/** The first vector that fixed and lowest-priority delivery may carry (Intel SDM Vol. 3A 10.5.2). */
export const FIRST_LEGAL_VECTOR = 16;

export interface ApicMessage {
  readonly source: 'msi' | 'ioapic' | 'ipi';
  /** Destination id, or logical set: 8 bits, 0xff is everyone; 32 bits, 0xffff_ffff is everyone, when {@link wide}. */
  readonly destination: number;
  /** Sent by an x2APIC: the destination has 32 bits. */
  readonly wide?: boolean;
  readonly logical: boolean;
  readonly deliveryMode: number;
  readonly vector: number;
  readonly levelTriggered: boolean;
}

/** What the bus asks of a local APIC. */
export interface ApicTarget {
  /** True when the message's destination names this APIC. */
  matches(message: ApicMessage): boolean;
  /** Software-enabled: takes fixed and lowest-priority interrupts (SVR bit 8). */
  readonly acceptsFixed: boolean;
  /** The lower, the better a target for lowest-priority delivery. */
  readonly arbitrationPriority: number;
  accept(message: ApicMessage): void;
}

/** What the bus asks of an I/O APIC. */
export interface EoiListener {
  /** The handler of the level-triggered interrupt `vector` has ended. */
  endOfInterrupt(vector: number): void;
}

export class ApicBus {
  readonly #targets: ApicTarget[] = [];
  readonly #listeners: EoiListener[] = [];
  readonly #messages: TraceChannel<'interrupts.message'>;

  constructor(trace: TraceBus) {
    this.#messages = trace.channel('interrupts.message');
  }

  /** Local APICs in order of CPU number. */
  get targets(): readonly ApicTarget[] {
    return this.#targets;
  }

  addTarget(target: ApicTarget): void {
    this.#targets.push(target);
  }

  addEoiListener(listener: EoiListener): void {
    this.#listeners.push(listener);
  }

  /** Delivers to all that the destination names; returns why nobody got it, or `undefined`. */
  send(message: ApicMessage): MessageDropReason | undefined {
    return this.sendTo(
      message,
      this.#targets.filter((target) => target.matches(message)),
    );
  }

  /** Delivers to the given targets, as an IPI with a destination shorthand does. */
  sendTo(message: ApicMessage, targets: readonly ApicTarget[]): MessageDropReason | undefined {
    const dropped = this.#deliver(message, targets);
    if (this.#messages.active) {
      const { source, destination, logical, deliveryMode, vector } = message;
      this.#messages.emit({ source, destination, logical, deliveryMode, vector, dropped });
    }
    return dropped;
  }

  broadcastEoi(vector: number): void {
    for (const listener of this.#listeners) listener.endOfInterrupt(vector);
  }

  #deliver(message: ApicMessage, targets: readonly ApicTarget[]): MessageDropReason | undefined {
    const { deliveryMode, vector } = message;
    if (deliveryMode === DELIVERY.reserved) return 'reserved-delivery-mode';
    if (deliveryMode !== DELIVERY.fixed && deliveryMode !== DELIVERY.lowestPriority) {
      for (const target of targets) target.accept(message);
      return targets.length === 0 ? 'no-destination' : undefined;
    }
    const willing = targets.filter((target) => target.acceptsFixed);
    if (willing.length === 0) return 'no-destination';
    if (deliveryMode === DELIVERY.fixed) for (const target of willing) target.accept(message);
    else
      willing
        .reduce((best, next) => (next.arbitrationPriority < best.arbitrationPriority ? next : best))
        .accept(message);
    // The APICs have noted the error in their ESR; the message itself is lost.
    return vector < FIRST_LEGAL_VECTOR ? 'illegal-vector' : undefined;
  }
}
