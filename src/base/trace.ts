/**
 * The trace bus: devices state typed facts, listeners (diagnosis rules, QEMU-style text, captures) judge or print them.
 * Nobody listening costs one boolean test: `if (channel.active) channel.emit({...})`.
 *
 * Each layer declares its facts by augmenting {@link TraceEvents} in its own `events.ts`:
 *
 * ```ts
 * declare module '../base/trace.ts' {
 *   interface TraceEvents { 'serial.byte-sent': { readonly byte: number } }
 * }
 * ```
 */

// biome-ignore lint/suspicious/noEmptyInterface: every layer augments it with its own facts.
export interface TraceEvents {}

export type TraceName = keyof TraceEvents & string;
export type TraceListener<N extends TraceName> = (event: TraceEvents[N], name: N) => void;

/** One kind of fact. Devices keep the channel in a field, so that emitting needs no lookup. */
export class TraceChannel<N extends TraceName = TraceName> {
  /** True while somebody listens: test it before building the event object. */
  active = false;
  readonly #listeners: TraceListener<N>[] = [];

  constructor(readonly name: N) {}

  emit(event: TraceEvents[N]): void {
    for (const listener of this.#listeners) listener(event, this.name);
  }

  /** Listeners hear a fact in the order in which they subscribed. Returns the way to stop listening. */
  subscribe(listener: TraceListener<N>): () => void {
    this.#listeners.push(listener);
    this.active = true;
    return () => {
      const index = this.#listeners.indexOf(listener);
      if (index >= 0) this.#listeners.splice(index, 1);
      this.active = this.#listeners.length > 0;
    };
  }
}

/** All channels of one machine. */
export class TraceBus {
  readonly #channels = new Map<string, TraceChannel<TraceName>>();

  channel<N extends TraceName>(name: N): TraceChannel<N> {
    let channel = this.#channels.get(name);
    if (channel === undefined) {
      channel = new TraceChannel<TraceName>(name as TraceName);
      this.#channels.set(name, channel);
    }
    return channel as unknown as TraceChannel<N>;
  }

  on<N extends TraceName>(name: N, listener: TraceListener<N>): () => void {
    return this.channel(name).subscribe(listener);
  }
}
