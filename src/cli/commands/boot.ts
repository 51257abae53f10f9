/** `dmascope boot IMAGE`: somebody's own operating system, with a person at its serial console. */
import type { Pace } from '../console/pace.ts';
import type { TypedText } from '../console/scripted-input.ts';
import type { Host } from '../host.ts';
import type { Services } from '../session.ts';
import type { ColorChoice } from '../talk.ts';
import { runImage } from './run.ts';

export interface BootFlags {
  readonly ram: string;
  readonly cpu: string;
  readonly smp: string;
  readonly personality: string;
  readonly append: string | undefined;
  readonly initrd: string | undefined;
  readonly pace: Pace | undefined;
  readonly type: readonly TypedText[] | undefined;
  readonly expect: Uint8Array | undefined;
  readonly report: readonly string[] | undefined;
  readonly maxTime: number | undefined;
  readonly quiet: boolean;
  readonly whoWrote: boolean;
  readonly color: ColorChoice;
}

/** Where Linux shall talk, unless its command line says so itself. */
const SERIAL_CONSOLE = 'console=ttyS0';

export async function bootImage(host: Host, services: Services, flags: BootFlags, image: string): Promise<number> {
  const append = flags.append ?? '';
  const saysWhere = /(^|\s)console=/.test(append);
  const atTerminal = host.input.kind === 'terminal';
  return runImage(
    host,
    services,
    {
      ...flags,
      append: saysWhere ? append : `${SERIAL_CONSOLE} ${append}`.trim(),
      // Time that runs away is no use to a person; a script need not wait.
      pace: flags.pace ?? (atTerminal ? 'real' : 'fast'),
      input: 'auto',
      maxRamBelow4g: undefined,
      controller: 'qemu-xhci',
      usb: undefined,
      symbols: undefined,
      maxInstructions: undefined,
      json: false,
    },
    image,
    'prefix',
  );
}
