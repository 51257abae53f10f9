/**
 * The keyboard controller with a keyboard and a mouse on it, ports 0x60 and 0x64 (IBM PS/2 Technical Reference, "Keyboard
 * and Auxiliary Device Controller"): command byte, self-tests, output port with A20, reset pulse, one output buffer that
 * the controller, the keyboard and the mouse fill in this order, IRQ 1 and IRQ 12.
 *
 * Everything answers at once, as on QEMU. Not modelled: the controller's RAM beyond the command byte (0x21-0x3f,
 * 0x61-0x7f), the password, the input port's jumpers.
 */
import type { StateSource, StateValue } from '../base/state.ts';
import type { TraceBus, TraceChannel } from '../base/trace.ts';
import type { MmioOps } from '../memory/mmio-ops.ts';
import type { ResetKind } from './events.ts';
import { I8042_CONFIG, I8042_OUTPUT_PORT, I8042_STATUS } from './i8042-registers.ts';
import { Ps2Keyboard } from './input/ps2-keyboard.ts';
import { Ps2Mouse } from './input/ps2-mouse.ts';

const Command = {
  readConfig: 0x20,
  writeConfig: 0x60,
  auxiliaryOff: 0xa7,
  auxiliaryOn: 0xa8,
  testAuxiliary: 0xa9,
  selfTest: 0xaa,
  testKeyboard: 0xab,
  keyboardOff: 0xad,
  keyboardOn: 0xae,
  readInputPort: 0xc0,
  readOutputPort: 0xd0,
  writeOutputPort: 0xd1,
  writeKeyboardBuffer: 0xd2,
  writeAuxiliaryBuffer: 0xd3,
  writeMouse: 0xd4,
  a20Off: 0xdd,
  a20On: 0xdf,
  firstPulse: 0xf0,
} as const;

/** Commands whose operand is the next byte written to port 0x60. */
const WITH_OPERAND: ReadonlySet<number> = new Set([
  Command.writeConfig,
  Command.writeOutputPort,
  Command.writeKeyboardBuffer,
  Command.writeAuxiliaryBuffer,
  Command.writeMouse,
]);

const SELF_TEST_PASSED = 0x55;
const NO_FAULT = 0x00;
/** Input port: keyboard not inhibited. */
const INPUT_PORT = 0x80;
/** What SeaBIOS leaves: keyboard on with translation and its interrupt, mouse off. */
const FIRMWARE_CONFIG = 0x61;

/** Where the byte in the output buffer comes from. */
type Source = 'controller' | 'keyboard' | 'mouse';

export interface I8042Options {
  readonly trace: TraceBus;
  readonly reset: (kind: ResetKind) => void;
  readonly a20Changed: (enabled: boolean) => void;
  /** Level of IRQ 1. */
  readonly interrupt: (asserted: boolean) => void;
  /** Level of IRQ 12. */
  readonly mouseInterrupt: (asserted: boolean) => void;
  /** QEMU's status always says that a command came last, and its system flag is set by the self-test alone. */
  readonly asQemu: boolean;
}

export class I8042 implements StateSource {
  readonly name = 'i8042';
  readonly version = 2;
  readonly dataOps: MmioOps;
  readonly commandOps: MmioOps;
  readonly keyboard: Ps2Keyboard;
  readonly mouse: Ps2Mouse;
  readonly #options: I8042Options;
  readonly #resets: TraceChannel<'devices.reset-requested'>;
  #config: number = I8042_CONFIG.reset;
  #outputPort: number = I8042_OUTPUT_PORT.reset;
  /** Whose byte the output buffer holds. */
  #source: Source | undefined;
  #lastOutput = 0;
  /** What the controller itself has to say. */
  #answer: number | undefined;
  #answerIsAuxiliary = false;
  #keyboardWaits = false;
  #mouseWaits = false;
  /** Levels of IRQ 1 and IRQ 12. */
  #asserted: [boolean, boolean] = [false, false];
  #lastWasCommand = false;
  #selfTested = false;
  /** The command whose operand comes next; `undefined`: the next byte is for the keyboard. */
  #command: number | undefined;

