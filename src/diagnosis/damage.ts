/** What the mistakes did to each device: errors it raised, events and doorbells that were lost. */
import type { TraceEvents, TraceName } from '../base/trace.ts';
import type { Finding } from './finding.ts';
import { rootOf } from './folding.ts';

const DEVICES_MAX = 64;
const EVENT_KINDS_MAX = 32;

export interface Damage {
  /** The root that answers for all of this. */
  owner: Finding | undefined;
  hostErrors: { readonly bit: 'HSE' | 'HCE'; readonly where: string }[];
  /** Events that software will never see, by TRB type. */
  readonly eventsLost: Map<string, number>;
  doorbellsIgnored: number;
}

export class DamageLog {
  readonly #devices = new Map<string, Damage>();

  of(device: string | undefined): Damage | undefined {
    return device === undefined ? undefined : this.#devices.get(device);
  }

  #get(device: string): Damage {
    let damage = this.#devices.get(device);
    if (damage === undefined) {
      damage = { owner: undefined, hostErrors: [], eventsLost: new Map(), doorbellsIgnored: 0 };
      if (this.#devices.size < DEVICES_MAX) this.#devices.set(device, damage);
    }
    return damage;
  }

  see<N extends TraceName>(name: N, event: TraceEvents[N], findings: () => readonly Finding[]): void {
    switch (name) {
      case 'xhci.host-error': {
        const error = event as TraceEvents['xhci.host-error'];
        const damage = this.#get(error.controller);
        if (damage.hostErrors.length < 8) damage.hostErrors.push({ bit: error.bit, where: error.where });
        blame(findings(), error.controller);
        break;
      }
      case 'xhci.event-lost': {
        const lost = event as TraceEvents['xhci.event-lost'];
        // A halted controller reports nothing by design: ports may change before the driver starts it.
        if (lost.because === 'halted') break;
        const { eventsLost } = this.#get(lost.controller);
        if (eventsLost.has(lost.typeName) || eventsLost.size < EVENT_KINDS_MAX) {
          eventsLost.set(lost.typeName, (eventsLost.get(lost.typeName) ?? 0) + 1);
        }
        if (lost.because === 'dma' || lost.because === 'no-ring') blame(findings(), lost.controller);
        break;
      }
      case 'xhci.doorbell': {
        const bell = event as TraceEvents['xhci.doorbell'];
        if (bell.outcome === 'host-error' || bell.outcome === 'halted')
          this.#get(bell.controller).doorbellsIgnored += 1;
        break;
      }
      case 'xhci.reset':
        // A new start: what was lost before concerns nobody who waits now.
        this.#devices.delete((event as TraceEvents['xhci.reset']).controller);
        break;
      default:
    }
  }

  /** Ties each device's damage to the first root that stops it. Expects folded findings. */
  settle(findings: readonly Finding[]): void {
    for (const [device, damage] of this.#devices) {
      const guilty = findings.find((finding) => finding.device === device && finding.blocking);
      damage.owner = guilty === undefined ? undefined : rootOf(guilty);
    }
  }
}

/** The mistake behind the access that has just failed stops the device. */
function blame(findings: readonly Finding[], device: string): void {
  let latest: Finding | undefined;
  for (const finding of findings) {
    if (finding.device === device && finding.failed) latest = finding;
  }
  // Nothing failed on the bus: then it was the first error that left the device without what it needs.
  for (const finding of findings) {
    if (latest === undefined && finding.device === device && finding.severity === 'error') latest = finding;
  }
  if (latest !== undefined) latest.blocking = true;
}
