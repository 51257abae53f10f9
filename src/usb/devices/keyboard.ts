/** A USB boot keyboard (HID 1.11, appendix B.1) with the identity of QEMU's `usb-kbd`. */
import type { Timer, VirtualClock } from '../../base/clock.ts';
import type { StateValue } from '../../base/state.ts';
import type { KeySink } from '../../devices/input/key-script.ts';
import { usageOf } from '../../devices/input/keys.ts';
import {
  DONE,
  NAKED,
  type SetupPacket,
  STALLED,
  type UsbDevice,
  type UsbResult,
  type UsbSpeed,
  UsbStatus,
} from '../bus.ts';
import { DescriptorType, type DeviceDescriptor, hidDescriptor } from '../descriptors.ts';
import { answer, Request, StandardDevice } from '../standard-requests.ts';

/** HID 1.11 appendix B.1 and E.6: 8 modifier bits, a reserved byte, 5 LEDs and 3 bits of padding, 6 key codes. */
const REPORT_DESCRIPTOR = Uint8Array.of(
  ...[0x05, 0x01, 0x09, 0x06, 0xa1, 0x01],
  ...[0x75, 0x01, 0x95, 0x08, 0x05, 0x07, 0x19, 0xe0, 0x29, 0xe7, 0x15, 0x00, 0x25, 0x01, 0x81, 0x02],
  ...[0x95, 0x01, 0x75, 0x08, 0x81, 0x01],
  ...[0x95, 0x05, 0x75, 0x01, 0x05, 0x08, 0x19, 0x01, 0x29, 0x05, 0x91, 0x02],
  ...[0x95, 0x01, 0x75, 0x03, 0x91, 0x01],
  ...[0x95, 0x06, 0x75, 0x08, 0x15, 0x00, 0x25, 0xff, 0x05, 0x07, 0x19, 0x00, 0x29, 0xff, 0x81, 0x00],
  0xc0,
);

const HID_DESCRIPTOR = hidDescriptor(0x0111, REPORT_DESCRIPTOR.length);
const INTERRUPT_IN = 0x81;
const REPORT_BYTES = 8;
/** Key codes in a report; more keys at once give the roll-over code. */
const KEYS_IN_REPORT = 6;
const ROLL_OVER = 0x01;
/** Reports that wait for the host; beyond it, new keys are dropped as on a real keyboard's full buffer. */
const WAITING_REPORTS_MAX = 16;
const FIRST_MODIFIER = 0xe0;
const LAST_MODIFIER = 0xe7;

const Strings = { manufacturer: 1, product: 4, configuration: 8, serial: 11 } as const;

/** bRequest of the HID class (HID 1.11 §7.2). */
const Hid = { GetReport: 1, GetIdle: 2, GetProtocol: 3, SetReport: 9, SetIdle: 10, SetProtocol: 11 } as const;

function keyboardAt(speed: 'full' | 'high'): DeviceDescriptor {
  const high = speed === 'high';
  return {
    usbVersion: high ? 0x0200 : 0x0100,
    deviceClass: 0,
    deviceSubClass: 0,
    deviceProtocol: 0,
    maxPacketSize0: high ? 64 : 8,
    vendorId: 0x0627,
    productId: 0x0001,
    deviceVersion: 0,
    manufacturerString: Strings.manufacturer,
    productString: Strings.product,
    serialString: Strings.serial,
    configurations: [
      {
        value: 1,
        stringIndex: Strings.configuration,
        // Bus powered, remote wakeup.
        attributes: 0xa0,
        maxPower: 50,
        interfaces: [
          {
            number: 0,
            alternateSetting: 0,
            interfaceClass: 3,
            interfaceSubClass: 1,
            interfaceProtocol: 1,
            classDescriptors: [HID_DESCRIPTOR],
            endpoints: [{ address: INTERRUPT_IN, attributes: 3, maxPacketSize: 8, interval: high ? 7 : 10 }],
          },
        ],
      },
    ],
  };
}

export interface KeyboardOptions {
  /** USB 2.0 at high speed, or USB 1.1 at full speed. */
  readonly speed?: 'full' | 'high';
  readonly serial?: string;
  /** For the idle rate (HID 1.11 §7.2.4); without it an unchanged report is never repeated. */
  readonly clock?: VirtualClock;
}

/** The idle duration counts 4 ms. */
const IDLE_UNIT = 4_000_000;

export class UsbKeyboard implements UsbDevice, KeySink {
  readonly product = 'QEMU USB Keyboard';
  readonly speed: UsbSpeed;
  onReady: ((endpoint: number) => void) | undefined;
  /** LEDs as the host set them: bit 0 Num Lock, 1 Caps Lock, 2 Scroll Lock. */
  leds = 0;
  readonly #standard: StandardDevice;
  /** 0 boot, 1 report. */
  #protocol = 1;
  /** 4 ms. */
  #idle = 0;
  #modifiers = 0;
  #pressed: number[] = [];
  #waiting: Uint8Array[] = [];
  /** Fires when an unchanged report is due again. */
  readonly #repeat: Timer | undefined;
  #repeatDue = false;

