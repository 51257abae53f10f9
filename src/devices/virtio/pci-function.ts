/**
 * A virtio device as a PCI function, as QEMU's `virtio-*-pci` shows it: MSI-X in BAR 1, the modern structures in BAR 4
 * (Virtio 1.1 §4.1). On the root bus it is transitional, with the legacy registers in BAR 0; behind a root port, where
 * I/O ports are scarce, it is modern only, and a PCI Express endpoint.
 */
import type { VirtualClock } from '../../base/clock.ts';
import type { StateSource, StateValue } from '../../base/state.ts';
import type { TraceBus } from '../../base/trace.ts';
import type { MemorySystem } from '../../memory/memory-system.ts';
import { MmioRegion } from '../../memory/mmio-region.ts';
import { ContainerRegion } from '../../memory/region.ts';
import { CAPABILITY, EXPRESS_PORT_TYPE, PMCSR_STATE_ONLY } from '../../pci/capabilities.ts';
import { ConfigSpace } from '../../pci/config-space.ts';
import { PciFunction } from '../../pci/function.ts';
import { VirtioCore } from './core.ts';
import type { VirtioDevice } from './device.ts';
import { LEGACY_REGISTER_BYTES, LegacyRegisters } from './legacy.ts';
import { ModernRegisters } from './modern.ts';

/** PCI Device ID of a device of type 0, without a legacy interface, and QEMU's subsystem of those (§4.1.2). */
const MODERN_DEVICE = 0x1040;
const MODERN_SUBSYSTEM = 0x1100;
/** Common Clock Configuration and Extended Synch. */
const LINK_CONTROL_BITS = 0x00c0;
const LEGACY_BAR = 0;
const MSIX_BAR = 1;
const MODERN_BAR = 4;
const MSIX_BYTES = 0x1000;
const MSIX_PENDING = 0x800;
const PAGE = 0x1000;
const NOTIFY_MULTIPLIER = 4;
/** Structures in BAR 4, one page each: type in the capability, and place. */
const STRUCTURES = [
  { type: 1, offset: 0x0000 },
  { type: 3, offset: 0x1000 },
  { type: 4, offset: 0x2000 },
  { type: 2, offset: 0x3000 },
] as const;
const TYPE_NOTIFY = 2;
const TYPE_PCI_CONFIG = 5;
/** The window into the BARs for those who cannot reach them: bar, offset, length, data. */
const WINDOW_BYTES = 20;
const WINDOW = { bar: 4, offset: 8, length: 12, data: 16 } as const;

export interface VirtioFunctionOptions {
  readonly system: MemorySystem;
  readonly clock: VirtualClock;
  readonly trace: TraceBus;
  readonly device: VirtioDevice;
  /** It stands behind a root port. Default: on the root bus. */
  readonly behindPort?: boolean;
}

/** Plug it into a bus before the guest runs. Its device's state is {@link deviceState}; the function saves its own. */
export class VirtioFunction extends PciFunction {
  readonly core: VirtioCore;
  readonly deviceState: StateSource;
  readonly #modern: ModernRegisters;
  readonly #window: number;
  readonly #structures: ReadonlyMap<number, ConstructorParameters<typeof MmioRegion>[3]>;

  constructor({ system, clock, trace, device, behindPort = false }: VirtioFunctionOptions) {
    super({
      name: device.name,
      identity: {
        vendor: 0x1af4,
        device: behindPort ? MODERN_DEVICE + device.type : device.pciDevice,
        revision: behindPort ? 1 : 0,
        classCode: device.classCode,
        subsystemVendor: 0x1af4,
        subsystem: behindPort ? MODERN_SUBSYSTEM : device.type,
      },
      system,
      interruptPin: 1,
      express: behindPort,
    });
    const vectors = device.queueSizes.length + 1;
    const { dma, interrupts } = this;
    this.core = new VirtioCore(device, { dma, interrupts, clock, trace, vectors, label: () => this.label });
    this.#modern = new ModernRegisters(this.core);
    this.#structures = this.#modernStructures();
    if (behindPort) this.#addExpress();
    else this.#addLegacyBar();
    this.#addBars(vectors);
    this.#window = this.#addCapabilities();
    this.addMsix({
      vectors,
      table: { bar: MSIX_BAR, offset: 0 },
      pendingBits: { bar: MSIX_BAR, offset: MSIX_PENDING },
    });
    this.onReset = () => {
      this.core.reset();
      this.#modern.reset();
    };
    const { core } = this;
    const modern = this.#modern;
    const label = () => this.label;
    this.deviceState = {
      get name() {
        return `virtio/${label()}`;
      },
      version: 1,
      save: () => ({ core: core.save(), modern: modern.save() }),
      load: (fields: { readonly [field: string]: StateValue }) => {
        core.load(fields.core as { readonly [field: string]: StateValue });
        modern.load(fields.modern as { readonly [field: string]: StateValue });
      },
    };
  }

