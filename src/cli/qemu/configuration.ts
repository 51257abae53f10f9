/** What a QEMU command line asks for, in dmascope's terms. */
import type { ProcessorTopology } from '../../cpu/topology.ts';
import type { FirmwareBoot } from '../../machine/boards/q35-options.ts';
import type { Pace } from '../console/pace.ts';
import type { TypedText } from '../console/scripted-input.ts';
import type { ClockBase, FirmwareFile } from './board-options.ts';
import type { CharacterDevice, CharacterRequest, ResolvedCharacters } from './character-devices.ts';
import type { ConfiguredDevice } from './device-models.ts';
import type { DriveRequest } from './drives.ts';

/** Where a character device's bytes go. */
export type CharacterTarget =
  /** `multiplexed`: with the monitor behind Ctrl-A c; Ctrl-C is the guest's. */
  | { readonly kind: 'stdio'; readonly multiplexed: boolean }
  | { readonly kind: 'none' }
  | { readonly kind: 'file'; readonly path: string };

export interface QemuConfiguration {
  kernel: string | undefined;
  bios: string | undefined;
  append: string | undefined;
  initrd: string | undefined;
  ramBytes: number;
  /** `-M max-ram-below-4g=`, bytes. */
  maxRamBelow4g: number | undefined;
  /** `-M hpet=`, `-no-hpet`. */
  hpet: boolean;
  /** `-smp`; `undefined`: one. */
  processors: ProcessorTopology | undefined;
  cpuModel: string;
  /** The machine was named; QEMU's own default would be another board. */
  machineNamed: boolean;
  devices: ConfiguredDevice[];
  drives: DriveRequest[];
  /** `-snapshot`: what guests write to disks stays in memory. */
  snapshot: boolean;
  boot: FirmwareBoot;
  clock: ClockBase | undefined;
  uuid: Uint8Array | undefined;
  firmwareFiles: FirmwareFile[];
  seed: number | undefined;
  /** Ids of `-object rng-...`. */
  entropySources: string[];
  /** `-serial`, in their order: COM1 is the first. */
  serials: CharacterRequest[];
  debugConsole: CharacterRequest | undefined;
  /** `-monitor`, `-mon`. */
  monitors: CharacterRequest[];
  /** `-chardev`, by id. */
  readonly characterDevices: Map<string, CharacterDevice>;
  noGraphic: boolean;
  noReboot: boolean;
  /** `-vga`; `undefined`: as the machine has it by default. */
  vga: 'std' | 'none' | undefined;
  screendump: string | undefined;
  noDefaults: boolean;
  /** Items of `-d`. */
  logItems: Set<string>;
  /** Patterns of `-trace` and `-d trace:`. */
  tracePatterns: string[];
  logFile: string | undefined;
  timestamps: boolean;
  /** Own settings, from `-dmascope`. */
  personality: string;
  reports: { readonly format: 'json' | 'text'; readonly path: string }[];
  maxInstructions: number | undefined;
  maxTime: number | undefined;
  symbols: string | undefined;
  input: 'auto' | 'stdin' | 'none';
  /** `undefined`: as a person at a terminal or a script wants it. */
  pace: Pace | undefined;
  typed: TypedText[];
  expect: Uint8Array | undefined;
  /** `-S`: the guest stands until the monitor lets it go. */
  startStopped: boolean;
  /** `-global isa-debugcon.iobase=`. */
  debugPort: number | undefined;
}

/** With every character device in its place. */
export type CheckedConfiguration = Omit<QemuConfiguration, keyof ResolvedCharacters> & ResolvedCharacters;

export function defaultConfiguration(): QemuConfiguration {
  return {
    kernel: undefined,
    bios: undefined,
    append: undefined,
    initrd: undefined,
    ramBytes: 128 * 2 ** 20,
    maxRamBelow4g: undefined,
    hpet: true,
    processors: undefined,
    cpuModel: 'qemu64',
    machineNamed: false,
    devices: [],
    drives: [],
    snapshot: false,
    boot: {},
    clock: undefined,
    uuid: undefined,
    firmwareFiles: [],
    seed: undefined,
    entropySources: [],
    serials: [],
    debugConsole: undefined,
    monitors: [],
    characterDevices: new Map(),
    noGraphic: false,
    noReboot: false,
    vga: undefined,
    screendump: undefined,
    noDefaults: false,
    logItems: new Set(),
    tracePatterns: [],
    logFile: undefined,
    timestamps: false,
    personality: 'qemu',
    reports: [],
    maxInstructions: undefined,
    maxTime: undefined,
    symbols: undefined,
    input: 'auto',
    pace: undefined,
    typed: [],
    expect: undefined,
    startStopped: false,
    debugPort: undefined,
  };
}
