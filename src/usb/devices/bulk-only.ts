/**
 * The bulk-only transport (USB Mass Storage Class, Bulk-Only Transport 1.0): a Command Block Wrapper, data, a Command
 * Status Wrapper, one command at a time.
 *
 * Two manners. `standard`: a device that ends short data with a short packet, stalls where there is none, and stays
 * stalled after a bad wrapper until Reset Recovery (§5.3.4, §6.6, §6.7). `qemu`: pads short data with zeros, accepts
 * what it need not, and forgets a stall at once, as QEMU's `usb-storage` does.
 */
import type { StateValue } from '../../base/state.ts';
import type { ScsiDisk } from '../../devices/scsi/disk.ts';
import { directionOf, emptyTask, loadTask, ScsiStatus, type ScsiTask, saveTask } from '../../devices/scsi/task.ts';
import { STALLED, type UsbResult, UsbStatus } from '../bus.ts';

export type BulkOnlyManner = 'standard' | 'qemu';

const CBW_BYTES = 31;
const CBW_SIGNATURE = 0x4342_5355;
const CSW_BYTES = 13;
const CSW_SIGNATURE = 0x5342_5355;
const DATA_IN = 0x80;
const COMMAND_BYTES_MAX = 16;

/** bCSWStatus (Table 5.3). */
const CswStatus = { Passed: 0, Failed: 1, PhaseError: 2 } as const;

const PHASES = ['command', 'data-in', 'data-out', 'status', 'broken'] as const;
/** What the device waits for; `broken`: a bad wrapper came, and only Reset Recovery helps. */
export type BulkOnlyPhase = (typeof PHASES)[number];

const moved = (length: number): UsbResult => ({ status: UsbStatus.Success, length });

export class BulkOnlyTransport {
  #phase: BulkOnlyPhase = 'command';
  #tag = 0;
  /** dCBWDataTransferLength less what was moved or filled. */
  #expected = 0;
  /** dCSWDataResidue, once the command has nothing left to move. */
  #residue = 0;
  #phaseError = false;
  #task: ScsiTask = emptyTask();

  constructor(
    readonly disk: ScsiDisk,
    readonly manner: BulkOnlyManner,
    /** Halts an endpoint (bEndpointAddress bit 7: IN) until the host clears it. */
    readonly halt: (direction: 'in' | 'out') => void,
  ) {}

  get phase(): BulkOnlyPhase {
    return this.#phase;
  }

  /** Bulk-Only Mass Storage Reset (§3.1), or a bus reset: ready for a wrapper, whatever was under way. */
  reset(): void {
    this.#phase = 'command';
    this.#task = emptyTask();
    this.#expected = 0;
    this.#residue = 0;
    this.#phaseError = false;
  }

  /** The host sends on the bulk-out endpoint. */
  out(data: Uint8Array): UsbResult {
    switch (this.#phase) {
      case 'command':
        return this.#command(data);
      case 'data-out':
        return this.#dataOut(data);
      default:
        return this.#stall('out');
    }
  }

  /** The host asks on the bulk-in endpoint. */
  in(into: Uint8Array): UsbResult {
    switch (this.#phase) {
      case 'data-in':
        return this.#dataIn(into);
      case 'status':
        return this.#status(into);
      default:
        return this.#stall('in');
    }
  }

