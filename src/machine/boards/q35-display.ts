/** The display adapter of the board, at 00:01.0 as QEMU has it. */
import type { StateSource } from '../../base/state.ts';
import { displayBytes, VgaAdapter } from '../../devices/vga/adapter.ts';
import type { PciBus } from '../../pci/bus.ts';
import type { Q35Options } from './q35-options.ts';
import type { PciSetting } from './q35-pci.ts';

/** QEMU gives its display the first slot behind the host bridge. */
const SLOT = 1;

export interface DisplaySetting extends PciSetting {
  readonly bus: PciBus;
  /** The PCI side of memory, where the window at 0xa0000 stands. */
  readonly window: PciSetting['system'];
}

/** Plugs the adapter, if there is to be one. */
export function addDisplay(setting: DisplaySetting): VgaAdapter | undefined {
  const { display } = setting.options;
  if (!hasDisplay(display)) return undefined;
  const { memory, clock, io, allocate, window, bus, asQemu } = setting;
  const adapter = new VgaAdapter({ system: memory, clock, io, memory: window, allocate, rom: display.rom, asQemu });
  adapter.pci.plug(bus, SLOT);
  return adapter;
}

function hasDisplay(display: Q35Options['display']): display is Exclude<Q35Options['display'], 'none' | undefined> {
  return display !== undefined && display !== 'none';
}

export function displayStates(display: VgaAdapter | undefined): StateSource[] {
  return display === undefined ? [] : [display, display.videoMemory.stateSource()];
}

/** Bytes of the processors' memory that {@link addDisplay} will ask for. */
export function displayMemory(display: Q35Options['display']): number {
  return hasDisplay(display) ? displayBytes(display.rom) : 0;
}
