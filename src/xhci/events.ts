/**
 * The facts that the xHCI controller states on the trace bus. Rules judge them; `debug/` prints the ones QEMU has as
 * QEMU's own trace lines. `controller` is the PCI function's name, `00:03.0`.
 */
import type { BusAddress } from '../base/address.ts';
import type { MemTxResult } from '../memory/memtx.ts';

export type RegisterSpace = 'capability' | 'operational' | 'port' | 'runtime' | 'doorbell';

export interface RegisterAccess {
  readonly controller: string;
  readonly space: RegisterSpace;
  /** Offset within the space: operational from CAPLENGTH, runtime from RTSOFF, doorbell from DBOFF, port from its own set. */
  readonly offset: number;
  /** Offset within BAR 0. */
  readonly barOffset: number;
  /** Access width in bytes as the guest issued it. */
  readonly size: number;
  readonly value: number;
  /** 1-based, only in the port space. */
  readonly portId?: number;
  /** The specification's mnemonic (`USBCMD`, `ERSTBA.hi`), or `undefined` where no register stands. */
  readonly register: string | undefined;
}

/** One TRB as it stands in memory. */
export interface TrbWords {
  readonly parameterLow: number;
  readonly parameterHigh: number;
  readonly status: number;
  readonly control: number;
}

export type RingKind = 'command' | 'transfer';

export interface RingRef {
  readonly controller: string;
  readonly kind: RingKind;
  /** 0 for the command ring. */
  readonly slotId: number;
  /** Device Context Index, 0 for the command ring. */
  readonly endpointId: number;
  readonly streamId: number;
}

/** A pointer that software gave the controller, wherever it stands. */
export interface DevicePointer {
  readonly controller: string;
  /** What it points to: `Event Ring Segment Table`, `command ring`, `DCBAA`, `Device Context`, `transfer ring`, `data buffer`, ... */
  readonly target: string;
  /** The register or field that holds it: `ERSTBA`, `DCBAA[1]`, `ERST[0].base`, `Link TRB`, `Input Context EP0 TR Dequeue`. */
  readonly holder: string;
  readonly value: BusAddress;
  /** Where in memory the pointer stands; `undefined` when a register holds it. */
  readonly storedAt: BusAddress | undefined;
  /** Bytes the controller will use there. */
  readonly size: number;
  /** Alignment that the specification demands (bytes), Table 6-1; and the boundary it must not cross, 0 for none. */
  readonly alignment: number;
  readonly boundary: number;
  /** The 64 bits as written, before the register dropped its reserved low bits; equal to `value` when none were. */
  readonly written: BusAddress;
  /** True when the controller writes there. */
  readonly write: boolean;
}

