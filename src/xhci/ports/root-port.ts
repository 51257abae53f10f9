/** One root hub port (xHCI 1.2 §4.19, §5.4.8): PORTSC and its state machine. */
import type { Timer } from '../../base/clock.ts';
import type { UsbSpeed } from '../../usb/bus.ts';
import type { Host } from '../host.ts';
import { CompletionCode } from '../spec/completion-codes.ts';
import { LinkState, PORTSC, PortSpeed } from '../spec/registers.ts';
import { PortStatusChangeEvent } from '../spec/trbs.ts';
import type { UsbSocket } from './socket.ts';

const CHANGE_BITS =
  PORTSC.mask('CSC') |
  PORTSC.mask('PEC') |
  PORTSC.mask('WRC') |
  PORTSC.mask('OCC') |
  PORTSC.mask('PRC') |
  PORTSC.mask('PLC') |
  PORTSC.mask('CEC');
const READ_WRITE = PORTSC.mask('WCE') | PORTSC.mask('WDE') | PORTSC.mask('WOE');

const SPEED_ID: Record<UsbSpeed, number> = {
  low: PortSpeed.Low,
  full: PortSpeed.Full,
  high: PortSpeed.High,
  super: PortSpeed.Super,
};

export class RootPort {
  portsc = 0;
  portpmsc = 0;
  porthlpmc = 0;
  readonly #reset: Timer;
  #warm = false;

  constructor(
    readonly host: Host,
    /** 1-based. */
    readonly portId: number,
    readonly protocol: 2 | 3,
    readonly socket: UsbSocket,
  ) {
    this.#reset = host.clock.timer(`xhci ${host.name} port ${portId} reset`, () => this.#finishReset());
  }

  /** The socket holds a device of this port's protocol. */
  get connected(): boolean {
    const device = this.socket.device;
    return device !== undefined && (device.speed === 'super') === (this.protocol === 3);
  }

  get enabled(): boolean {
    return PORTSC.has(this.portsc, 'PED');
  }

  get powered(): boolean {
    return PORTSC.has(this.portsc, 'PP');
  }

  get changed(): boolean {
    return (this.portsc & CHANGE_BITS) !== 0;
  }

  /** After a controller reset, or when a device came or went. */
  update(detached: boolean): void {
    this.#reset.cancel();
    const { ports } = this.host.personality;
    const previous = this.portsc;
    this.portsc = PORTSC.mask('PP');
    let link: number = LinkState.RxDetect;
    const connected = !detached && this.connected;
    if (connected) {
      const speed = this.socket.device!.speed;
      this.portsc |= PORTSC.mask('CCS');
      link = LinkState.Polling;
      if (speed === 'super') {
        // §4.19.1.2: a USB3 link trains and enables itself.
        this.portsc |= PORTSC.mask('PED');
        link = LinkState.U0;
      }
      if (speed === 'super' || ports.speedKnown === 'at-connect') this.#setSpeed(speed);
    }
    this.#setLink(link);
    const came = connected !== PORTSC.has(previous, 'CCS');
    if (ports.changeWithoutDevice || came) this.notify(PORTSC.mask('CSC'));
  }

  write(value: number): void {
    const { ports } = this.host.personality;
    if (ports.resetSwallowsWrite) {
      if (PORTSC.has(value, 'WPR') || PORTSC.has(value, 'PR')) this.startReset(PORTSC.has(value, 'WPR'));
      else this.#writeBits(value);
      return;
    }
    this.#writeBits(value);
    const warm = PORTSC.has(value, 'WPR') && this.protocol === 3;
    if (warm || PORTSC.has(value, 'PR')) this.startReset(warm);
  }

