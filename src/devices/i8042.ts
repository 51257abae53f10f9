/**
 * The keyboard controller, ports 0x60 and 0x64, with nothing plugged into it (IBM PC AT Technical Reference, "Keyboard
 * Controller"): status, self-tests, command byte, output port with A20, and the reset pulse.
 *
 * Not modelled: a keyboard and a mouse. Bytes for them are accepted and never answered, as with an empty socket.
 */
import type { StateSource, StateValue } from '../base/state.ts';
import type { TraceBus, TraceChannel } from '../base/trace.ts';
import type { MmioOps } from '../memory/mmio-ops.ts';
import type { ResetKind } from './events.ts';

const STATUS_OUTPUT_FULL = 1 << 0;
const STATUS_SYSTEM = 1 << 2;
const STATUS_COMMAND = 1 << 3;
const STATUS_UNLOCKED = 1 << 4;
/** Command byte: interrupt on a full output buffer; system flag; keyboard and auxiliary device disabled. */
const CONFIG_INTERRUPT = 1 << 0;
const CONFIG_SYSTEM = 1 << 2;
const CONFIG_RESET = 0x01 | 0x02 | CONFIG_SYSTEM | 0x40;
const OUTPUT_RESET_HIGH = 1 << 0;
const OUTPUT_A20 = 1 << 1;
const SELF_TEST_PASSED = 0x55;
const OUTPUT_PORT_RESET = OUTPUT_RESET_HIGH | OUTPUT_A20;

export interface I8042Options {
  readonly trace: TraceBus;
  readonly reset: (kind: ResetKind) => void;
  readonly a20Changed: (enabled: boolean) => void;
  /** Level of IRQ 1. */
  readonly interrupt: (asserted: boolean) => void;
}

/** What the next byte written to port 0x60 is for. */
type Expected = 'keyboard' | 'config' | 'output-port' | 'output-buffer' | 'mouse';

export class I8042 implements StateSource {
  readonly name = 'i8042';
  readonly version = 1;
  readonly dataOps: MmioOps;
  readonly commandOps: MmioOps;
  readonly #options: I8042Options;
  readonly #resets: TraceChannel<'devices.reset-requested'>;
  #config = CONFIG_RESET;
  #outputPort = OUTPUT_PORT_RESET;
  /** The one byte that waits in the output buffer. */
  #output: number | undefined;
  #lastOutput = 0;
  #lastWasCommand = false;
  #expected: Expected = 'keyboard';

  constructor(options: I8042Options) {
    this.#options = options;
    this.#resets = options.trace.channel('devices.reset-requested');
    const impl = { minimum: 1, maximum: 1 } as const;
    this.dataOps = {
      read: () => this.#readData(),
      write: (_offset, _size, value) => this.#writeData(value & 0xff),
      impl,
    };
    this.commandOps = {
      read: () => this.#status,
      write: (_offset, _size, value) => this.#command(value & 0xff),
      impl,
    };
  }

  reset(): void {
    this.#config = CONFIG_RESET;
    this.#outputPort = OUTPUT_PORT_RESET;
    this.#output = undefined;
    this.#lastOutput = 0;
    this.#lastWasCommand = false;
    this.#expected = 'keyboard';
    this.#options.interrupt(false);
  }

  save(): { readonly [field: string]: StateValue } {
    return {
      config: this.#config,
      outputPort: this.#outputPort,
      output: this.#output,
      lastOutput: this.#lastOutput,
      lastWasCommand: this.#lastWasCommand,
      expected: this.#expected,
    };
  }

  load(fields: { readonly [field: string]: StateValue }): void {
    this.#config = fields.config as number;
    this.#outputPort = fields.outputPort as number;
    this.#output = fields.output as number | undefined;
    this.#lastOutput = fields.lastOutput as number;
    this.#lastWasCommand = fields.lastWasCommand as boolean;
    this.#expected = fields.expected as Expected;
  }

  /** The input buffer is always empty: every byte is taken at once. */
  get #status(): number {
    return (
      STATUS_UNLOCKED |
      (this.#config & CONFIG_SYSTEM ? STATUS_SYSTEM : 0) |
      (this.#lastWasCommand ? STATUS_COMMAND : 0) |
      (this.#output === undefined ? 0 : STATUS_OUTPUT_FULL)
    );
  }

  #readData(): number {
    if (this.#output !== undefined) this.#lastOutput = this.#output;
    this.#output = undefined;
    this.#options.interrupt(false);
    return this.#lastOutput;
  }

  #answer(byte: number): void {
    this.#output = byte;
    if ((this.#config & CONFIG_INTERRUPT) !== 0) this.#options.interrupt(true);
  }

  #writeData(value: number): void {
    const expected = this.#expected;
    this.#expected = 'keyboard';
    this.#lastWasCommand = false;
    if (expected === 'config') this.#config = value;
    else if (expected === 'output-port') this.#writeOutputPort(value);
    else if (expected === 'output-buffer') this.#answer(value);
  }

  #command(value: number): void {
    this.#lastWasCommand = true;
    this.#expected = 'keyboard';
    // 0xf0-0xff pulse the low bits of the output port that are 0; bit 0 is the processor's reset.
    if (value >= 0xf0) {
      if ((value & OUTPUT_RESET_HIGH) === 0) this.#requestReset();
      return;
    }
    switch (value) {
      case 0x20:
        this.#answer(this.#config);
        break;
      case 0x60:
        this.#expected = 'config';
        break;
      case 0xa7: // disable, enable the auxiliary device
        this.#config |= 0x20;
        break;
      case 0xa8:
        this.#config &= ~0x20;
        break;
      case 0xa9: // test of the auxiliary port, and 0xab of the keyboard port: no fault
      case 0xab:
        this.#answer(0x00);
        break;
      case 0xaa:
        this.#config |= CONFIG_SYSTEM;
        this.#answer(SELF_TEST_PASSED);
        break;
      case 0xad:
        this.#config |= 0x10;
        break;
      case 0xae:
        this.#config &= ~0x10;
        break;
      case 0xc0: // input port: keyboard not inhibited
        this.#answer(0x80);
        break;
      case 0xd0:
        this.#answer(this.#outputPort | (this.#output === undefined ? 0 : 0x10));
        break;
      case 0xd1:
        this.#expected = 'output-port';
        break;
      case 0xd2:
        this.#expected = 'output-buffer';
        break;
      case 0xd3:
      case 0xd4:
        this.#expected = 'mouse';
        break;
      case 0xdd: // A20 off, on, as HP's controllers do
        this.#writeOutputPort(this.#outputPort & ~OUTPUT_A20);
        break;
      case 0xdf:
        this.#writeOutputPort(this.#outputPort | OUTPUT_A20);
        break;
      default: // Unknown commands do nothing.
    }
  }

  #writeOutputPort(value: number): void {
    this.#outputPort = value;
    this.#options.a20Changed((value & OUTPUT_A20) !== 0);
    if ((value & OUTPUT_RESET_HIGH) === 0) this.#requestReset();
  }

  /** The controller's pin resets the whole of a modern PC, as QEMU does. */
  #requestReset(): void {
    if (this.#resets.active) this.#resets.emit({ by: 'i8042', kind: 'hard' });
    this.#options.reset('hard');
  }
}
