/** The requests of USB 2.0 chapter 9 that every device answers, over a table of descriptors. */
import type { StateValue } from '../base/state.ts';
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
import { LPM_EXTENSION, objectStore, SUPER_SPEED } from './object-store.ts';

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
  SetSel: 48,
  SetIsochDelay: 49,
} as const;

const ENDPOINT_HALT = 0;
const REMOTE_WAKEUP = 1;
/** U1_ENABLE, U2_ENABLE, LTM_ENABLE (USB 3.2 Table 9-7). */
const POWER_FEATURES: ReadonlySet<number> = new Set([48, 49, 50]);
/** FUNCTION_SUSPEND, of an interface. */
const FUNCTION_SUSPEND = 0;
const SELF_POWERED = 0x40;

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
    /** The device runs below SuperSpeed, which it could. */
    readonly alsoSuperSpeed = false,
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
        return this.#feature(setup);
      case request(0x01, Request.SetFeature):
      case request(0x01, Request.ClearFeature):
        return this.#superSpeed && setup.wValue === FUNCTION_SUSPEND ? DONE : STALLED;
      case request(0x00, Request.SetSel):
      case request(0x00, Request.SetIsochDelay):
        // USB 3.2 §9.4.12, §9.4.11: exit latencies and delays, which a model has none of.
        return this.#superSpeed ? { status: UsbStatus.Success, length: data.length } : STALLED;
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
        return objectStore(this.#capabilities());
      default:
        return undefined;
    }
  }

  get #superSpeed(): boolean {
    return this.device.usbVersion >= 0x0300;
  }

  #capabilities(): readonly (readonly number[])[] {
    if (this.#superSpeed) return [LPM_EXTENSION, SUPER_SPEED];
    return this.otherSpeed === undefined ? [] : [LPM_EXTENSION, ...(this.alsoSuperSpeed ? [SUPER_SPEED] : [])];
  }

  #feature({ bRequest, wValue }: SetupPacket): UsbResult {
    if (wValue === REMOTE_WAKEUP) {
      this.remoteWakeup = bRequest === Request.SetFeature;
      return DONE;
    }
    return this.#superSpeed && POWER_FEATURES.has(wValue) && this.configuration !== 0 ? DONE : STALLED;
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

  save(): { readonly [field: string]: StateValue } {
    return {
      address: this.address,
      configuration: this.configuration,
      remoteWakeup: this.remoteWakeup,
      alternates: [...this.alternates].flat(),
      halted: [...this.halted],
    };
  }

  load(fields: { readonly [field: string]: StateValue }): void {
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
