/** `-device`: reads the properties of a model, and says which there are. */
import type { DeviceOption } from '../../machine/boards/q35-options.ts';
import { didYouMean } from '../suggestion.ts';
import { UsageError } from '../usage-error.ts';
import {
  ALIASES,
  type BoardPartRequest,
  type ConfiguredDevice,
  MODELS,
  type ModelProperties,
  type PropertyValues,
} from './device-models.ts';
import { type OptionList, parseOptionList } from './option-list.ts';

export type { ConfiguredDevice } from './device-models.ts';

export const DEVICE_MODELS: readonly string[] = Object.keys(MODELS);

/** Reads the argument of one `-device`. */
export function parseDevice(argument: string): ConfiguredDevice | BoardPartRequest {
  const list = parseOptionList(argument, 'driver');
  const driver = list.get('driver') ?? '';
  const name = Object.hasOwn(ALIASES, driver) ? ALIASES[driver]! : driver;
  const model = Object.hasOwn(MODELS, name) ? MODELS[name] : undefined;
  if (model === undefined) {
    throw new UsageError(
      `-device ${argument}: "${driver}" is not supported by dmascope${didYouMean(driver, DEVICE_MODELS)}`,
      `devices that are: ${DEVICE_MODELS.join(', ')}`,
    );
  }
  return model.build(readProperties(argument, name, model.properties, list));
}

function readProperties(
  argument: string,
  model: string,
  properties: ModelProperties,
  list: OptionList,
): PropertyValues {
  const values = new Map<string, number | string | boolean>();
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
  return {
    number: (key) => values.get(key) as number | undefined,
    text: (key) => values.get(key) as string | undefined,
    flag: (key) => values.get(key) as boolean | undefined,
    optional: (field, key = field) => {
      const value = values.get(key);
      return value === undefined ? {} : ({ [field]: value } as never);
    },
  };
}

const CONTROLLERS: readonly DeviceOption['kind'][] = ['qemu-xhci', 'nec-usb-xhci'];

/** What QEMU would refuse about the devices together. */
export function checkDevices(devices: readonly ConfiguredDevice[]): void {
  const controllers = devices.filter(({ kind }) => (CONTROLLERS as readonly string[]).includes(kind));
  for (const device of devices) {
    if (!device.kind.startsWith('usb-')) continue;
    const { kind, bus } = device as { readonly kind: string; readonly bus?: string };
    if (controllers.length === 0) {
      throw new UsageError(`-device ${kind}: no 'usb-bus' bus found`, 'add -device qemu-xhci before it');
    }
    const names = controllers.map((controller, index) => {
      const { id } = controller as { readonly id?: string };
      return `${id ?? (index === 0 ? 'usb-bus' : '')}.0`;
    });
    if (bus !== undefined && ![...names, 'usb-bus.0'].includes(bus)) {
      throw new UsageError(
        `-device ${kind}: bus '${bus}' not found${didYouMean(bus, names)}`,
        'a controller with id=NAME has the bus NAME.0',
      );
    }
  }
}
