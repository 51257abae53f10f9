/** What dmascope's exit status means. `dmascope help exit-codes` prints this table. */
export const EXIT = {
  clean: 0,
  findings: 1,
  usage: 2,
  crashed: 3,
  limit: 4,
  unexpected: 5,
  internal: 70,
  hungUp: 129,
  interrupted: 130,
  outputClosed: 141,
  terminated: 143,
} as const;

/** For people, in the order in which the first that applies is taken. */
export const EXIT_MEANINGS: readonly (readonly [code: number, meaning: string])[] = [
  [EXIT.clean, 'the guest ran without a finding of severity error'],
  [EXIT.findings, 'at least one finding of severity error'],
  [EXIT.usage, 'wrong usage: an unknown or unsupported flag, a file that cannot be read'],
  [EXIT.crashed, 'the guest crashed (triple fault) without a finding of severity error'],
  [EXIT.limit, '--max-instructions or --max-time was reached'],
  [EXIT.unexpected, 'the serial console never printed the text of --expect'],
  [EXIT.internal, 'dmascope failed: a bug of ours, or an instruction that it does not implement'],
  [EXIT.interrupted, 'Ctrl-C'],
  [EXIT.terminated, 'SIGTERM (`timeout`, `kill`); 129 is SIGHUP, 141 that nothing reads stdout any more'],
];

/** Exit status of a run that the host ended: 128 and the number of the signal, as a shell has it. */
export function interruptedCode(by: 'SIGTERM' | 'SIGHUP' | 'SIGPIPE' | undefined): number {
  if (by === undefined) return EXIT.interrupted;
  return { SIGTERM: EXIT.terminated, SIGHUP: EXIT.hungUp, SIGPIPE: EXIT.outputClosed }[by];
}
