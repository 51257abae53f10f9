/** USB descriptors as data, and their bytes (USB 2.0 §9.6, USB 3.2 §9.6, HID 1.11 §6.2). */

export interface EndpointDescriptor {
  /** bEndpointAddress: bit 7 IN, bits 3:0 the number. */
  readonly address: number;
  /** bmAttributes: 0 control, 1 isochronous, 2 bulk, 3 interrupt. */
  readonly attributes: number;
  readonly maxPacketSize: number;
  /** bInterval: frames (full and low speed) or 2^(n-1) microframes (high speed, interrupt). */
  readonly interval: number;
  /** What a SuperSpeed device adds (USB 3.2 §9.6.7): bMaxBurst, bmAttributes, wBytesPerInterval. */
  readonly companion?: { readonly maxBurst: number; readonly attributes: number; readonly bytesPerInterval: number };
}

export interface InterfaceDescriptor {
  readonly number: number;
  readonly alternateSetting: number;
  readonly interfaceClass: number;
  readonly interfaceSubClass: number;
  readonly interfaceProtocol: number;
  /** Class descriptors, already as bytes, between interface and endpoints. */
  readonly classDescriptors: readonly (readonly number[])[];
  readonly endpoints: readonly EndpointDescriptor[];
}

export interface ConfigurationDescriptor {
  /** bConfigurationValue, what SET_CONFIGURATION names. */
  readonly value: number;
  readonly stringIndex: number;
  readonly attributes: number;
  /** Units of 2 mA; of 8 mA at SuperSpeed. */
  readonly maxPower: number;
  readonly interfaces: readonly InterfaceDescriptor[];
}

/** What a device says of itself at one speed. */
export interface DeviceDescriptor {
  /** bcdUSB. */
  readonly usbVersion: number;
  readonly deviceClass: number;
  readonly deviceSubClass: number;
  readonly deviceProtocol: number;
  readonly maxPacketSize0: number;
  readonly vendorId: number;
  readonly productId: number;
  readonly deviceVersion: number;
  readonly manufacturerString: number;
  readonly productString: number;
  readonly serialString: number;
  readonly configurations: readonly ConfigurationDescriptor[];
}

/** bDescriptorType (USB 2.0 Table 9-5). */
export const DescriptorType = {
  Device: 1,
  Configuration: 2,
  String: 3,
  Interface: 4,
  Endpoint: 5,
  DeviceQualifier: 6,
  OtherSpeedConfiguration: 7,
  BinaryObjectStore: 15,
  EndpointCompanion: 48,
  Hid: 0x21,
  HidReport: 0x22,
} as const;

const word = (value: number): [number, number] => [value & 0xff, (value >>> 8) & 0xff];

/** USB 2.0 §9.6.1. */
export function deviceDescriptor(device: DeviceDescriptor): Uint8Array {
  return Uint8Array.of(
    18,
    DescriptorType.Device,
    ...word(device.usbVersion),
    device.deviceClass,
    device.deviceSubClass,
    device.deviceProtocol,
    device.maxPacketSize0,
    ...word(device.vendorId),
    ...word(device.productId),
    ...word(device.deviceVersion),
    device.manufacturerString,
    device.productString,
    device.serialString,
    device.configurations.length,
  );
}

/** USB 2.0 §9.6.2: what the device would say at its other speed. */
export function deviceQualifier(other: DeviceDescriptor): Uint8Array {
  return Uint8Array.of(
    10,
    DescriptorType.DeviceQualifier,
    ...word(other.usbVersion),
    other.deviceClass,
    other.deviceSubClass,
    other.deviceProtocol,
    other.maxPacketSize0,
    other.configurations.length,
    0,
  );
}

/** USB 2.0 §9.6.3 with everything that follows it; `type` is Configuration or OtherSpeedConfiguration. */
export function configurationDescriptor(
  configuration: ConfigurationDescriptor,
  type: number = DescriptorType.Configuration,
): Uint8Array {
  const body = configuration.interfaces.flatMap(interfaceBytes);
  const interfaces = new Set(configuration.interfaces.map(({ number }) => number)).size;
  return Uint8Array.of(
    9,
    type,
    ...word(9 + body.length),
    interfaces,
    configuration.value,
    configuration.stringIndex,
    configuration.attributes,
    configuration.maxPower,
    ...body,
  );
}

function interfaceBytes(entry: InterfaceDescriptor): number[] {
  return [
    9,
    DescriptorType.Interface,
    entry.number,
    entry.alternateSetting,
    entry.endpoints.length,
    entry.interfaceClass,
    entry.interfaceSubClass,
    entry.interfaceProtocol,
    0,
    ...entry.classDescriptors.flat(),
    ...entry.endpoints.flatMap(endpointBytes),
  ];
}

function endpointBytes({ address, attributes, maxPacketSize, interval, companion }: EndpointDescriptor): number[] {
  const endpoint = [7, DescriptorType.Endpoint, address, attributes, ...word(maxPacketSize), interval];
  if (companion === undefined) return endpoint;
  const { maxBurst, attributes: kind, bytesPerInterval } = companion;
  return [...endpoint, 6, DescriptorType.EndpointCompanion, maxBurst, kind, ...word(bytesPerInterval)];
}

/** HID 1.11 §6.2.1, with one report descriptor of `reportBytes` bytes. */
export function hidDescriptor(version: number, reportBytes: number): number[] {
  return [9, DescriptorType.Hid, ...word(version), 0, 1, DescriptorType.HidReport, ...word(reportBytes)];
}

/** USB 2.0 §9.6.7: UTF-16LE. At most 126 characters. */
export function stringDescriptor(text: string): Uint8Array {
  const units = Array.from({ length: Math.min(text.length, 126) }, (_, index) => word(text.charCodeAt(index))).flat();
  return Uint8Array.of(2 + units.length, DescriptorType.String, ...units);
}

/** String 0: the languages; US English only. */
export const LANGUAGES = Uint8Array.of(4, DescriptorType.String, 0x09, 0x04);
