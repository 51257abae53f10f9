/** What the commands need of the process they run in: a port, so that every command is tested without one. */

import type { HostFile } from '../devices/block/block-device.ts';

export interface OutputStream {
  write(data: string | Uint8Array): void;
  readonly isTerminal: boolean;
  /** Width of the terminal; `undefined` when it is none. */
  readonly columns: number | undefined;
}

export interface OutputFile {
  write(data: string | Uint8Array): void;
  close(): void;
  /** In place of {@link close}, before anything was written: leaves what was there, or no file when there was none. */
  discard(): void;
}

/** What a person or a script types: stdin. Nothing is read before {@link open}. */
export interface InputStream {
  /** `nothing`: /dev/null or closed. */
  readonly kind: 'terminal' | 'pipe' | 'file' | 'nothing';
  /** Starts reading; on a terminal every key comes as it is typed, Ctrl-C too when `rawKeys`. */
  open(rawKeys: boolean): void;
  /** Bytes that came since the last call. */
  take(): Uint8Array;
  /** Nothing will come any more: the other end closed it. Bytes may still wait in {@link take}. */
  readonly ended: boolean;
  /** Gives the terminal back as it was. */
  close(): void;
}

/** A file that could not be used, in the operating system's words. */
export class FileProblem extends Error {
  override readonly name = 'FileProblem';

  constructor(
    readonly path: string,
    /** `No such file or directory`. */
    readonly reason: string,
    /** There is no such file. */
    readonly missing = reason === 'no such file or directory',
  ) {
    super(`${path}: ${reason}`);
  }
}

export interface OpenFile extends HostFile {
  /** The same for every name of one file. */
  readonly identity: string;
  close(): void;
}

export interface Host {
  readonly out: OutputStream;
  readonly err: OutputStream;
  readonly input: InputStream;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Throws {@link FileProblem}. */
  readFile(path: string): Uint8Array;
  /**
   * Opens a file for writing, or creates it. What it held stays until the first write, or until it is closed.
   * Throws {@link FileProblem}.
   */
  createFile(path: string): OutputFile;
  /** Opens a disk image or the like in place. Throws {@link FileProblem}. */
  openFile(path: string, access: 'read' | 'read-write'): OpenFile;
  /** True once Ctrl-C was pressed, or another signal came that ends a run. */
  readonly interrupted: boolean;
  /** The signal, when it was not Ctrl-C's. */
  readonly signal: 'SIGTERM' | 'SIGHUP' | undefined;
  /** True once the reader of stdout has gone away: nothing more is worth writing. */
  readonly outputClosed: boolean;
  /** Why stdout or stderr could not be written: `stdout: no space left on device`. A reader that left is no problem. */
  readonly outputProblem: string | undefined;
  /** Lets signals arrive and buffers drain. */
  breathe(): Promise<void>;
  /** Waits until input comes or ends, Ctrl-C is pressed, or so much of the host's time has passed. */
  pause(milliseconds: number): Promise<void>;
  /** Seconds since 1970 by the host's clock, UTC or as a clock on the wall there shows them. For `-rtc base=` only. */
  wallClock(zone: 'utc' | 'localtime'): number;
  /** Milliseconds of the host, for the progress line and `--pace real` only. */
  milliseconds(): number;
  /** Where the package is installed, for the demo guests. */
  readonly packageRoot: string;
  readonly versions: { readonly dmascope: string; readonly node: string; readonly platform: string };
}
