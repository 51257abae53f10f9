/** USBCMD, USBSTS, DNCTRL, DCBAAP, CONFIG (xHCI 1.2 §5.4): what their bits do when software writes them. */
import type { BusAddress } from '../../base/address.ts';
import { fell, rose } from '../../base/registers.ts';
import type { CommandRing } from '../commands/command-ring.ts';
import type { Host } from '../host.ts';
import { CONFIG, DCBAAP_LO, DNCTRL, USBCMD, USBSTS } from '../spec/registers.ts';
import { pointerFromWords } from '../wire/pointer.ts';

/** What the operational registers make the controller do. */
export interface OperationalEffects {
  run(): void;
  stop(): void;
  /** USBCMD.HCRST: what follows is the controller's business, CNR included. */
  hostControllerReset(): void;
  /** USBCMD.INTE or EWE may have changed. */
  commandChanged(inteRose: boolean): void;
}

export class OperationalRegisters {
  usbcmd = 0;
  usbsts = USBSTS.reset;
  dnctrl = 0;
  dcbaapLow = 0;
  dcbaapHigh = 0;
  config = 0;

  constructor(
    readonly host: Host,
    readonly commands: CommandRing,
    readonly effects: OperationalEffects,
  ) {}

  get deviceContextArray(): BusAddress {
    return pointerFromWords(this.host.personality, this.dcbaapLow, this.dcbaapHigh);
  }

  reset(): void {
    this.usbcmd = 0;
    this.usbsts = USBSTS.reset;
    this.dnctrl = 0;
    this.dcbaapLow = 0;
    this.dcbaapHigh = 0;
    this.config = 0;
    this.commands.reset();
  }

  /** `undefined`: no register there. */
  read(offset: number): number | undefined {
    switch (offset) {
      case 0x00:
        return this.usbcmd;
      case 0x04:
        return this.usbsts;
      case 0x08:
        return 1;
      case 0x14:
        return this.dnctrl;
      case 0x18:
        return this.commands.readLow();
      case 0x1c:
        return this.commands.readHigh();
      case 0x30:
        return this.dcbaapLow;
      case 0x34:
        return this.dcbaapHigh;
      case 0x38:
        return this.config;
      default:
        return undefined;
    }
  }

  /** Returns false where no register stands. */
  write(offset: number, value: number): boolean {
    switch (offset) {
      case 0x00:
        this.#writeCommand(value);
        return true;
      case 0x04:
        this.usbsts = USBSTS.afterGuestWrite(this.usbsts, value);
        this.effects.commandChanged(false);
        return true;
      case 0x08:
        return this.host.personality.name !== 'qemu';
      case 0x14:
        this.dnctrl = DNCTRL.afterGuestWrite(this.dnctrl, value);
        return true;
      case 0x18:
        this.commands.writeLow(value);
        return true;
      case 0x1c:
        this.commands.writeHigh(value);
        return true;
      case 0x30:
        this.dcbaapLow = DCBAAP_LO.afterGuestWrite(this.dcbaapLow, value);
        return true;
      case 0x34:
        this.dcbaapHigh = value;
        this.host.pointersChanged('DCBAAP');
        return true;
      case 0x38:
        this.config = CONFIG.afterGuestWrite(this.config, value) & this.host.personality.registers.configMask;
        return true;
      default:
        return false;
    }
  }

  #writeCommand(value: number): void {
    const previous = this.usbcmd;
    const next = USBCMD.afterGuestWrite(previous, value);
    if (rose(USBCMD, 'RS', previous, next)) this.effects.run();
    else if (fell(USBCMD, 'RS', previous, next)) this.effects.stop();
    // Save and restore are not offered (HCSPARAMS2.SPR = 0): a restore reports the error of §5.4.2, SRE.
    if (USBCMD.has(value, 'CSS')) this.usbsts &= ~USBSTS.mask('SRE');
    if (USBCMD.has(value, 'CRS')) this.usbsts |= USBSTS.mask('SRE');
    // A controller that met an error while it started has already stopped itself.
    const halted = USBCMD.has(next, 'RS') && USBSTS.has(this.usbsts, 'HCH');
    this.usbcmd = (halted ? next & ~USBCMD.mask('RS') : next) & ~USBCMD.mask('HCRST');
    this.effects.commandChanged(rose(USBCMD, 'INTE', previous, next) && !USBCMD.has(value, 'HCRST'));
    if (USBCMD.has(value, 'HCRST')) this.effects.hostControllerReset();
  }
}
