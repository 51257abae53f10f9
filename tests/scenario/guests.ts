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
  /** RAM below 4 GiB at most; the rest stands above. */
  readonly ramBelow4g?: string;
  /** Further options of `dmascope run`. */
  readonly runOptions?: readonly string[];
  readonly expectQemuExit?: number;
  /** What a near miss is told under the qemu personality: QEMU itself departs from the specification there. */
  readonly qemuFinds?: readonly string[];
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

/** The drivers without a mistake. */
export const silent = guests.filter((guest) => guest.kind === 'near-miss' || guest.kind === 'mended');

export function named(name: string): Guest {
  const guest = guests.find((each) => each.name === name);
  if (guest === undefined) throw new Error(`no guest ${name}`);
  return guest;
}

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

/** Rounds of each workload of the bench kernel. */
export const WORKLOADS = 'sieve 2 matrix 5 sort 2 crc 1 copy 3 calls 3 arithmetic 2 chase 3';

/** What they print: computed by workloads.c built for the host and run on its own processor, at -O0 and at -O2. */
export const WORKLOAD_SUMS = `sieve 2: 000000000000331c
matrix 5: 0000001830d8b3ec
sort 2: 00000000fe970c0c
crc 1: 000000007e711a13
copy 3: c9b2f55eb6218820
calls 3: 0000000000000df3
arithmetic 2: 8b5c287717670f0e
chase 3: 00000000e9eda508
done
`;

/** Words of the fault kernel's command line that end in a printed exception, and its vector. */
export const FAULTS: readonly { readonly word: string; readonly vector: number; readonly says: RegExp }[] = [
  { word: 'divide', vector: 0, says: /error 0,/ },
  { word: 'breakpoint', vector: 3, says: /error 0,/ },
  { word: 'invalid-opcode', vector: 6, says: /error 0,/ },
  { word: 'general-protection', vector: 13, says: /error 0,/ },
  // Not present, read, supervisor.
  { word: 'page-fault', vector: 14, says: /error 0, .* cr2 0000000000001000/ },
  // Present, instruction fetch, supervisor.
  { word: 'no-execute', vector: 14, says: /error 11, rip (ffffff8000400000), .* cr2 \1/ },
];