  constructor(options: I8042Options) {
    this.#options = options;
    this.#resets = options.trace.channel('devices.reset-requested');
    this.keyboard = new Ps2Keyboard((waiting) => {
      this.#keyboardWaits = waiting;
      this.#fill();
    }, options.asQemu);
    this.mouse = new Ps2Mouse((waiting) => {
      this.#mouseWaits = waiting;
      this.#fill();
    });
    const impl = { minimum: 1, maximum: 1 } as const;
    this.dataOps = {
      read: () => this.#readData(),
      write: (_offset, _size, value) => this.#writeData(value & 0xff),
      impl,
    };
    this.commandOps = {
      read: () => this.#status,
      write: (_offset, _size, value) => this.#writeCommand(value & 0xff),
      impl,
    };
  }

  reset(): void {
    this.keyboard.reset();
    this.mouse.reset();
    this.#config = I8042_CONFIG.reset;
    this.#outputPort = I8042_OUTPUT_PORT.reset;
    this.#source = undefined;
    this.#lastOutput = 0;
    this.#answer = undefined;
    this.#answerIsAuxiliary = false;
    this.#lastWasCommand = false;
    this.#selfTested = false;
    this.#command = undefined;
    this.#updateInterrupts();
  }

  /** Leaves the controller as firmware leaves it to a kernel. */
  handOver(): void {
    this.#selfTested = true;
    this.#config = FIRMWARE_CONFIG | (this.#options.asQemu ? 0 : I8042_CONFIG.mask('system'));
    this.keyboard.translates = true;
  }

