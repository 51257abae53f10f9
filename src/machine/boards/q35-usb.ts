/** USB controllers and the devices behind them, from the list of the command line. */
import type { StateSource } from '../../base/state.ts';
import type { UsbDevice } from '../../usb/bus.ts';
import { UsbKeyboard } from '../../usb/devices/keyboard.ts';
import { XhciFunction } from '../../xhci/pci-function.ts';
import { NEC_USB_XHCI, PERSONALITIES, QEMU_XHCI, type XhciModel } from '../../xhci/personality.ts';
import type { AttachedUsb, Inventory } from '../inventory.ts';
import { openFirmwarePath } from './q35-boot-order.ts';
import type { BoardError, DeviceOption } from './q35-options.ts';
import type { PciSetting } from './q35-pci.ts';
import type { PciSlots } from './q35-slots.ts';
import { createUsbDevice, isUsbDevice, type UsbDeviceOption, type UsbPlace } from './q35-usb-devices.ts';

type ControllerOption = Extract<DeviceOption, { kind: 'qemu-xhci' | 'nec-usb-xhci' }>;

const MODELS = { 'qemu-xhci': QEMU_XHCI, 'nec-usb-xhci': NEC_USB_XHCI } as const;

export interface UsbSetting extends PciSetting {
  readonly slots: PciSlots;
}

export interface UsbParts {
  /** The last one of the command line, which takes the keys, as on QEMU. */
  readonly keyboard: UsbKeyboard | undefined;
  readonly stateSources: readonly StateSource[];
}

export function addUsb(setting: UsbSetting): UsbParts | BoardError {
  const { memory, clock, trace, options } = setting;
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
    const place = setting.slots.find(device);
    if ('problem' in place) return place;
    const id = device.id ?? `${device.kind}-${controllers.size}`;
    if (controllers.has(id)) return { problem: `two devices have the id "${id}"`, hint: 'give each its own id=' };
    // The root complex integrated endpoint: QEMU adds the Express capability on an Express bus only.
    const controller = new XhciFunction({
      system: memory,
      clock,
      trace,
      personality,
      model: modelOf(device),
      behindPort: place.behindPort,
    });
    controller.pci.plug(place.bus, place.slot);
    controllers.set(id, controller);
  }
  const devices: UsbDevice[] = [];
  for (const option of options.devices) {
    if (!isUsbDevice(option)) continue;
    const device = attachDevice(option, setting, controllers);
    if ('problem' in device) return device;
    devices.push(device);
  }
  // Power-on: as on QEMU, the controllers are reset when everything is plugged in, and find their ports connected.
  for (const controller of controllers.values()) controller.pci.reset();
  return {
    keyboard: devices.findLast((device) => device instanceof UsbKeyboard),
    stateSources: [...controllers.values(), ...devices.flatMap((device) => device.stateSources ?? [])],
  };
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

/** Plugs a device in; the error, or what the device keeps as state of its own. */
function attachDevice(
  option: UsbDeviceOption,
  setting: UsbSetting,
  controllers: ReadonlyMap<string, XhciFunction>,
): BoardError | UsbDevice {
  const { kind, port } = option;
  // QEMU names the bus of a controller "xhci.0" after its id "xhci".
  const wanted = option.bus?.replace(/\.0$/, '');
  const controller = wanted === undefined ? [...controllers.values()][0] : controllers.get(wanted);
  if (controller === undefined) {
    if (wanted === undefined) {
      return { problem: `no USB bus for ${kind}: there is no controller`, hint: 'add -device qemu-xhci before it' };
    }
    return {
      problem: `bus "${option.bus}" for ${kind} does not exist`,
      hint: `known: ${[...controllers.keys()].map((id) => `${id}.0`).join(', ') || 'none'}`,
    };
  }
  const { hub, model } = controller.controller;
  const socket = port === undefined ? hub.sockets.findIndex((each) => each.device === undefined) : port - 1;
  if (hub.sockets[socket] !== undefined) {
    const place: UsbPlace = {
      path: `0000:${controller.pci.label}-${socket + 1}`,
      superSpeed: socket < model.usb3Ports,
      qemu: setting.asQemu,
      clock: setting.clock,
    };
    const device = createUsbDevice(option, place);
    if (controller.attach(device, socket) !== undefined) {
      takeStock(setting.inventory, option, {
        device,
        bus: [...controllers.values()].indexOf(controller),
        port: socket + 1,
        id: option.id,
      });
      const path = `${openFirmwarePath(controller.pci)}/storage@${socket + 1}/channel@0/disk@0,0`;
      return (option.kind === 'usb-storage' && setting.bootList.add(option.bootIndex, path)) || device;
    }
  }
  return {
    problem: `no free port for ${kind}${port === undefined ? '' : ` at port=${port}`}`,
    hint: 'raise p2= of the controller, or take another port=',
  };
}

function takeStock({ usb, blocks }: Inventory, option: UsbDeviceOption, attached: AttachedUsb): void {
  usb.push(attached);
  if (option.kind !== 'usb-storage') return;
  const { disk, driveId, removable = false } = option;
  const place = `usb-storage on port ${attached.port}`;
  blocks.push({ id: driveId ?? place, medium: disk, place, removable });
}
