/** A client of QEMU's machine protocol (QMP) on a Unix socket. */
import { connect, type Socket } from 'node:net';
import { createInterface, type Interface } from 'node:readline';

const CONNECT_TRIES = 100;
const CONNECT_MILLISECONDS = 50;

export class Qmp {
  readonly #socket: Socket;
  readonly #lines: AsyncIterator<string>;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#lines = linesOf(createInterface({ input: socket }));
  }

  /** Waits until QEMU listens at `path`. */
  static async connect(path: string): Promise<Qmp> {
    for (let tries = 0; tries < CONNECT_TRIES; tries += 1) {
      const socket = await new Promise<Socket | undefined>((resolve) => {
        const attempt = connect(path, () => resolve(attempt));
        attempt.on('error', () => resolve(undefined));
      });
      if (socket !== undefined) {
        const qmp = new Qmp(socket);
        await qmp.#lines.next();
        await qmp.command('qmp_capabilities');
        return qmp;
      }
      await new Promise((resolve) => setTimeout(resolve, CONNECT_MILLISECONDS));
    }
    throw new Error('QEMU did not open its QMP socket');
  }

  /** Events in between are passed over. */
  async command(execute: string, parameters: object = {}): Promise<void> {
    this.#socket.write(`${JSON.stringify({ execute, arguments: parameters })}\n`);
    for (;;) {
      const { value, done } = await this.#lines.next();
      if (done === true) throw new Error(`QEMU ended at "${execute}"`);
      const answer = JSON.parse(value) as { return?: object; error?: { desc: string } };
      if (answer.error !== undefined) throw new Error(`${execute}: ${answer.error.desc}`);
      if (answer.return !== undefined) return;
    }
  }

  close(): void {
    this.#socket.destroy();
  }
}

export function linesOf(source: Interface): AsyncIterator<string> {
  return source[Symbol.asyncIterator]();
}
