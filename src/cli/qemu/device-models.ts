/** The models of `-device`: which properties each takes, and what those mean to the board. */
import type { DeviceOption } from '../../machine/boards/q35-options.ts';
import { integer, name, only, onOrOff, type Property, pciAddress } from './device-properties.ts';

/** A stick as the command line names it: its drive is opened later. */
export type UsbStorageRequest = Omit<Extract<DeviceOption, { kind: 'usb-storage' }>, 'disk'> & {
  readonly drive: string | undefined;
};
/** The entropy's seed comes from `-seed`. */
export type EntropyRequest = Extract<DeviceOption, { kind: 'virtio-rng-pci' }> & { readonly rng?: string };
/** Parts that the board has anyway: `-device VGA` is another way to say `-vga std`, the others to say `-serial` and `-debugcon`. */
export type BoardPartRequest =
  | { readonly kind: 'VGA' }
  | { readonly kind: 'isa-serial'; readonly chardev: string }
  | { readonly kind: 'isa-debug-port'; readonly chardev: string; readonly port: number | undefined };
export type ConfiguredDevice = Exclude<DeviceOption, { kind: 'usb-storage' }> | UsbStorageRequest | EntropyRequest;

export type ModelProperties = Readonly<Record<string, Property>>;

/** Values that were given. */
export interface PropertyValues {
  number(key: string): number | undefined;
  text(key: string): string | undefined;
  flag(key: string): boolean | undefined;
  /** `{ field: value }` for the property `key`; nothing when it was not given. */
  optional(field: string, key?: string): object;
}

export interface Model {
  readonly properties: ModelProperties;
  readonly build: (values: PropertyValues) => ConfiguredDevice | BoardPartRequest;
}

const ROOT_BUS_NAME = 'pcie.0';
const ROOT_BUS = only(ROOT_BUS_NAME);
const BOOT_INDEX = integer(0, 2 ** 31 - 1);
const PCI = { id: name, addr: pciAddress, bus: name };
const USB = { id: name, bus: name, port: integer(1, 30) };

const XHCI: ModelProperties = {
  ...PCI,
  p2: integer(1, 15),
  p3: integer(1, 15),
  msi: only('auto', 'off'),
  msix: only('auto', 'on'),
};

const XHCI_FIELDS = { id: 'id', slot: 'addr', usb2Ports: 'p2', usb3Ports: 'p3', interrupters: 'intrs', slots: 'slots' };

/** QEMU's defaults (hw/misc/debugexit.c). */
const DEBUG_EXIT = { iobase: 0x501, iosize: 2 };

/** The fields of the board's option from the properties of the same meaning. */
function fields(values: PropertyValues, keys: Readonly<Record<string, string>>): object {
  return Object.assign({}, ...Object.entries(keys).map(([field, key]) => values.optional(field, key)));
}

/** Behind a root port; devices that name the root bus stand there anyway. */
function pciBus(values: PropertyValues): { readonly pciBus?: string } {
  const bus = values.text('bus');
  return bus === undefined || bus === ROOT_BUS_NAME ? {} : { pciBus: bus };
}

function controller(kind: 'qemu-xhci' | 'nec-usb-xhci', properties: ModelProperties): Model {
  return {
    properties,
    build: (values) => ({ kind, ...fields(values, XHCI_FIELDS), ...pciBus(values) }),
  };
}

const ROOT_PORT: ModelProperties = {
  ...PCI,
  bus: ROOT_BUS,
  id: name,
  slot: integer(0, 8191),
  port: integer(0, 255),
  chassis: integer(0, 255),
  hotplug: only('off', 'false'),
};

/** Chassis and port numbers tell bridges apart that are nested, and there are none. */
function rootPort(kind: 'pcie-root-port' | 'ioh3420'): Model {
  return {
    properties: ROOT_PORT,
    build: (values) => ({
      kind,
      id: values.text('id') ?? kind,
      ...fields(values, { slot: 'addr', slotNumber: 'slot' }),
    }),
  };
}

