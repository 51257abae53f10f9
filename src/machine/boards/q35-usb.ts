/** USB controllers on the root bus and the devices behind them, from the list of the command line. */
import type { StateSource } from '../../base/state.ts';
import type { PciBus } from '../../pci/bus.ts';
import type { PcieRootPort } from '../../pci/root-port.ts';
import type { UsbDevice } from '../../usb/bus.ts';
import { UsbKeyboard } from '../../usb/devices/keyboard.ts';
import { XhciFunction } from '../../xhci/pci-function.ts';
import { NEC_USB_XHCI, PERSONALITIES, QEMU_XHCI, type XhciModel } from '../../xhci/personality.ts';
import type { AttachedUsb, Inventory } from '../inventory.ts';
import { openFirmwarePath } from './q35-boot-order.ts';
import type { BoardError, DeviceOption } from './q35-options.ts';
import type { PciSetting } from './q35-pci.ts';
import { createUsbDevice, isUsbDevice, type UsbDeviceOption, type UsbPlace } from './q35-usb-devices.ts';

type ControllerOption = Extract<DeviceOption, { kind: 'qemu-xhci' | 'nec-usb-xhci' }>;

/** The first free slot of the root bus: 0 is the host bridge, and QEMU keeps 1 for a display adapter. */
const FIRST_SLOT = 2;
const LAST_SLOT = 30;
const MODELS = { 'qemu-xhci': QEMU_XHCI, 'nec-usb-xhci': NEC_USB_XHCI } as const;

export interface UsbSetting extends PciSetting {
  readonly bus: PciBus;
  readonly rootPorts: ReadonlyMap<string, PcieRootPort>;
}

export interface UsbParts {
  /** The last one of the command line, which takes the keys, as on QEMU. */
  readonly keyboard: UsbKeyboard | undefined;
  readonly stateSources: readonly StateSource[];
}

export function addUsb(setting: UsbSetting): UsbParts | BoardError {
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
    const port = device.pciBus === undefined ? undefined : setting.rootPorts.get(device.pciBus);
    if (port !== undefined) {
      // Only one device fits behind a port.
      if ((device.slot ?? 0) !== 0 || port.secondary.functions.length > 0) {
        return {
          problem: `${device.kind} does not fit behind "${device.pciBus}"`,
          hint: 'a port has one slot, addr=0',
        };
      }
    } else if (device.pciBus !== undefined) {
      const known = [...setting.rootPorts.keys()].join(', ');
      return { problem: `there is no PCI bus "${device.pciBus}"`, hint: `known: ${known || 'none but pcie.0'}` };
    }
    const slot = port === undefined ? (device.slot ?? firstFreeSlot(bus)) : 0;
    if (port === undefined && (slot === undefined || slot < 1 || slot > LAST_SLOT || bus.at(slot, 0) !== undefined)) {
      return {
        problem: `PCI slot ${slot ?? 'none'} for ${device.kind} is not free`,
        hint: `give addr= from 1 to ${LAST_SLOT}`,
      };
    }
    const id = device.id ?? `${device.kind}-${controllers.size}`;
    if (controllers.has(id)) return { problem: `two devices have the id "${id}"`, hint: 'give each its own id=' };
    // The root complex integrated endpoint: QEMU adds the Express capability on an Express bus only.
    const controller = new XhciFunction({
      system: memory,
      clock,
      trace,
      personality,
      model: modelOf(device),
      behindPort: port !== undefined,
    });
    controller.pci.plug(port?.secondary ?? bus, slot!);
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

function firstFreeSlot(bus: PciBus): number | undefined {
  for (let slot = FIRST_SLOT; slot <= LAST_SLOT; slot += 1) if (bus.at(slot, 0) === undefined) return slot;
  return undefined;
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
