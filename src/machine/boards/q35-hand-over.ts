/** Leaves PCI and the chipset to a kernel that is entered without firmware, as firmware would (docs/adr/0003). */
import { HOSTC_OFFSET, SMB_BASE_OFFSET, type SmbusFunction } from '../../devices/smbus/pci-function.ts';
import type { InterruptController } from '../../interrupts/interrupt-controller.ts';
import type { PciBus } from '../../pci/bus.ts';
import { COMMAND, COMMAND_BUS_MASTER } from '../../pci/config-registers.ts';
import { PAM_REGISTERS, PAM0 } from '../../pci/dram-control.ts';
import { assignResources, placeChipset, routePirqs } from '../../pci/firmware-setup.ts';
import type { HostBridge } from '../../pci/host-bridge.ts';
import type { LpcBridge } from '../../pci/lpc-bridge.ts';
import type { PcieRootPort } from '../../pci/root-port.ts';
import { POWER_MANAGEMENT_BASE } from './q35-memory-map.ts';
import type { HandOver, Q35Options } from './q35-options.ts';

export interface HandOverSetting {
  readonly options: Q35Options;
  readonly asQemu: boolean;
  readonly interrupts: InterruptController;
}

/** What is handed over. */
export interface HandOverParts {
  readonly bus: PciBus;
  readonly bridge: HostBridge;
  readonly lpc: LpcBridge;
  readonly smbus: SmbusFunction;
  readonly rootPorts: readonly PcieRootPort[];
}

/** Where SeaBIOS puts the SMBus host's registers. */
const SMBUS_BASE = 0x700;
const CLASS_USB = 0x0c_03;
/** Both halves of a PAM register: reads and writes go to RAM. */
const PAM_ALL_RAM = 0x33;
/** The 8259 inputs of the PIRQs are level-triggered (ELCR2 bits 2 and 3: IRQ 10 and 11). */
const ELCR2_PIRQS = 0x0c;

export function handOver({ options, asQemu, interrupts }: HandOverSetting, parts: HandOverParts): void {
  const { bus, bridge, lpc, smbus, rootPorts } = parts;
  const wanted: HandOver = { resourcesAssigned: true, usbBusMaster: asQemu, ...options.handOver };
  for (let index = 0; index < PAM_REGISTERS; index += 1) bridge.configWrite(PAM0 + index, 1, PAM_ALL_RAM);
  if (!wanted.resourcesAssigned) return;
  assignResources(bus, rootPorts);
  routePirqs(lpc);
  placeChipset(lpc, POWER_MANAGEMENT_BASE);
  smbus.configWrite(SMB_BASE_OFFSET, 4, SMBUS_BASE);
  smbus.configWrite(HOSTC_OFFSET, 1, 1);
  interrupts.pic.slave.writeElcr(ELCR2_PIRQS);
  if (!wanted.usbBusMaster) return;
  for (const entry of [bus, ...rootPorts.map(({ secondary }) => secondary)].flatMap((each) => each.functions)) {
    if (entry.identity.classCode >>> 8 !== CLASS_USB) continue;
    entry.configWrite(COMMAND, 2, entry.command | COMMAND_BUS_MASTER);
  }
}
