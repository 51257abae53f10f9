/** Which keyboard a typed key goes to. */
import type { StateSource, StateValue } from '../../base/state.ts';
import type { KeySink } from '../../devices/input/key-script.ts';

export interface KeyRouteOptions {
  readonly ps2: KeySink;
  readonly usb: (KeySink & { readonly configured: boolean }) | undefined;
  /** QEMU's keys go to a USB keyboard from power-on, where they wait for a driver. */
  readonly usbAlways: boolean;
}

/**
 * Keys go to the USB keyboard once a driver has configured it, otherwise to the PS/2 keyboard. A key comes up where it
 * went down.
 */
export class KeyRoute implements StateSource, KeySink {
  readonly name = 'key-route';
  readonly version = 1;
  readonly #options: KeyRouteOptions;
  #heldOnUsb = new Set<string>();
  #heldOnPs2 = new Set<string>();

  constructor(options: KeyRouteOptions) {
    this.#options = options;
  }

  pressKey(name: string, down: boolean): void {
    const { ps2, usb, usbAlways } = this.#options;
    const toUsb =
      usb !== undefined &&
      (down || !this.#heldOnPs2.has(name)) &&
      (usbAlways || usb.configured || this.#heldOnUsb.has(name));
    const held = toUsb ? this.#heldOnUsb : this.#heldOnPs2;
    if (down) held.add(name);
    else held.delete(name);
    if (toUsb) usb.pressKey(name, down);
    else ps2.pressKey(name, down);
  }

  save(): { readonly [field: string]: StateValue } {
    return { usb: [...this.#heldOnUsb], ps2: [...this.#heldOnPs2] };
  }

  load(fields: { readonly [field: string]: StateValue }): void {
    this.#heldOnUsb = new Set(fields.usb as readonly string[]);
    this.#heldOnPs2 = new Set(fields.ps2 as readonly string[]);
  }
}
