/** Rows that a random batch cannot show, each with the reason. A row that is implemented and not here is compared. */
import type { Row } from '../../../src/cpu/isa/row.ts';

interface LeftOut {
  readonly reason: string;
  readonly handlers: RegExp;
}

export const LEFT_OUT: readonly LeftOut[] = [
  { reason: 'not written yet', handlers: /^unimplemented$/ },
  {
    reason: 'tells the time, chance or the model',
    handlers: /^sys_(cpuid|rdtsc|rdtscp|rdpmc|rdrand|rdseed|rdpid|xgetbv)$/,
  },
  { reason: 'would enter the host’s kernel', handlers: /^sys_(syscall|sysenter)$/ },
  { reason: 'the host’s kernel answers in its place (UMIP)', handlers: /^sys_(sgdt|sidt|sldt|str|smsw)$/ },
  { reason: 'what is saved depends on the host’s extensions', handlers: /^sys_(xsave|xrstor)/ },
];

/** The host's hypervisor may take these for calls to it. */
const HYPERVISOR = /^VMM?CALL$/;

export function reasonToLeaveOut(row: Row): string | undefined {
  if (HYPERVISOR.test(row.mnemonic)) return 'a call to the host’s hypervisor';
  return LEFT_OUT.find(({ handlers }) => handlers.test(row.handler))?.reason;
}

/** /proc/cpuinfo's names where they are not ours with underscores. */
const HOST_NAMES: Readonly<Record<string, string>> = {
  abm: 'abm',
  lzcnt: 'abm',
  clflush: 'clflush',
  'sha-ni': 'sha_ni',
  pni: 'pni',
};

export function hostHas(feature: string, hostFlags: ReadonlySet<string>): boolean {
  return hostFlags.has(HOST_NAMES[feature] ?? feature.replaceAll(/[.-]/g, '_'));
}