declare module '../base/trace.ts' {
  interface TraceEvents {
    'xhci.reset': { readonly controller: string };
    'xhci.run': { readonly controller: string };
    'xhci.stop': { readonly controller: string };
    'xhci.register-read': RegisterAccess;
    'xhci.register-written': RegisterAccess;
    /** A write that the register's access rules dropped in part or whole (read-only, reserved, wrong width). */
    'xhci.register-misused': RegisterAccess & {
      readonly problem: 'read-only' | 'reserved-bits' | 'width' | 'unaligned' | 'no-register' | 'while-not-ready';
      readonly bits: number;
    };
    'xhci.pointer-set': DevicePointer;
    /** The eager audit at Run/Stop = 1 and whenever a reachable pointer changes: every pointer, good or bad. */
    'xhci.pointers-audited': {
      readonly controller: string;
      readonly cause: string;
      readonly pointers: readonly DevicePointer[];
    };
    /** The controller was started; what its registers held. */
    'xhci.started': {
      readonly controller: string;
      readonly dcbaap: BusAddress;
      readonly crcr: BusAddress;
      readonly maxSlotsEnabled: number;
      readonly interrupters: readonly {
        readonly index: number;
        readonly erstba: BusAddress;
        readonly erstsz: number;
        readonly erdp: BusAddress;
      }[];
      /** Registers that a Host Controller Reset cleared after the driver had written them. */
      readonly lostByReset: readonly string[];
    };
    'xhci.trb-fetched': RingRef & { readonly address: BusAddress; readonly trb: TrbWords; readonly typeName: string };
    /** The dequeue pointer stands on a TRB whose cycle bit says that software still owns it. */
    'xhci.ring-empty': RingRef & {
      readonly address: BusAddress;
      readonly trb: TrbWords;
      readonly consumerCycle: 0 | 1;
      /** TRBs consumed since the ring was set up: 0 means that the driver never got one through. */
      readonly consumed: number;
    };
    'xhci.ring-failed': RingRef & {
      readonly address: BusAddress;
      readonly because: 'dma' | 'link-loop' | 'bad-type' | 'td-too-long';
      readonly trb: TrbWords | undefined;
    };
    'xhci.ring-wrapped': RingRef & {
      readonly link: BusAddress;
      readonly target: BusAddress;
      readonly toggled: boolean;
    };
    'xhci.command-completed': {
      readonly controller: string;
      readonly address: BusAddress;
      readonly trb: TrbWords;
      readonly commandName: string;
      readonly slotId: number;
      readonly completionCode: number;
      readonly completionName: string;
    };
    'xhci.event-posted': {
      readonly controller: string;
      readonly interrupter: number;
      readonly index: number;
      readonly address: BusAddress;
      readonly trb: TrbWords;
      readonly typeName: string;
      readonly completionName: string;
    };
    /** An event that software will never see. */
    'xhci.event-lost': {
      readonly controller: string;
      readonly interrupter: number;
      readonly trb: TrbWords;
      readonly typeName: string;
      readonly because: 'no-ring' | 'full' | 'dma' | 'erdp-out-of-range' | 'halted';
    };
    'xhci.event-ring-full': { readonly controller: string; readonly interrupter: number };
    'xhci.event-ring-reset': {
      readonly controller: string;
      readonly interrupter: number;
      readonly erstba: BusAddress;
      readonly erstsz: number;
      readonly segments: readonly { readonly base: BusAddress; readonly size: number }[];
      readonly outcome: 'ok' | 'dma' | 'size-zero' | 'too-many-segments' | 'segment-size' | 'reserved-bits';
    };
    'xhci.erdp-written': {
      readonly controller: string;
      readonly interrupter: number;
      readonly value: BusAddress;
      readonly inRing: boolean;
      readonly clearedBusy: boolean;
    };
    'xhci.doorbell': {
      readonly controller: string;
      readonly slotId: number;
      readonly target: number;
      readonly streamId: number;
      readonly value: number;
      readonly outcome:
        | 'rung'
        | 'halted'
        | 'bad-target'
        | 'slot-disabled'
        | 'endpoint-disabled'
        | 'no-such-slot'
        | 'host-error';
    };
    /** USBSTS.HSE (spec) or HCE (QEMU's cosmetic form) was raised, and the access that did it, if one did. */
    'xhci.host-error': {
      readonly controller: string;
      readonly bit: 'HSE' | 'HCE';
      readonly result: MemTxResult;
      readonly where: string;
    };
    /** QEMU's LOG_GUEST_ERROR lines: `function` is the name QEMU prints before the colon. */
    'xhci.guest-error': {
      readonly controller: string;
      readonly function: string;
      readonly message: string;
      /** QEMU's log category: `guest_errors` unless it says `unimp`. */
      readonly category?: 'guest_errors' | 'unimp';
      /** False for the lines that QEMU prints without a line end. */
      readonly newline?: boolean;
    };
    /** A bound on work done at one doorbell was reached: QEMU's `usb_xhci_enforced_limit`. */
    'xhci.limit-enforced': { readonly controller: string; readonly what: 'trb-link' | 'commands' | 'transfers' };
    'xhci.unimplemented': { readonly controller: string; readonly what: string; readonly offset: number };
    'xhci.interrupt': {
      readonly controller: string;
      readonly mode: 'intx' | 'msi' | 'msix';
      readonly vector: number;
      readonly level: number;
    };
    /** An interrupt that a closed gate held back: the first one that is closed. */
    'xhci.interrupt-blocked': {
      readonly controller: string;
      readonly interrupter: number;
      readonly gate: 'INTE' | 'IE' | 'EHB' | 'IMOD';
    };
    'xhci.msix-use': { readonly controller: string; readonly vector: number; readonly used: boolean };
    'xhci.port-reset': {
      readonly controller: string;
      readonly portId: number;
      readonly warm: boolean;
      readonly connected: boolean;
      readonly powered: boolean;
    };
    'xhci.port-link': { readonly controller: string; readonly portId: number; readonly pls: number };
    'xhci.port-notify': { readonly controller: string; readonly portId: number; readonly bits: number };
    'xhci.slot-changed': {
      readonly controller: string;
      readonly slotId: number;
      readonly what: 'enable' | 'disable' | 'address' | 'configure' | 'evaluate' | 'reset';
      /** QEMU's port path (`5`), for `address`. */
      readonly port?: string;
    };
    'xhci.endpoint-changed': {
      readonly controller: string;
      readonly slotId: number;
      readonly endpointId: number;
      readonly what: 'enable' | 'disable' | 'stop' | 'reset' | 'kick' | 'set-dequeue';
      readonly streamId: number;
      readonly pointer?: BusAddress;
    };
    'xhci.endpoint-state': {
      readonly controller: string;
      readonly slotId: number;
      readonly endpointId: number;
      readonly from: string;
      readonly to: string;
    };
    /** A context that a command read, before it was judged: 32-bit words and the stride in use. */
    'xhci.context-read': {
      readonly controller: string;
      readonly slotId: number;
      readonly commandName: string;
      readonly address: BusAddress;
      readonly contextSize: 32 | 64;
      readonly words: Uint32Array;
    };
    'xhci.transfer': {
      readonly controller: string;
      readonly slotId: number;
      readonly endpointId: number;
      readonly streamId: number;
      readonly what: 'start' | 'async' | 'nak' | 'retry' | 'success' | 'error';
      readonly length: number;
      /** QEMU's USB_RET_ code: 0 success, -1 no device, -2 NAK, -3 stall, -4 babble, -5 I/O error. */
      readonly status: number;
      /** Counts the transfers of this controller from 1: stands for the pointer that QEMU prints. */
      readonly transferId?: number;
    };
  }
}
