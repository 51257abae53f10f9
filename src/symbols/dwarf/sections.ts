/** The debug sections of one file, decompressed when first asked for. */
import type { FileProblem } from '../bytes.ts';
import { attempt } from '../bytes.ts';
import type { ElfFile } from '../elf/file.ts';
import { type Inflate, sectionByName } from '../elf/sections.ts';

export type DebugSectionName =
  | '.debug_info'
  | '.debug_abbrev'
  | '.debug_line'
  | '.debug_str'
  | '.debug_line_str'
  | '.debug_str_offsets'
  | '.debug_addr'
  | '.debug_ranges'
  | '.debug_rnglists'
  | '.debug_aranges'
  | '.debug_frame'
  | '.eh_frame';

/** Problems kept; a damaged file has thousands, and the first few say what is wrong. */
const PROBLEMS_MAX = 32;

export class DebugSections {
  readonly #loaded = new Map<DebugSectionName, Uint8Array>();
  readonly problems: FileProblem[] = [];

  constructor(
    readonly file: ElfFile,
    readonly inflate?: Inflate,
  ) {}

  get littleEndian(): boolean {
    return this.file.littleEndian;
  }

  /** The section's bytes; empty when the file has none or it is damaged (the problem is kept). */
  get(name: DebugSectionName): Uint8Array {
    let bytes = this.#loaded.get(name);
    if (bytes === undefined) {
      bytes = this.guard(() => sectionByName(this.file, name, this.inflate)) ?? new Uint8Array(0);
      this.#loaded.set(name, bytes);
    }
    return bytes;
  }

  /** Runs a reader over the sections; a malformed part is noted and gives `undefined`. */
  guard<T>(read: () => T): T | undefined {
    const result = attempt(read);
    if (result.ok) return result.value;
    this.note(result.problem);
    return undefined;
  }

  note(problem: FileProblem): void {
    if (this.problems.length < PROBLEMS_MAX) this.problems.push(problem);
  }
}
