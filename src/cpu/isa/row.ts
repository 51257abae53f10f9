/**
 * One row of the opcode table: an instruction form as Intel's manual prints it, and the handler that runs it.
 * The table generates the core's decoder; tests and the instruction list read it too.
 */

/** Arithmetic flags as the bits of {@link Row.reads} and {@link Row.writes}: c 1, p 2, a 4, z 8, s 16, o 32. */
const FLAG_LETTERS = 'cpazso';
/** Bits of {@link Row.reads} and its neighbours: every arithmetic flag. */
export const ALL_FLAGS = (1 << FLAG_LETTERS.length) - 1;

export type OpcodeMap = 0 | 1 | 2 | 3;

/** What a VEX prefix has to say (Intel SDM Vol. 2 2.3.5). */
export interface Vex {
  /** Accepted VEX.L: 1 128 bits, 2 256 bits. */
  readonly lengths: number;
  /** Accepted VEX.W: 1 clear, 2 set. */
  readonly wide: number;
}

export interface Row {
  /** 0: one byte, 1: 0F, 2: 0F 38, 3: 0F 3A. */
  readonly map: OpcodeMap;
  /** Undefined for an instruction without a VEX prefix. */
  readonly vex: Vex | undefined;
  /** First opcode byte; {@link span} bytes from there take this row (`+r` forms, condition codes). */
  readonly opcode: number;
  readonly span: number;
  /** Accepted mandatory prefixes: 1 none, 2 66, 4 F3, 8 F2. 15: they are no part of the opcode. */
  readonly prefixes: number;
  /** ModRM.reg, or undefined when it names an operand (or nothing). */
  readonly ext: number | undefined;
  readonly rm: number | undefined;
  /** Accepted ModRM.mod: 1 register, 2 memory. */
  readonly mod: number;
  /** Accepted code sizes: 1 16- and 32-bit, 2 64-bit. */
  readonly modes: number;
  readonly hasModrm: boolean;
  readonly mnemonic: string;
  readonly operands: readonly string[];
  readonly reads: number;
  readonly writes: number;
  readonly undefinedFlags: number;
  /** Name in `handlers.ts`; `unimplemented` for an instruction that the core names and refuses. */
  readonly handler: string;
  /** See {@link OPTIONS}. */
  readonly options: readonly string[];
  /** CPUID feature without which the row is not tried: older instructions with the same bytes are, or #UD. */
  readonly feature: string | undefined;
}

/** What a row may say beyond its operands. */
export const OPTIONS = {
  /** LOCK is legal with a memory destination. */
  lock: 1,
  /** 64 bits are the default operand size in 64-bit mode (push, pop). */
  d64: 2,
  /** The operand size is 64 bits in 64-bit mode, whatever the prefixes (near branches). */
  f64: 4,
  /** The block ends here: control may go elsewhere, or something that decoding depends on may change. */
  end: 8,
  /** REP/REPNE repeat it. */
  rep: 16,
  /** SSE state: #UD or #NM when CR0 or CR4 forbid it. */
  sse: 32,
  /** The memory operand is an address only (LEA, NOP, PREFETCH): nothing is read. */
  address: 64,
  /** The 16-byte memory operand must be aligned: #GP(0) otherwise. */
  aligned: 128,
  /** x87 state: #NM when CR0 says so. */
  x87: 256,
  /** A privileged instruction (for the list in the docs; the handler checks). */
  priv: 512,
  /** MMX registers: #UD or #NM when CR0 says so. */
  mmx: 1024,
  /** A real processor's result may differ by one unit in the last place. */
  near: 2048,
  /** AVX state: #UD or #NM when CR0, CR4 or XCR0 forbid it. */
  avx: 4096,
  /** Every model of processor has its own result: a relative error of at most 1.5 * 2^-12 is right. */
  approximate: 8192,
} as const;

function flagMask(letters: string): number {
  let mask = 0;
  for (const letter of letters) mask |= 1 << FLAG_LETTERS.indexOf(letter);
  return mask;
}

interface Pattern {
  map: OpcodeMap;
  vex: Vex | undefined;
  opcode: number;
  span: number;
  prefixes: number;
  ext: number | undefined;
  rm: number | undefined;
  mod: number;
  modes: number;
  hasModrm: boolean;
}

const PREFIX_BITS: Record<string, number> = { np: 1, '66': 2, f3: 4, f2: 8 };

const VEX_LENGTHS: Record<string, number> = { '128': 1, lz: 1, '256': 2, lig: 3 };
const VEX_WIDE: Record<string, number> = { w0: 1, w1: 2, wig: 3 };
const VEX_MAPS: Record<string, OpcodeMap> = { '0f': 1, '0f38': 2, '0f3a': 3 };

