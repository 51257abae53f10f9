/**
 * One AHCI port: its registers and the life of its link (AHCI 1.3.1 §3.3, §10). What a command does stands in
 * {@link CommandRunner}.
 *
 * Commands run one after another, each a fixed time after the last, so that a run is the same every time.
 */
import { busFromWords } from '../../base/address.ts';
import type { Timer, VirtualClock } from '../../base/clock.ts';
import type { StateValue } from '../../base/state.ts';
import type { DmaPort } from '../../memory/dma-port.ts';
import type { DmaPurpose } from '../../memory/events.ts';
import { MEMTX_OK } from '../../memory/memtx.ts';
import type { AtaDevice, TaskFile } from '../ata/device.ts';
import { CommandRunner } from './command-runner.ts';
import { RECEIVED, registerFis, signatureOf } from './frames.ts';
import type { AhciPersonality } from './personality.ts';
import { PORT, PXCMD, PXIE, PXIS, PXSCTL, PXSERR, PXTFD, SSTS_LINK_UP } from './registers.ts';

/** From a command's issue, or the end of the one before it, to its completion. */
export const COMMAND_NANOSECONDS = 10_000;
const SLOTS = 32;
const SIGNATURE_UNKNOWN = 0xffff_ffff;
const RECEIVED_PURPOSE: DmaPurpose = { what: 'Received FIS', register: 'PxFB' };

const DETECTION_RESET = 1;
const ST = PXCMD.mask('ST');
const FRE = PXCMD.mask('FRE');
const CR = PXCMD.mask('CR');
const FR = PXCMD.mask('FR');
const STATUS_ERROR = 0x01;
const STATUS_BUSY_OR_DATA = 0x88;

export interface AhciPortOptions {
  readonly index: number;
  readonly dma: DmaPort;
  readonly clock: VirtualClock;
  readonly personality: AhciPersonality;
  /** PxIS or PxIE changed. */
  readonly changed: () => void;
}

export class AhciPort {
  readonly index: number;
  readonly dma: DmaPort;
  readonly personality: AhciPersonality;
  device: AtaDevice | undefined;
  readonly #changed: () => void;
  readonly #timer: Timer;
  readonly #runner: CommandRunner;
  #listLow = 0;
  #listHigh = 0;
  #receivedLow = 0;
  #receivedHigh = 0;
  #status = 0;
  #enable = 0;
  #command = PXCMD.reset;
  #taskFileData = PXTFD.reset;
  #signature = SIGNATURE_UNKNOWN;
  #control = 0;
  #errors = 0;
  #active = 0;
  #issued = 0;
  #slot = 0;
  /** An error stopped the port until software clears PxCMD.ST. */
  #halted = false;
  /** The device's first FIS after a reset waits for PxCMD.FRE. */
  #signaturePending = false;

  constructor(options: AhciPortOptions) {
    this.index = options.index;
    this.dma = options.dma;
    this.personality = options.personality;
    this.#changed = options.changed;
    this.#timer = options.clock.timer(`ahci port ${options.index}`, () => this.#runNext());
    this.#runner = new CommandRunner(this);
  }

