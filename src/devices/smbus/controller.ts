/**
 * The SMBus host of the ICH9 (ICH9 datasheet §5.20.1, §18.2; System Management Bus Specification 2.0 §5.5): quick, byte,
 * word, block and I2C read commands, block transfers byte by byte or through the buffer of 32 bytes. As on QEMU a command
 * ends at once with interrupts, and without them when software first looks at the status, which then still says busy.
 *
 * Not modelled: process calls, packet error codes, the slave side (0x09-0x11), SMBALERT#, the semaphore INUSE_STS.
 */
import type { StateSource, StateValue } from '../../base/state.ts';
import type { SmbusDevice } from './eeprom.ts';
import {
  AUX_CTL,
  AUX_CTL_OFFSET,
  HOST_BLOCK_DB_OFFSET,
  HST_CMD_OFFSET,
  HST_CNT,
  HST_CNT_OFFSET,
  HST_D0_OFFSET,
  HST_D1_OFFSET,
  HST_STS,
  HST_STS_OFFSET,
  Protocol,
  XMIT_SLVA_OFFSET,
} from './registers.ts';

const BLOCK_BYTES = 32;
/** LAST_BYTE is for writing only, and so is PEC_EN here, as on QEMU. */
const CONTROL_READABLE = 0x1f;
const BUSY = HST_STS.mask('busy');
const DONE = HST_STS.mask('interrupt');
const ERROR = HST_STS.mask('deviceError');
const FAILED = HST_STS.mask('failed');
const BYTE_DONE = HST_STS.mask('byteDone');

export interface SmbusOptions {
  /** The device at a 7-bit address. */
  readonly deviceAt: (address: number) => SmbusDevice | undefined;
  /** Level of the interrupt. */
  readonly interrupt: (asserted: boolean) => void;
}

export class SmbusController implements StateSource {
  readonly name = 'smbus';
  readonly version = 1;
  /** HOSTC.I2C_EN: blocks come and go without their length. */
  i2c = false;
  readonly #options: SmbusOptions;
  readonly #block = new Uint8Array(BLOCK_BYTES);
  #status = 0;
  #control = 0;
  #command = 0;
  #address = 0;
  #data0 = 0;
  #data1 = 0;
  #byte = 0;
  #auxiliary = 0;
  #index = 0;
  /** A command waits for software to look at the status. */
  #waits = false;
  /** A block is under way, byte by byte. */
  #underWay = false;
  /** It is an I2C read: bytes come from the device as they are asked for. */
  #streams = false;

  constructor(options: SmbusOptions) {
    this.#options = options;
  }

  /** HOSTC.SSRESET, or a reset of the machine. */
  reset(): void {
    this.#underWay = false;
    this.#streams = false;
    this.#waits = false;
    this.#index = 0;
    this.#status = 0;
    this.#update();
  }

  read(offset: number): number {
    switch (offset) {
      case HST_STS_OFFSET:
        return this.#readStatus();
      case HST_CNT_OFFSET:
        return this.#control & CONTROL_READABLE;
      case HST_CMD_OFFSET:
        return this.#command;
      case XMIT_SLVA_OFFSET:
        return this.#address;
      case HST_D0_OFFSET:
        return this.#data0;
      case HST_D1_OFFSET:
        return this.#data1;
      case HOST_BLOCK_DB_OFFSET:
        return this.#readBlock();
      case AUX_CTL_OFFSET:
        return this.#auxiliary;
      default:
        return 0;
    }
  }

