/**
 * Debian's cloud kernel from the start of the process to its init, here and on QEMU's TCG in turns: `npm run bench:boot`. Ours
 * is the built command line as people run it, with diagnosis and "who wrote this byte"; QEMU's has its firmware in front. Prints
 * the ratio, the memory that we need at most, and whether the targets hold.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { initramfs } from '../tests/boot/initramfs.ts';
import { COMMAND_LINE, kernelBytes } from '../tests/boot/linux-guest.ts';
import { bootOnQemu } from '../tests/boot/qemu.ts';
import { median } from './harness.ts';

const MIB = 1024 * 1024;
const RAM_MEGABYTES = 256;
const INIT = 'Run /init as init process';
/** Our time over QEMU's. */
const TARGET_RATIO = 12;
/** Beside the guest's RAM. */
const TARGET_MEGABYTES = 300;
/** Milliseconds between two looks at the peak of memory. */
const LOOK = 50;

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '3' }, image: { type: 'string', default: 'vmlinux' } },
});
const image = values.image === 'bzImage' ? 'bzImage' : 'vmlinux';

interface Ours {
  readonly seconds: number;
  readonly peakMegabytes: number;
}

function bootHere(kernel: string, initrd: string): Promise<Ours> {
  const began = performance.now();
  const words = ['run', kernel, '--initrd', initrd, '--append', COMMAND_LINE, '--ram', `${RAM_MEGABYTES}M`];
  const child = spawn(process.execPath, ['dist/cli/main.js', ...words, '--expect', INIT, '--quiet'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let printed = '';
  let peak = 0;
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (bytes: Buffer) => {
      printed += bytes.toString('latin1');
    });
  }
  const timer = setInterval(() => {
    peak = Math.max(peak, peakOf(child.pid!));
  }, LOOK);
  return new Promise((resolve, reject) => {
    child.on('close', (status) => {
      clearInterval(timer);
      const seconds = (performance.now() - began) / 1000;
      if (status === 0 && printed.includes(INIT)) resolve({ seconds, peakMegabytes: peak });
      else reject(new Error(`our run ended with ${status}:\n${printed.slice(-2000)}`));
    });
  });
}

/** The most memory that a process ever had in RAM, in MiB (proc(5), VmHWM). */
function peakOf(pid: number): number {
  try {
    const kilobytes = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
    return Number(kilobytes ?? 0) / 1024;
  } catch {
    return 0;
  }
}

async function main(): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), 'dmascope-bench-'));
  try {
    const bytes = kernelBytes({ kernel: 'cloud', image, cpus: 1 });
    const initrd = initramfs();
    const kernelFile = join(folder, image);
    const initrdFile = join(folder, 'initrd');
    writeFileSync(kernelFile, bytes);
    writeFileSync(initrdFile, initrd);
    const kernel = { name: image, bytes, commandLine: COMMAND_LINE, initrd };
    const boot = { kernel, ramBytes: RAM_MEGABYTES * MIB, cpus: 1, prompt: INIT, commands: [], hostTime: true };
    const ours: number[] = [];
    const theirs: number[] = [];
    const ratios: number[] = [];
    let peak = 0;
    for (let round = 0; round < Number(values.rounds); round += 1) {
      const here = await bootHere(kernelFile, initrdFile);
      const there = (await bootOnQemu(boot)).promptSeconds;
      console.log(`round ${round + 1}: ${here.seconds.toFixed(1)} s, QEMU TCG ${there.toFixed(1)} s`);
      ours.push(here.seconds);
      theirs.push(there);
      ratios.push(here.seconds / there);
      peak = Math.max(peak, here.peakMegabytes);
    }
    const ratio = median(ratios);
    const beside = peak - RAM_MEGABYTES;
    const verdict = (good: boolean): string => (good ? 'target met' : 'TARGET MISSED');
    console.log(`\n${image} to its init: ${median(ours).toFixed(1)} s, QEMU TCG ${median(theirs).toFixed(1)} s`);
    console.log(
      `our time over TCG's       ${ratio.toFixed(2)}   <= ${TARGET_RATIO}: ${verdict(ratio <= TARGET_RATIO)}`,
    );
    console.log(
      `peak memory               ${peak.toFixed(0)} MiB, ${beside.toFixed(0)} beside the guest's ${RAM_MEGABYTES}   <= ${TARGET_MEGABYTES}: ${verdict(beside <= TARGET_MEGABYTES)}`,
    );
    return ratio <= TARGET_RATIO && beside <= TARGET_MEGABYTES;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

process.exitCode = (await main()) ? 0 : 1;
