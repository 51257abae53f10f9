import { describe, expect, it } from 'vitest';
import { type Form, handlerOf } from './handlers.ts';
import { operationFacts } from './operation-facts.ts';
import { Operations } from './operations.ts';
import { ALL_FLAGS } from './row.ts';
import { OPCODE_TABLE } from './table.ts';

/** As if every function had been written. */
const operations = new Operations(() => 'somewhere', OPCODE_TABLE);
const facts = operationFacts(operations, OPCODE_TABLE);
const CARRY = 1;

function of(handler: string, form: Form) {
  const number = operations.find(handler, form);
  if (number === undefined) throw new Error(`no ${handler} ${form}`);
  // 32 bits, where a handler has sizes.
  return facts.get(handlerOf(handler).sized ? number + 2 : number);
}

describe('facts of an operation', () => {
  it('are there for every number that a row leads to', () => {
    const numbers = [...operations.hot, ...operations.cold]
      .filter((one) => !('variant' in one))
      .filter(({ handler }) => !/refused|too_long/.test(handler.call))
      .map(({ number }) => number);
    expect(numbers.length).toBeGreaterThan(1000);
    expect(numbers.filter((number) => !facts.has(number))).toEqual([]);
  });

  it('say what happens to the flags', () => {
    expect(of('add', 'RR')).toMatchObject({ reads: 0, writes: ALL_FLAGS, overwrites: ALL_FLAGS });
    expect(of('adc', 'RR')).toMatchObject({ reads: CARRY, writes: ALL_FLAGS, overwrites: ALL_FLAGS & ~CARRY });
    expect(of('inc', 'R')).toMatchObject({ reads: 0, writes: ALL_FLAGS & ~CARRY });
    expect(of('shl', 'RI')).toMatchObject({ reads: ALL_FLAGS, overwrites: 0 });
    expect(of('mov', 'RR')).toMatchObject({ reads: 0, writes: 0 });
    expect(of('jcc2', 'N')).toMatchObject({ reads: CARRY, writes: 0, endsBlock: true });
  });

  it('say what happens to memory', () => {
    const memory = Object.fromEntries(
      (
        [
          ['mov', 'RR'],
          ['mov', 'RM'],
          ['mov', 'MR'],
          ['add', 'MR'],
          ['cmp', 'MR'],
          ['lea', 'RM'],
          ['push', 'R'],
        ] as const
      ).map(([handler, form]) => [`${handler} ${form}`, of(handler, form)?.memory]),
    );
    expect(memory).toEqual({
      'mov RR': 'none',
      'mov RM': 'read',
      'mov MR': 'write',
      'add MR': 'modify',
      'cmp MR': 'read',
      'lea RM': 'address',
      'push R': 'implicit',
    });
  });
});
