/** The guests of `guests/manifest.json`, and where in their sources the mistakes stand. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Guest {
  readonly name: string;
  readonly kernel: string;
  /** The guest of `guest.h` that this one is another build of. */
  readonly variant?: string;
  /** Built without symbols. */
  readonly stripped?: boolean;
  readonly file: string;
  readonly kind: 'mistake' | 'near-miss' | 'mended' | 'tool';
  /** Catalogue ids: the one to be found, or those that a near miss approaches. */
  readonly rules: readonly string[];
  /** Further ids that may be found beside the root. */
  readonly also?: readonly string[];
  readonly rootWhere?: string;
  readonly ram: string;
  readonly expectQemuExit?: number;
  readonly note: string;
}

export interface MarkedLine {
  /** Relative to the repository, as the debugging information has it. */
  readonly file: string;
  readonly line: number;
}

export const repository = fileURLToPath(new URL('../..', import.meta.url));

/** Built elsewhere by `guests/build.sh DIR`, or the committed files. */
const builtFolder = process.env.DMASCOPE_GUESTS ?? join(repository, 'guests/built');

export const guests: readonly Guest[] = JSON.parse(
  readFileSync(join(repository, 'guests/manifest.json'), 'utf8'),
).guests;

export function guestImage(guest: Guest): string {
  return resolve(builtFolder, `${guest.name}.elf`);
}

export function sourcesOf(kernel: string): readonly string[] {
  const folder = join('guests', kernel);
  return readdirSync(join(repository, folder))
    .filter((name) => /\.[chS]$/.test(name))
    .map((name) => join(folder, name));
}

/** The lines whose comment says `MISTAKE(...)` or `NEAR(...)` with this guest's name among the names. */
export function markedLines(guest: Guest): readonly MarkedLine[] {
  const found: MarkedLine[] = [];
  for (const file of sourcesOf(guest.kernel)) {
    const lines = readFileSync(join(repository, file), 'utf8').split('\n');
    for (const [index, text] of lines.entries()) {
      for (const [, names] of text.matchAll(/\b(?:MISTAKE|NEAR)\(([^)]*)\)/g)) {
        if (names?.split(',').some((name) => name.trim() === (guest.variant ?? guest.name)))
          found.push({ file, line: index + 1 });
      }
    }
  }
  return found;
}
