/** The registers that hold a pointer: states each one when software has written it, with its raw 64 bits. */
import { type BusAddress, busFromWords } from '../../base/address.ts';
import type { XhciController } from '../controller.ts';
import type { DevicePointer, RegisterSpace } from '../events.ts';
import { INTERRUPTER_SET_BYTES } from '../spec/bar.ts';
import { ERST_ENTRY_BYTES, Structure, type StructureRule } from '../spec/structures.ts';
import { TRB_BYTES } from '../spec/trbs.ts';
import { pointerFromWords } from '../wire/pointer.ts';

interface Halves {
  low: number;
  high: number;
  highWritten: boolean;
}

interface PointerRegister {
  readonly holder: string;
  readonly rule: StructureRule;
  readonly high: boolean;
  /** Bits of the low half that the register keeps. */
  readonly lowMask: number;
  /** Bytes that the controller uses there. */
  readonly size: number;
}

export class PointerRegisters {
  readonly #written = new Map<string, Halves>();

  constructor(readonly controller: XhciController) {}

  reset(): void {
    this.#written.clear();
  }

  /**
   * Called before every register write takes effect. A pointer is stated when its high half is written, and when its low half is
   * written after the high one: between the halves of a fresh pointer nothing is stated, for it is not one yet.
   */
  note(space: RegisterSpace, offset: number, value: number): void {
    const register = this.#register(space, offset);
    if (register === undefined) return;
    const halves = this.#written.get(register.holder) ?? { low: 0, high: 0, highWritten: false };
    if (register.high) {
      halves.high = value;
      halves.highWritten = true;
    } else {
      halves.low = value;
    }
    this.#written.set(register.holder, halves);
    const set = this.controller.facts['xhci.pointer-set'];
    if (!set.active || !halves.highWritten) return;
    set.emit(this.#pointer(register, halves));
  }

  /** The raw bits that software wrote to a pointer register, or `undefined`. */
  writtenTo(holder: string): BusAddress | undefined {
    const halves = this.#written.get(holder);
    return halves === undefined ? undefined : busFromWords(halves.low, halves.high);
  }

  #pointer({ holder, rule, lowMask, size }: PointerRegister, halves: Halves): DevicePointer {
    return {
      controller: this.controller.name,
      target: rule.target,
      holder,
      value: pointerFromWords(this.controller.personality, halves.low & lowMask, halves.high),
      storedAt: undefined,
      size,
      alignment: rule.alignment,
      boundary: rule.boundary,
      written: busFromWords(halves.low, halves.high),
      write: false,
    };
  }

  #register(space: RegisterSpace, offset: number): PointerRegister | undefined {
    const { commands, model } = this.controller;
    if (space === 'operational') {
      if (offset === 0x18 || offset === 0x1c) {
        // §5.4.5: while the ring runs, the pointer is not taken.
        if (commands.running && this.controller.personality.commandRingStarts === 'at-doorbell') return undefined;
        return { holder: 'CRCR', rule: Structure.commandRing, high: offset === 0x1c, lowMask: ~0x3f, size: TRB_BYTES };
      }
      if (offset === 0x30 || offset === 0x34) {
        const size = 8 * (this.controller.slotsEnabled + 1);
        return { holder: 'DCBAAP', rule: Structure.dcbaa, high: offset === 0x34, lowMask: ~0x3f, size };
      }
      return undefined;
    }
    if (space !== 'runtime') return undefined;
    const interrupter = this.controller.interrupters[Math.floor(offset / INTERRUPTER_SET_BYTES) - 1];
    if (interrupter === undefined) return undefined;
    const { index } = interrupter;
    const within = offset % INTERRUPTER_SET_BYTES;
    if (within === 0x10 || within === 0x14) {
      const size = ERST_ENTRY_BYTES * Math.max(1, interrupter.erstsz);
      const lowMask = model.nec ? ~0xf : ~0x3f;
      return { holder: holderOf('ERSTBA', index), rule: Structure.erst, high: within === 0x14, lowMask, size };
    }
    if (within === 0x18 || within === 0x1c) {
      const rule = Structure.eventRingDequeue;
      return { holder: holderOf('ERDP', index), rule, high: within === 0x1c, lowMask: ~0xf, size: TRB_BYTES };
    }
    return undefined;
  }
}

/** `ERSTBA` for the first interrupter, `ERSTBA[2]` for another. */
export function holderOf(register: string, interrupter: number): string {
  return interrupter === 0 ? register : `${register}[${interrupter}]`;
}
