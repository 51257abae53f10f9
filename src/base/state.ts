/**
 * Saved state: every stateful part names its fields when it is written, so that snapshots, replay and the inspector
 * all come from one mechanism. A part registers once; the registry saves and loads all parts in order of name.
 */
import { InternalError } from './assert.ts';

/** What a state field may hold: plain data, no class instances. Byte arrays are copied on save. */
export type StateValue =
  | boolean
  | number
  | bigint
  | string
  | undefined
  | Uint8Array
  | readonly StateValue[]
  | { readonly [key: string]: StateValue };

export interface StateSource {
  /** Unique in the machine: the part's path, for example `xhci0` or `pci/00:03.0/config`. */
  readonly name: string;
  /** Raised whenever the meaning of a field changes; `load` refuses other versions. */
  readonly version: number;
  save(): { readonly [field: string]: StateValue };
  load(fields: { readonly [field: string]: StateValue }): void;
}

export interface SavedState {
  readonly [part: string]: { readonly version: number; readonly fields: { readonly [field: string]: StateValue } };
}

export class StateRegistry {
  readonly #sources = new Map<string, StateSource>();

  register(source: StateSource): void {
    if (this.#sources.has(source.name)) throw new InternalError(`two parts declare the state "${source.name}"`);
    this.#sources.set(source.name, source);
  }

  names(): string[] {
    return [...this.#sources.keys()].sort();
  }

  save(): SavedState {
    const saved: Record<string, SavedState[string]> = {};
    for (const name of this.names()) {
      const source = this.#sources.get(name)!;
      saved[name] = { version: source.version, fields: source.save() };
    }
    return saved;
  }

  /** Returns what did not fit (missing or other version); on any misfit nothing is loaded. */
  load(saved: SavedState): string[] {
    const misfits: string[] = [];
    for (const name of this.names()) {
      const part = saved[name];
      const version = this.#sources.get(name)!.version;
      if (part === undefined) misfits.push(`"${name}" is not in the saved state`);
      else if (part.version !== version) misfits.push(`"${name}" has version ${part.version}, expected ${version}`);
    }
    if (misfits.length === 0) for (const name of this.names()) this.#sources.get(name)!.load(saved[name]!.fields);
    return misfits;
  }
}