  #writeBits(value: number): void {
    const { ports } = this.host.personality;
    this.portsc = (this.portsc & ~(value & CHANGE_BITS)) >>> 0;
    let notify = 0;
    if (PORTSC.has(value, 'LWS')) notify = this.#writeLink(PORTSC.get(value, 'PLS'));
    this.portsc = ((this.portsc & ~READ_WRITE) | (value & READ_WRITE)) >>> 0;
    const powered = this.powered;
    this.portsc = PORTSC.with(this.portsc, 'PP', PORTSC.get(value, 'PP'));
    if (ports.powerHonoured && powered !== this.powered) this.#powerChanged();
    if (ports.disableByWrite && PORTSC.has(value, 'PED') && this.enabled) this.#disable();
    if (notify !== 0) this.notify(notify);
  }

  /** Only U0 and U3 can be asked for (§5.4.8, PLS); returns the change bits to raise. */
  #writeLink(wanted: number): number {
    const current = PORTSC.get(this.portsc, 'PLS');
    if (wanted === LinkState.U0 && current !== LinkState.U0) {
      this.#setLink(wanted);
      return PORTSC.mask('PLC');
    }
    if (wanted === LinkState.U3 && current < LinkState.U3) this.#setLink(wanted);
    return 0;
  }

  #powerChanged(): void {
    this.#reset.cancel();
    if (this.powered) {
      const kept = this.portsc & READ_WRITE;
      this.portsc = PORTSC.with(this.portsc, 'CCS', 0);
      this.update(false);
      this.portsc |= kept;
      return;
    }
    this.portsc = (this.portsc & READ_WRITE) >>> 0;
    this.#setLink(this.protocol === 3 ? LinkState.Disabled : LinkState.RxDetect);
  }

  /** §4.19.1.1.4: software disables the port by writing 1 to PED; the device stays connected. */
  #disable(): void {
    this.portsc = PORTSC.with(this.portsc, 'PED', 0);
    this.#setLink(this.protocol === 3 ? LinkState.Disabled : LinkState.Polling);
  }

  startReset(warm: boolean): void {
    const { host } = this;
    const announced = host.facts['xhci.port-reset'];
    const { connected, powered } = this;
    if (announced.active) {
      announced.emit({ controller: host.name, portId: this.portId, warm, connected, powered });
    }
    // §4.19.1.1: a disconnected or unpowered port has no way to its Reset state.
    const { resetDelay, powerHonoured } = host.personality.ports;
    if (!connected || (powerHonoured && !powered)) return;
    this.#warm = warm;
    if (resetDelay === 0) {
      this.#finishReset();
      return;
    }
    this.portsc = PORTSC.with(PORTSC.with(this.portsc, 'PR', 1), 'PED', 0);
    this.#reset.after(resetDelay);
  }

  #finishReset(): void {
    const device = this.socket.device;
    if (device === undefined) return;
    device.reset();
    if (device.speed === 'super' && this.#warm) this.portsc |= PORTSC.mask('WRC');
    this.#setSpeed(device.speed);
    this.#setLink(LinkState.U0);
    this.portsc = PORTSC.with(PORTSC.with(this.portsc, 'PED', 1), 'PR', 0);
    this.notify(PORTSC.mask('PRC'));
  }

  #setSpeed(speed: UsbSpeed): void {
    this.portsc = PORTSC.with(this.portsc, 'PortSpeed', SPEED_ID[speed]);
  }

  #setLink(link: number): void {
    this.portsc = PORTSC.with(this.portsc, 'PLS', link);
    const changed = this.host.facts['xhci.port-link'];
    if (changed.active) changed.emit({ controller: this.host.name, portId: this.portId, pls: link });
  }

  /** Raises change bits, and reports them as the personality has it (§4.19.2). */
  notify(bits: number): void {
    const { host } = this;
    if ((this.portsc & bits) === bits) return;
    const announced = host.facts['xhci.port-notify'];
    if (announced.active) announced.emit({ controller: host.name, portId: this.portId, bits });
    const hadChange = this.changed;
    this.portsc = (this.portsc | bits) >>> 0;
    host.portChanged();
    if (!host.running || (hadChange && host.personality.ports.eventPer === 'rising-or')) return;
    this.postEvent();
  }

  postEvent(): void {
    const status = (CompletionCode.Success << 24) >>> 0;
    this.host.post(0, [(this.portId << 24) >>> 0, 0, status, PortStatusChangeEvent.type << 10]);
  }

  save(): (number | boolean | undefined)[] {
    return [this.portsc, this.portpmsc, this.porthlpmc, this.#warm, this.#reset.deadline];
  }

  load(fields: readonly (number | boolean | undefined)[]): void {
    const [portsc, portpmsc, porthlpmc, warm, deadline] = fields;
    this.portsc = portsc as number;
    this.portpmsc = portpmsc as number;
    this.porthlpmc = porthlpmc as number;
    this.#warm = warm as boolean;
    if (deadline === undefined) this.#reset.cancel();
    else this.#reset.at(deadline as number);
  }
}
