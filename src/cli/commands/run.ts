/** `dmascope run IMAGE`. */
import { parseCpuOption } from '../../cpu/cpu-option.ts';
import { CORE_FEATURES } from '../../cpu/generated/core-features.ts';
import type { DeviceOption } from '../../machine/boards/q35-options.ts';
import type { KeyMode } from '../console/escape-keys.ts';
import type { Pace } from '../console/pace.ts';
import type { TypedText } from '../console/scripted-input.ts';
import { cpuOptionMessage } from '../cpu-option-message.ts';
import { execute, ownExitCode, readInput } from '../execution.ts';
import type { Host } from '../host.ts';
import { checkedPersonality } from '../qemu/own-options.ts';
import { parseProcessors } from '../qemu/processors.ts';
import { checkedRam, checkedRamBelow4g, parseSize } from '../quantities.ts';
import type { BoardSetting, Services } from '../session.ts';
import { readSymbolsOption } from '../symbols-option.ts';
import type { ColorChoice } from '../talk.ts';
import { Talk } from '../talk.ts';
import { UsageError } from '../usage-error.ts';

export const CONTROLLERS = ['qemu-xhci', 'nec-usb-xhci', 'none'] as const;
export const USB_DEVICES = ['kbd', 'none'] as const;

export const INPUTS = ['auto', 'stdin', 'none'] as const;

export interface RunFlags {
  readonly ram: string;
  readonly maxRamBelow4g: string | undefined;
  readonly controller: (typeof CONTROLLERS)[number];
  readonly usb: readonly (typeof USB_DEVICES)[number][] | undefined;
  readonly personality: string;
  readonly cpu: string;
  readonly smp: string;
  readonly append: string | undefined;
  readonly initrd: string | undefined;
  readonly symbols: string | undefined;
  readonly report: readonly string[] | undefined;
  readonly maxInstructions: number | undefined;
  readonly maxTime: number | undefined;
  readonly json: boolean;
  readonly quiet: boolean;
  readonly whoWrote: boolean;
  readonly input: (typeof INPUTS)[number];
  readonly pace: Pace;
  readonly type: readonly TypedText[] | undefined;
  readonly expect: Uint8Array | undefined;
  readonly color: ColorChoice;
}

/** What a command asks for that `run` has no flags for. */
export interface RunSetting {
  /** A guest under test ends at Ctrl-C, whatever it would do with the byte; an operating system gets it. */
  readonly keys: KeyMode;
  /** More than the controller and what is on it. */
  readonly devices?: readonly DeviceOption[];
  readonly board?: BoardSetting;
  readonly screendump?: string | undefined;
}

/** `image`: the kernel; `undefined`: firmware starts what there is. */
export async function runImage(
  host: Host,
  services: Services,
  flags: RunFlags,
  image: string | undefined,
  { keys, devices = [], board, screendump }: RunSetting = { keys: 'prefix-and-interrupt' },
): Promise<number> {
  const talk = new Talk(host, flags.color);
  const personality = checkedPersonality(
    flags.personality,
    services.personalities.map(({ name }) => name),
  );
  const cpu = parseCpuOption(flags.cpu, CORE_FEATURES);
  if (!cpu.ok) {
    const { message, hint } = cpuOptionMessage(cpu.error);
    throw new UsageError(`--cpu ${flags.cpu}: ${message}`, hint);
  }
  const reports = (flags.report ?? []).map(parseReport);
  const result = await execute(host, services, talk, {
    spec: {
      image: image === undefined ? undefined : readInput(host, 'the image', image),
      append: flags.append ?? '',
      initrd: flags.initrd === undefined ? undefined : readInput(host, 'the initrd', flags.initrd),
      symbols: readSymbolsOption(host, flags.symbols),
      ramBytes: checkedRam(parseSize(flags.ram, 2 ** 20), flags.ram),
      maxRamBelow4g: ramBelow4g(flags.maxRamBelow4g),
      processors: parseProcessors(flags.smp),
      cpuModel: flags.cpu,
      personality,
      devices: [...devicesOf(flags), ...devices],
      board,
      trackWriters: flags.whoWrote,
    },
    limits: { maxInstructions: flags.maxInstructions, maxTime: flags.maxTime },
    // With --json, stdout is the document alone.
    serial: flags.json ? 'err' : 'out',
    debugConsole: flags.json ? 'err' : 'out',
    reports,
    json: flags.json,
    quiet: flags.quiet,
    interaction: {
      console: { input: flags.input, keys, focus: 'serial' },
      pace: flags.pace,
      typed: flags.type ?? [],
      expect: flags.expect,
    },
    screendump,
    exitCode: (outcome, errors) => ownExitCode(outcome, errors, flags.expect !== undefined),
  });
  return result.exitCode;
}

function ramBelow4g(text: string | undefined): number | undefined {
  return text === undefined ? undefined : checkedRamBelow4g(parseSize(text, 2 ** 20), text);
}

function devicesOf(flags: RunFlags): DeviceOption[] {
  // Every kernel test harness knows this port (docs of isa-debug-exit: status is value << 1 | 1).
  const devices: DeviceOption[] = [{ kind: 'isa-debug-exit', port: 0xf4, size: 4 }];
  const wanted = (flags.usb ?? ['kbd']).filter((name) => name !== 'none');
  if (flags.controller === 'none') {
    if (flags.usb !== undefined && wanted.length > 0) {
      throw new UsageError(`--usb ${wanted[0]} needs a controller`, 'leave out --controller none');
    }
    return devices;
  }
  devices.push({ kind: flags.controller, id: 'xhci0' });
  for (const _ of wanted) devices.push({ kind: 'usb-kbd' });
  return devices;
}

/** `json=FILE` or `text=FILE`. */
function parseReport(text: string): { readonly format: 'json' | 'text'; readonly path: string } {
  const match = /^(json|text)=(.+)$/.exec(text);
  if (match === null)
    throw new UsageError(`--report ${text}: not a report`, 'write --report json=FILE or --report text=FILE');
  return { format: match[1] as 'json' | 'text', path: match[2]! };
}
