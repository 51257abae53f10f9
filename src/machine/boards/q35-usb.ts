/** USB controllers on the root bus and the devices behind them, from the list of the command line. */
import type { StateSource } from '../../base/state.ts';
import type { PciBus } from '../../pci/bus.ts';
import { UsbKeyboard } from '../../usb/devices/keyboard.ts';
import { XhciFunction } from '../../xhci/pci-function.ts';
import { NEC_USB_XHCI, PERSONALITIES, QEMU_XHCI, type XhciModel } from '../../xhci/personality.ts';
import type { BoardError, DeviceOption } from './q35-options.ts';
import type { PciSetting } from './q35-pci.ts';

type ControllerOption = Extract<DeviceOption, { kind: 'qemu-xhci' | 'nec-usb-xhci' }>;
type KeyboardOption = Extract<DeviceOption, { kind: 'usb-kbd' }>;

/** The first free slot of the root bus: 0 is the host bridge, and QEMU keeps 1 for a display adapter. */
const FIRST_SLOT = 2;
const LAST_SLOT = 30;
/** iSerialNumber of QEMU's keyboard is this, the controller's place and the port: `68284-0000:00:03.0-1`. */
const KEYBOARD_SERIAL = '68284';
const MODELS = { 'qemu-xhci': QEMU_XHCI, 'nec-usb-xhci': NEC_USB_XHCI } as const;

export interface UsbSetting extends PciSetting {
  readonly bus: PciBus;
}

export function addUsb(setting: UsbSetting): { readonly stateSources: readonly StateSource[] } | BoardError {
  const { bus, memory, clock, trace, options } = setting;
  const personality = PERSONALITIES[options.personality];
  if (personality === undefined) {
    return {
      problem: `there is no personality "${options.personality}"`,
      hint: `one of: ${Object.keys(PERSONALITIES).join(', ')}`,
    };
  }
  const controllers = new Map<string, XhciFunction>();
  for (const device of options.devices) {
    if (device.kind !== 'qemu-xhci' && device.kind !== 'nec-usb-xhci') continue;
    const slot = device.slot ?? firstFreeSlot(bus);
    if (slot === undefined || slot < 1 || slot > LAST_SLOT || bus.at(slot, 0) !== undefined) {
      return {
        problem: `PCI slot ${slot ?? 'none'} for ${device.kind} is not free`,
        hint: `give addr= from 1 to ${LAST_SLOT}`,
      };
    }
    const id = device.id ?? `${device.kind}-${controllers.size}`;
    if (controllers.has(id)) return { problem: `two devices have the id "${id}"`, hint: 'give each its own id=' };
    // The root complex integrated endpoint: QEMU adds the Express capability on an Express bus only.
    const controller = new XhciFunction({ system: memory, clock, trace, personality, model: modelOf(device) });
    controller.pci.plug(bus, slot);
    controllers.set(id, controller);
  }
  for (const device of options.devices) {
    if (device.kind !== 'usb-kbd') continue;
    const error = attachKeyboard(device, controllers);
    if (error !== undefined) return error;
  }
  // Power-on: as on QEMU, the controllers are reset when everything is plugged in, and find their ports connected.
  for (const controller of controllers.values()) controller.pci.reset();
  return { stateSources: [...controllers.values()] };
}

function modelOf(device: ControllerOption): XhciModel {
  const model = MODELS[device.kind];
  return {
    ...model,
    usb2Ports: device.usb2Ports ?? model.usb2Ports,
    usb3Ports: device.usb3Ports ?? model.usb3Ports,
    interrupters: device.interrupters ?? model.interrupters,
    slots: device.slots ?? model.slots,
  };
}

function firstFreeSlot(bus: PciBus): number | undefined {
  for (let slot = FIRST_SLOT; slot <= LAST_SLOT; slot += 1) if (bus.at(slot, 0) === undefined) return slot;
  return undefined;
}

function attachKeyboard(
  device: KeyboardOption,
  controllers: ReadonlyMap<string, XhciFunction>,
): BoardError | undefined {
  // QEMU names the bus of a controller "xhci.0" after its id "xhci".
  const wanted = device.bus?.replace(/\.0$/, '');
  const controller = wanted === undefined ? [...controllers.values()][0] : controllers.get(wanted);
  if (controller === undefined) {
    if (wanted === undefined) {
      return { problem: 'no USB bus for usb-kbd: there is no controller', hint: 'add -device qemu-xhci before it' };
    }
    return {
      problem: `bus "${device.bus}" for usb-kbd does not exist`,
      hint: `known: ${[...controllers.keys()].map((id) => `${id}.0`).join(', ') || 'none'}`,
    };
  }
  const { sockets } = controller.controller.hub;
  const socket = device.port === undefined ? sockets.findIndex((each) => each.device === undefined) : device.port - 1;
  const serial = `${KEYBOARD_SERIAL}-0000:${controller.pci.label}-${socket + 1}`;
  if (sockets[socket] !== undefined && controller.attach(new UsbKeyboard({ serial }), socket) !== undefined) {
    return undefined;
  }
  return {
    problem: `no free port for usb-kbd${device.port === undefined ? '' : ` at port=${device.port}`}`,
    hint: 'raise p2= of the controller, or take another port=',
  };
}
