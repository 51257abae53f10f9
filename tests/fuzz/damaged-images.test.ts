/**
 * Good kernels, damaged: header, program headers, Multiboot header, code, symbols and DWARF. Each is either refused in
 * words or runs and is reported on; never an error of ours. `FUZZ_SEED` repeats a run, `FUZZ_STEPS` is the number of
 * images of each kind.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readElf } from '../../src/symbols/elf/file.ts';
import { repository } from '../scenario/guests.ts';
import { Dice, FuzzFailure, SEED, steps } from './dice.ts';
import { MachineBench } from './machine-bench.ts';

const IMAGES = steps(25);
const TIMEOUT = 300_000;
const MIB = 1024 * 1024;
/** The story's kernel has made its mistake after some 26 000 instructions, where resetting takes no time as on QEMU. */
const INSTRUCTIONS_MAX = 60_000;
/** Reading symbols, loading, running and reporting together. */
const MILLISECONDS_MAX = 20_000;

const story = readFileSync(join(repository, 'guests/built/story.elf'));
const dwarf4 = readFileSync(join(repository, 'guests/built/story-dwarf4.elf'));

interface Part {
  readonly start: number;
  readonly size: number;
}

function sections(image: Uint8Array, matches: (name: string) => boolean): Part[] {
  const elf = readElf(image);
  if (!elf.ok) throw new Error(elf.problem.message);
  return elf.value.sections.flatMap(({ name, offset, size, type }) =>
    matches(name) && type !== 8 ? [{ start: offset, size }] : [],
  );
}

const LOADED = /^\.(boot|text|rodata|data)$/;

/** What is damaged, and where the damage falls. */
const KINDS: readonly { readonly kind: string; readonly image: Uint8Array; readonly parts: readonly Part[] }[] = [
  { kind: 'the ELF header', image: story, parts: [{ start: 0, size: 64 }] },
  { kind: 'the program header', image: story, parts: [{ start: 64, size: 56 }] },
  { kind: 'the section headers', image: story, parts: [{ start: sectionHeaders(story), size: 19 * 64 }] },
  { kind: 'the Multiboot header', image: story, parts: [{ start: multibootHeader(story), size: 12 }] },
  { kind: 'code and data', image: story, parts: sections(story, (name) => LOADED.test(name)) },
  { kind: 'DWARF 5', image: story, parts: sections(story, (name) => name.startsWith('.debug')) },
  { kind: 'DWARF 4', image: dwarf4, parts: sections(dwarf4, (name) => name.startsWith('.debug')) },
  { kind: 'symbols', image: story, parts: sections(story, (name) => /^\.(symtab|strtab|shstrtab)$/.test(name)) },
];

function sectionHeaders(image: Uint8Array): number {
  return Number(new DataView(image.buffer, image.byteOffset).getBigUint64(40, true));
}

function multibootHeader(image: Uint8Array): number {
  const view = new DataView(image.buffer, image.byteOffset);
  for (let at = 0; at < 8192; at += 4) if (view.getUint32(at, true) === 0x1bad_b002) return at;
  throw new Error('the image has no Multiboot header');
}

/** One to eight bytes or words changed, a stretch overwritten, or the file cut off. */
function damage(original: Uint8Array, parts: readonly Part[], dice: Dice): Uint8Array {
  const image = Uint8Array.from(original);
  const place = () => {
    const part = dice.pick(parts);
    return part.start + dice.below(part.size);
  };
  switch (dice.below(8)) {
    case 0:
      return image.slice(0, place());
    case 1: {
      const at = place();
      image.fill(dice.pick([0, 0xff, dice.below(256)]), at, at + dice.below(64));
      return image;
    }
    case 2: {
      const at = place() & ~3;
      const words = new DataView(image.buffer);
      for (let count = 1 + dice.below(3); count > 0 && at + 4 <= image.length; count -= 1) {
        words.setUint32(at, dice.pick([dice.next(), 0x7fff_ffff, 0x8000_0000, 0xffff_fff0, dice.below(16)]), true);
      }
      return image;
    }
    default:
      for (let count = 1 + dice.below(8); count > 0; count -= 1) {
        const at = place();
        image[at] = dice.chance(2) ? dice.below(256) : image[at]! ^ (1 << dice.below(8));
      }
      return image;
  }
}

/** `refused`, or how the run ended. */
function play(image: Uint8Array, seed: number, kind: string): { readonly ending: string; readonly findings: number } {
  const before = performance.now();
  try {
    const bench = new MachineBench({ ramBytes: 8 * MIB, personality: 'qemu', hashTrace: false });
    const refused = bench.load(image);
    if (refused !== undefined) {
      expect(refused.problem).toMatch(/\w{3,}/);
      expect(refused.hint).toMatch(/\w{3,}/);
      return { ending: 'refused', findings: 0 };
    }
    const outcome = bench.run({ maxInstructions: INSTRUCTIONS_MAX });
    const { json, text } = bench.conclude(outcome);
    expect(text).not.toBe('');
    const took = performance.now() - before;
    if (took > MILLISECONDS_MAX) throw new Error(`took ${took} ms`);
    return { ending: outcome.kind, findings: JSON.parse(json).findings.length };
  } catch (error) {
    throw new FuzzFailure(seed, `damage to ${kind}`, error);
  }
}

describe(`damaged images (FUZZ_SEED=${SEED})`, { timeout: TIMEOUT }, () => {
  it('the undamaged ones run and are reported on', () => {
    for (const image of [story, dwarf4]) {
      expect(play(image, SEED, 'nothing')).toMatchObject({ ending: 'instruction-limit' });
      expect(play(image, SEED, 'nothing').findings).toBeGreaterThan(0);
    }
  });

  it.each(KINDS)('$kind: refused in words, or run and reported on', ({ kind, image, parts }) => {
    const endings = new Set<string>();
    for (let index = 0; index < IMAGES; index += 1) {
      const seed = SEED + index;
      endings.add(play(damage(image, parts, new Dice(seed)), seed, kind).ending);
    }
    // One image alone, seen again, may end either way.
    if (IMAGES === 1) return;
    // Symbols are only for the report: a kernel whose symbols are damaged runs all the same.
    if (/DWARF|symbols/.test(kind)) expect(endings).toContain('instruction-limit');
    if (/ELF header|Multiboot/.test(kind)) expect(endings).toContain('refused');
  });
});
