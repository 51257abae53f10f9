/**
 * A PS/2 keyboard with 102 keys (IBM PS/2 Technical Reference, "101- and 102-Key Keyboards"): scan code sets 1 to 3,
 * LEDs, identification, and the controller's translation, which is done here as the bytes are made, as QEMU does.
 *
 * Not modelled: keys that repeat while held (the rate is accepted), per-key settings of set 3 (accepted).
 */
import type { StateSource, StateValue } from '../../base/state.ts';
import type { KeySink } from './key-script.ts';
import { Ps2Queue } from './ps2-queue.ts';
import { type ScanCodeSet, scanCodes, translate } from './scan-codes.ts';

const ACK = 0xfa;
const RESEND = 0xfe;
const TEST_PASSED = 0xaa;
const BREAK = 0xf0;

const Command = {
  setLeds: 0xed,
  echo: 0xee,
  scanCodeSet: 0xf0,
  identify: 0xf2,
  setRate: 0xf3,
  enable: 0xf4,
  resetAndDisable: 0xf5,
  resetAndEnable: 0xf6,
  firstAllKeys: 0xf7,
  lastAllKeys: 0xfa,
  keyMakeBreak: 0xfc,
  reset: 0xff,
} as const;

/** Commands with one byte to follow. */
const WITH_OPERAND: ReadonlySet<number> = new Set([
  Command.setLeds,
  Command.scanCodeSet,
  Command.setRate,
  Command.keyMakeBreak,
]);

export class Ps2Keyboard implements StateSource, KeySink {
  readonly name = 'ps2-keyboard';
  readonly version = 1;
  /** Bytes for the controller. */
  readonly queue: Ps2Queue;
  /** LEDs as the host set them: bit 0 Scroll Lock, 1 Num Lock, 2 Caps Lock. */
  leds = 0;
  /** The controller translates set 2 into set 1 (command byte bit 6). */
  translates = false;
  #scanning = true;
  #set: ScanCodeSet = 2;
  /** The command whose operand comes next. */
  #command: number | undefined;
  #held = new Set<string>();

  readonly #asQemu: boolean;

  constructor(waiting: (waiting: boolean) => void, asQemu: boolean) {
    this.#asQemu = asQemu;
    this.queue = new Ps2Queue(waiting);
  }

  /** Power-on. */
  reset(): void {
    this.#command = undefined;
    this.#defaults();
    this.translates = false;
    this.#held.clear();
  }

  pressKey(name: string, down: boolean): void {
    if (!this.#scanning) return;
    if (down) this.#held.add(name);
    else this.#held.delete(name);
    const has = (key: string): boolean => this.#held.has(key);
    const held = {
      ctrl: has('ctrl') || has('ctrl_r'),
      shift: has('shift') || has('shift_r'),
      altLeft: has('alt'),
      altRight: has('alt_r'),
    };
    this.#send(scanCodes(this.#set, name, down, held));
  }

  /** A byte from the controller. */
  write(value: number): void {
    const { queue } = this;
    queue.beginCommand();
    const command = this.#command;
    this.#command = undefined;
    if (command !== undefined) this.#operand(command, value);
    else if (WITH_OPERAND.has(value)) {
      this.#command = value;
      queue.reply(ACK);
    } else this.#do(value);
  }

  save(): { readonly [field: string]: StateValue } {
    return {
      queue: this.queue.save(),
      leds: this.leds,
      translates: this.translates,
      scanning: this.#scanning,
      set: this.#set,
      command: this.#command,
      held: [...this.#held],
    };
  }

  load(fields: { readonly [field: string]: StateValue }): void {
    this.queue.load(fields.queue as { readonly [field: string]: StateValue });
    this.leds = fields.leds as number;
    this.translates = fields.translates as boolean;
    this.#scanning = fields.scanning as boolean;
    this.#set = fields.set as ScanCodeSet;
    this.#command = fields.command as number | undefined;
    this.#held = new Set(fields.held as readonly string[]);
  }

  #do(value: number): void {
    const { queue } = this;
    switch (value) {
      case 0x00: // QEMU's word for "are you there"
        queue.reply(ACK);
        break;
      case 0x05:
        queue.reply(RESEND);
        break;
      case Command.echo:
        queue.reply(Command.echo);
        break;
      case Command.identify:
        queue.reply(ACK, 0xab, this.#translated(0x83));
        break;
      case Command.enable:
        this.#scanning = true;
        queue.reply(ACK);
        break;
      case Command.resetAndDisable:
      case Command.resetAndEnable:
        this.#defaults();
        this.#scanning = value === Command.resetAndEnable;
        queue.reply(ACK);
        break;
      case Command.reset:
        this.#defaults();
        queue.reply(ACK, TEST_PASSED);
        break;
      default:
        queue.reply(this.#setsAllKeys(value) ? ACK : RESEND);
    }
  }

  /** Typematic, make-break and make behaviour of all keys in set 3; QEMU knows the last of the four. */
  #setsAllKeys(value: number): boolean {
    return value >= (this.#asQemu ? Command.lastAllKeys : Command.firstAllKeys) && value <= Command.lastAllKeys;
  }

  #operand(command: number, value: number): void {
    const { queue } = this;
    if (command === Command.setLeds) this.leds = value;
    if (command !== Command.scanCodeSet) queue.reply(ACK);
    else if (value === 0) queue.reply(ACK, this.#translated(this.#set));
    else if (value <= 3) {
      this.#set = value as ScanCodeSet;
      queue.reply(ACK);
    } else queue.reply(RESEND);
  }

  #defaults(): void {
    this.#scanning = true;
    this.#set = 2;
    this.leds = 0;
    this.queue.clear();
  }

  #translated(byte: number): number {
    return this.translates ? translate(byte) : byte;
  }

  #send(codes: readonly number[]): void {
    let released = false;
    for (const code of codes) {
      if (!this.translates) this.queue.notice(code);
      else if (code === BREAK) released = true;
      else {
        this.queue.notice(translate(code) | (released ? 0x80 : 0));
        released = false;
      }
    }
  }
}
