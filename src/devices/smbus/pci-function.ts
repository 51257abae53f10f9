/** The ICH9's SMBus function, 8086:2930 at 00:1f.3 (ICH9 datasheet §18.1), with the memory modules' EEPROMs on its bus. */
import { bit, register32, spec } from '../../base/registers.ts';
import type { StateSource, StateValue } from '../../base/state.ts';
import type { MemorySystem } from '../../memory/memory-system.ts';
import { MmioRegion } from '../../memory/mmio-region.ts';
import { PciFunction } from '../../pci/function.ts';
import { SmbusController } from './controller.ts';
import { SmbusEeprom } from './eeprom.ts';
import { SMBUS_BYTES } from './registers.ts';

const CLASS_SMBUS = 0x0c_0500;
const BAR = 4;
/** Its offset in the configuration space. */
export const SMB_BASE_OFFSET = 0x20;
export const HOSTC_OFFSET = 0x40;
/** Addresses of the EEPROMs: empty ones, as QEMU has them. */
const FIRST_EEPROM = 0x50;
const EEPROMS = 8;

export const HOSTC = register32({
  name: 'HOSTC',
  spec: spec('ICH9', '18.1.16'),
  reset: 0,
  fields: {
    enable: bit(0, 'RW', 'HST_EN: the registers are there'),
    smi: bit(1, 'RW', 'SMB_SMI_EN (kept)'),
    i2c: bit(2, 'RW', 'I2C_EN'),
    reset: bit(3, 'RW', 'SSRESET'),
  },
});

export class SmbusFunction extends PciFunction {
  readonly controller: SmbusController;
  readonly #eeproms = Array.from({ length: EEPROMS }, (_, index) => new SmbusEeprom(`smbus/eeprom-${index}`));
  readonly #region: MmioRegion;

  constructor(system: MemorySystem) {
    const identity = { vendor: 0x8086, device: 0x2930, revision: 2, classCode: CLASS_SMBUS };
    super({
      name: 'ICH9-SMB',
      identity: { ...identity, subsystemVendor: 0x1af4, subsystem: 0x1100 },
      system,
      interruptPin: 1,
      multifunction: true,
    });
    const { config, interrupts, owner } = this;
    const controller = new SmbusController({
      deviceAt: (address) => this.#eeproms[address - FIRST_EEPROM],
      interrupt: (asserted) => interrupts.setLevel(asserted),
    });
    this.controller = controller;
    const ops = {
      read: (offset: number) => controller.read(offset),
      write: (offset: number, _size: number, value: number) => controller.write(offset, value & 0xff),
      impl: { minimum: 1, maximum: 1 },
    } as const;
    this.#region = new MmioRegion(system, 'pm-smbus', SMBUS_BYTES, ops, { owner });
    this.addIoBar(BAR, this.#region);
    config.declareRegister(HOSTC_OFFSET, HOSTC);
    this.onConfigWritten = () => {
      const value = config.read(HOSTC_OFFSET, 1);
      this.#apply(value);
      if (!HOSTC.has(value, 'reset')) return;
      controller.reset();
      config.set(HOSTC_OFFSET, 1, HOSTC.with(value, 'reset', 0));
    };
    this.onReset = () => {
      config.declareRegister(HOSTC_OFFSET, HOSTC);
      this.#apply(0);
      controller.reset();
    };
    this.#apply(0);
  }

  get stateSources(): readonly StateSource[] {
    return [this.controller, ...this.#eeproms];
  }

  override load(fields: { readonly [field: string]: StateValue }): void {
    super.load(fields);
    this.#apply(this.config.read(HOSTC_OFFSET, 1));
  }

  #apply(hostc: number): void {
    this.#region.setEnabled(HOSTC.has(hostc, 'enable'));
    this.controller.i2c = HOSTC.has(hostc, 'i2c');
  }
}
