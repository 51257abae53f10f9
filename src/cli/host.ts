/** What the commands need of the process they run in: a port, so that every command is tested without one. */

export interface OutputStream {
  write(data: string | Uint8Array): void;
  readonly isTerminal: boolean;
  /** Width of the terminal; `undefined` when it is none. */
  readonly columns: number | undefined;
}

export interface OutputFile {
  write(data: string | Uint8Array): void;
  close(): void;
}

/** A file that could not be used, in the operating system's words. */
export class FileProblem extends Error {
  override readonly name = 'FileProblem';

  constructor(
    readonly path: string,
    /** `No such file or directory`. */
    readonly reason: string,
  ) {
    super(`${path}: ${reason}`);
  }
}

export interface Host {
  readonly out: OutputStream;
  readonly err: OutputStream;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Throws {@link FileProblem}. */
  readFile(path: string): Uint8Array;
  /** Creates or empties a file. Throws {@link FileProblem}. */
  createFile(path: string): OutputFile;
  /** True once Ctrl-C was pressed. */
  readonly interrupted: boolean;
  /** True once the reader of stdout has gone away: nothing more is worth writing. */
  readonly outputClosed: boolean;
  /** Lets signals arrive and buffers drain. */
  breathe(): Promise<void>;
  /** Milliseconds of the host, for the progress line only. */
  milliseconds(): number;
  /** Where the package is installed, for the demo guests. */
  readonly packageRoot: string;
  readonly versions: { readonly dmascope: string; readonly node: string; readonly platform: string };
}