  constructor(options: KeyboardOptions = {}) {
    const speed = options.speed ?? 'high';
    this.speed = speed;
    const strings = new Map<number, string>([
      [Strings.manufacturer, 'QEMU'],
      [Strings.product, this.product],
      [Strings.configuration, 'HID Keyboard'],
      [Strings.serial, options.serial ?? '42'],
    ]);
    const other = speed === 'high' ? keyboardAt('full') : undefined;
    this.#standard = new StandardDevice(keyboardAt(speed), other, strings);
    this.#repeat = options.clock?.timer('usb-kbd idle', () => {
      this.#repeatDue = true;
      if (this.#standard.configuration !== 0) this.onReady?.(INTERRUPT_IN);
    });
  }

  /** The host has chosen a configuration: it wants to hear of keys. */
  get configured(): boolean {
    return this.#standard.configuration !== 0;
  }

  get address(): number {
    return this.#standard.address;
  }

  reset(): void {
    this.#standard.reset();
    this.#protocol = 1;
    this.#idle = 0;
    this.#modifiers = 0;
    this.#pressed = [];
    this.#waiting = [];
    this.leds = 0;
    this.#setIdle(0);
  }

  /** A key by QEMU's name; one that a keyboard does not have is not pressed. */
  pressKey(name: string, down: boolean): void {
    const usage = usageOf(name);
    if (usage !== undefined) this.key(usage, down);
  }

  /** HID 1.11 §7.2.4: 0 is "only when something changes". */
  #setIdle(duration: number): void {
    this.#idle = duration;
    this.#repeatDue = false;
    if (duration === 0) this.#repeat?.cancel();
    else this.#repeat?.after(duration * IDLE_UNIT);
  }

  /** A key goes down or up; `usage` is of the HID keyboard page (0x04 is A). */
  key(usage: number, down: boolean): void {
    if (usage >= FIRST_MODIFIER && usage <= LAST_MODIFIER) {
      const bit = 1 << (usage - FIRST_MODIFIER);
      this.#modifiers = down ? this.#modifiers | bit : this.#modifiers & ~bit;
    } else {
      this.#pressed = this.#pressed.filter((pressed) => pressed !== usage);
      if (down) this.#pressed.push(usage);
    }
    if (this.#waiting.length < WAITING_REPORTS_MAX) this.#waiting.push(this.#report());
    if (this.#standard.configuration !== 0) this.onReady?.(INTERRUPT_IN);
  }

  control(setup: SetupPacket, data: Uint8Array): UsbResult {
    return this.#standard.control(setup, data) ?? this.#classRequest(setup, data);
  }

  transfer(endpoint: number, data: Uint8Array): UsbResult {
    if (endpoint !== INTERRUPT_IN || this.#standard.configuration === 0) return STALLED;
    if (this.#standard.halted.has(endpoint)) return STALLED;
    const report = this.#waiting.shift() ?? (this.#repeatDue ? this.#report() : undefined);
    if (report === undefined) return NAKED;
    this.#setIdle(this.#idle);
    return answer(report, data);
  }

  #classRequest(setup: SetupPacket, data: Uint8Array): UsbResult {
    switch ((setup.bmRequestType << 8) | setup.bRequest) {
      case 0x8100 | Request.GetDescriptor:
        if (setup.wValue >>> 8 === DescriptorType.HidReport) return answer(REPORT_DESCRIPTOR, data);
        if (setup.wValue >>> 8 === DescriptorType.Hid) return answer(Uint8Array.from(HID_DESCRIPTOR), data);
        return STALLED;
      case 0xa100 | Hid.GetReport:
        return answer(this.#report(), data);
      case 0x2100 | Hid.SetReport:
        this.leds = data[0] ?? this.leds;
        return { status: UsbStatus.Success, length: data.length };
      case 0xa100 | Hid.GetProtocol:
        return answer(Uint8Array.of(this.#protocol), data);
      case 0x2100 | Hid.SetProtocol:
        this.#protocol = setup.wValue & 1;
        return DONE;
      case 0xa100 | Hid.GetIdle:
        return answer(Uint8Array.of(this.#idle), data);
      case 0x2100 | Hid.SetIdle:
        this.#setIdle(setup.wValue >>> 8);
        return DONE;
      default:
        return STALLED;
    }
  }

  #report(): Uint8Array {
    const report = new Uint8Array(REPORT_BYTES);
    report[0] = this.#modifiers;
    const tooMany = this.#pressed.length > KEYS_IN_REPORT;
    for (let index = 0; index < KEYS_IN_REPORT; index += 1) {
      report[2 + index] = tooMany ? ROLL_OVER : (this.#pressed[index] ?? 0);
    }
    return report;
  }

  save(): { readonly [field: string]: StateValue } {
    return {
      ...this.#standard.save(),
      hid: [this.#protocol, this.#idle, this.#modifiers, this.leds],
      pressed: [...this.#pressed],
      waiting: this.#waiting.flatMap((report) => [...report]),
      repeat: [this.#repeatDue, this.#repeat?.deadline],
    };
  }

  load(fields: { readonly [field: string]: StateValue }): void {
    this.#standard.load(fields);
    const [protocol, idle, modifiers, leds] = fields.hid as number[];
    this.#protocol = protocol!;
    this.#idle = idle!;
    this.#modifiers = modifiers!;
    this.leds = leds!;
    this.#pressed = [...(fields.pressed as number[])];
    const [due, deadline] = fields.repeat as [boolean, number | undefined];
    this.#repeatDue = due;
    if (deadline === undefined) this.#repeat?.cancel();
    else this.#repeat?.at(deadline);
    const waiting = fields.waiting as number[];
    this.#waiting = [];
    for (let start = 0; start < waiting.length; start += REPORT_BYTES) {
      this.#waiting.push(Uint8Array.from(waiting.slice(start, start + REPORT_BYTES)));
    }
  }
}
