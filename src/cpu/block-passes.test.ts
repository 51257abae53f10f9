import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Assembler, RBX } from './testing/assembler.ts';
import { AT, LongModeMachine, P, U, W, WINDOW } from './testing/test-machine.ts';

/** ADD OR ADC SBB AND SUB XOR CMP by their number in ModRM.reg and opcode bits 5-3. */
const aluOperation = fc.integer({ min: 0, max: 7 });
/** RAX, RCX, RDX, RSI, RDI: not the stack or the data pointer. */
const register = fc.constantFrom(0, 1, 2, 6, 7);
const byte = fc.integer({ min: 0, max: 255 });
/** Nothing, REX.W, or the byte form's opcode. */
const width = fc.constantFrom(1, 4, 8);
const rex = (size: number) => (size === 8 ? [0x48] : []);
const wide = (size: number) => (size === 1 ? 0 : 1);

const arithmetic = fc.oneof(
  // op r/m, r and op r, r/m with registers; memory is [rbx + disp8].
  fc
    .tuple(aluOperation, width, fc.constantFrom(0, 2), fc.constantFrom(0xc0, 0x43), register, register, byte)
    .map(([operation, size, direction, mod, a, b, disp]) => [
      ...rex(size),
      (operation << 3) | direction | wide(size),
      ...(mod === 0xc0 ? [0xc0 | (a << 3) | b] : [0x43 | (a << 3), disp & 0x38]),
    ]),
  // op r/m, imm8
  fc
    .tuple(aluOperation, width, fc.boolean(), register, byte, byte)
    .map(([operation, size, memory, a, disp, value]) => [
      ...rex(size),
      size === 1 ? 0x80 : 0x83,
      ...(memory ? [0x43 | (operation << 3), disp & 0x38] : [0xc0 | (operation << 3) | a]),
      value,
    ]),
  // test r/m, r
  fc.tuple(width, register, register).map(([size, a, b]) => [...rex(size), 0x84 | wide(size), 0xc0 | (a << 3) | b]),
  // shifts and rotates by a constant and by CL
  fc
    .tuple(fc.integer({ min: 0, max: 7 }), width, register, fc.boolean(), byte)
    .map(([operation, size, a, byCl, count]) => [
      ...rex(size),
      (byCl ? 0xd2 : 0xc0) | wide(size),
      0xc0 | (operation << 3) | a,
      ...(byCl ? [] : [count]),
    ]),
  // inc, dec, not, neg; mov; imul r, r; imul r, r, imm8
  fc
    .tuple(width, fc.constantFrom(0, 8), register)
    .map(([size, op, a]) => [...rex(size), 0xfe | wide(size), 0xc0 | op | a]),
  fc
    .tuple(width, fc.constantFrom(2, 3), register)
    .map(([size, op, a]) => [...rex(size), 0xf6 | wide(size), 0xc0 | (op << 3) | a]),
  fc.tuple(width, register, register).map(([size, a, b]) => [...rex(size), 0x88 | wide(size), 0xc0 | (a << 3) | b]),
  fc.tuple(width, register, register).map(([size, a, b]) => [...rex(size), 0x0f, 0xaf, 0xc0 | (a << 3) | b]),
  fc
    .tuple(width, register, register, byte)
    .map(([size, a, b, value]) => [...rex(size), 0x6b, 0xc0 | (a << 3) | b, value]),
);
/** Jcc over `lea eax, [rax + rax + 1]`, which tells the ways apart and keeps the flags. */
const branch = fc.integer({ min: 0, max: 15 }).map((condition) => [0x70 | condition, 4, 0x8d, 0x44, 0x00, 0x01]);
const program = fc.array(fc.tuple(fc.array(arithmetic, { minLength: 1, maxLength: 5 }), branch), {
  minLength: 1,
  maxLength: 12,
});
const values = fc.array(
  fc.oneof(
    fc.constantFrom(0n, 1n, 0x80n, 0x7fff_ffffn, 0x8000_0000n, 1n << 63n, (1n << 64n) - 1n),
    fc.bigInt(0n, 2n ** 64n - 1n),
  ),
  { minLength: 5, maxLength: 5 },
);

function play(
  parts: readonly (readonly [readonly number[][], readonly number[]])[],
  initial: readonly bigint[],
  slice: number,
) {
  const machine = new LongModeMachine();
  const load = (code: Assembler) => {
    for (const [index, number] of [0, 1, 2, 6, 7].entries()) code.mov(number, initial[index]!);
    code.mov(RBX, AT.data);
    for (const [instructions, jump] of parts) code.bytes(...instructions.flat(), ...jump);
    code.hlt();
  };
  machine.boot(load);
  let exit = machine.processor.run(slice);
  while (exit === 'budget') exit = machine.processor.run(slice);
  const data = machine.ram.slice(AT.data, AT.data + 64);
  return { exit, view: machine.processor.registers(), count: machine.processor.instructions, data };
}

describe('passes over a block', () => {
  it('change nothing that can be seen: one instruction at a time uses none of them', () => {
    fc.assert(
      fc.property(program, values, fc.integer({ min: 2, max: 12 }), (parts, initial, slice) => {
        const expected = play(parts, initial, 1);
        expect(expected.exit).toBe('halted');
        expect(play(parts, initial, 10_000)).toEqual(expected);
        expect(play(parts, initial, slice)).toEqual(expected);
      }),
      { numRuns: 120 },
    );
  });

  it('let an interrupt in between a comparison with MMIO and its branch', () => {
    const machine = new LongModeMachine();
    machine.map(0, 0xf000_0000, P | W | U);
    machine.haltingHandler(0x20);
    machine.onMmioRead = () => {
      machine.processor.setInterruptLine(0, true);
      return 5n;
    };
    const code = machine.boot((program) => {
      // cmp dword [rbx], 5; jnz
      program.mov(RBX, WINDOW).bytes(0xfb).nop(2).bytes(0x83, 0x3b, 0x05).label('branch').jnz('end').label('end').hlt();
    });
    expect(machine.processor.run(1000)).toBe('halted');
    const frame = Number(machine.reg('rsp'));
    expect(machine.u64(frame)).toBe(BigInt(code.addressOf('branch')));
    expect(machine.u64(frame + 16) & 0x40n).toBe(0x40n);
  });

  it('keep the flags for a fault in between', () => {
    const machine = new LongModeMachine();
    machine.map(0, 0, 0n);
    machine.haltingHandler(14);
    machine.boot((program) => {
      // xor eax, eax; mov ecx, [rbx] (faults); add eax, 1
      program.mov(RBX, WINDOW).bytes(0x31, 0xc0, 0x8b, 0x0b, 0x83, 0xc0, 0x01).hlt();
    });
    expect(machine.processor.run(1000)).toBe('halted');
    // Error code, RIP, CS, RFLAGS: ZF and PF of the XOR.
    expect(machine.u64(Number(machine.reg('rsp')) + 24) & 0x8d5n).toBe(0x44n);
  });
});
