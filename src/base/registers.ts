/**
 * A register is data: name, section, reset value and fields. Masks, field access and the effect of a guest's write are
 * derived here once. What a write *does* beyond its bits stands in the owner's effect table.
 */
import { assert } from './assert.ts';

/** Where in a specification something is defined. */
export interface SpecRef {
  readonly document: string;
  readonly section: string;
}

/** A section of the eXtensible Host Controller Interface for USB, revision 1.2 (May 2019). */
export function xhci(section: string): SpecRef {
  return { document: 'xHCI 1.2', section };
}

/** A section of the PCI Local Bus Specification 3.0. */
export function pci(section: string): SpecRef {
  return { document: 'PCI 3.0', section };
}

/** A section of any other document. */
export function spec(document: string, section: string): SpecRef {
  return { document, section };
}

/** "xHCI 1.2 §5.4.8". */
export function formatSpec(ref: SpecRef): string {
  return `${ref.document} §${ref.section}`;
}

/**
 * How software's writes reach a field.
 * - `RO`: never. - `RW`: as written. - `RW1C`: a 1 clears the bit. - `RW1S`: a 1 sets the bit, a 0 does nothing.
 * - `WO`: written, reads 0 (the effect table acts on it). - `RsvdP`: reserved, software must write back what it read.
 */
export type Access = 'RO' | 'RW' | 'RW1C' | 'RW1S' | 'WO' | 'RsvdP';

export interface RegisterField {
  readonly high: number;
  readonly low: number;
  readonly access: Access;
  readonly title: string;
}

/** A one-bit field. */
export function bit(position: number, access: Access, title: string): RegisterField {
  return { high: position, low: position, access, title };
}

/** The field `high`..`low`, inclusive, as the specification prints it. */
export function bits(high: number, low: number, access: Access, title: string): RegisterField {
  return { high, low, access, title };
}

export interface RegisterDefinition<F extends string> {
  readonly name: string;
  readonly spec: SpecRef;
  readonly reset: number;
  readonly fields: Readonly<Record<F, RegisterField>>;
}

function maskOf(entry: RegisterField): number {
  const width = entry.high - entry.low + 1;
  return width === 32 ? 0xffff_ffff : (((1 << width) - 1) << entry.low) >>> 0;
}

/** A 32-bit register (or half of a 64-bit one). All values are unsigned 32-bit numbers. */
export class Register32<F extends string = string> {
  readonly name: string;
  readonly spec: SpecRef;
  readonly reset: number;
  readonly fields: Readonly<Record<F, RegisterField>>;
  /** Bits that a guest's write replaces, clears by 1, sets by 1; bits that are declared at all; bits marked RsvdP. */
  readonly writeMask: number;
  readonly clearMask: number;
  readonly setMask: number;
  readonly definedMask: number;
  readonly preserveMask: number;

  constructor(definition: RegisterDefinition<F>) {
    this.name = definition.name;
    this.spec = definition.spec;
    this.reset = definition.reset >>> 0;
    this.fields = definition.fields;
    const masks: Record<Access, number> = { RO: 0, RW: 0, RW1C: 0, RW1S: 0, WO: 0, RsvdP: 0 };
    let all = 0;
    for (const [name, entry] of Object.entries<RegisterField>(this.fields)) {
      const mask = maskOf(entry);
      assert((all & mask) === 0, `${this.name}.${name} overlaps another field`);
      all = (all | mask) >>> 0;
      masks[entry.access] = (masks[entry.access] | mask) >>> 0;
    }
    this.writeMask = masks.RW;
    this.clearMask = masks.RW1C;
    this.setMask = masks.RW1S;
    this.preserveMask = masks.RsvdP;
    this.definedMask = all;
  }

  mask(name: F): number {
    return maskOf(this.fields[name]);
  }

  get(value: number, name: F): number {
    const entry = this.fields[name];
    return (value & maskOf(entry)) >>> entry.low;
  }

  has(value: number, name: F): boolean {
    return (value & maskOf(this.fields[name])) !== 0;
  }

  /** `value` with field `name` replaced. */
  with(value: number, name: F, content: number): number {
    const entry = this.fields[name];
    const mask = maskOf(entry);
    return ((value & ~mask) | ((content << entry.low) & mask)) >>> 0;
  }

  /** What stands in the register after a guest wrote `written` over `current`, by the fields' access rules alone. */
  afterGuestWrite(current: number, written: number): number {
    const kept = current & ~this.writeMask & ~(written & this.clearMask);
    return (kept | (written & this.writeMask) | (written & this.setMask)) >>> 0;
  }

  /** Bits set in `written` that this register does not declare (RsvdZ violated), or RsvdP bits that changed. */
  reservedBits(current: number, written: number): number {
    return ((written & ~this.definedMask) | ((written ^ current) & this.preserveMask)) >>> 0;
  }
}

export function register32<F extends string>(definition: RegisterDefinition<F>): Register32<F> {
  return new Register32(definition);
}

/** True when a one-bit field goes from 0 to 1 between `previous` and `next`. */
export function rose<F extends string>(register: Register32<F>, name: F, previous: number, next: number): boolean {
  return !register.has(previous, name) && register.has(next, name);
}

/** True when a one-bit field goes from 1 to 0. */
export function fell<F extends string>(register: Register32<F>, name: F, previous: number, next: number): boolean {
  return register.has(previous, name) && !register.has(next, name);
}
