/** Guest code as `-d in_asm` prints it. The instructions' text comes from a disassembler that the host gives. */
import { hexPadded } from '../base/address.ts';

/** One instruction, in AT&T syntax. */
export interface DisassembledInstruction {
  readonly address: bigint;
  readonly bytes: Uint8Array;
  /** `movq`, `cli`. */
  readonly mnemonic: string;
  /** `%rsp, %rbp`; empty when it has none. */
  readonly operands: string;
}

export type Disassembler = (
  address: bigint,
  bytes: Uint8Array,
  bits: 16 | 32 | 64,
) => readonly DisassembledInstruction[];

/** Bytes on one line. */
const BYTES_PER_LINE = 8;

/** One block as QEMU's log has it: a rule, `IN: `, the instructions, an empty line. */
export function blockText(instructions: readonly DisassembledInstruction[]): string {
  return `----------------\nIN: \n${instructions.map(instructionLines).join('')}\n`;
}

export function instructionLines({ address, bytes, mnemonic, operands }: DisassembledInstruction): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += BYTES_PER_LINE) {
    const part = Array.from(bytes.subarray(at, at + BYTES_PER_LINE), (byte) => hexPadded(byte, 2)).join(' ');
    const where = `0x${hexPadded(address + BigInt(at), 8)}:  `;
    // A long instruction's further bytes stand on lines of their own, without text.
    text += at === 0 ? `${where}${part.padEnd(25)}${mnemonic.padEnd(8)} ${operands}\n` : `${where}${part}\n`;
  }
  return text;
}
