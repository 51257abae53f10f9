/** `-device`: which models exist, which properties they take, and what those mean to the board. */
import type { DeviceOption } from '../../machine/boards/q35-options.ts';
import { parseInteger } from '../quantities.ts';
import { didYouMean } from '../suggestion.ts';
import { UsageError } from '../usage-error.ts';
import { type OptionList, parseOptionList } from './option-list.ts';

/** A property's value, checked. `undefined` from a reader means: accepted, and what the board does anyway. */
interface Property {
  readonly read: (value: string) => number | string | undefined;
  /** For the message that refuses a value. */
  readonly expects: string;
}

function integer(low: number, high: number): Property {
  return {
    read: (value) => {
      const number = parseInteger(value);
      if (number === undefined || number < low || number > high) throw new RangeError(value);
      return number;
    },
    expects: `a number from ${low} to ${high}`,
  };
}

const name: Property = { read: (value) => value, expects: 'a name' };

/** `3`, `03`, `3.0`, `0x3`: a PCI device number in hex, as QEMU reads it. Only function 0. */
const pciAddress: Property = {
  read: (value) => {
    const match = /^(?:0x)?([0-9a-f]{1,2})(?:\.0)?$/i.exec(value);
    const slot = match === null ? Number.NaN : Number.parseInt(match[1]!, 16);
    if (!(slot >= 1 && slot <= 30)) throw new RangeError(value);
    return slot;
  },
  expects: 'a PCI device number in hex, 1 to 1e, function 0',
};

/** A property that is accepted with the values under which the board already behaves so. */
function only(...values: readonly string[]): Property {
  return {
    read: (value) => {
      if (!values.includes(value)) throw new RangeError(value);
      return undefined;
    },
    expects: values.map((value) => `"${value}"`).join(' or '),
  };
}

const XHCI: Readonly<Record<string, Property>> = {
  id: name,
  addr: pciAddress,
  bus: only('pcie.0'),
  p2: integer(1, 15),
  p3: integer(1, 15),
  msi: only('auto', 'off'),
  msix: only('auto', 'on'),
};

const MODELS: Readonly<Record<string, Readonly<Record<string, Property>>>> = {
  'qemu-xhci': XHCI,
  'nec-usb-xhci': { ...XHCI, msi: only('auto', 'on'), intrs: integer(1, 16), slots: integer(1, 64) },
  'usb-kbd': { id: name, bus: name, port: integer(1, 30), usb_version: only('2') },
  'isa-debug-exit': { iobase: integer(0, 0xffff), iosize: integer(1, 8) },
};

export const DEVICE_MODELS: readonly string[] = Object.keys(MODELS);

/** QEMU's defaults (hw/misc/debugexit.c). */
const DEBUG_EXIT = { iobase: 0x501, iosize: 2 };

/** Reads the argument of one `-device`. */
export function parseDevice(argument: string): DeviceOption {
  const list = parseOptionList(argument, 'driver');
  const model = list.get('driver') ?? '';
  const properties = MODELS[model];
  if (properties === undefined) {
    throw new UsageError(
      `-device ${argument}: "${model}" is not supported by dmascope${didYouMean(model, DEVICE_MODELS)}`,
      `devices that are: ${DEVICE_MODELS.join(', ')}`,
    );
  }
  const values = readProperties(argument, model, properties, list);
  const number = (key: string) => values.get(key) as number | undefined;
  const id = values.get('id') as string | undefined;
  switch (model) {
    case 'usb-kbd':
      return {
        kind: 'usb-kbd',
        ...optional('id', id),
        ...optional('bus', values.get('bus') as string | undefined),
        ...optional('port', number('port')),
      };
    case 'isa-debug-exit':
      return {
        kind: 'isa-debug-exit',
        port: number('iobase') ?? DEBUG_EXIT.iobase,
        size: number('iosize') ?? DEBUG_EXIT.iosize,
      };
    default:
      return {
        kind: model as 'qemu-xhci' | 'nec-usb-xhci',
        ...optional('id', id),
        ...optional('slot', number('addr')),
        ...optional('usb2Ports', number('p2')),
        ...optional('usb3Ports', number('p3')),
        ...optional('interrupters', number('intrs')),
        ...optional('slots', number('slots')),
      };
  }
}

function readProperties(
  argument: string,
  model: string,
  properties: Readonly<Record<string, Property>>,
  list: OptionList,
): Map<string, number | string> {
  const values = new Map<string, number | string>();
  for (const [key, value] of list.entries) {
    if (key === 'driver') continue;
    const property = Object.hasOwn(properties, key) ? properties[key] : undefined;
    if (property === undefined) {
      throw new UsageError(
        `-device ${argument}: the property "${model}.${key}" is not supported${didYouMean(key, Object.keys(properties))}`,
        `properties of ${model} that are: ${Object.keys(properties).join(', ')}`,
      );
    }
    try {
      const read = property.read(value);
      if (read !== undefined) values.set(key, read);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw new UsageError(
        `-device ${argument}: "${value}" is not a value for "${model}.${key}"`,
        `give ${property.expects}`,
      );
    }
  }
  return values;
}

function optional<K extends string, T>(key: K, value: T | undefined): { readonly [key in K]?: T } {
  return value === undefined ? {} : ({ [key]: value } as { readonly [key in K]?: T });
}

/** What QEMU would refuse about the devices together. */
export function checkDevices(devices: readonly DeviceOption[]): void {
  const controllers = devices.flatMap((device) =>
    device.kind === 'qemu-xhci' || device.kind === 'nec-usb-xhci' ? [device] : [],
  );
  for (const device of devices) {
    if (device.kind !== 'usb-kbd') continue;
    if (controllers.length === 0) {
      throw new UsageError("-device usb-kbd: no 'usb-bus' bus found", 'add -device qemu-xhci before it');
    }
    const buses = controllers.map((controller, index) => `${controller.id ?? (index === 0 ? 'usb-bus' : '')}.0`);
    const known = [...buses, 'usb-bus.0'];
    if (device.bus !== undefined && !known.includes(device.bus)) {
      throw new UsageError(
        `-device usb-kbd: bus '${device.bus}' not found${didYouMean(device.bus, buses)}`,
        'a controller with id=NAME has the bus NAME.0',
      );
    }
  }
}
