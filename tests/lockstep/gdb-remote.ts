/** A client of QEMU's gdb stub (GDB manual, appendix "Remote Serial Protocol"): requests, monitor commands, stop and go. */
import { connect, type Socket } from 'node:net';

/** How often, and how long apart in milliseconds, a connection is tried while QEMU starts. */
const ATTEMPTS = 100;
const PAUSE_MILLISECONDS = 50;

export class GdbRemote {
  readonly #socket: Socket;
  readonly #packets: string[] = [];
  #text = '';
  #waiting: ((packet: string) => void) | undefined;
  #failed: ((problem: Error) => void) | undefined;
  #problem: Error | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (bytes) => this.#receive(bytes.toString('latin1')));
    socket.on('error', (problem) => this.#fail(problem));
    socket.on('close', () => this.#fail(new Error('QEMU closed the connection of its gdb stub')));
  }

  /** Connects to the stub's Unix socket as soon as QEMU listens there. */
  static async open(path: string): Promise<GdbRemote> {
    for (let attempt = 0; ; attempt++) {
      try {
        const socket = await new Promise<Socket>((resolve, reject) => {
          const candidate = connect(path, () => resolve(candidate));
          candidate.once('error', reject);
        });
        return new GdbRemote(socket);
      } catch (problem) {
        if (attempt === ATTEMPTS) throw problem;
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MILLISECONDS));
      }
    }
  }

  #receive(text: string): void {
    this.#text += text;
    for (;;) {
      const start = this.#text.indexOf('$');
      const end = this.#text.indexOf('#', start);
      if (start < 0 || end < 0 || this.#text.length < end + 3) return;
      const packet = this.#text.slice(start + 1, end);
      this.#text = this.#text.slice(end + 3);
      const waiting = this.#waiting;
      this.#waiting = undefined;
      if (waiting === undefined) this.#packets.push(packet);
      else waiting(packet);
    }
  }

  #fail(problem: Error): void {
    this.#problem ??= problem;
    this.#failed?.(this.#problem);
  }

  #send(text: string): void {
    let sum = 0;
    for (let index = 0; index < text.length; index++) sum += text.charCodeAt(index);
    // The plus acknowledges the packet before.
    this.#socket.write(`+$${text}#${(sum & 0xff).toString(16).padStart(2, '0')}`);
  }

  /** The next packet from QEMU. Rejects when the connection ends first. */
  next(): Promise<string> {
    const packet = this.#packets.shift();
    if (packet !== undefined) return Promise.resolve(packet);
    if (this.#problem !== undefined) return Promise.reject(this.#problem);
    return new Promise((resolve, reject) => {
      this.#waiting = resolve;
      this.#failed = reject;
    });
  }

  async request(text: string): Promise<string> {
    this.#send(text);
    return await this.next();
  }

  /** Runs a command of QEMU's monitor (`info registers`) and returns what it prints. */
  async monitor(command: string): Promise<string> {
    this.#send(`qRcmd,${Buffer.from(command).toString('hex')}`);
    let output = '';
    for (;;) {
      const packet = await this.next();
      if (packet === 'OK') return output;
      if (!packet.startsWith('O')) throw new Error(`QEMU's monitor refused "${command}": ${packet}`);
      output += Buffer.from(packet.slice(1), 'hex').toString('latin1');
    }
  }

  /** Lets the guest run; {@link next} then gives the packet that says why it stopped. */
  resume(): void {
    this.#send('c');
  }

  /** Asks for a stop between two instructions. */
  interrupt(): void {
    this.#socket.write('\x03');
  }

  /** Runs to the instruction at `address` (linear). */
  async runTo(address: bigint): Promise<void> {
    const place = `1,${address.toString(16)},1`;
    if ((await this.request(`Z${place}`)) !== 'OK') throw new Error('QEMU took no breakpoint');
    this.resume();
    await this.next();
    await this.request(`z${place}`);
  }

  close(): void {
    this.#failed = undefined;
    this.#socket.destroy();
  }
}
