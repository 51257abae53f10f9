/**
 * The contract between a host controller and a USB device: what crosses the cable, as values.
 *
 * This folder models USB 2.0 devices at the level of transfers (USB 2.0 chapters 8 and 9), not of packets on the wire.
 * It does not implement hubs, isochronous endpoints, or suspend and resume signalling.
 */
import type { StateSource, StateValue } from '../base/state.ts';

export type UsbSpeed = 'low' | 'full' | 'high' | 'super';

/** How a transfer ended. The numbers are QEMU's USB_RET_ codes, as its traces print them. */
export const UsbStatus = {
  Success: 0,
  NoDevice: -1,
  Nak: -2,
  Stall: -3,
  Babble: -4,
  IoError: -5,
} as const;
export type UsbStatusCode = (typeof UsbStatus)[keyof typeof UsbStatus];

export interface UsbResult {
  readonly status: UsbStatusCode;
  /** Bytes moved. */
  readonly length: number;
}

export const STALLED: UsbResult = { status: UsbStatus.Stall, length: 0 };
export const NAKED: UsbResult = { status: UsbStatus.Nak, length: 0 };
export const DONE: UsbResult = { status: UsbStatus.Success, length: 0 };

/** The eight bytes of a SETUP packet (USB 2.0 §9.3). */
export interface SetupPacket {
  readonly bmRequestType: number;
  readonly bRequest: number;
  readonly wValue: number;
  readonly wIndex: number;
  readonly wLength: number;
}

/** The SETUP packet in the two little-endian words that a Setup Stage TRB carries. */
export function setupFromWords(low: number, high: number): SetupPacket {
  return {
    bmRequestType: low & 0xff,
    bRequest: (low >>> 8) & 0xff,
    wValue: low >>> 16,
    wIndex: high & 0xffff,
    wLength: high >>> 16,
  };
}

export interface UsbDevice {
  /** For people: `QEMU USB Keyboard`. */
  readonly product: string;
  readonly speed: UsbSpeed;
  /** The USB address in force (USB 2.0 §9.4.6), 0 after a reset. */
  readonly address: number;
  /** A bus reset (USB 2.0 §7.1.7.5). */
  reset(): void;
  /** The machine's reset; without it a bus reset is all there is to it. */
  powerCycle?(): void;
  /**
   * A whole control transfer. `data` has wLength bytes: what the host sends, or where the device's answer goes.
   * For IN, the result's length says how many bytes of it are the answer.
   */
  control(setup: SetupPacket, data: Uint8Array): UsbResult;
  /** One transfer on another endpoint; `endpoint` is bEndpointAddress (bit 7: IN). */
  transfer(endpoint: number, data: Uint8Array): UsbResult;
  /** The host controller listens here for an endpoint that has something to say after a NAK. */
  onReady: ((endpoint: number) => void) | undefined;
  /** Parts of it that keep state of their own, for example a disk's unsaved writes. */
  readonly stateSources?: readonly StateSource[];
  save(): { readonly [field: string]: StateValue };
  load(fields: { readonly [field: string]: StateValue }): void;
}
