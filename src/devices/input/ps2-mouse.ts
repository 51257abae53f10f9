/**
 * A PS/2 mouse (IBM PS/2 Technical Reference, "Mouse"), which becomes an IntelliMouse with a wheel, or an IntelliMouse
 * Explorer with five buttons, when a driver sets the sample rates 200, 100, 80 or 200, 200, 80.
 *
 * As on QEMU movements are sent as they come, whatever the sample rate, and never scaled 2:1.
 */
import type { StateSource, StateValue } from '../../base/state.ts';
import { Ps2Queue } from './ps2-queue.ts';

/** A mouse, as whoever moves it sees it. */
export interface MouseSink {
  /** Moves by counts: right, down, and wheel clicks towards the user. */
  moveMouse(right: number, down: number, wheel?: number): void;
  /** All buttons at once: bit 0 left, 1 right, 2 middle, 3 and 4 the side buttons. */
  setButtons(buttons: number): void;
}

const ACK = 0xfa;
const TEST_PASSED = 0xaa;

const Command = {
  scale1: 0xe6,
  scale2: 0xe7,
  setResolution: 0xe8,
  status: 0xe9,
  stream: 0xea,
  poll: 0xeb,
  endWrap: 0xec,
  wrap: 0xee,
  remote: 0xf0,
  identify: 0xf2,
  setRate: 0xf3,
  enable: 0xf4,
  disable: 0xf5,
  defaults: 0xf6,
  reset: 0xff,
} as const;

const STATUS_SCALE = 1 << 4;
const STATUS_ENABLED = 1 << 5;
const STATUS_REMOTE = 1 << 6;
/** Identities: plain, with a wheel, with a wheel and five buttons. */
const Type = { plain: 0, wheel: 3, explorer: 4 } as const;
/** Sample rates that change the identity. */
const KNOCKS = [
  { rates: [200, 100, 80], type: Type.wheel },
  { rates: [200, 200, 80], type: Type.explorer },
] as const;
const DEFAULT_RATE = 100;
const DEFAULT_RESOLUTION = 2;
const BUTTONS = 0x1f;
/** A packet's movement, and a wheel's in the Explorer's packet. */
const MOVE_MAX = 127;
const EXPLORER_WHEEL_MAX = 7;
/** What is not sent yet is kept up to here; a driver that never looks loses the rest. */
const PENDING_MAX = 0x7fff;

const within = (value: number, limit: number): number => Math.max(-limit, Math.min(limit, value));

export class Ps2Mouse implements StateSource, MouseSink {
  readonly name = 'ps2-mouse';
  readonly version = 1;
  /** Bytes for the controller. */
  readonly queue: Ps2Queue;
  #status = 0;
  #resolution = 0;
  #rate = 0;
  #type: number = Type.plain;
  #wraps = false;
  #command: number | undefined;
  /** The last rates that may be a knock. */
  #knock: number[] = [];
  /** Movement that was not sent yet: right, up, wheel. */
  #pending: [number, number, number] = [0, 0, 0];
  #buttons = 0;

  constructor(waiting: (waiting: boolean) => void) {
    this.queue = new Ps2Queue(waiting);
  }

  /** Power-on. */
  reset(): void {
    this.#status = 0;
    this.#resolution = 0;
    this.#rate = 0;
    this.#type = Type.plain;
    this.#wraps = false;
    this.#command = undefined;
    this.#knock = [];
    this.#pending = [0, 0, 0];
    this.#buttons = 0;
    this.queue.clear();
  }

