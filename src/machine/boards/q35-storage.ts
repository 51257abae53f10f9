/** Disks: the chipset's AHCI adapter, further ones, virtio devices, and which drive of the command line goes where. */
import type { StateSource } from '../../base/state.ts';
import { AhciFunction } from '../../devices/ahci/pci-function.ts';
import { AHCI_QEMU, AHCI_SPEC } from '../../devices/ahci/personality.ts';
import type { AhciPort } from '../../devices/ahci/port.ts';
import { CdRom } from '../../devices/ata/cdrom.ts';
import { AtaDisk } from '../../devices/ata/disk.ts';
import type { Geometry } from '../../devices/ata/identify.ts';
import { VirtioBlock } from '../../devices/virtio/block.ts';
import type { VirtioDevice } from '../../devices/virtio/device.ts';
import { VirtioEntropy } from '../../devices/virtio/entropy.ts';
import { VirtioFunction } from '../../devices/virtio/pci-function.ts';
import type { PciBus } from '../../pci/bus.ts';
import { openFirmwarePath } from './q35-boot-order.ts';
import type { BoardError, DeviceOption, DriveOption } from './q35-options.ts';
import type { PciSetting } from './q35-pci.ts';
import type { PciSlots } from './q35-slots.ts';

const CHIPSET_SLOT = 31;
const CHIPSET_FUNCTION = 2;
const FIRMWARE_REVISION = '2.5+';

type IdeOption = Extract<DeviceOption, { kind: 'ide-hd' | 'ide-cd' }>;
type VirtioBlockOption = Extract<DeviceOption, { kind: 'virtio-blk-pci' }>;
type VirtioOption = Extract<DeviceOption, { kind: 'virtio-blk-pci' | 'virtio-rng-pci' }>;

export interface StorageSetting extends PciSetting {
  readonly bus: PciBus;
  readonly slots: PciSlots;
}

/** A port by QEMU's name, and the number that default serial numbers count: two for each port. */
interface Socket {
  readonly name: string;
  readonly port: AhciPort;
  readonly adapter: AhciFunction;
  readonly number: number;
}

export interface StorageParts {
  readonly stateSources: readonly StateSource[];
  /** The hard disks on the chipset's first two ports. */
  readonly firstDisks: readonly (Geometry | undefined)[];
}

export function addStorage(setting: StorageSetting): StorageParts | BoardError {
  const builder = new StorageBuilder(setting);
  const error = builder.build();
  return error ?? { stateSources: builder.stateSources, firstDisks: builder.firstDisks };
}

class StorageBuilder {
  readonly stateSources: StateSource[] = [];
  readonly #setting: StorageSetting;
  readonly #adapters: AhciFunction[] = [];
  readonly #sockets: Socket[] = [];
  readonly #drives = new Map<string, DriveOption>();
  readonly #used = new Set<string>();

  constructor(setting: StorageSetting) {
    this.#setting = setting;
  }

  get firstDisks(): (Geometry | undefined)[] {
    return this.#sockets
      .slice(0, 2)
      .map(({ port: { device } }) => (device instanceof AtaDisk ? device.geometry : undefined));
  }