  /** True while PxIS has a bit that PxIE lets through. */
  get interrupting(): boolean {
    return (this.#interruptStatus & this.#enable) !== 0;
  }

  /** Where the command list stands. */
  get list() {
    return busFromWords(this.#listLow, this.#listHigh);
  }

  read(offset: number): number {
    switch (offset) {
      case PORT.CLB:
        return this.#listLow;
      case PORT.CLBU:
        return this.#listHigh;
      case PORT.FB:
        return this.#receivedLow;
      case PORT.FBU:
        return this.#receivedHigh;
      case PORT.IS:
        return this.#interruptStatus;
      case PORT.IE:
        return this.#enable;
      case PORT.CMD:
        return this.personality.currentSlot ? PXCMD.with(this.#command, 'CCS', this.#slot) : this.#command;
      case PORT.TFD:
        return this.#taskFileData;
      case PORT.SIG:
        return this.#signature;
      case PORT.SSTS:
        return this.#linkStatus;
      case PORT.SCTL:
        return this.#control;
      case PORT.SERR:
        return this.#errors;
      case PORT.SACT:
        return this.#active;
      case PORT.CI:
        return this.#issued;
      default:
        return 0;
    }
  }

  write(offset: number, value: number): void {
    switch (offset) {
      case PORT.CLB:
        this.#listLow = value;
        break;
      case PORT.CLBU:
        this.#listHigh = value;
        break;
      case PORT.FB:
        this.#receivedLow = value;
        break;
      case PORT.FBU:
        this.#receivedHigh = value;
        break;
      case PORT.IS:
        this.#status = PXIS.afterGuestWrite(this.#status, value);
        this.#changed();
        break;
      case PORT.IE:
        this.#enable = PXIE.afterGuestWrite(this.#enable, value);
        this.#changed();
        break;
      case PORT.CMD:
        this.#writeCommand(value);
        break;
      case PORT.SCTL:
        this.#writeControl(value);
        break;
      case PORT.SERR:
        this.#errors = PXSERR.afterGuestWrite(this.#errors, value);
        this.#changed();
        break;
      case PORT.SACT:
        this.#active = (this.#active | value) >>> 0;
        break;
      case PORT.CI:
        this.#issued = (this.#issued | value) >>> 0;
        this.#schedule();
        break;
      default:
    }
  }

  /** What a byte or word written into `offset` leaves of the register's other bytes: bits that do something by 1 give 0. */
  besideNarrowWrite(offset: number): number {
    return offset === PORT.IS || offset === PORT.SERR || offset === PORT.SACT || offset === PORT.CI
      ? 0
      : this.read(offset);
  }

  /** HBA reset (§10.4.3): everything but the two base addresses. */
  reset(): void {
    this.#status = 0;
    this.#enable = 0;
    this.#control = 0;
    this.#command = PXCMD.reset;
    this.#issued = 0;
    this.#slot = 0;
    this.#halted = false;
    this.#timer.cancel();
    this.#runner.reset();
    this.resetLink();
  }

  /** COMRESET, or a software reset: the device starts anew and sends its signature. */
  resetLink(): void {
    const { device, personality } = this;
    this.#errors = 0;
    this.#active = 0;
    this.#taskFileData = PXTFD.reset;
    this.#signature = SIGNATURE_UNKNOWN;
    this.#signaturePending = false;
    if (device === undefined) return;
    if (personality.detectionChange) this.#errors = PXSERR.mask('X') | PXSERR.mask('N');
    this.restartDevice();
  }

  /** The device resets itself and sends its first Register FIS. */
  restartDevice(): void {
    const { device, personality } = this;
    if (device === undefined) return;
    device.reset();
    device.taskFile.status = device.packet ? personality.resetStatus.packet : personality.resetStatus.disk;
    device.taskFile.device = personality.resetDevice;
    this.#signaturePending = true;
    this.#sendSignature();
  }

  /** The device's Register FIS arrives: memory, PxTFD, interrupts. */
  receiveRegisters(taskFile: TaskFile): boolean {
    const taken = this.receive(RECEIVED.register, registerFis(taskFile, true), taskFile);
    if (taken) this.raise(PXIS.mask('DHRS') | ((taskFile.status & STATUS_ERROR) !== 0 ? PXIS.mask('TFES') : 0));
    return taken;
  }

  /**
   * Stores a FIS, and its status in PxTFD. False: the area does not answer, the port stops. While PxCMD.FRE is 0 a FIS
   * changes nothing.
   */
  receive(offset: number, fis: Uint8Array, taskFile: { readonly status: number; readonly error: number }): boolean {
    if ((this.#command & FRE) === 0) return true;
    const area = busFromWords((this.#receivedLow & ~0xff) >>> 0, this.#receivedHigh);
    if (
      typeof area !== 'number' ||
      this.dma.write((area + offset) as typeof area, fis, RECEIVED_PURPOSE) !== MEMTX_OK
    ) {
      this.fail(PXIS.mask('HBFS'));
      return false;
    }
    this.setTaskFile(taskFile);
    return true;
  }

  setTaskFile({ status, error }: { readonly status: number; readonly error: number }): void {
    this.#taskFileData = status | (error << 8);
  }

  /** Set Device Bits leaves BSY and DRQ alone, and clears PxSACT of what finished. */
  setDeviceBits({ status, error }: TaskFile, finished: number): void {
    this.#taskFileData = (this.#taskFileData & STATUS_BUSY_OR_DATA) | (status & 0x77) | (error << 8);
    this.#active = (this.#active & ~finished) >>> 0;
  }

  raise(bits: number): void {
    this.#status = (this.#status | bits) >>> 0;
    this.#changed();
  }

  /** An error that only software's clearing of PxCMD.ST ends (§6.2.2). */
  fail(bits: number): void {
    this.#halted = true;
    this.raise(bits);
  }

  /** PxCI of a slot clears. */
  complete(slot: number): void {
    this.#issued = (this.#issued & ~(1 << slot)) >>> 0;
  }

  save(): { readonly [field: string]: StateValue } {
    return {
      base: [this.#listLow, this.#listHigh, this.#receivedLow, this.#receivedHigh],
      interrupts: [this.#status, this.#enable],
      command: this.#command,
      taskFileData: this.#taskFileData,
      signature: this.#signature,
      link: [this.#control, this.#errors],
      slots: [this.#active, this.#issued, this.#slot],
      flags: [this.#halted, this.#signaturePending, this.#runner.resetting],
      deadline: this.#timer.deadline,
      device: this.device === undefined ? undefined : { ...this.device.save() },
    };
  }

  load(fields: { readonly [field: string]: StateValue }): void {
    [this.#listLow, this.#listHigh, this.#receivedLow, this.#receivedHigh] = fields.base as [
      number,
      number,
      number,
      number,
    ];
    [this.#status, this.#enable] = fields.interrupts as [number, number];
    this.#command = fields.command as number;
    this.#taskFileData = fields.taskFileData as number;
    this.#signature = fields.signature as number;
    [this.#control, this.#errors] = fields.link as [number, number];
    [this.#active, this.#issued, this.#slot] = fields.slots as [number, number, number];
    [this.#halted, this.#signaturePending, this.#runner.resetting] = fields.flags as [boolean, boolean, boolean];
    if (fields.deadline === undefined) this.#timer.cancel();
    else this.#timer.at(fields.deadline as number);
    if (fields.device !== undefined) this.device?.load(fields.device as { readonly [field: string]: StateValue });
  }

  /** PCS and PRCS are no bits of their own: they show PxSERR's. */
  get #interruptStatus(): number {
    const shown =
      (PXSERR.has(this.#errors, 'X') ? PXIS.mask('PCS') : 0) | (PXSERR.has(this.#errors, 'N') ? PXIS.mask('PRCS') : 0);
    return (this.#status | (this.personality.detectionChange ? shown : 0)) >>> 0;
  }

  get #linkStatus(): number {
    if (this.device === undefined) return 0;
    // While COMRESET is sent no device is seen.
    if (this.personality.detectionChange && PXSCTL.get(this.#control, 'DET') === DETECTION_RESET) return 0;
    return SSTS_LINK_UP;
  }

  #writeCommand(value: number): void {
    const previous = this.#command;
    let next = PXCMD.afterGuestWrite(previous, value);
    next = (next & ST) !== 0 ? next | CR : next & ~CR;
    next = (next & FRE) !== 0 ? next | FR : next & ~FR;
    this.#command = next >>> 0;
    if ((value & PXCMD.mask('CLO')) !== 0) this.#taskFileData &= ~STATUS_BUSY_OR_DATA;
    if ((previous & ST) !== 0 && (next & ST) === 0) this.#stop();
    if ((next & FRE) !== 0) this.#sendSignature();
    this.#schedule();
  }

  /** PxCMD.ST falls: nothing is issued any more, and errors are over (§3.3.7, §6.2.2.1). */
  #stop(): void {
    this.#issued = 0;
    this.#active = 0;
    this.#slot = 0;
    this.#halted = false;
    this.#timer.cancel();
  }

  #writeControl(value: number): void {
    const previous = this.#control;
    this.#control = PXSCTL.afterGuestWrite(previous, value);
    const wasResetting = PXSCTL.get(previous, 'DET') === DETECTION_RESET;
    if (!wasResetting || PXSCTL.get(this.#control, 'DET') !== 0) return;
    this.#runner.reset();
    this.resetLink();
    this.#changed();
  }

  #sendSignature(): void {
    const { device } = this;
    if (!this.#signaturePending || device === undefined || (this.#command & FRE) === 0) return;
    this.#signaturePending = false;
    if (this.receiveRegisters(device.taskFile)) this.#signature = signatureOf(device.taskFile);
  }

  get #ready(): boolean {
    return (this.#command & ST) !== 0 && this.#issued !== 0 && !this.#halted && this.device !== undefined;
  }

  #schedule(): void {
    if (this.#ready && this.#timer.deadline === undefined) this.#timer.after(COMMAND_NANOSECONDS);
  }

  /** Slots take turns, from the one after the last (§5.3.2, PxCMD.CCS). */
  #runNext(): void {
    if (!this.#ready) return;
    for (let step = 1; step <= SLOTS; step += 1) {
      const slot = (this.#slot + step) % SLOTS;
      if ((this.#issued & (1 << slot)) === 0) continue;
      this.#slot = slot;
      this.#runner.run(slot);
      break;
    }
    this.#schedule();
  }
}