  moveMouse(right: number, down: number, wheel = 0): void {
    if ((this.#status & STATUS_ENABLED) === 0) return;
    const [x, y, z] = this.#pending;
    this.#pending = [within(x + right, PENDING_MAX), within(y - down, PENDING_MAX), within(z + wheel, PENDING_MAX)];
    this.#report();
  }

  setButtons(buttons: number): void {
    if ((this.#status & STATUS_ENABLED) === 0) return;
    this.#buttons = buttons & BUTTONS;
    this.#report();
  }

  /** A byte from the controller. */
  write(value: number): void {
    this.queue.beginCommand();
    const command = this.#command;
    this.#command = undefined;
    if (command === Command.setRate) this.#setRate(value);
    else if (command === Command.setResolution) {
      this.#resolution = value;
      this.queue.reply(ACK);
    } else if (this.#wraps && value !== Command.reset) {
      this.#wraps = value !== Command.endWrap;
      this.queue.reply(this.#wraps ? value : ACK);
    } else this.#do(value);
  }

  save(): { readonly [field: string]: StateValue } {
    return {
      queue: this.queue.save(),
      registers: [this.#status, this.#resolution, this.#rate, this.#type],
      wraps: this.#wraps,
      command: this.#command,
      knock: [...this.#knock],
      pending: [...this.#pending],
      buttons: this.#buttons,
    };
  }

  load(fields: { readonly [field: string]: StateValue }): void {
    this.queue.load(fields.queue as { readonly [field: string]: StateValue });
    [this.#status, this.#resolution, this.#rate, this.#type] = fields.registers as [number, number, number, number];
    this.#wraps = fields.wraps as boolean;
    this.#command = fields.command as number | undefined;
    this.#knock = [...(fields.knock as readonly number[])];
    this.#pending = [...(fields.pending as [number, number, number])];
    this.#buttons = fields.buttons as number;
  }

  #do(value: number): void {
    const { queue } = this;
    switch (value) {
      case Command.scale1:
      case Command.scale2:
        this.#set(STATUS_SCALE, value === Command.scale2);
        break;
      case Command.stream:
      case Command.remote:
        this.#set(STATUS_REMOTE, value === Command.remote);
        break;
      case Command.enable:
      case Command.disable:
        this.#set(STATUS_ENABLED, value === Command.enable);
        break;
      case Command.wrap:
        this.#wraps = true;
        queue.reply(ACK);
        break;
      case Command.identify:
        queue.reply(ACK, this.#type);
        break;
      case Command.setResolution:
      case Command.setRate:
        this.#command = value;
        queue.reply(ACK);
        break;
      case Command.status:
        queue.reply(ACK, this.#status, this.#resolution, this.#rate);
        break;
      case Command.poll:
        queue.reply(ACK);
        this.#packet();
        break;
      case Command.defaults:
        this.#defaults();
        queue.reply(ACK);
        break;
      case Command.reset:
        this.#defaults();
        this.#wraps = false;
        this.#type = Type.plain;
        queue.clear();
        queue.reply(ACK, TEST_PASSED, this.#type);
        break;
      default: // As QEMU: an unknown command has no answer.
    }
  }

  #set(status: number, on: boolean): void {
    this.#status = on ? this.#status | status : this.#status & ~status;
    this.queue.reply(ACK);
  }

  #defaults(): void {
    this.#rate = DEFAULT_RATE;
    this.#resolution = DEFAULT_RESOLUTION;
    this.#status = 0;
  }

  #setRate(value: number): void {
    this.#rate = value;
    this.#knock = [...this.#knock, value].slice(-KNOCKS[0].rates.length);
    for (const { rates, type } of KNOCKS) {
      if (rates.every((rate, index) => rate === this.#knock[index])) this.#type = type;
    }
    this.queue.reply(ACK);
  }

  /** Stream mode: packets until all is said or the buffer is full. */
  #report(): void {
    if ((this.#status & STATUS_REMOTE) !== 0) return;
    while (this.#packet() && this.#pending.some((left) => left !== 0));
  }

  /** One movement packet; false when there is no room for it. */
  #packet(): boolean {
    const [x, y, z] = this.#pending;
    const [dx, dy] = [within(x, MOVE_MAX), within(y, MOVE_MAX)];
    const dz = within(z, this.#type === Type.explorer ? EXPLORER_WHEEL_MAX : MOVE_MAX);
    const first = 0x08 | (dx < 0 ? 0x10 : 0) | (dy < 0 ? 0x20 : 0) | (this.#buttons & 7);
    const bytes = [first, dx & 0xff, dy & 0xff];
    if (this.#type === Type.wheel) bytes.push(dz & 0xff);
    else if (this.#type === Type.explorer) bytes.push((dz & 0x0f) | ((this.#buttons & 0x18) << 1));
    if (!this.queue.notice(...bytes)) return false;
    this.#pending = [x - dx, y - dy, z - dz];
    return true;
  }
}
