/** `FILE` or `FILE@OFFSET`: symbols from another file, for a kernel that runs `OFFSET` away from its link addresses. */
import { readInput } from './execution.ts';
import type { Host } from './host.ts';
import type { SessionSpec } from './session.ts';
import { UsageError } from './usage-error.ts';

export function readSymbolsOption(host: Host, text: string | undefined): SessionSpec['symbols'] {
  if (text === undefined) return undefined;
  const match = /^(.*?)(?:@(-?)(0x[0-9a-f]+|\d+))?$/i.exec(text);
  const path = match?.[1] ?? '';
  if (match === null || path === '')
    throw new UsageError(`"${text}" names no symbol file`, 'write FILE or FILE@0xOFFSET');
  const offset = BigInt(match[3] ?? 0);
  return { ...readInput(host, 'the symbol file', path), bias: match[2] === '-' ? -offset : offset };
}
