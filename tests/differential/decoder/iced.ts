/** iced-x86 as the judge of lengths, validity and names. */
import { createRequire } from 'node:module';
import type { CodeSize } from '../../../src/cpu/testing/decode-probe.ts';

type Iced = typeof import('iced-x86');
const iced = createRequire(import.meta.url)('iced-x86') as Iced;

export interface Judged {
  readonly length: number;
  readonly valid: boolean;
  /** In capitals; `INVALID`. */
  readonly mnemonic: string;
  readonly text: string;
  /** CPUID features that it needs, all of them. */
  readonly features: readonly string[];
  /** Legacy, VEX, EVEX, XOP or D3NOW. */
  readonly encoding: string;
}

export class Judge {
  readonly #decoder: InstanceType<Iced['Decoder']>;
  readonly #instruction = new iced.Instruction();
  readonly #formatter = new iced.FastFormatter();

  constructor(bytes: Uint8Array, codeSize: CodeSize) {
    this.#decoder = new iced.Decoder(codeSize, bytes, iced.DecoderOptions.None);
  }

  /** The instruction at `at`: its length, 0 if it is invalid, and the number of its mnemonic. */
  decode(at: number): { readonly length: number; readonly mnemonic: number } {
    this.#decoder.position = at;
    this.#decoder.decodeOut(this.#instruction);
    const invalid = this.#instruction.code === iced.Code.INVALID;
    return { length: invalid ? 0 : this.#instruction.length, mnemonic: this.#instruction.mnemonic };
  }

  /** What there is to say about the instruction that was decoded last. */
  describe(): Judged {
    const instruction = this.#instruction;
    const valid = instruction.code !== iced.Code.INVALID;
    return {
      length: valid ? instruction.length : 0,
      valid,
      mnemonic: mnemonicName(instruction.mnemonic),
      text: this.#formatter.format(instruction),
      features: Array.from(instruction.cpuidFeatures() as ArrayLike<number>, (feature) =>
        String(iced.CpuidFeature[feature]),
      ),
      encoding: String(iced.EncodingKind[instruction.encoding]),
    };
  }

  free(): void {
    this.#decoder.free();
    this.#instruction.free();
    this.#formatter.free();
  }
}

export function mnemonicName(number: number): string {
  return String(iced.Mnemonic[number]).toUpperCase();
}