  #stall(direction: 'in' | 'out'): UsbResult {
    if (this.manner === 'standard') this.halt(direction);
    return STALLED;
  }

  /** §6.6.1: both pipes stall until Reset Recovery. */
  #invalidWrapper(bytes: number): UsbResult {
    // QEMU takes the wrapper before it looks at it.
    if (this.manner === 'qemu') return { status: UsbStatus.Stall, length: bytes === CBW_BYTES ? bytes : 0 };
    this.#phase = 'broken';
    this.halt('in');
    this.halt('out');
    return STALLED;
  }

  // ---- the command -----------------------------------------------------------------------------------------------

  #command(data: Uint8Array): UsbResult {
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    // §6.2: valid is 31 bytes after a CSW or a reset, with the signature; meaningful is a LUN and a length that exist.
    if (data.length !== CBW_BYTES || view.getUint32(0, true) !== CBW_SIGNATURE)
      return this.#invalidWrapper(data.length);
    const commandBytes = data[14]! & 0x1f;
    if (commandBytes === 0 || commandBytes > COMMAND_BYTES_MAX) return this.#invalidWrapper(data.length);
    const lun = data[13]! & 0xf;
    if (lun !== 0 && this.manner === 'qemu') return STALLED;
    this.#tag = view.getUint32(4, true);
    this.#expected = view.getUint32(8, true);
    const hostReads = (data[12]! & DATA_IN) !== 0;
    const block = new Uint8Array(COMMAND_BYTES_MAX);
    block.set(data.subarray(15, 15 + commandBytes));
    this.#task = this.disk.start(block, lun);
    this.#residue = 0;
    this.#phaseError = this.#disagrees(hostReads);
    if (this.#phaseError) this.#task.left = 0;
    if (this.#expected === 0) this.#phase = 'status';
    else this.#phase = hostReads ? 'data-in' : 'data-out';
    if (this.#task.left === 0) this.#residue = this.#expected;
    return moved(CBW_BYTES);
  }

  /** §6.7, cases 2, 3, 7, 8, 10, 13: the device means another direction, or more data than the host. */
  #disagrees(hostReads: boolean): boolean {
    const direction = directionOf(this.#task);
    if (direction === 'none') return false;
    if (this.#expected > 0 && (direction === 'in') !== hostReads) return true;
    return this.manner === 'standard' && this.#task.left > this.#expected;
  }

  // ---- data ------------------------------------------------------------------------------------------------------

  #dataIn(into: Uint8Array): UsbResult {
    const room = Math.min(into.length, this.#expected);
    const unfinished = this.#task.left > 0;
    const length = this.disk.read(this.#task, into.subarray(0, room));
    this.#expected -= length;
    if (unfinished && this.#task.left === 0) this.#residue = this.#expected;
    if (this.#task.left === 0 && length < into.length) return this.#shortIn(into, length);
    if (this.#expected === 0) this.#phase = 'status';
    return moved(length);
  }

  /** The command has nothing more to send, and the host has room for more. */
  #shortIn(into: Uint8Array, length: number): UsbResult {
    if (this.manner === 'qemu') {
      into.fill(0, length);
      this.#expected -= Math.min(this.#expected, into.length - length);
      if (this.#expected === 0) this.#phase = 'status';
      return moved(into.length);
    }
    this.#phase = 'status';
    // §6.7.2: some data ends with a short packet; none at all is a stall, behind which the status stands.
    if (length > 0 || this.#expected === 0) return moved(length);
    return this.#stall('in');
  }

  #dataOut(from: Uint8Array): UsbResult {
    if (from.length > this.#expected) {
      if (this.manner === 'qemu') return STALLED;
      this.#phaseError = true;
      this.#phase = 'status';
      return this.#stall('out');
    }
    const unfinished = this.#task.left > 0;
    const length = this.disk.write(this.#task, from);
    this.#expected -= length;
    if (unfinished && this.#task.left === 0) this.#residue = this.#expected;
    if (length < from.length) return this.#refusedOut(from, length);
    if (this.#expected === 0) this.#phase = 'status';
    return moved(from.length);
  }

  /** The command takes no more than it took: the rest is thrown away, or the pipe stalls (§6.7.3). */
  #refusedOut(from: Uint8Array, length: number): UsbResult {
    if (this.manner === 'standard' && length === 0) {
      this.#phase = 'status';
      return this.#stall('out');
    }
    this.#expected -= from.length - length;
    if (this.#expected === 0) this.#phase = 'status';
    return moved(from.length);
  }

  // ---- the status ------------------------------------------------------------------------------------------------

  #status(into: Uint8Array): UsbResult {
    if (into.length < CSW_BYTES) return this.#stall('in');
    const view = new DataView(into.buffer, into.byteOffset, into.byteLength);
    view.setUint32(0, CSW_SIGNATURE, true);
    view.setUint32(4, this.#tag, true);
    view.setUint32(8, this.#residue, true);
    const passed = this.#task.status === ScsiStatus.Good ? CswStatus.Passed : CswStatus.Failed;
    into[12] = this.#phaseError ? CswStatus.PhaseError : passed;
    this.#phase = 'command';
    this.#phaseError = false;
    this.#task = emptyTask();
    return moved(CSW_BYTES);
  }

  // ---- state -----------------------------------------------------------------------------------------------------

  save(): StateValue {
    return {
      phase: this.#phase,
      numbers: [this.#tag, this.#expected, this.#residue],
      phaseError: this.#phaseError,
      task: saveTask(this.#task),
    };
  }

  load(saved: StateValue): void {
    const fields = saved as { phase: BulkOnlyPhase; numbers: number[]; phaseError: boolean; task: StateValue };
    const [tag, expected, residue] = fields.numbers;
    this.#phase = PHASES.includes(fields.phase) ? fields.phase : 'command';
    this.#tag = tag!;
    this.#expected = expected!;
    this.#residue = residue!;
    this.#phaseError = fields.phaseError;
    this.#task = loadTask(fields.task);
  }
}

/** What the class request Get Max LUN answers (§3.2): one logical unit. */
export const MAX_LUN = Uint8Array.of(0);
