/** The committed ELF files of `fixtures/`, and the host's tools as oracles where they are installed. */
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { inflateSync } from 'node:zlib';
import type { Inflate } from '../elf/sections.ts';
import { SymbolTable, type SymbolTableOptions } from '../symbol-table.ts';

export const inflate: Inflate = (compressed, size) => {
  try {
    return new Uint8Array(inflateSync(compressed, { maxOutputLength: Math.max(size, 1) }));
  } catch {
    return undefined;
  }
};

export function fixturePath(name: string): string {
  return fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));
}

export function fixtureBytes(name: string): Uint8Array {
  return new Uint8Array(readFileSync(fixturePath(name)));
}

export function table(name: string, options: Partial<SymbolTableOptions> = {}): SymbolTable {
  const read = SymbolTable.read(fixtureBytes(name), { module: name, inflate, ...options });
  if (!read.ok) throw new Error(`${name}: ${read.problem.message}`);
  return read.value;
}

export function hasTool(name: string): boolean {
  return spawnSync(name, ['--version']).status === 0;
}

/** The lines that a tool prints, given these lines of input. */
export function ask(tool: string, args: readonly string[], lines: readonly string[]): string[] {
  const input =
    lines.length === 0
      ? { stdio: ['ignore', 'pipe', 'pipe'] as ['ignore', 'pipe', 'pipe'] }
      : { input: `${lines.join('\n')}\n` };
  return execFileSync(tool, args, { ...input, encoding: 'utf8', maxBuffer: 1 << 26 })
    .trimEnd()
    .split('\n');
}
