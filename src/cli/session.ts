/** The machine with its diagnosis, as the commands see it: the one place where the emulator is plugged into the CLI. */
import type { TraceBus } from '../base/trace.ts';
import type { ProcessorTopology } from '../cpu/topology.ts';
import type { RegisterView } from '../cpu/types.ts';
import type { MonitorAnswer } from '../debug/monitor/monitor.ts';
import type { DeviceOption, Q35Options } from '../machine/boards/q35-options.ts';
import type { Outcome, RunLimits } from '../machine/outcome.ts';

/** What the board is asked for beyond its size: disks, firmware, what it tells about itself. */
export type BoardSetting = Pick<
  Q35Options,
  | 'boot'
  | 'display'
  | 'drives'
  | 'firmware'
  | 'flash'
  | 'fwCfgFiles'
  | 'noGraphics'
  | 'noReboot'
  | 'rtcSeconds'
  | 'seed'
  | 'uuid'
> & {
  /** Where the debug console is; default: port 0xe9. */
  readonly debugPort?: number;
};

/** What to build and what to load into it. */
export interface SessionSpec {
  /** The kernel to enter; `undefined`: the firmware starts what there is. */
  readonly image: { readonly path: string; readonly bytes: Uint8Array } | undefined;
  /** Kernel command line, without the image's name. */
  readonly append: string;
  readonly initrd: { readonly path: string; readonly bytes: Uint8Array } | undefined;
  /** Symbols from another file than the image, and how far from its addresses the kernel really runs. */
  readonly symbols: { readonly path: string; readonly bytes: Uint8Array; readonly bias: bigint } | undefined;
  readonly ramBytes: number;
  /** Bytes of RAM below 4 GiB at most; the rest stands above. `undefined`: the board's own split. */
  readonly maxRamBelow4g?: number | undefined;
  /** Processors and their packages. `undefined`: one. */
  readonly processors?: ProcessorTopology | undefined;
  /** `qemu64` or `max`. */
  readonly cpuModel: string;
  readonly personality: string;
  readonly devices: readonly DeviceOption[];
  readonly board?: BoardSetting | undefined;
  /** Keep who stored each byte of memory last; reports name the line that wrote a bad value only with it. */
  readonly trackWriters: boolean;
}

/** Where the guest's output goes, and what the machine asks of its host. */
export interface SessionPorts {
  /** Called with the machine's trace bus before its first part is built, so that power-on is heard too. */
  readonly listen?: (trace: TraceBus) => void;
  readonly serial: (byte: number) => void;
  /** The debug console, port 0xe9; absent, the port does not exist. */
  readonly debugConsole: ((byte: number) => void) | undefined;
  /** Reads a source file for excerpts; `undefined` when it cannot be read. */
  readonly readSource: (path: string) => Uint8Array | undefined;
  /** zlib, for compressed debug sections. */
  readonly inflate: (compressed: Uint8Array, size: number) => Uint8Array | undefined;
}

/** How a run ended, in one line and with the exit status that it leads to. */
export interface Ending {
  /** `exited`, `idle`, `crashed`, `limit`, `unimplemented`, `stopped`. */
  readonly kind: 'exited' | 'idle' | 'crashed' | 'limit' | 'unimplemented' | 'stopped';
  readonly text: string;
  readonly exitCode: number;
}

export interface ReportStyle {
  readonly color: boolean;
  readonly columns: number | undefined;
}

/** What was found in a run that has ended. */
export interface Report {
  /** Findings of severity error, symptoms included. */
  readonly errors: number;
  /** Root causes of any severity. */
  readonly roots: number;
  /** For a person; no line end at the end. */
  text(ending: Ending, style: ReportStyle): string;
  /** The document of docs/report.schema.json, with its final line end. */
  json(ending: Ending): string;
}

export interface Session {
  /** Instructions executed since power-on. */
  readonly instructions: number;
  /** Nanoseconds of guest time since power-on. */
  readonly time: number;
  /** Findings so far, for the progress line. */
  readonly findings: number;
  registers(): RegisterView;
  /** Runs on until the guest ends or a limit (counted from power-on) is reached. */
  run(limits: RunLimits): Outcome;
  /** Bytes for the first serial port. They enter at the present instruction count. */
  receive(bytes: Uint8Array): void;
  /** Calls `action` when guest time has reached `time`, between two instructions. */
  at(time: number, action: () => void): void;
  /** Ends the present run as `stopped`. */
  stop(): void;
  /** Guest time of the next thing that will happen by itself; `undefined`: nothing will. */
  readonly nextDeadline: number | undefined;
  /** What the display shows, in the format that the path's name asks for; `undefined`: there is no display. */
  screendump(path: string): Uint8Array | undefined;
  /** Does what a line of the monitor says (`info registers`). */
  monitor(line: string, paused: boolean): MonitorAnswer;
  /** Names the code at an address: `xhci_init+0x1c (xhci.c:88)`; hex when nothing is known. */
  describeCode(pc: bigint): string;
  /** Ends the diagnosis. Call once, after the last `run`. */
  conclude(outcome: Outcome): Report;
}

export type OpenedSession =
  | { readonly ok: true; readonly session: Session }
  /** The image (else: the amount of memory, a device) is not what the board can take. */
  | { readonly ok: false; readonly about: 'image' | 'machine'; readonly problem: string; readonly hint: string };

export type OpenSession = (spec: SessionSpec, ports: SessionPorts) => OpenedSession | Promise<OpenedSession>;

/** Everything below the CLI. */
export interface Services {
  readonly open: OpenSession;
  readonly personalities: readonly { readonly name: string; readonly title: string }[];
  readonly cpuModels: readonly string[];
}
