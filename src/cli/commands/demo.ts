/** `dmascope demo [NAME]`: the story, or any other of the guests that come with dmascope. */

import { ALONE } from '../console/interaction.ts';
import { execute, ownExitCode, readInput } from '../execution.ts';
import { EXIT } from '../exit-codes.ts';
import type { Host } from '../host.ts';
import { checkedRam, checkedRamBelow4g, parseSize } from '../quantities.ts';
import type { Services } from '../session.ts';
import { didYouMean } from '../suggestion.ts';
import { type ColorChoice, Talk } from '../talk.ts';
import { UsageError } from '../usage-error.ts';

export interface DemoFlags {
  readonly list: boolean;
  readonly color: ColorChoice;
}

/** The parts of guests/manifest.json that the demo reads. */
interface Guest {
  readonly name: string;
  /** Under guests/. */
  readonly file: string;
  readonly ram: string;
  /** RAM below 4 GiB at most. */
  readonly ramBelow4g?: string;
  readonly rules: readonly string[];
  readonly note: string;
  readonly append?: string;
  /** Missing: the usual controller. */
  readonly controller?: string;
}

/** A guest that waits for ever ends by itself; this is for one that works for ever. */
const INSTRUCTIONS_MAX = 2_000_000_000;

export async function runDemo(
  host: Host,
  services: Services,
  flags: DemoFlags,
  name: string | undefined,
): Promise<number> {
  const guests = readManifest(host);
  if (flags.list) {
    const width = Math.max(...guests.map((guest) => guest.name.length));
    for (const guest of guests) host.out.write(`${guest.name.padEnd(width)}  ${guest.note}\n`);
    return EXIT.clean;
  }
  const wanted = name ?? 'story';
  const find = (each: string): Guest => {
    const found = guests.find((guest) => guest.name === each);
    if (found !== undefined) return found;
    const names = guests.map((guest) => guest.name);
    throw new UsageError(`there is no demo "${each}"${didYouMean(each, names)}`, 'dmascope demo --list shows all');
  };
  if (wanted !== 'story') return play(host, services, flags, find(wanted));
  return playStory(host, services, flags, find('story'), find('story-mended'));
}

/** First the bug and its diagnosis, then the same driver mended. Exit 0 means that both went as they should. */
async function playStory(
  host: Host,
  services: Services,
  flags: DemoFlags,
  wrong: Guest,
  mended: Guest,
): Promise<number> {
  const talk = new Talk(host, flags.color);
  talk.say('1. A kernel that ran well on a board goes silent in a PC: its USB controller never answers.\n');
  const first = await play(host, services, flags, wrong);
  if (first >= EXIT.hungUp) return first;
  talk.say('\n2. The same driver with every address converted to a physical one.\n');
  const second = await play(host, services, flags, mended);
  if (second >= EXIT.hungUp) return second;
  if (first === EXIT.findings && second === EXIT.clean) {
    talk.say('\nNow your own: dmascope run kernel.elf, or dmascope qemu-system-x86_64 with the flags you have.');
    return EXIT.clean;
  }
  talk.error(`the demo ended with exit ${first} and ${second} instead of ${EXIT.findings} and ${EXIT.clean}`);
  return EXIT.internal;
}

async function play(host: Host, services: Services, flags: DemoFlags, guest: Guest): Promise<number> {
  const talk = new Talk(host, flags.color);
  talk.say(`$ dmascope run guests/${guest.file}`);
  const result = await execute(host, services, talk, {
    spec: {
      image: readInput(host, 'the guest', `${host.packageRoot}/guests/${guest.file}`),
      append: guest.append ?? '',
      initrd: undefined,
      symbols: undefined,
      ramBytes: checkedRam(parseSize(guest.ram), guest.ram),
      maxRamBelow4g:
        guest.ramBelow4g === undefined ? undefined : checkedRamBelow4g(parseSize(guest.ramBelow4g), guest.ramBelow4g),
      cpuModel: 'qemu64',
      personality: 'spec',
      devices: [
        { kind: 'isa-debug-exit', port: 0xf4, size: 4 },
        { kind: 'qemu-xhci', id: 'xhci0' },
        { kind: 'usb-kbd' },
      ],
      trackWriters: true,
    },
    limits: { maxInstructions: INSTRUCTIONS_MAX, maxTime: undefined },
    serial: 'out',
    debugConsole: 'out',
    reports: [],
    json: false,
    quiet: false,
    interaction: ALONE,
    exitCode: (outcome, errors) => ownExitCode(outcome, errors),
  });
  return result.exitCode;
}

function readManifest(host: Host): readonly Guest[] {
  const { bytes } = readInput(host, 'the list of guests', `${host.packageRoot}/guests/manifest.json`);
  return (JSON.parse(new TextDecoder().decode(bytes)) as { readonly guests: readonly Guest[] }).guests;
}
