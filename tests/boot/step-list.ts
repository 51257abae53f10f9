/** The steps of a scenario, done as the guest reaches them. */
import type { BootGuest, BootStep } from './scenario.ts';

const MILLISECOND = 1_000_000;

export class StepList {
  readonly #steps: BootStep[];
  readonly #guest: BootGuest;
  readonly #done: (name: string) => void;
  /** The end of what was printed since the last step, as long as what is waited for. */
  readonly #tails = { serial: '', debug: '' };

  constructor(steps: readonly BootStep[], guest: BootGuest, done: (name: string) => void) {
    this.#steps = [...steps];
    this.#guest = guest;
    this.#done = done;
    this.#arm();
  }

  /** The names of those that were not reached. */
  get left(): readonly string[] {
    return this.#steps.map(nameOf);
  }

  printed(channel: 'serial' | 'debug', byte: number): void {
    const [step] = this.#steps;
    if (step === undefined || !('printed' in step) || (step.on ?? 'serial') !== channel) return;
    const tail = (this.#tails[channel] + String.fromCharCode(byte)).slice(-step.printed.length);
    this.#tails[channel] = tail;
    if (tail === step.printed) this.#finish(step);
  }

  #finish(step: BootStep): void {
    this.#steps.shift();
    this.#tails.serial = '';
    this.#tails.debug = '';
    this.#done(nameOf(step));
    step.act?.(this.#guest);
    this.#arm();
  }

  #arm(): void {
    const [step] = this.#steps;
    if (step === undefined || !('until' in step)) return;
    const { clock } = this.#guest.machine;
    const timer = clock.timer('boot step', () => {
      if (step.until(this.#guest)) this.#finish(step);
      else timer.at(clock.now() + step.everyMilliseconds * MILLISECOND);
    });
    timer.at(clock.now() + step.everyMilliseconds * MILLISECOND);
  }
}

function nameOf(step: BootStep): string {
  return step.name ?? ('printed' in step ? step.printed.trim() : 'a condition');
}
