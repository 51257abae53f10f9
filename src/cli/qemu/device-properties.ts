/** The values that properties of `-device` take. */
import { parseInteger } from '../quantities.ts';

/** A property's value, checked. `undefined` from a reader means: accepted, and what the board does anyway. */
export interface Property {
  readonly read: (value: string) => number | string | boolean | undefined;
  /** For the message that refuses a value. */
  readonly expects: string;
}

export function integer(low: number, high: number): Property {
  return {
    read: (value) => {
      const number = parseInteger(value);
      if (number === undefined || number < low || number > high) throw new RangeError(value);
      return number;
    },
    expects: `a number from ${low} to ${high}`,
  };
}

export const name: Property = { read: (value) => value, expects: 'a name' };

export const onOrOff: Property = {
  read: (value) => {
    if (!/^(on|off|true|false|yes|no)$/.test(value)) throw new RangeError(value);
    return /^(on|true|yes)$/.test(value);
  },
  expects: 'on or off',
};

/** `3`, `03`, `3.0`, `0x3`: a PCI device number in hex, as QEMU reads it. Only function 0. */
export const pciAddress: Property = {
  read: (value) => {
    const match = /^(?:0x)?([0-9a-f]{1,2})(?:\.0)?$/i.exec(value);
    const slot = match === null ? Number.NaN : Number.parseInt(match[1]!, 16);
    if (!(slot >= 0 && slot <= 30)) throw new RangeError(value);
    return slot;
  },
  expects: 'a PCI device number in hex, 1 to 1e, function 0',
};

/** A property that is accepted with the values under which the board already behaves so. */
export function only(...values: readonly string[]): Property {
  return {
    read: (value) => {
      if (!values.includes(value)) throw new RangeError(value);
      return undefined;
    },
    expects: values.map((value) => `"${value}"`).join(' or '),
  };
}