  /** A read of the window's data reads the BAR (§4.1.4.7). */
  override configRead(offset: number, size: number): number {
    const data = this.#window + WINDOW.data;
    if (ConfigSpace.touches(offset, size, data, 4)) {
      const access = this.#windowAccess();
      const value = access?.ops?.read?.(access.offset, access.length);
      if (value !== undefined) this.config.set(data, 4, value >>> 0);
    }
    return super.configRead(offset, size);
  }

  override configWrite(offset: number, size: number, value: number): void {
    super.configWrite(offset, size, value);
    const data = this.#window + WINDOW.data;
    if (!ConfigSpace.touches(offset, size, data, 4)) return;
    const access = this.#windowAccess();
    access?.ops?.write?.(access.offset, access.length, this.config.read(data, access.length));
  }

  /** Where the window leads: `length` must be 1, 2 or 4, and the place aligned to it. */
  #windowAccess() {
    const { config } = this;
    const offset = config.read(this.#window + WINDOW.offset, 4);
    const length = config.read(this.#window + WINDOW.length, 4);
    if (config.read(this.#window + WINDOW.bar, 1) !== MODERN_BAR) return undefined;
    if ((length !== 1 && length !== 2 && length !== 4) || offset % length !== 0) return undefined;
    const page = offset - (offset % PAGE);
    return { ops: this.#structures.get(page), offset: offset % PAGE, length };
  }

  #modernStructures(): ReadonlyMap<number, ConstructorParameters<typeof MmioRegion>[3]> {
    const { core } = this;
    const modern = this.#modern;
    return new Map([
      [
        0x0000,
        {
          read: (offset: number, size: number) => narrow(modern.read(offset), size),
          write: (offset: number, _size: number, value: number) => modern.write(offset, value),
        },
      ],
      [0x1000, { read: (offset: number) => (offset === 0 ? core.readIsr() : 0), write: () => {} }],
      [
        0x2000,
        {
          read: (offset: number, size: number) => core.readConfig(offset, size),
          write: (offset: number, size: number, value: number) => core.writeConfig(offset, size, value),
        },
      ],
      [
        0x3000,
        {
          read: () => 0,
          write: (offset: number) => core.notify(Math.floor(offset / NOTIFY_MULTIPLIER)),
        },
      ],
    ]);
  }

  /** An endpoint that can be reset by itself. */
  #addExpress(): void {
    const { endpoint: portType } = EXPRESS_PORT_TYPE;
    this.addExpress({ portType, functionLevelReset: true, linkControl: LINK_CONTROL_BITS });
    this.addPowerManagement({ control: PMCSR_STATE_ONLY });
  }

  #addLegacyBar(): void {
    const { system, owner, core } = this;
    const legacy = new LegacyRegisters(core, () => this.msix?.enabled === true);
    const wanted = LEGACY_REGISTER_BYTES + core.device.configBytes;
    const bytes = 2 ** Math.ceil(Math.log2(wanted));
    const ports = {
      read: (offset: number, size: number) => legacy.read(offset, size),
      write: (offset: number, size: number, value: number) => legacy.write(offset, size, value),
    };
    this.addIoBar(LEGACY_BAR, new MmioRegion(system, 'virtio-pci', bytes, ports, { owner }));
  }

  #addBars(vectors: number): void {
    const { system, owner, deviceName: name } = this;
    // 16 bytes a vector below the pending bits.
    const messages = Math.max(MSIX_BYTES, 2 ** Math.ceil(Math.log2(vectors * 16 + MSIX_PENDING)));
    this.addMemoryBar(MSIX_BAR, { region: new ContainerRegion(system, `${name}-msix`, messages) });
    const bar = new ContainerRegion(system, 'virtio-pci', STRUCTURES.length * PAGE);
    const names = ['common', 'isr', 'device', 'notify'];
    for (const [index, { offset }] of STRUCTURES.entries()) {
      const region = new MmioRegion(system, `virtio-pci-${names[index]}`, PAGE, this.#structures.get(offset)!, {
        owner,
      });
      bar.addSubregion(offset, region);
    }
    this.addMemoryBar(MODERN_BAR, { region: bar, is64: true, prefetchable: true });
  }

  /** Returns where the window's capability stands. */
  #addCapabilities(): number {
    const { config } = this;
    for (const { type, offset } of STRUCTURES) {
      const length = type === TYPE_NOTIFY ? 20 : 16;
      const at = this.addCapability(CAPABILITY.vendor, length);
      config.set(at + 2, 2, length | (type << 8));
      config.set(at + 4, 1, MODERN_BAR);
      config.set(at + 8, 4, offset);
      config.set(at + 12, 4, PAGE);
      if (type === TYPE_NOTIFY) config.set(at + 16, 4, NOTIFY_MULTIPLIER);
    }
    const at = this.addCapability(CAPABILITY.vendor, WINDOW_BYTES);
    config.set(at + 2, 2, WINDOW_BYTES | (TYPE_PCI_CONFIG << 8));
    config.declare(at + WINDOW.bar, 1, 0, 0xff);
    for (const field of [WINDOW.offset, WINDOW.length, WINDOW.data]) config.declare(at + field, 4, 0, 0xffff_ffff);
    return at;
  }
}

function narrow(value: number, size: number): number {
  return size === 4 ? value >>> 0 : value & (2 ** (8 * size) - 1);
}