  save(): { readonly [field: string]: StateValue } {
    return {
      config: this.#config,
      outputPort: this.#outputPort,
      source: this.#source,
      lastOutput: this.#lastOutput,
      answer: this.#answer,
      answerIsAuxiliary: this.#answerIsAuxiliary,
      waiting: [this.#keyboardWaits, this.#mouseWaits],
      asserted: [...this.#asserted],
      lastWasCommand: this.#lastWasCommand,
      selfTested: this.#selfTested,
      command: this.#command,
    };
  }

  load(fields: { readonly [field: string]: StateValue }): void {
    this.#config = fields.config as number;
    this.#outputPort = fields.outputPort as number;
    this.#source = fields.source as Source | undefined;
    this.#lastOutput = fields.lastOutput as number;
    this.#answer = fields.answer as number | undefined;
    this.#answerIsAuxiliary = fields.answerIsAuxiliary as boolean;
    [this.#keyboardWaits, this.#mouseWaits] = fields.waiting as [boolean, boolean];
    this.#asserted = [...(fields.asserted as [boolean, boolean])];
    this.#lastWasCommand = fields.lastWasCommand as boolean;
    this.#selfTested = fields.selfTested as boolean;
    this.#command = fields.command as number | undefined;
  }

  get #status(): number {
    const { asQemu } = this.#options;
    const system = asQemu ? this.#selfTested : I8042_CONFIG.has(this.#config, 'system');
    let status = I8042_STATUS.with(0, 'unlocked', 1);
    status = I8042_STATUS.with(status, 'system', system ? 1 : 0);
    status = I8042_STATUS.with(status, 'command', asQemu || this.#lastWasCommand ? 1 : 0);
    status = I8042_STATUS.with(status, 'outputFull', this.#source === undefined ? 0 : 1);
    return I8042_STATUS.with(status, 'auxiliary', this.#fromAuxiliary ? 1 : 0);
  }

  get #fromAuxiliary(): boolean {
    return this.#source === 'mouse' || (this.#source === 'controller' && this.#answerIsAuxiliary);
  }

  /** Takes the next byte into the output buffer, if that is empty. */
  #fill(): void {
    if (this.#source !== undefined) return;
    if (this.#answer !== undefined) this.#source = 'controller';
    else if (this.#keyboardWaits && !I8042_CONFIG.has(this.#config, 'keyboardOff')) this.#source = 'keyboard';
    else if (this.#mouseWaits && !I8042_CONFIG.has(this.#config, 'auxiliaryOff')) this.#source = 'mouse';
    this.#updateInterrupts();
  }

  #updateInterrupts(): void {
    const full = this.#source !== undefined;
    const auxiliary = this.#fromAuxiliary;
    const config = this.#config;
    const keyboard =
      I8042_CONFIG.has(config, 'keyboardInterrupt') && !I8042_CONFIG.has(config, 'keyboardOff') && full && !auxiliary;
    const mouse = I8042_CONFIG.has(config, 'auxiliaryInterrupt') && full && auxiliary;
    const [keyboardBefore, mouseBefore] = this.#asserted;
    this.#asserted = [keyboard, mouse];
    if (keyboard !== keyboardBefore) this.#options.interrupt(keyboard);
    if (mouse !== mouseBefore) this.#options.mouseInterrupt(mouse);
    this.#outputPort = I8042_OUTPUT_PORT.with(this.#outputPort, 'outputFull', full ? 1 : 0);
    this.#outputPort = I8042_OUTPUT_PORT.with(this.#outputPort, 'auxiliaryFull', auxiliary ? 1 : 0);
  }

  #readData(): number {
    const source = this.#source;
    if (source === undefined) return this.#lastOutput;
    // The line falls between two bytes, so that each makes an edge.
    this.#source = undefined;
    this.#updateInterrupts();
    if (source === 'keyboard') this.#lastOutput = this.keyboard.queue.read();
    else if (source === 'mouse') this.#lastOutput = this.mouse.queue.read();
    else {
      this.#lastOutput = this.#answer ?? this.#lastOutput;
      this.#answer = undefined;
    }
    this.#fill();
    return this.#lastOutput;
  }

  #say(byte: number, auxiliary = false): void {
    this.#answer = byte;
    this.#answerIsAuxiliary = auxiliary;
    this.#fill();
  }

  #writeData(value: number): void {
    const command = this.#command;
    this.#command = undefined;
    this.#lastWasCommand = false;
    switch (command) {
      case undefined:
        // A byte for a device opens its interface again.
        this.#setConfig('keyboardOff', 0);
        this.keyboard.write(value);
        break;
      case Command.writeMouse:
        this.#setConfig('auxiliaryOff', 0);
        this.mouse.write(value);
        break;
      case Command.writeConfig:
        this.#config = value;
        this.keyboard.translates = I8042_CONFIG.has(value, 'translate');
        this.#updateInterrupts();
        this.#fill();
        break;
      case Command.writeOutputPort:
        this.#writeOutputPort(value);
        break;
      default:
        this.#say(value, command === Command.writeAuxiliaryBuffer);
    }
  }

  #writeCommand(value: number): void {
    this.#lastWasCommand = true;
    this.#command = undefined;
    if (WITH_OPERAND.has(value)) this.#command = value;
    // The low bits of the output port that are 0 are pulsed; bit 0 is the processor's reset.
    else if (value >= Command.firstPulse) {
      if (!I8042_OUTPUT_PORT.has(value, 'resetHigh')) this.#requestReset();
    } else this.#do(value);
  }

  #do(value: number): void {
    switch (value) {
      case Command.readConfig:
        this.#say(this.#config);
        break;
      case Command.auxiliaryOff:
      case Command.auxiliaryOn:
        this.#setConfig('auxiliaryOff', value === Command.auxiliaryOff ? 1 : 0);
        break;
      case Command.keyboardOff:
      case Command.keyboardOn:
        this.#setConfig('keyboardOff', value === Command.keyboardOff ? 1 : 0);
        break;
      case Command.testAuxiliary:
      case Command.testKeyboard:
        this.#say(NO_FAULT);
        break;
      case Command.selfTest:
        this.#selfTested = true;
        if (!this.#options.asQemu) this.#config = I8042_CONFIG.with(this.#config, 'system', 1);
        this.#say(SELF_TEST_PASSED);
        break;
      case Command.readInputPort:
        this.#say(INPUT_PORT);
        break;
      case Command.readOutputPort:
        this.#say(this.#outputPort);
        break;
      case Command.a20Off:
      case Command.a20On:
        // As HP's controllers have it.
        this.#outputPort = I8042_OUTPUT_PORT.with(this.#outputPort, 'a20', value === Command.a20On ? 1 : 0);
        this.#options.a20Changed(value === Command.a20On);
        break;
      default: // Unknown commands do nothing.
    }
  }

  #setConfig(field: 'keyboardOff' | 'auxiliaryOff', value: 0 | 1): void {
    this.#config = I8042_CONFIG.with(this.#config, field, value);
    if (value === 0) this.#fill();
  }

  #writeOutputPort(value: number): void {
    this.#outputPort = value;
    this.#options.a20Changed(I8042_OUTPUT_PORT.has(value, 'a20'));
    if (!I8042_OUTPUT_PORT.has(value, 'resetHigh')) this.#requestReset();
  }

  /** The controller's pin resets the whole of a modern PC, as QEMU does. */
  #requestReset(): void {
    if (this.#resets.active) this.#resets.emit({ by: 'i8042', kind: 'hard' });
    this.#options.reset('hard');
  }
}