  build(): BoardError | undefined {
    const { devices, drives = [] } = this.#setting.options;
    for (const drive of drives) {
      if (this.#drives.has(drive.id))
        return { problem: `two drives have the id "${drive.id}"`, hint: 'give each its own id=' };
      this.#drives.set(drive.id, drive);
    }
    this.#addAdapter('ide', this.#setting.bus, CHIPSET_SLOT, CHIPSET_FUNCTION);
    const error = this.#addDrives(drives) ?? first(devices, (device) => this.#addDevice(device));
    if (error !== undefined) return error;
    // QEMU makes devices of if=virtio drives after those that were asked for.
    const rest = first(drives, (drive) => (drive.interface === 'virtio' ? this.#addVirtioDrive(drive) : undefined));
    if (rest !== undefined) return rest;
    for (const { image } of drives) if (image.stateSource !== undefined) this.stateSources.push(image.stateSource);
    // Power-on: the adapters find their disks.
    for (const { pci } of this.#adapters) pci.reset();
    return undefined;
  }

  /** if=ide drives stand on ports of the chipset: the one that is named, or the first free one. */
  #addDrives(drives: readonly DriveOption[]): BoardError | undefined {
    return first(drives, (drive) => {
      if (drive.interface !== 'ide') return undefined;
      const bus = drive.index === undefined ? undefined : `ide.${drive.index}`;
      const kind = drive.media === 'cdrom' ? 'ide-cd' : 'ide-hd';
      const { bootIndex } = drive;
      return this.#addIde({ kind, drive: drive.id, bootIndex, ...(bus === undefined ? {} : { bus }) });
    });
  }

  #addDevice(device: DeviceOption): BoardError | undefined {
    switch (device.kind) {
      case 'ahci': {
        const place = this.#setting.slots.find(device);
        if ('problem' in place) return place;
        this.#addAdapter(device.id ?? `ahci${this.#adapters.length}`, place.bus, place.slot, 0);
        return undefined;
      }
      case 'ide-hd':
      case 'ide-cd':
        return this.#addIde(device);
      case 'virtio-blk-pci':
        return this.#addVirtioBlock(device);
      case 'virtio-rng-pci':
        return problemOf(this.#addVirtio(device, new VirtioEntropy(device.seed)));
      default:
        return undefined;
    }
  }

  #addAdapter(id: string, bus: PciBus, slot: number, functionNumber: number): void {
    const { memory, clock, asQemu } = this.#setting;
    const personality = asQemu ? AHCI_QEMU : AHCI_SPEC;
    const adapter = new AhciFunction({ system: memory, clock, personality, multifunction: functionNumber !== 0 });
    adapter.pci.plug(bus, slot, functionNumber);
    this.#adapters.push(adapter);
    this.stateSources.push(adapter.controller);
    for (const port of adapter.controller.ports) {
      this.#sockets.push({ name: `${id}.${port.index}`, port, adapter, number: 1 + 2 * this.#sockets.length });
    }
  }

  #addIde(device: IdeOption): BoardError | undefined {
    const { bus } = device;
    const socket =
      bus === undefined
        ? this.#sockets.find(({ port }) => port.device === undefined)
        : this.#sockets.find(({ name }) => name === bus);
    if (socket === undefined) {
      const known = `known: ${this.#sockets.map(({ name }) => name).join(', ')}`;
      return {
        problem: bus === undefined ? `no free port for ${device.kind}` : `there is no bus "${bus}"`,
        hint: known,
      };
    }
    if (socket.port.device !== undefined || (device.unit ?? 0) !== 0) {
      return {
        problem: `${device.kind} does not fit on ${socket.name}: a SATA port takes one device, unit 0`,
        hint: 'take another bus=',
      };
    }
    const drive = this.#take(device.kind, device.drive, device.kind === 'ide-cd');
    if (drive !== undefined && 'problem' in drive) return drive;
    const cdrom = device.kind === 'ide-cd';
    const identity = {
      serial: device.serial ?? drive?.serial ?? `QM${String(socket.number).padStart(5, '0')}`,
      model: cdrom ? 'QEMU DVD-ROM' : 'QEMU HARDDISK',
      firmware: FIRMWARE_REVISION,
    };
    if (cdrom) socket.port.device = new CdRom({ medium: drive?.image, identity });
    else if (drive !== undefined) socket.port.device = new AtaDisk({ medium: drive.image, identity });
    this.#setting.inventory.blocks.push({
      id: drive?.id ?? socket.name,
      medium: drive?.image,
      place: `${device.kind} on ${socket.name}`,
      removable: cdrom,
    });
    const path = `${openFirmwarePath(socket.adapter.pci)}/drive@${socket.port.index}/disk@0`;
    return this.#setting.bootList.add(device.bootIndex, path);
  }

  #addVirtioDrive(drive: DriveOption): BoardError | undefined {
    return this.#addVirtioBlock({ kind: 'virtio-blk-pci', drive: drive.id, bootIndex: drive.bootIndex });
  }

  #addVirtioBlock(device: VirtioBlockOption): BoardError | undefined {
    const drive = this.#take(device.kind, device.drive, false);
    if (drive === undefined || 'problem' in drive) return drive;
    const queues = device.queues ?? this.#setting.options.processors?.cpus ?? 1;
    const serial = device.serial ?? drive.serial ?? '';
    const entry = this.#addVirtio(device, new VirtioBlock({ medium: drive.image, serial, queues }));
    if ('problem' in entry) return entry;
    const place = `${device.kind} at ${entry.label}`;
    this.#setting.inventory.blocks.push({ id: drive.id, medium: drive.image, place, removable: false });
    return this.#setting.bootList.add(device.bootIndex, `${openFirmwarePath(entry)}/disk@0,0`);
  }

  #addVirtio(wanted: VirtioOption, device: VirtioDevice): BoardError | VirtioFunction {
    const { memory, clock, trace, slots } = this.#setting;
    const place = slots.find(wanted);
    if ('problem' in place) return place;
    const entry = new VirtioFunction({ system: memory, clock, trace, device, behindPort: place.behindPort });
    entry.plug(place.bus, place.slot);
    entry.reset();
    this.stateSources.push(entry.deviceState);
    return entry;
  }

  /** Each drive belongs to one device; only a CD-ROM drive may be empty. */
  #take(kind: string, id: string | undefined, mayBeEmpty: boolean): DriveOption | BoardError | undefined {
    if (id === undefined) {
      return mayBeEmpty
        ? undefined
        : { problem: `${kind} needs a drive`, hint: `-device ${kind},drive=ID of a -drive if=none` };
    }
    const drive = this.#drives.get(id);
    if (drive === undefined) {
      const known = [...this.#drives.keys()].join(', ');
      return { problem: `there is no drive "${id}" for ${kind}`, hint: `known: ${known || 'none'}` };
    }
    if (this.#used.has(id))
      return { problem: `drive "${id}" has a device already`, hint: 'give each device its own drive' };
    this.#used.add(id);
    return drive;
  }
}

function problemOf(result: BoardError | VirtioFunction): BoardError | undefined {
  return 'problem' in result ? result : undefined;
}

/** The first error that `visit` returns. */
function first<T>(items: readonly T[], visit: (item: T) => BoardError | undefined): BoardError | undefined {
  for (const item of items) {
    const error = visit(item);
    if (error !== undefined) return error;
  }
  return undefined;
}
