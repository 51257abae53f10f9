import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AT, LongModeMachine, NX, P, PS, U, W } from './testing/test-machine.ts';

/** Instructions per case: enough to fault, return and fault again many times. */
const INSTRUCTIONS = 3000;

const entry = fc
  .record({
    page: fc.integer({ min: 0, max: 0x3ff }),
    flags: fc.constantFrom(P | W, P | W | U, P | U, P, 0n, P | W | NX, P | W | PS),
  })
  .map(({ page, flags }) => (BigInt(page) << 12n) | flags);

const scenario = fc.record({
  code: fc.uint8Array({ minLength: 16, maxLength: 400 }),
  handler: fc.uint8Array({ minLength: 4, maxLength: 40 }),
  window: fc.array(entry, { maxLength: 32 }),
  gates: fc.array(
    fc.record({
      vector: fc.integer({ min: 0, max: 31 }),
      type: fc.constantFrom(14, 15, 5),
      ist: fc.integer({ min: 0, max: 1 }),
    }),
    { maxLength: 8 },
  ),
  registers: fc.array(fc.oneof(fc.bigInt(0n, 0x60_0000n), fc.bigInt(0n, 2n ** 64n - 1n)), {
    minLength: 16,
    maxLength: 16,
  }),
  interruptAt: fc.integer({ min: 1, max: 200 }),
});

const NAMES = 'rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15'.split(' ');

function play(input: typeof scenario extends fc.Arbitrary<infer T> ? T : never, slice: number) {
  const machine = new LongModeMachine({ trackWriters: true });
  for (const [page, value] of input.window.entries()) machine.setU64(AT.pt + page * 8, value);
  for (const { vector, type, ist } of input.gates) machine.gate(vector, AT.handlers, { type, ist });
  machine.gate(0x20, AT.handlers);
  machine.write(AT.handlers, input.handler);
  machine.boot((code) => code.bytes(...input.code));
  for (const [index, value] of input.registers.entries()) machine.processor.setRegister(NAMES[index]!, value);
  let exit = machine.processor.run(input.interruptAt);
  machine.processor.setInterruptLine(0, true);
  for (let left = INSTRUCTIONS; left > 0; left -= slice) {
    exit = machine.processor.run(Math.min(left, slice));
    if (exit === 'triple-fault' || exit === 'unimplemented') break;
  }
  return {
    exit,
    view: machine.processor.registers(),
    count: machine.processor.instructions,
    memory: machine.checksum(),
    mmio: machine.mmio.length,
    ports: machine.ports.length,
  };
}

describe('random code in random memory', () => {
  it('never throws or hangs, and ends alike whatever the slices', () => {
    fc.assert(
      fc.property(scenario, fc.integer({ min: 1, max: 40 }), (input, slice) => {
        expect(play(input, slice)).toEqual(play(input, INSTRUCTIONS));
      }),
      { numRuns: 150 },
    );
  });
});
