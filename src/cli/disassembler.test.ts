import { describe, expect, it } from 'vitest';
import { blockText } from '../debug/disassembly.ts';
import { createDisassembler } from './disassembler.ts';

describe('the disassembler for -d in_asm', () => {
  const disassemble = createDisassembler();

  it('writes 64-bit code as QEMU 7.2.22 printed it', () => {
    const bytes = Uint8Array.of(0x55, 0x48, 0x89, 0xe5, 0x41, 0x55, 0x48, 0x83, 0xec, 0x18, 0xee);
    expect(blockText(disassemble(0xffff_ff80_0020_0b7en, bytes, 64))).toBe(`----------------
IN: 
0xffffff8000200b7e:  55                       pushq    %rbp
0xffffff8000200b7f:  48 89 e5                 movq     %rsp, %rbp
0xffffff8000200b82:  41 55                    pushq    %r13
0xffffff8000200b84:  48 83 ec 18              subq     $0x18, %rsp
0xffffff8000200b88:  ee                       outb     %al, %dx

`);
  });

  it('puts blanks into memory operands, and small numbers in decimal, as QEMU does', () => {
    const bytes = Uint8Array.of(0xc7, 0x44, 0xcb, 0x04, 0x00, 0x00, 0x00, 0x80);
    expect(disassemble(0x20_0041n, bytes, 32)[0]).toMatchObject({
      mnemonic: 'movl',
      operands: '$0x80000000, 4(%ebx, %ecx, 8)',
    });
  });

  it('writes addresses relative to rip, and no suffix where the operands leave no choice', () => {
    const texts = (...bytes: number[]) =>
      disassemble(0x1000n, Uint8Array.from(bytes), 64).map(({ mnemonic, operands }) =>
        `${mnemonic} ${operands}`.trim(),
      );
    expect(texts(0x0f, 0x01, 0x15, 0x49, 0, 0, 0)).toEqual(['lgdtq 0x49(%rip)']);
    expect(texts(0x0f, 0x92, 0xc0, 0x0f, 0x96, 0xc2, 0xc9)).toEqual(['setb %al', 'setbe %dl', 'leave']);
  });

  it('follows the size of the code and takes any bytes', () => {
    const [first] = disassemble(0xfff0n, Uint8Array.of(0xb8, 0x34, 0x12), 16);
    expect(first).toMatchObject({ mnemonic: 'movw', operands: '$0x1234, %ax', address: 0xfff0n });
    expect(disassemble(0n, Uint8Array.of(0x0f), 64)).toHaveLength(1);
    expect(disassemble(0n, new Uint8Array(0), 32)).toEqual([]);
  });
});

describe('64-bit immediates', () => {
  it.each([
    [[0x48, 0xb8, 0, 0, 0, 0, 0x80, 0xff, 0xff, 0xff], '$0xffffff8000000000, %rax'],
    [[0x48, 0xb8, 5, 0, 0, 0, 1, 0, 0, 0], '$0x100000005, %rax'],
    [[0x48, 0xb8, 5, 0, 0, 0, 0, 0, 0, 0], '$5, %rax'],
  ])('%j', (bytes, operands) => {
    expect(createDisassembler()(0x1000n, Uint8Array.from(bytes), 64)[0]).toMatchObject({ operands });
  });
});
