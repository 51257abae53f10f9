/** The requests of USB 2.0 chapter 9 that every device answers, over a table of descriptors. */
import { DONE, type SetupPacket, STALLED, type UsbResult, UsbStatus } from './bus.ts';
import {
  type ConfigurationDescriptor,
  configurationDescriptor,
  DescriptorType,
  type DeviceDescriptor,
  deviceDescriptor,
  deviceQualifier,
  LANGUAGES,
  stringDescriptor,
} from './descriptors.ts';

/** bRequest (USB 2.0 Table 9-4). */
export const Request = {
  GetStatus: 0,
  ClearFeature: 1,
  SetFeature: 3,
  SetAddress: 5,
  GetDescriptor: 6,
  GetConfiguration: 8,
  SetConfiguration: 9,
  GetInterface: 10,
  SetInterface: 11,
} as const;

const ENDPOINT_HALT = 0;
const REMOTE_WAKEUP = 1;
const SELF_POWERED = 0x40;

/** USB 2.0 Extension capability with LPM (USB 2.0 LPM addendum §3), as QEMU's high-speed devices have it. */
const LPM_EXTENSION = [7, 0x10, 2, 0x02, 0, 0, 0];

/** The Binary Object Store (USB 3.2 §9.6.2). */
function objectStore(capabilities: readonly (readonly number[])[]): Uint8Array {
  const length = 5 + capabilities.flat().length;
  return Uint8Array.of(5, DescriptorType.BinaryObjectStore, length, 0, capabilities.length, ...capabilities.flat());
}

/** bmRequestType << 8 | bRequest. */
const request = (type: number, code: number): number => (type << 8) | code;

/** The part of a device that chapter 9 describes: address, configuration, features. */
export class StandardDevice {
  address = 0;
  /** bConfigurationValue in force, 0 for none. */
  configuration = 0;
  remoteWakeup = false;
  /** Alternate setting of each interface. */
  readonly alternates = new Map<number, number>();
  /** bEndpointAddress of each halted endpoint. */
  readonly halted = new Set<number>();

  constructor(
    readonly device: DeviceDescriptor,
    /** What the device would be at its other speed, if it has two. */
    readonly otherSpeed: DeviceDescriptor | undefined,
    /** By string index from 1. */
    readonly strings: ReadonlyMap<number, string>,
  ) {}

  reset(): void {
    this.address = 0;
    this.configuration = 0;
    this.remoteWakeup = false;
    this.alternates.clear();
    this.halted.clear();
  }

  get active(): ConfigurationDescriptor | undefined {
    return this.device.configurations.find(({ value }) => value === this.configuration);
  }

