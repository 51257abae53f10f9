/** #AC (Intel SDM Vol. 3A 6.15): CPL 3, CR0.AM and EFLAGS.AC. */
import { describe, expect, it } from 'vitest';
import { type Assembler, RAX, RBX, RCX, RDI, RSI } from './testing/assembler.ts';
import { frameBelow } from './testing/frames.ts';
import { enterUser, setCr4 } from './testing/programs.ts';
import { AT, LongModeMachine } from './testing/test-machine.ts';

const AC = 17;
const DONE = 0x40;
const FLAG_AC = 0x4_0000;

interface Setting {
  readonly am?: boolean;
  readonly ac?: boolean;
}

/** Runs code at CPL 3 with RBX = RDI = RSI = data + `offset`; says whether it came to its end or to #AC, with which error. */
function outcome(program: (code: Assembler) => void, offset: number, { am = true, ac = true }: Setting = {}) {
  const machine = new LongModeMachine();
  const handlers = [machine.haltingHandler(AC, { ist: 1 }), machine.haltingHandler(DONE, { dpl: 3 })];
  const code = machine.boot((asm) => {
    if (am) asm.bytes(0x0f, 0x20, 0xc0, 0x0f, 0xba, 0xe8, 18, 0x0f, 0x22, 0xc0); // mov rax, cr0; bts eax, 18; mov cr0, rax
    setCr4(asm, 0x4_0200); // OSFXSR, OSXSAVE
    asm.bytes(0x31, 0xc9, 0x31, 0xd2, 0xb8, 7, 0, 0, 0, 0x0f, 0x01, 0xd1); // xor ecx, ecx; xor edx, edx; mov eax, 7; xsetbv
    for (const register of [RBX, RDI, RSI]) asm.mov(register, AT.data + offset);
    asm.mov(RCX, 3);
    enterUser(asm);
    if (ac) asm.bytes(0x68, 2, 0, FLAG_AC >> 16, 0, 0x9d); // push FLAG_AC | 2; popfq
    asm.label('begin');
    program(asm);
    asm.bytes(0xcd, DONE);
  });
  expect(machine.processor.run(10_000)).toBe('halted');
  const halted = Number(machine.reg('rip')) - 1;
  if (halted === handlers[1]) return { vector: DONE, machine };
  expect(halted).toBe(handlers[0]);
  const frame = frameBelow(machine, AT.stackIst1, true);
  expect(frame.error).toBe(0n);
  return { vector: AC, machine, at: frame.rip - code.addressOf('begin'), rsp: frame.rsp };
}

const bytes =
  (...values: number[]) =>
  (code: Assembler) =>
    code.bytes(...values);

type Case = readonly [name: string, program: (code: Assembler) => void, alignment: number];

const CASES: readonly Case[] = [
  ['MOV of 1 byte', bytes(0x8a, 0x03, 0x88, 0x03), 1],
  ['a read of 2', bytes(0x66, 0x8b, 0x03), 2],
  ['a read of 4', bytes(0x8b, 0x03), 4],
  ['a read of 8', bytes(0x48, 0x8b, 0x03), 8],
  ['a write of 2', bytes(0x66, 0x89, 0x03), 2],
  ['a write of 4', bytes(0x89, 0x03), 4],
  ['a write of 8', bytes(0x48, 0x89, 0x03), 8],
  ['ADD to memory', bytes(0x48, 0x01, 0x03), 8],
  ['CMPXCHG8B', bytes(0x0f, 0xc7, 0x0b), 8],
  ['MOVSW', bytes(0x66, 0xa5), 2],
  ['REP MOVSQ', bytes(0xf3, 0x48, 0xa5), 8],
  ['REP STOSD', bytes(0xf3, 0xab), 4],
  ['REPE SCASW', bytes(0xf3, 0x66, 0xaf), 2],
  ['MOVSD to xmm0', bytes(0xf2, 0x0f, 0x10, 0x03), 8],
  ['MOVSS from xmm0', bytes(0xf3, 0x0f, 0x11, 0x03), 4],
  ['MOVUPS, both ways', bytes(0x0f, 0x10, 0x03, 0x0f, 0x11, 0x03), 1],
  ['FLD of 8', bytes(0xdd, 0x03), 8],
  ['FLD of 10', bytes(0xdb, 0x2b), 8],
  ['FSTP of 10', bytes(0xd9, 0xe8, 0xdb, 0x3b), 8],
  ['FNSTENV', bytes(0xd9, 0x33), 4],
  ['FNSAVE', bytes(0xdd, 0x33), 4],
  ['SIDT', bytes(0x0f, 0x01, 0x0b), 4],
  ['LFS of two words', bytes(0x66, 0x0f, 0xb4, 0x03), 2],
  ['LFS of 6', bytes(0x0f, 0xb4, 0x03), 4],
  // vpcmpeqd xmm1, xmm1, xmm1; vmaskmovpd xmm0, xmm1, [rbx]; vmaskmovpd [rbx], xmm1, xmm0
  ['VMASKMOVPD', bytes(0xc5, 0xf1, 0x76, 0xc9, 0xc4, 0xe2, 0x71, 0x2d, 0x03, 0xc4, 0xe2, 0x71, 0x2f, 0x03), 1],
  // vpcmpeqd xmm1, xmm1, xmm1; vgatherqpd xmm0, [rbx + xmm2], xmm1
  ['VGATHERQPD', bytes(0xc5, 0xf1, 0x76, 0xc9, 0xc4, 0xe2, 0xf1, 0x93, 0x04, 0x13), 1],
  ['MASKMOVDQU of all bytes', bytes(0x66, 0x0f, 0x76, 0xc0, 0x66, 0x0f, 0xf7, 0xc0), 1],
  ['PUSH', bytes(0x48, 0x89, 0xdc, 0x50), 8],
  ['POP', bytes(0x48, 0x89, 0xdc, 0x58), 8],
  ['CALL', bytes(0x48, 0x89, 0xdc, 0xe8, 0, 0, 0, 0), 8],
];

describe('alignment check', () => {
  it.each(CASES)('%s', (_, program, alignment) => {
    for (let offset = 0x100; offset < 0x110; offset++) {
      expect([offset, outcome(program, offset).vector]).toEqual([offset, offset % alignment ? AC : DONE]);
    }
  });

  it('needs CR0.AM and EFLAGS.AC', () => {
    const read = bytes(0x8b, 0x03);
    expect(outcome(read, 1, { am: false }).vector).toBe(DONE);
    expect(outcome(read, 1, { ac: false }).vector).toBe(DONE);
  });

  it('comes before anything changes', () => {
    const { machine, at } = outcome((code) => code.mov(RAX, 0x55).bytes(0x48, 0x01, 0x03), 0xffc);
    expect(at).toBe(10);
    expect(machine.u64(AT.data + 0xffc)).toBe(0n);
    const pushed = outcome(bytes(0x48, 0x89, 0xdc, 0x50), 0x104);
    expect([pushed.vector, pushed.rsp]).toEqual([AC, AT.data + 0x104]);
  });

  it('ends when POPF clears AC, and does not hold for a way into the kernel from a stack that is not aligned', () => {
    expect(outcome(bytes(0x6a, 2, 0x9d, 0x8b, 0x03), 1).vector).toBe(DONE);
    expect(outcome(bytes(0x48, 0x83, 0xec, 3), 0).vector).toBe(DONE);
  });
});
