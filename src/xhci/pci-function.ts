/** The controller as a PCI function: `qemu-xhci` or `nec-usb-xhci`, with QEMU's configuration space. */

import type { VirtualClock } from '../base/clock.ts';
import { bits, pci, register32 } from '../base/registers.ts';
import type { StateSource, StateValue } from '../base/state.ts';
import type { TraceBus } from '../base/trace.ts';
import type { MemorySystem } from '../memory/memory-system.ts';
import { MmioRegion } from '../memory/mmio-region.ts';
import { ContainerRegion } from '../memory/region.ts';
import { EXPRESS_PORT_TYPE } from '../pci/capabilities.ts';
import { PciFunction } from '../pci/function.ts';
import type { UsbDevice } from '../usb/bus.ts';
import { XhciController } from './controller.ts';
import { QEMU_XHCI, SPEC, type XhciModel, type XhciPersonality } from './personality.ts';
import { BAR_BYTES, MSIX_PBA_OFFSET, MSIX_TABLE_OFFSET } from './spec/bar.ts';

/** Serial bus, USB, xHCI (PCI Code and ID Assignment 1.11, 0Ch 03h 30h). */
const CLASS_CODE = 0x0c_0330;
const SUBSYSTEM_VENDOR = 0x1af4;
const SUBSYSTEM = 0x1100;
const CACHE_LINE_SIZE = 0x0c;
const MSI_OFFSET = 0x70;
const MSIX_OFFSET = 0x90;
const EXPRESS_OFFSET = 0xa0;
const SBRN_OFFSET = 0x60;

/** Serial Bus Release Number, USB 3.0 (xHCI 1.2 §5.2.3). */
export const SBRN = register32({
  name: 'SBRN',
  spec: pci('6.1'),
  reset: 0x30,
  fields: { SBRN: bits(7, 0, 'RO', 'Serial Bus Release Number') },
});

export interface XhciFunctionOptions {
  readonly system: MemorySystem;
  readonly clock: VirtualClock;
  readonly trace: TraceBus;
  /** Default: `spec`. */
  readonly personality?: XhciPersonality;
  /** Default: `qemu-xhci` with four USB2 and four USB3 ports. */
  readonly model?: XhciModel;
  /** On a PCI Express bus the function has an Express capability. Default true. */
  readonly express?: boolean;
  /** It stands behind a root port. Default: on the root bus, integrated in the root complex. */
  readonly behindPort?: boolean;
}

/** Plug {@link pci} into a bus before the guest runs; the controller's name in facts is then its `00:03.0`. */
export class XhciFunction implements StateSource {
  readonly version = 1;
  readonly pci: PciFunction;
  readonly controller: XhciController;

  constructor(options: XhciFunctionOptions) {
    const { system, clock, trace, personality = SPEC, model = QEMU_XHCI, express = true } = options;
    this.pci = new PciFunction({
      name: model.name,
      identity: {
        vendor: model.vendorId,
        device: model.deviceId,
        revision: model.revision,
        classCode: CLASS_CODE,
        subsystemVendor: SUBSYSTEM_VENDOR,
        subsystem: SUBSYSTEM,
      },
      system,
      interruptPin: 1,
      express,
    });
    const { config, dma, interrupts, owner } = this.pci;
    config.declare(CACHE_LINE_SIZE, 1, 0x10, 0xff);
    config.declare(SBRN_OFFSET, 1, SBRN.reset);
    this.controller = new XhciController(
      { dma, interrupts, clock, trace },
      { name: () => this.pci.label, personality, model },
    );
    const bar = new ContainerRegion(system, 'xhci', BAR_BYTES);
    for (const range of this.controller.ranges) {
      const ops = {
        read: (offset: number, size: number) => range.read(offset, size),
        write: (offset: number, size: number, value: number) => range.write(offset, value, size),
        valid: range.valid,
        impl: range.impl,
      };
      bar.addSubregion(range.base, new MmioRegion(system, range.name, range.size, ops, { owner }));
    }
    this.pci.addMemoryBar(0, { region: bar, is64: true });
    if (model.msi) this.pci.addMsi({ vectors: model.interrupters, offset: MSI_OFFSET });
    const { endpoint, rootComplexIntegratedEndpoint } = EXPRESS_PORT_TYPE;
    if (express) {
      const portType = options.behindPort === true ? endpoint : rootComplexIntegratedEndpoint;
      this.pci.addExpress({ offset: EXPRESS_OFFSET, portType });
    }
    if (model.msix) {
      this.pci.addMsix({
        vectors: model.interrupters,
        table: { bar: 0, offset: MSIX_TABLE_OFFSET },
        pendingBits: { bar: 0, offset: MSIX_PBA_OFFSET },
        offset: MSIX_OFFSET,
      });
    }
    this.pci.onReset = () => {
      for (const { device } of this.controller.hub.sockets) device?.powerCycle?.();
      this.controller.reset();
    };
  }

  /** `xhci/00:03.0`. */
  get name(): string {
    return `xhci/${this.pci.label}`;
  }

  /** Plugs a USB device in; see {@link XhciController.attach}. */
  attach(device: UsbDevice, socketIndex?: number): number | undefined {
    return this.controller.attach(device, socketIndex);
  }

  save(): { readonly [field: string]: StateValue } {
    return this.controller.save();
  }

  load(fields: { readonly [field: string]: StateValue }): void {
    this.controller.load(fields);
  }
}