const IDE_PROPERTIES: ModelProperties = {
  id: name,
  drive: name,
  bus: name,
  unit: only('0'),
  serial: name,
  bootindex: BOOT_INDEX,
};
const IDE_FIELDS = { id: 'id', drive: 'drive', bus: 'bus', serial: 'serial', bootIndex: 'bootindex' };

function ide(kind: 'ide-hd' | 'ide-cd'): Model {
  return { properties: IDE_PROPERTIES, build: (values) => ({ kind, ...fields(values, IDE_FIELDS) }) };
}

/** In the order of `-device help`. */
export const MODELS: Readonly<Record<string, Model>> = {
  'qemu-xhci': controller('qemu-xhci', XHCI),
  'nec-usb-xhci': controller('nec-usb-xhci', {
    ...XHCI,
    msi: only('auto', 'on'),
    intrs: integer(1, 16),
    slots: integer(1, 64),
  }),
  'pcie-root-port': rootPort('pcie-root-port'),
  ioh3420: rootPort('ioh3420'),
  'usb-kbd': {
    properties: { ...USB, usb_version: only('2') },
    build: (values) => ({ kind: 'usb-kbd', ...fields(values, { id: 'id', bus: 'bus', port: 'port' }) }),
  },
  'usb-storage': {
    properties: { ...USB, drive: name, removable: onOrOff, serial: name, bootindex: BOOT_INDEX },
    build: (values) => ({
      kind: 'usb-storage',
      drive: values.text('drive'),
      ...fields(values, {
        id: 'id',
        bus: 'bus',
        port: 'port',
        serial: 'serial',
        removable: 'removable',
        bootIndex: 'bootindex',
      }),
    }),
  },
  ahci: {
    properties: PCI,
    build: (values) => ({ kind: 'ahci', ...fields(values, { id: 'id', slot: 'addr' }), ...pciBus(values) }),
  },
  'ide-hd': ide('ide-hd'),
  'ide-cd': ide('ide-cd'),
  'virtio-blk-pci': {
    properties: { ...PCI, drive: name, serial: name, 'num-queues': integer(1, 64), bootindex: BOOT_INDEX },
    build: (values) => ({
      kind: 'virtio-blk-pci',
      drive: values.text('drive') ?? '',
      ...fields(values, {
        id: 'id',
        slot: 'addr',
        serial: 'serial',
        queues: 'num-queues',
        bootIndex: 'bootindex',
      }),
      ...pciBus(values),
    }),
  },
  'virtio-rng-pci': {
    properties: { ...PCI, rng: name },
    build: (values) => ({
      kind: 'virtio-rng-pci',
      ...fields(values, { id: 'id', slot: 'addr', rng: 'rng' }),
      ...pciBus(values),
    }),
  },
  VGA: { properties: { id: name, bus: ROOT_BUS, vgamem_mb: only('16') }, build: () => ({ kind: 'VGA' }) },
  'isa-serial': {
    properties: { id: name, chardev: name, index: only('0') },
    build: (values) => ({ kind: 'isa-serial', chardev: values.text('chardev') ?? '' }),
  },
  'isa-debugcon': {
    properties: { id: name, chardev: name, iobase: integer(0, 0xffff) },
    build: (values) => ({
      kind: 'isa-debug-port',
      chardev: values.text('chardev') ?? '',
      port: values.number('iobase'),
    }),
  },
  'isa-debug-exit': {
    properties: { iobase: integer(0, 0xffff), iosize: integer(1, 8) },
    build: (values) => ({
      kind: 'isa-debug-exit',
      port: values.number('iobase') ?? DEBUG_EXIT.iobase,
      size: values.number('iosize') ?? DEBUG_EXIT.iosize,
    }),
  },
};

/** QEMU's other names for the same. */
export const ALIASES: Readonly<Record<string, string>> = {
  'ich9-ahci': 'ahci',
  'virtio-blk': 'virtio-blk-pci',
  'virtio-rng': 'virtio-rng-pci',
};
