/** The adapter as a PCI function: ICH9's SATA controller in AHCI mode, 8086:2922, as QEMU's `ich9-ahci` shows it. */
import type { VirtualClock } from '../../base/clock.ts';
import type { MemorySystem } from '../../memory/memory-system.ts';
import { MmioRegion } from '../../memory/mmio-region.ts';
import { PciFunction } from '../../pci/function.ts';
import { AHCI_REGISTER_BYTES, AhciController } from './controller.ts';
import { AHCI_SPEC, type AhciPersonality } from './personality.ts';

/** Mass storage, SATA, AHCI 1.0. */
const CLASS_CODE = 0x01_0601;
const MSI_OFFSET = 0x80;
/** MAP: AHCI mode (ICH9 §15.1.33). */
const MAP = 0x90;
const MAP_AHCI = 0x40;
const SATA_CAPABILITY = 0x12;
const SATA_OFFSET = 0xa8;
/** Revision 1.0; index and data registers at 10h of BAR 4 (AHCI 1.3.1 §2.3). */
const SATA_REVISION = 0x10;
const SATA_LOCATION = 0x48;
const INDEX_BAR = 4;
const INDEX_BAR_BYTES = 32;
const INDEX = 0x10;
const DATA = 0x14;
const REGISTER_BAR = 5;
const CACHE_LINE_SIZE = 0x0c;

export interface AhciFunctionOptions {
  readonly system: MemorySystem;
  readonly clock: VirtualClock;
  /** Default: the specification. */
  readonly personality?: AhciPersonality;
  /** Function 2 of the chipset's device 31 has Header Type bit 7 set. Default true. */
  readonly multifunction?: boolean;
}

/** Plug {@link pci} into a bus before the guest runs, and devices into {@link AhciController.ports}. */
export class AhciFunction {
  readonly pci: PciFunction;
  readonly controller: AhciController;

  constructor(options: AhciFunctionOptions) {
    const { system, clock, personality = AHCI_SPEC, multifunction = true } = options;
    this.pci = new PciFunction({
      name: 'ich9-ahci',
      identity: {
        vendor: 0x8086,
        device: 0x2922,
        revision: 2,
        classCode: CLASS_CODE,
        subsystemVendor: 0x1af4,
        subsystem: 0x1100,
      },
      system,
      interruptPin: 1,
      multifunction,
    });
    const { config, dma, interrupts, owner } = this.pci;
    config.declare(CACHE_LINE_SIZE, 1, 0, 0xff);
    config.declare(MAP, 1, MAP_AHCI);
    this.controller = new AhciController({ dma, interrupts, clock }, personality, () => this.pci.label);
    const { controller } = this;
    const registers = {
      read: (offset: number, size: number) => controller.read(offset, size),
      write: (offset: number, size: number, value: number) => controller.write(offset, size, value),
    };
    const index = {
      read: (offset: number) =>
        offset === INDEX ? controller.index : offset === DATA ? controller.read(controller.index, 4) : 0,
      write: (offset: number, _size: number, value: number) => {
        if (offset === INDEX) controller.index = value & (AHCI_REGISTER_BYTES - 1) & ~3;
        else if (offset === DATA) controller.write(controller.index, 4, value);
      },
    };
    this.pci.addIoBar(INDEX_BAR, new MmioRegion(system, 'ahci-idp', INDEX_BAR_BYTES, index, { owner }));
    const region = new MmioRegion(system, 'ahci', AHCI_REGISTER_BYTES, registers, { owner });
    this.pci.addMemoryBar(REGISTER_BAR, { region });
    this.pci.addCapability(SATA_CAPABILITY, 8, SATA_OFFSET);
    config.set(SATA_OFFSET + 2, 2, SATA_REVISION);
    config.set(SATA_OFFSET + 4, 4, SATA_LOCATION);
    this.pci.addMsi({ vectors: 1, offset: MSI_OFFSET });
    this.pci.onReset = () => {
      controller.index = 0;
      controller.reset();
    };
  }
}
