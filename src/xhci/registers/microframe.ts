/** MFINDEX (xHCI 1.2 §4.14.2, §5.5.1): microframes of 125 us, and the event when the 14 bits wrap. */
import type { Timer } from '../../base/clock.ts';
import type { Host } from '../host.ts';
import { CompletionCode } from '../spec/completion-codes.ts';
import { MfindexWrapEvent } from '../spec/trbs.ts';

const MICROFRAME = 125_000;
const INDEX_MASK = 0x3fff;

export class MicroframeCounter {
  #origin = 0;
  /** Microframes counted before the controller was stopped. */
  #base = 0;
  #counting = false;
  #wrapEvents = false;
  readonly #wrap: Timer;

  constructor(readonly host: Host) {
    this.#wrap = host.clock.timer(`xhci ${host.name} MFINDEX wrap`, () => this.#wrapped());
  }

  reset(): void {
    this.#base = 0;
    this.#origin = this.host.clock.now();
    this.#counting = !this.host.personality.mfindexStopsWhenHalted;
    this.#wrapEvents = false;
    this.#wrap.cancel();
  }

  start(): void {
    this.#origin = this.host.clock.now();
    if (!this.host.personality.mfindexStopsWhenHalted) this.#base = 0;
    this.#counting = true;
  }

  stop(): void {
    if (!this.host.personality.mfindexStopsWhenHalted) return;
    this.#base = this.count();
    this.#counting = false;
    this.#wrap.cancel();
  }

  /** Microframes, not wrapped. */
  count(): number {
    if (!this.#counting) return this.#base;
    return this.#base + Math.floor((this.host.clock.now() - this.#origin) / MICROFRAME);
  }

  /** The register's 14 bits. */
  index(): number {
    return this.count() & INDEX_MASK;
  }

  /** USBCMD.EWE or R/S changed. */
  updateWrap(enabled: boolean): void {
    this.#wrapEvents = enabled;
    if (!enabled || !this.host.running) {
      this.#wrap.cancel();
      return;
    }
    const left = INDEX_MASK + 1 - (this.count() & INDEX_MASK);
    const elapsed = (this.host.clock.now() - this.#origin) % MICROFRAME;
    this.#wrap.after(left * MICROFRAME - elapsed);
  }

  #wrapped(): void {
    this.host.post(0, [0, 0, (CompletionCode.Success << 24) >>> 0, MfindexWrapEvent.type << 10]);
    this.updateWrap(this.#wrapEvents);
  }

  save(): (number | boolean | undefined)[] {
    return [this.#origin, this.#base, this.#counting, this.#wrapEvents, this.#wrap.deadline];
  }

  load(fields: readonly (number | boolean | undefined)[]): void {
    this.#origin = fields[0] as number;
    this.#base = fields[1] as number;
    this.#counting = fields[2] as boolean;
    this.#wrapEvents = fields[3] as boolean;
    if (fields[4] === undefined) this.#wrap.cancel();
    else this.#wrap.at(fields[4] as number);
  }
}
