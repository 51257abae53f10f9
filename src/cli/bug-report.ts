/** What is printed when dmascope itself fails: never a bare stack, always something that can be sent to us. */
import type { Host } from './host.ts';

const RULE = '-'.repeat(72);

/** A block to copy into a bug report. Holds no file of the person's beyond the command line. */
export function bugReport(error: unknown, args: readonly string[], versions: Host['versions']): string {
  const { name, message, stack } =
    error instanceof Error ? error : { name: 'thrown', message: String(error), stack: '' };
  const frames = (stack ?? '')
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
    .map((line) => line.trim().replace(/\(?(?:file:\/\/)?\/\S*\/(?=(?:dist|src|node_modules)\/)/, '('));
  return [
    'dmascope: internal error: this is a bug in dmascope, not in your kernel.',
    '',
    'Please report it with the text between the lines, and the kernel image if you can share it:',
    RULE,
    `${name}: ${message}`,
    ...frames.slice(0, 12),
    `command: dmascope ${args.map(quoted).join(' ')}`,
    `version: dmascope ${versions.dmascope}, Node ${versions.node}, ${versions.platform}`,
    RULE,
  ].join('\n');
}

function quoted(argument: string): string {
  return /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", "'\\''")}'`;
}