  write(offset: number, value: number): void {
    switch (offset) {
      case HST_STS_OFFSET:
        this.#status = HST_STS.afterGuestWrite(this.#status, value);
        if (this.#underWay && (this.#streams || !this.#buffered)) this.#nextByte();
        break;
      case HST_CNT_OFFSET:
        this.#control = HST_CNT.afterGuestWrite(this.#control, value);
        if (HST_CNT.has(value, 'start')) {
          this.#endBlock();
          this.#waits = !HST_CNT.has(value, 'interruptEnable');
          if (this.#waits) this.#status |= BUSY;
          else this.#start();
        }
        if (HST_CNT.has(value, 'kill')) this.#kill();
        break;
      case HST_CMD_OFFSET:
        this.#command = value;
        break;
      case XMIT_SLVA_OFFSET:
        this.#address = value;
        break;
      case HST_D0_OFFSET:
        this.#data0 = value;
        break;
      case HST_D1_OFFSET:
        this.#data1 = value;
        break;
      case HOST_BLOCK_DB_OFFSET:
        if (this.#index >= BLOCK_BYTES) this.#index = 0;
        if (this.#buffered) this.#block[this.#index++] = value;
        else this.#byte = value;
        break;
      case AUX_CTL_OFFSET:
        this.#auxiliary = AUX_CTL.afterGuestWrite(this.#auxiliary, value);
        break;
      default: // Nothing else can be written.
    }
    this.#update();
  }

  save(): { readonly [field: string]: StateValue } {
    return {
      registers: [this.#status, this.#control, this.#command, this.#address, this.#data0, this.#data1],
      block: this.#block.slice(),
      transfer: [this.#byte, this.#auxiliary, this.#index],
      flags: [this.#underWay, this.#streams, this.#waits, this.i2c],
    };
  }

  load(fields: { readonly [field: string]: StateValue }): void {
    const registers = fields.registers as [number, number, number, number, number, number];
    [this.#status, this.#control, this.#command, this.#address, this.#data0, this.#data1] = registers;
    this.#block.set(fields.block as Uint8Array);
    [this.#byte, this.#auxiliary, this.#index] = fields.transfer as [number, number, number];
    [this.#underWay, this.#streams, this.#waits, this.i2c] = fields.flags as [boolean, boolean, boolean, boolean];
  }

  get #buffered(): boolean {
    return AUX_CTL.has(this.#auxiliary, 'buffer');
  }

  get #reads(): boolean {
    return (this.#address & 1) !== 0;
  }

  get #device(): SmbusDevice | undefined {
    return this.#options.deviceAt(this.#address >> 1);
  }

  #update(): void {
    const event = (this.#status & ~BUSY) !== 0;
    this.#options.interrupt(event && HST_CNT.has(this.#control, 'interruptEnable'));
  }

  #kill(): void {
    this.#underWay = false;
    this.#index = 0;
    this.#status = (this.#status | FAILED) & ~BUSY;
  }

  #readStatus(): number {
    const status = this.#status;
    if (this.#waits) {
      this.#waits = false;
      this.#status &= ~BUSY;
      this.#start();
      this.#update();
    }
    return status;
  }

  #endBlock(): void {
    if (this.#underWay) this.#index = 0;
    this.#underWay = false;
  }

  #start(): void {
    const device = this.#device;
    const reads = this.#reads;
    const writesBlock = HST_CNT.get(this.#control, 'command') === Protocol.block && !reads;
    // An error that nobody has cleared keeps the bus still. A block goes out when its last byte is there.
    if ((this.#status & ERROR) === 0 && writesBlock) this.#beginBlockWrite();
    else if ((this.#status & ERROR) !== 0 || device === undefined) this.#status |= ERROR;
    else this.#transfer(device, reads);
  }

  #transfer(device: SmbusDevice, reads: boolean): void {
    switch (HST_CNT.get(this.#control, 'command')) {
      case Protocol.quick:
        break;
      case Protocol.byte:
        if (reads) this.#data0 = device.read();
        else device.write([this.#command]);
        break;
      case Protocol.byteData:
        device.write(reads ? [this.#command] : [this.#command, this.#data0]);
        if (reads) this.#data0 = device.read();
        break;
      case Protocol.wordData:
        device.write(reads ? [this.#command] : [this.#command, this.#data0, this.#data1]);
        if (reads) {
          this.#data0 = device.read();
          this.#data1 = device.read();
        }
        break;
      case Protocol.block:
        this.#beginBlockRead(device);
        return;
      case Protocol.i2cRead:
        device.write([this.#data1]);
        this.#byte = device.read();
        this.#streams = true;
        this.#underWay = true;
        this.#status |= BUSY | BYTE_DONE;
        return;
      default:
        this.#status |= ERROR;
        return;
    }
    this.#status |= DONE;
  }

  #beginBlockRead(device: SmbusDevice): void {
    device.write([this.#command]);
    const said = this.i2c ? BLOCK_BYTES : device.read();
    const length = said > BLOCK_BYTES ? 0 : said;
    for (let index = 0; index < length; index += 1) this.#block[index] = device.read();
    this.#data0 = length;
    this.#index = 0;
    this.#underWay = true;
    if (this.#buffered) this.#status |= DONE;
    else {
      this.#byte = this.#block[0]!;
      this.#status |= BUSY | BYTE_DONE;
    }
  }

  #beginBlockWrite(): void {
    if (!this.#buffered) {
      this.#underWay = true;
      this.#status |= BUSY | BYTE_DONE;
      this.#block[0] = this.#byte;
      this.#index = 0;
      return;
    }
    const filled = this.#index;
    this.#index = 0;
    if (filled !== this.#data0) this.#status |= ERROR;
    else this.#sendBlock();
  }

  /** All of the block is there. */
  #sendBlock(): void {
    const device = this.#device;
    const length = this.#data0;
    const data = this.#block.subarray(0, length);
    this.#underWay = false;
    if (device === undefined) {
      this.#status |= ERROR;
      return;
    }
    this.#status = (this.#status | DONE) & ~BUSY;
    device.write([this.#command, ...(this.i2c ? [] : [length]), ...data]);
  }

  /** Software has dealt with one byte of a block: the next one. */
  #nextByte(): void {
    const device = this.#device;
    this.#index = (this.#index + 1) % BLOCK_BYTES;
    if (this.#streams || this.#reads) {
      const last = HST_CNT.has(this.#control, 'lastByte');
      this.#byte = this.#streams ? (device?.read() ?? 0xff) : this.#block[this.#index]!;
      if (!last) this.#status |= BYTE_DONE;
      else {
        this.#underWay = false;
        this.#streams = false;
        this.#index = 0;
        this.#status = (this.#status | DONE) & ~BUSY;
      }
    } else if (this.#index !== this.#data0) {
      this.#block[this.#index] = this.#byte;
      this.#status |= BYTE_DONE;
    } else if (HST_CNT.get(this.#control, 'command') === Protocol.i2cRead) this.#status |= ERROR;
    else this.#sendBlock();
  }

  #readBlock(): number {
    if (this.#streams || !this.#buffered) return this.#byte;
    if (this.#index >= BLOCK_BYTES) this.#index = 0;
    const value = this.#block[this.#index++]!;
    if (this.#underWay && this.#index === this.#data0) {
      this.#underWay = false;
      this.#index = 0;
      this.#status &= ~BUSY;
    }
    return value;
  }
}
