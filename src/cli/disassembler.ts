/** AT&T syntax for `-d in_asm`, from iced-x86. Loaded when first needed: it brings a megabyte of WebAssembly. */
import { createRequire } from 'node:module';
import type { DisassembledInstruction, Disassembler } from '../debug/disassembly.ts';

type Iced = typeof import('iced-x86');

/** DEVIATION: QEMU's disassembler is Capstone; operands can be spelled differently (`0x1` for `1`, size suffixes). */
export function createDisassembler(): Disassembler {
  const iced = createRequire(import.meta.url)('iced-x86') as Iced;
  const formatter = new iced.Formatter(iced.FormatterSyntax.Gas);
  formatter.spaceAfterOperandSeparator = true;
  formatter.gasShowMnemonicSizeSuffix = true;
  formatter.gasSpaceAfterMemoryOperandComma = true;
  formatter.ripRelativeAddresses = true;
  formatter.uppercaseHex = false;
  formatter.branchLeadingZeros = false;
  formatter.hexPrefix = '0x';
  formatter.hexSuffix = '';
  return (address, bytes, bits) => {
    const decoder = new iced.Decoder(bits, bytes, iced.DecoderOptions.None);
    decoder.ip = address;
    const instructions: DisassembledInstruction[] = [];
    while (decoder.canDecode) {
      const start = decoder.position;
      const instruction = decoder.decode();
      // iced-x86 1.21 takes a 64-bit immediate for a small one when only its low half is: it would print `$0`.
      const wide = instruction.code === iced.Code.Mov_r64_imm64 && instruction.immediate64 > 9n;
      formatter.smallHexNumbersInDecimal = !wide;
      const text = formatter.format(instruction);
      const [mnemonic, ...operands] = text.split(' ');
      instructions.push({
        address: instruction.ip,
        bytes: bytes.slice(start, decoder.position),
        mnemonic: withoutNeedlessSuffix(mnemonic!),
        operands: operands.join(' '),
      });
      instruction.free();
    }
    decoder.free();
    return instructions;
  };
}

/** Instructions whose operands leave no choice of size: the AT&T manual's spelling has no suffix. */
function withoutNeedlessSuffix(mnemonic: string): string {
  if (/^set\w+b$/.test(mnemonic) && mnemonic !== 'setb') return mnemonic.slice(0, -1);
  return mnemonic === 'leaveq' ? 'leave' : mnemonic;
}
