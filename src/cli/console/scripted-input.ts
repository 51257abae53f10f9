/** `--type TEXT@WHEN` and `--expect TEXT`: a person at the serial console who always does the same at the same time. */
import { parseDuration } from '../quantities.ts';
import { UsageError } from '../usage-error.ts';

/** Text for the guest, and when it comes. */
export interface TypedText {
  readonly bytes: Uint8Array;
  /** Nanoseconds of guest time, or what the console has printed just before. */
  readonly when: { readonly time: number } | { readonly printed: Uint8Array };
}

const FORM = 'write TEXT@SECONDS, or TEXT@"PROMPT" for: when the console has printed PROMPT; \\n is a new line';

/** Reads `ls\n@2.5` and `root\n@"login: "`. The last @ counts. */
export function parseTypedText(argument: string): TypedText {
  const match = /^(.*)@(?:"(.+)"|([^"@]*))$/s.exec(argument);
  if (match === null || match[1] === '') throw new UsageError(`"${argument}" does not say what to type when`, FORM);
  const bytes = unescaped(match[1]!);
  if (match[2] !== undefined) return { bytes, when: { printed: unescaped(match[2]) } };
  try {
    return { bytes, when: { time: match[3] === '0' ? 0 : parseDuration(match[3]!) } };
  } catch (error) {
    if (error instanceof UsageError) throw new UsageError(error.message, FORM);
    throw error;
  }
}

/** The text of `--expect`, with the same escapes. */
export function parseExpected(argument: string): Uint8Array {
  if (argument === '') throw new UsageError('an empty text is always there', 'give what the console will print');
  return unescaped(argument);
}

const ESCAPES: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9, e: 27, '\\': 0x5c, '"': 0x22 };

/** `\n`, `\r`, `\t`, `\e`, `\\`, `\"` and `\x1b` stand for their bytes; the rest is UTF-8. */
export function unescaped(text: string): Uint8Array {
  const bytes: number[] = [];
  const encoder = new TextEncoder();
  for (const [piece] of text.matchAll(/\\x[0-9a-f]{2}|\\[nrte"\\]|\\?[^\\]+|\\/gis)) {
    const letter = piece[1] ?? '';
    if (piece.startsWith('\\x') && piece.length === 4) bytes.push(Number.parseInt(piece.slice(2), 16));
    else if (piece.length === 2 && piece[0] === '\\' && letter in ESCAPES) bytes.push(ESCAPES[letter]!);
    else if (piece.startsWith('\\')) {
      throw new UsageError(`"\\${letter}" in "${text}" stands for nothing`, 'known: \\n \\r \\t \\e \\" \\\\ \\xHH');
    } else bytes.push(...encoder.encode(piece));
  }
  return Uint8Array.from(bytes);
}

/** Watches what the console prints for a text; calls `found` at its last byte, each time. */
export class TextWatch {
  readonly #text: Uint8Array;
  readonly #found: () => void;
  /** For each length of a beginning, the longest shorter one that ends it too (Knuth, Morris and Pratt). */
  readonly #fallbacks: number[];
  #matched = 0;

  constructor(text: Uint8Array, found: () => void) {
    this.#text = text;
    this.#found = found;
    this.#fallbacks = fallbacksOf(text);
  }

  readonly put = (byte: number): void => {
    this.#matched = longer(this.#text, this.#fallbacks, this.#matched, byte);
    if (this.#matched < this.#text.length) return;
    this.#matched = this.#fallbacks[this.#matched]!;
    this.#found();
  };
}

function longer(text: Uint8Array, fallbacks: readonly number[], matched: number, byte: number): number {
  let length = matched;
  while (length > 0 && text[length] !== byte) length = fallbacks[length]!;
  return text[length] === byte ? length + 1 : 0;
}

function fallbacksOf(text: Uint8Array): number[] {
  const fallbacks = [0, 0];
  for (let length = 1; length < text.length; length += 1) {
    fallbacks.push(longer(text, fallbacks, fallbacks[length]!, text[length]!));
  }
  return fallbacks;
}