  /** Answers a standard request, or `undefined` for what is not one or is not handled here. */
  control(setup: SetupPacket, data: Uint8Array): UsbResult | undefined {
    switch (request(setup.bmRequestType, setup.bRequest)) {
      case request(0x00, Request.SetAddress):
        this.address = setup.wValue & 0x7f;
        return DONE;
      case request(0x80, Request.GetDescriptor):
        return answer(this.#descriptor(setup.wValue), data);
      case request(0x80, Request.GetConfiguration):
        return answer(Uint8Array.of(this.configuration), data);
      case request(0x00, Request.SetConfiguration):
        return this.#setConfiguration(setup.wValue & 0xff);
      case request(0x80, Request.GetStatus):
        return answer(Uint8Array.of(this.#deviceStatus(), 0), data);
      case request(0x00, Request.SetFeature):
      case request(0x00, Request.ClearFeature):
        if (setup.wValue !== REMOTE_WAKEUP) return STALLED;
        this.remoteWakeup = setup.bRequest === Request.SetFeature;
        return DONE;
      case request(0x81, Request.GetInterface):
        return this.#getInterface(setup.wIndex, data);
      case request(0x01, Request.SetInterface):
        return this.#setInterface(setup.wIndex, setup.wValue);
      case request(0x81, Request.GetStatus):
        return answer(Uint8Array.of(0, 0), data);
      case request(0x82, Request.GetStatus):
        return answer(Uint8Array.of(this.halted.has(setup.wIndex & 0xff) ? 1 : 0, 0), data);
      case request(0x02, Request.ClearFeature):
      case request(0x02, Request.SetFeature):
        return this.#endpointHalt(setup);
      default:
        return undefined;
    }
  }

  #descriptor(wValue: number): Uint8Array | undefined {
    const index = wValue & 0xff;
    switch (wValue >>> 8) {
      case DescriptorType.Device:
        return deviceDescriptor(this.device);
      case DescriptorType.Configuration: {
        const configuration = this.device.configurations[index];
        return configuration === undefined ? undefined : configurationDescriptor(configuration);
      }
      case DescriptorType.String: {
        if (index === 0) return LANGUAGES;
        const text = this.strings.get(index);
        return text === undefined ? undefined : stringDescriptor(text);
      }
      case DescriptorType.DeviceQualifier:
        return this.otherSpeed === undefined ? undefined : deviceQualifier(this.otherSpeed);
      case DescriptorType.OtherSpeedConfiguration: {
        const configuration = this.otherSpeed?.configurations[index];
        if (configuration === undefined) return undefined;
        return configurationDescriptor(configuration, DescriptorType.OtherSpeedConfiguration);
      }
      case DescriptorType.BinaryObjectStore:
        return objectStore(this.otherSpeed === undefined ? [] : [LPM_EXTENSION]);
      default:
        return undefined;
    }
  }

  #setConfiguration(value: number): UsbResult {
    if (value !== 0 && !this.device.configurations.some((configuration) => configuration.value === value)) {
      return STALLED;
    }
    this.configuration = value;
    this.alternates.clear();
    this.halted.clear();
    return DONE;
  }

  #deviceStatus(): number {
    const selfPowered = ((this.active ?? this.device.configurations[0])?.attributes ?? 0) & SELF_POWERED;
    return (selfPowered === 0 ? 0 : 1) | (this.remoteWakeup ? 2 : 0);
  }

  #getInterface(number: number, data: Uint8Array): UsbResult {
    if (this.active?.interfaces.some((entry) => entry.number === number) !== true) return STALLED;
    return answer(Uint8Array.of(this.alternates.get(number) ?? 0), data);
  }

  #setInterface(number: number, alternate: number): UsbResult {
    const known = this.active?.interfaces.some(
      (entry) => entry.number === number && entry.alternateSetting === alternate,
    );
    if (known !== true) return STALLED;
    this.alternates.set(number, alternate);
    return DONE;
  }

  #endpointHalt({ bRequest, wValue, wIndex }: SetupPacket): UsbResult {
    const address = wIndex & 0xff;
    const known = this.active?.interfaces.some(({ endpoints }) => endpoints.some((entry) => entry.address === address));
    if (wValue !== ENDPOINT_HALT || known !== true) return STALLED;
    if (bRequest === Request.SetFeature) this.halted.add(address);
    else this.halted.delete(address);
    return DONE;
  }

  save(): Record<string, number | boolean | readonly number[]> {
    return {
      address: this.address,
      configuration: this.configuration,
      remoteWakeup: this.remoteWakeup,
      alternates: [...this.alternates].flat(),
      halted: [...this.halted],
    };
  }

  load(fields: Readonly<Record<string, unknown>>): void {
    this.address = fields.address as number;
    this.configuration = fields.configuration as number;
    this.remoteWakeup = fields.remoteWakeup as boolean;
    this.alternates.clear();
    const alternates = fields.alternates as number[];
    for (let index = 0; index + 1 < alternates.length; index += 2) {
      this.alternates.set(alternates[index]!, alternates[index + 1]!);
    }
    this.halted.clear();
    for (const address of fields.halted as number[]) this.halted.add(address);
  }
}

/** As many bytes of the answer as the host asked for; no answer is a stall. */
export function answer(bytes: Uint8Array | undefined, data: Uint8Array): UsbResult {
  if (bytes === undefined) return STALLED;
  const length = Math.min(bytes.length, data.length);
  data.set(bytes.subarray(0, length));
  return { status: UsbStatus.Success, length };
}