/** Reads `vex.128.66.0f38.w0`: length, mandatory prefix, map and W in any order; 128 bits, none, 0f and any W by default. */
function parseVex(word: string, pattern: Pattern): void {
  let lengths = 1;
  let wide = 3;
  pattern.map = 1;
  pattern.prefixes = 1;
  for (const part of word.split('.').slice(1)) {
    if (part in VEX_LENGTHS) lengths = VEX_LENGTHS[part]!;
    else if (part in VEX_WIDE) wide = VEX_WIDE[part]!;
    else if (part in VEX_MAPS) pattern.map = VEX_MAPS[part]!;
    else if (part in PREFIX_BITS) pattern.prefixes = PREFIX_BITS[part]!;
    else throw new Error(`opcode table: cannot read '${part}' in '${word}'`);
  }
  pattern.vex = { lengths, wide };
}

/** Reads a pattern such as `66 0f 6f /r`, `80 /0`, `50+r`, `0f 01 /7 mem`, `0f 40+cc /r`, `62 /r o32`, `vex.lz.0f38 f2 /r`. */
function parsePattern(text: string): Pattern {
  const words = text.split(' ');
  const pattern: Pattern = {
    map: 0,
    vex: undefined,
    opcode: 0,
    span: 1,
    prefixes: 0,
    ext: undefined,
    rm: undefined,
    mod: 3,
    modes: 3,
    hasModrm: false,
  };
  const bytes: string[] = [];
  for (const [index, word] of words.entries()) {
    // 66, F2 and F3 are no opcodes of their own: before another byte they are mandatory prefixes.
    const isPrefix = word in PREFIX_BITS && (word === 'np' || /^[0-9a-f]{2}/.test(words[index + 1] ?? ''));
    if (word.startsWith('vex.')) parseVex(word, pattern);
    else if (isPrefix && bytes.length === 0) pattern.prefixes |= PREFIX_BITS[word] ?? 0;
    else if (/^[0-9a-f]{2}(\+r|\+cc)?$/.test(word)) bytes.push(word);
    else if (word === '/r') pattern.hasModrm = true;
    else if (/^\/[0-7]$/.test(word)) {
      pattern.ext = Number(word[1]);
      pattern.hasModrm = true;
    } else if (/^rm[0-7]$/.test(word)) pattern.rm = Number(word[2]);
    else if (word === 'mem') pattern.mod = 2;
    else if (word === 'reg') pattern.mod = 1;
    else if (word === 'o32') pattern.modes = 1;
    else if (word === 'o64') pattern.modes = 2;
    else throw new Error(`opcode table: cannot read '${word}' in '${text}'`);
  }
  if (pattern.prefixes === 0) pattern.prefixes = 15;
  if (pattern.vex === undefined && bytes[0] === '0f' && bytes.length > 1) {
    bytes.shift();
    pattern.map = 1;
    const second = bytes.at(0);
    if (bytes.length > 1 && second === '38') pattern.map = 2;
    if (bytes.length > 1 && second === '3a') pattern.map = 3;
    if (pattern.map > 1) bytes.shift();
  }
  const last = bytes[0];
  if (last === undefined || bytes.length !== 1) throw new Error(`opcode table: no single opcode byte in '${text}'`);
  pattern.opcode = Number.parseInt(last.slice(0, 2), 16);
  if (last.endsWith('+r')) pattern.span = 8;
  if (last.endsWith('+cc')) pattern.span = 16;
  return pattern;
}

/**
 * A row. `flags`: `w:oszapc` written, `r:c` read, `u:oszap` left undefined, separated by spaces. `options`: names of
 * {@link OPTIONS}, and `cpuid=NAME` for the feature that it takes (`features.ts`). Throws on a mistake in the table,
 * when the core is built.
 */
export function row(
  pattern: string,
  mnemonic: string,
  operands: string,
  flags: string,
  handler: string,
  options = '',
): Row {
  const masks: { [kind: string]: number; r?: number; w?: number; u?: number } = {};
  for (const part of flags.split(' ').filter(Boolean)) masks[part.slice(0, 1)] = flagMask(part.slice(2));
  const words = options.split(' ').filter(Boolean);
  const feature = words.find((word) => word.startsWith('cpuid='))?.slice('cpuid='.length);
  const names = words.filter((word) => !word.startsWith('cpuid='));
  for (const name of names) if (!(name in OPTIONS)) throw new Error(`opcode table: no option '${name}' (${mnemonic})`);
  return {
    ...parsePattern(pattern),
    mnemonic,
    operands: operands === '' ? [] : operands.split(','),
    reads: masks.r ?? 0,
    writes: (masks.w ?? 0) | (masks.u ?? 0),
    undefinedFlags: masks.u ?? 0,
    handler,
    options: names,
    feature,
  };
}

/** The rows, each of them only where CPUID offers the feature (`features.ts`). */
export function withFeature(feature: string, rows: readonly Row[]): readonly Row[] {
  return rows.map((one) => ({ ...one, feature }));
}
