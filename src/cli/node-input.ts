/** The process's stdin. */
import { fstatSync, readFileSync } from 'node:fs';
import type { InputStream } from './host.ts';

export class NodeInput implements InputStream {
  readonly kind: InputStream['kind'] = kindOfStdin();
  ended = false;
  readonly #waiting: Uint8Array[] = [];
  #opened = false;
  #woken: (() => void) | undefined;

  open(rawKeys: boolean): void {
    if (this.#opened) return;
    this.#opened = true;
    if (this.kind === 'nothing') {
      this.ended = true;
      return;
    }
    if (this.kind === 'file') {
      // All of it is there now: the run does not depend on when the host would have delivered it.
      this.#waiting.push(new Uint8Array(readFileSync(0)));
      this.ended = true;
      return;
    }
    const { stdin } = process;
    if (stdin.isTTY === true && rawKeys) stdin.setRawMode(true);
    stdin.on('data', (bytes: Uint8Array) => {
      this.#waiting.push(new Uint8Array(bytes));
      this.wake();
    });
    const end = () => {
      this.ended = true;
      this.wake();
    };
    stdin.on('end', end);
    stdin.on('close', end);
    stdin.on('error', end);
    stdin.resume();
  }

  take(): Uint8Array {
    const bytes = Buffer.concat(this.#waiting.splice(0));
    return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  close(): void {
    if (!this.#opened || this.kind === 'nothing' || this.kind === 'file') return;
    const { stdin } = process;
    if (stdin.isTTY === true) stdin.setRawMode(false);
    stdin.pause();
    // A pipe that stays open must not keep the process alive.
    stdin.unref?.();
  }

  /** Resolves when something came, or after so many milliseconds. */
  wait(milliseconds: number): Promise<void> {
    if (this.#waiting.length > 0) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#woken = undefined;
        resolve();
      };
      const timer = setTimeout(done, milliseconds);
      this.#woken = done;
    });
  }

  /** Ends a {@link wait}. */
  wake(): void {
    this.#woken?.();
  }
}

function kindOfStdin(): InputStream['kind'] {
  try {
    const status = fstatSync(0);
    if (status.isFile()) return 'file';
    if (status.isFIFO() || status.isSocket()) return 'pipe';
    // /dev/null is a character device too.
    return status.isCharacterDevice() && process.stdin.isTTY === true ? 'terminal' : 'nothing';
  } catch {
    return 'nothing';
  }
}
