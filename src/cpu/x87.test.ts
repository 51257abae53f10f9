import { describe, expect, it } from 'vitest';
import { RAX, X87, X87_STATUS, X87_TAG } from './layout.ts';
import { AT, LongModeMachine } from './testing/test-machine.ts';

/** mov rax, cr0; or al, NE; mov cr0, rax */
const SET_NE = [0x0f, 0x20, 0xc0, 0x0c, 0x20, 0x0f, 0x22, 0xc0];
const FNINIT = [0xdb, 0xe3];
const FLD1 = [0xd9, 0xe8];
const FLDZ = [0xd9, 0xee];
const FLDPI = [0xd9, 0xeb];
const FWAIT = 0x9b;
const HLT = 0xf4;
/** Control word with the zero-divide exception unmasked. */
const UNMASK_ZERO = 0x37b;
/** An absolute 32-bit address after ModRM with `reg`. */
const at = (reg: number, address: number): number[] => [
  0x04 | (reg << 3),
  0x25,
  address & 0xff,
  (address >> 8) & 0xff,
  address >> 16,
  0,
];

function started(...code: readonly number[]): LongModeMachine {
  const machine = new LongModeMachine();
  machine.view.setUint16(AT.data, UNMASK_ZERO, true);
  machine.boot((assembler) => assembler.bytes(...code));
  return machine;
}

/** fninit; fldcw [data]; 1 / 0 */
const DIVIDE_BY_ZERO = [...FNINIT, 0xd9, ...at(5, AT.data), ...FLD1, ...FLDZ, 0xde, 0xf9];

describe('FPTAN of the smallest angles', () => {
  it.each([
    ['to nearest', 0x37f],
    ['towards zero', 0xf7f],
  ])('is the angle and a little more, rounded %s', (_, control) => {
    // fninit; fldcw [data]; fld tbyte [data + 16]; fptan; fstp st0; fstp tbyte [data + 32]; fnstsw [data + 48]
    const machine = started(
      ...[...FNINIT, 0xd9, ...at(5, AT.data), 0xdb, ...at(5, AT.data + 16), 0xd9, 0xf2, 0xdd, 0xd8],
      ...[0xdb, ...at(7, AT.data + 32), 0xdd, ...at(7, AT.data + 48), HLT],
    );
    machine.view.setUint16(AT.data, control, true);
    // The smallest normal number, negative.
    machine.view.setBigUint64(AT.data + 16, 1n << 63n, true);
    machine.view.setUint16(AT.data + 24, 0x8001, true);
    expect(machine.processor.run(100)).toBe('halted');
    expect(machine.view.getUint16(AT.data + 40, true)).toBe(0x8001);
    expect(machine.view.getBigUint64(AT.data + 32, true)).toBe(1n << 63n);
    // Inexact, and no underflow.
    expect(machine.view.getUint16(AT.data + 48, true) & 0x3f).toBe(0x20);
  });
});

describe('x87 exceptions (Intel SDM Vol. 1 8.6, 8.7)', () => {
  it('raises #MF at the next waiting instruction, not at the one that caused it', () => {
    const machine = started(...SET_NE, ...DIVIDE_BY_ZERO, 0x90, FWAIT, HLT);
    const handler = machine.haltingHandler(16);
    expect(machine.processor.run(100)).toBe('halted');
    expect(machine.reg('rip')).toBe(BigInt(handler + 1));
    const { core } = machine.processor;
    // ZE, ES and B; both operands are where they were.
    expect(core.word(X87_STATUS) & 0x80bf).toBe(0x8084);
    expect(core.word(X87_TAG)).toBe(0xc0);
    // The frame's RIP is FWAIT's.
    const frame = Number(machine.reg('rsp'));
    expect(machine.ram[Number(machine.u64(frame))]).toBe(FWAIT);
  });

  it('lets the instructions that do not wait run', () => {
    // fnstsw ax; fnclex; fwait; hlt
    const machine = started(...SET_NE, ...DIVIDE_BY_ZERO, 0xdf, 0xe0, 0xdb, 0xe2, FWAIT, HLT);
    expect(machine.processor.run(100)).toBe('halted');
    const { core } = machine.processor;
    expect(Number(core.quad(RAX) & 0x80bfn)).toBe(0x8084);
    expect(core.word(X87_STATUS) & 0x80ff).toBe(0);
  });

  it('goes on with CR0.NE clear when nothing is connected to FERR#', () => {
    const machine = started(...DIVIDE_BY_ZERO, FWAIT, HLT);
    expect(machine.processor.run(100)).toBe('halted');
    expect(machine.processor.core.word(X87_STATUS) & 0x80bf).toBe(0x8084);
  });
});

