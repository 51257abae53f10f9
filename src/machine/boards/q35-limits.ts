/** What the board takes and what not, checked before anything is built. */
import { CPUS_MAX } from '../../cpu/layout.ts';
import { checkBootLetters } from './q35-boot-order.ts';
import { checkFirmware } from './q35-firmware.ts';
import { checkFlash } from './q35-flash.ts';
import type { BoardError, Q35Options } from './q35-options.ts';
import { RAM_MAX, RAM_TRACKED_MAX } from './ram-limits.ts';

const MIB = 1024 * 1024;

export function checkOptions(options: Q35Options): BoardError | undefined {
  return (
    checkFirmware(options.firmware) ??
    checkFlash(options) ??
    checkRam(options) ??
    checkProcessors(options.processors?.cpus ?? 1) ??
    checkBootLetters(options.boot)
  );
}

function checkProcessors(cpus: number): BoardError | undefined {
  if (Number.isInteger(cpus) && cpus >= 1 && cpus <= CPUS_MAX) return undefined;
  return { problem: `${cpus} processors: the board takes 1 to ${CPUS_MAX}`, hint: 'for example -smp 4' };
}

function checkRam(options: Q35Options): BoardError | undefined {
  const { ramBytes, trackWriters } = options;
  const mib = ramBytes / MIB;
  if (!Number.isInteger(mib) || mib < 2) {
    return {
      problem: `${mib} MiB of RAM: the board takes a whole number of MiB from 2`,
      hint: 'for example --ram 128M',
    };
  }
  const limit = trackWriters ? RAM_TRACKED_MAX : RAM_MAX;
  if (ramBytes <= limit) return undefined;
  return {
    problem: `${mib} MiB of RAM do not fit: ${limit / MIB} MiB is the most${trackWriters ? ' while writers are tracked' : ''}`,
    hint:
      trackWriters && ramBytes <= RAM_MAX
        ? `give at most ${limit / MIB}M, or --no-who-wrote`
        : `give at most ${limit / MIB}M: a WebAssembly memory of 4 GiB holds the RAM and all the rest`,
  };
}
