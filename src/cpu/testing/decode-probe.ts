/** The core's decoder alone: bytes in, length and row of the opcode table out. */
import { CoreInstance } from '../core-instance.ts';
import { rowsInTableOrder } from '../isa/decode-source.ts';
import { FEATURE_WORDS } from '../isa/features.ts';
import type { Row } from '../isa/row.ts';
import { FEATURES, MODE_CODE_16, MODE_CODE_32, MODE_CODE_64, MODE_PROTECTED } from '../layout.ts';

export const CODE_SIZES = [16, 32, 64] as const;
export type CodeSize = (typeof CODE_SIZES)[number];

const MODES = {
  16: MODE_CODE_16 | MODE_PROTECTED,
  32: MODE_CODE_32 | MODE_PROTECTED,
  64: MODE_CODE_64 | MODE_PROTECTED,
} as const;

const refuse = () => {
  throw new Error('the decoder alone calls nothing');
};

export class DecodeProbe {
  /** What is decoded. */
  readonly bytes: Uint8Array;
  readonly #core: CoreInstance;
  readonly #rows = rowsInTableOrder();

  constructor(size: number) {
    this.#core = new CoreInstance(
      { memoryBytes: size, cpus: 1, trackWriters: false },
      new Proxy({} as ConstructorParameters<typeof CoreInstance>[1], { get: () => refuse }),
    );
    // Every feature: the rows of all of them are compared.
    this.#core.bytes.fill(0xff, FEATURES, FEATURES + FEATURE_WORDS.length * 4);
    this.#core.exports.initialise();
    this.bytes = this.#core.allocate(size);
  }

  /** Decodes at `at`. `length` 0: the bytes end within the instruction. No row: #UD, or #GP(0) at more than 15 bytes. */
  decode(at: number, codeSize: CodeSize): { readonly length: number; readonly row: Row | undefined } {
    const { byteOffset, length } = this.bytes;
    const result = this.#core.exports.probe(byteOffset + at, byteOffset + length, MODES[codeSize]) >>> 0;
    return { length: result & 0xff, row: this.#rows[(result >>> 8) - 1] };
  }
}