describe('x87 state in memory', () => {
  it('saves ST0 first and abridged tags with FXSAVE (Vol. 1 10.5.1)', () => {
    // fninit; fld1; fldpi; fxsave [data + 64]
    const machine = started(...FNINIT, ...FLD1, ...FLDPI, 0x0f, 0xae, ...at(0, AT.data + 64), HLT);
    expect(machine.processor.run(100)).toBe('halted');
    expect(machine.view.getUint16(AT.data + 64 + 2, true)).toBe(0x3000);
    expect(machine.view.getUint8(AT.data + 64 + 4)).toBe(0xc0);
    expect(machine.u64(AT.data + 64 + 32)).toBe(0xc90f_daa2_2168_c235n);
    expect(machine.u64(AT.data + 64 + 48)).toBe(1n << 63n);
  });

  it('writes the 16-bit protected-mode environment with an operand prefix (Vol. 1 figure 8-11)', () => {
    // fninit; fld1; fnstenv16 [data + 64]
    const machine = started(...FNINIT, ...FLD1, 0x66, 0xd9, ...at(6, AT.data + 64), HLT);
    machine.setU64(AT.data + 64 + 8, 0xeeee_eeee_eeee_eeeen);
    expect(machine.processor.run(100)).toBe('halted');
    const word = (index: number) => machine.view.getUint16(AT.data + 64 + index * 2, true);
    expect([word(0), word(1), word(2)]).toEqual([0x37f, 0x3800, 0x3fff]);
    // The last instruction is FLD1, in the code segment; the environment is 14 bytes.
    expect(machine.ram[word(3) + AT.code - (AT.code & 0xffff)]).toBe(FLD1[0]);
    expect(word(4)).toBe(8);
    expect(word(7)).toBe(0xeeee);
  });

  it('makes all registers valid and the exponent ones when MMX writes (Vol. 1 9.5.1)', () => {
    // fninit; fldpi; mov eax, 5; movd mm3, eax
    const machine = started(...FNINIT, ...FLDPI, 0xb8, 5, 0, 0, 0, 0x0f, 0x6e, 0xd8, HLT);
    expect(machine.processor.run(100)).toBe('halted');
    const { core } = machine.processor;
    expect(core.word(X87_TAG)).toBe(0xff);
    expect(core.word(X87_STATUS) & 0x3800).toBe(0);
    expect([core.quad(X87 + 48), core.quad(X87 + 56)]).toEqual([5n, 0xffffn]);
  });
});

describe('without the x87 (Vol. 3A table 12-1, 2.5)', () => {
  it.each([
    ['x87 with EM', 0x04, FLD1, 7],
    ['x87 with TS', 0x08, FLD1, 7],
    ['MMX with EM', 0x04, [0x0f, 0x77], 6],
    ['MMX with TS', 0x08, [0x0f, 0x77], 7],
  ])('%s', (_name, bit, instruction, vector) => {
    // mov rax, cr0; or al, bit; mov cr0, rax
    const machine = started(0x0f, 0x20, 0xc0, 0x0c, bit, 0x0f, 0x22, 0xc0, ...instruction, HLT);
    const handler = machine.haltingHandler(vector);
    expect(machine.processor.run(100)).toBe('halted');
    expect(machine.reg('rip')).toBe(BigInt(handler + 1));
  });
});
