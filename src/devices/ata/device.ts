/**
 * What a SATA port has on the other end of its cable: a device with a task file that takes one command at a time and
 * says which bytes must move for it (ATA8-ACS). Who moves them, and how it interrupts, is the host adapter's business.
 */
import type { StateValue } from '../../base/state.ts';

/** Status register (ATA8-ACS §6.2). */
export const STATUS = {
  error: 0x01,
  dataRequest: 0x08,
  seekComplete: 0x10,
  fault: 0x20,
  ready: 0x40,
  busy: 0x80,
} as const;
/** Error register (ATA8-ACS §6.3): aborted, end of media or no media, sector not found, uncorrectable data. */
export const ERROR = { aborted: 0x04, idNotFound: 0x10, uncorrectable: 0x40 } as const;
/** A command that ended well. */
export const STATUS_GOOD = STATUS.ready | STATUS.seekComplete;

/** The registers that a device sends back: what a Register Device to Host FIS carries. */
export interface TaskFile {
  status: number;
  error: number;
  /** Device register: bit 6 is LBA. */
  device: number;
  /** 48 bits; with 28-bit commands bits 27-24 stand in {@link device}. */
  lba: number;
  /** 16 bits. */
  count: number;
}

/** A command as the host sent it in a Register Host to Device FIS. */
export interface AtaCommand {
  readonly command: number;
  /** 16 bits; 8 for 28-bit commands. */
  readonly features: number;
  readonly lba: number;
  readonly device: number;
  readonly count: number;
  /** The twelve or sixteen bytes that a PACKET command carries. */
  readonly packet: Uint8Array;
}

/** Bytes that must move for a command. */
export interface AtaTransfer {
  readonly protocol: 'pio' | 'dma';
  readonly toHost: boolean;
  readonly bytes: number;
  /** PIO: bytes for each DRQ data block. */
  readonly blockBytes: number;
  /**
   * Fills `piece` with what stands `offset` bytes into the transfer, or takes it. Offsets only go up. False: the medium
   * failed, and the task file says how.
   */
  readonly move: (offset: number, piece: Uint8Array) => boolean;
  /** All bytes moved: the task file takes its final values. False: the end failed after all. */
  readonly finish: () => boolean;
}

/** One device. Its state is saved with the port that it is plugged into. */
export interface AtaDevice {
  readonly taskFile: TaskFile;
  /** Commands that may be queued, 0 when the device has no Native Command Queuing. */
  readonly queueDepth: number;
  /** True for PACKET devices: their commands carry a packet. */
  readonly packet: boolean;
  /** Power-on or COMRESET: everything returns to its default; the task file holds the signature. */
  reset(): void;
  /** Begins a command. `undefined`: it ended without data; the task file says how. */
  execute(command: AtaCommand): AtaTransfer | undefined;
  save(): { readonly [field: string]: StateValue };
  load(fields: { readonly [field: string]: StateValue }): void;
}

export function freshTaskFile(): TaskFile {
  return { status: 0, error: 0, device: 0, lba: 0, count: 0 };
}

/** The command is refused: unknown, or with parameters that the device does not take. */
export function abort(taskFile: TaskFile, error: number = ERROR.aborted): undefined {
  taskFile.status = STATUS.ready | STATUS.error;
  taskFile.error = error;
  return undefined;
}

/** The command ended well. */
export function succeed(taskFile: TaskFile): undefined {
  taskFile.status = STATUS_GOOD;
  taskFile.error = 0;
  return undefined;
}

/** A transfer to the host of bytes that are there already. */
export function reply(taskFile: TaskFile, bytes: Uint8Array): AtaTransfer {
  return {
    protocol: 'pio',
    toHost: true,
    bytes: bytes.length,
    blockBytes: bytes.length,
    move: (offset, piece) => {
      piece.set(bytes.subarray(offset, offset + piece.length));
      return true;
    },
    finish: () => {
      succeed(taskFile);
      return true;
    },
  };
}
