/** What a q35 board is built from. */
import type { TraceBus } from '../../base/trace.ts';
import type { ProcessorTopology } from '../../cpu/topology.ts';

/** A device given on the command line. Addresses are assigned in order of the list unless given. */
export type DeviceOption =
  | {
      readonly kind: 'qemu-xhci' | 'nec-usb-xhci';
      readonly id?: string;
      /** PCI device number, 1-30. */
      readonly slot?: number;
      /** USB 2 and USB 3 root hub ports, 0-15 each. */
      readonly usb2Ports?: number;
      readonly usb3Ports?: number;
      readonly interrupters?: number;
      readonly slots?: number;
    }
  | { readonly kind: 'usb-kbd'; readonly id?: string; readonly bus?: string; readonly port?: number }
  | { readonly kind: 'isa-debug-exit'; readonly port: number; readonly size: number };

/** How the board leaves PCI functions to a kernel that is entered without firmware (docs/adr/0003). */
export interface HandOver {
  /** BARs assigned and decoding on, as every PC's firmware leaves them. */
  readonly resourcesAssigned: boolean;
  /** Bus Master Enable set on USB controllers, as SeaBIOS leaves it because its own driver ran. */
  readonly usbBusMaster: boolean;
}

export interface Q35Options {
  /** Bytes, a multiple of 1 MiB, at least 2 MiB. */
  readonly ramBytes: number;
  /** QEMU's machine property `max-ram-below-4g`, in bytes. */
  readonly maxRamBelow4g?: number;
  /** How many processors, 1-64, and how packages hold them. Default: one. */
  readonly processors?: ProcessorTopology;
  /** `qemu64` or `max`. */
  readonly cpuModel: string;
  /** A name in `PERSONALITIES` (src/xhci/personality.ts): `spec`, `qemu` ... */
  readonly personality: string;
  readonly devices: readonly DeviceOption[];
  /** Keep, per 8 bytes of RAM, who stored there last. */
  readonly trackWriters: boolean;
  readonly trace: TraceBus;
  /** Bytes that the guest sent to the first serial port. */
  readonly serialOutput: (byte: number) => void;
  /** Bytes that the guest sent to the debug console (port 0xe9); `undefined`: the port does not exist. */
  readonly debugOutput?: ((byte: number) => void) | undefined;
  readonly handOver?: Partial<HandOver>;
}

export interface BoardError {
  readonly problem: string;
  readonly hint: string;
}
