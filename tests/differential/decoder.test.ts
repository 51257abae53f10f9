/** A small, fixed part of what `npm run test:decoder` does with millions of strings. */
import { describe, expect, it } from 'vitest';
import { LongModeMachine } from '../../src/cpu/testing/test-machine.ts';
import { agree, compare, look } from './decoder/comparison.ts';

const bytes = (text: string) => Uint8Array.from(text.split(' '), (byte) => Number.parseInt(byte, 16));

describe('decoder and iced-x86', () => {
  it('see the same in random bytes, or the difference is listed', { timeout: 60_000 }, () => {
    const { unlisted, valid } = compare(20_241_028, 20_000);
    expect([...unlisted.values()]).toEqual([]);
    expect(valid).toBeGreaterThan(30_000);
  });

  it('would be told apart', () => {
    // 83 C0 05 is ADD EAX, imm8.
    const seen = look(bytes('83 c0 05'), 32);
    expect(seen).toMatchObject({ length: 3, row: { mnemonic: 'ADD' }, judged: { mnemonic: 'ADD', length: 3 } });
    expect(agree(seen)).toBe(true);
    expect(agree({ ...seen, length: 6 })).toBe(false);
    expect(agree({ ...seen, row: undefined })).toBe(false);
    expect(agree({ ...seen, judged: { ...seen.judged, mnemonic: 'SUB' } })).toBe(false);
  });
});

describe('registers that do not exist', () => {
  it.each([
    ['mov cr1, rax', '0f 22 c8'],
    ['mov rax, cr5', '0f 20 e8'],
    ['mov dr8, rax', '44 0f 23 c0'],
    ['mov cs, eax', '8e c8'],
    ['mov segment 6, eax', '8e f0'],
    ['mov eax, segment 7', '8c f8'],
  ])('%s raises #UD when it runs', (_, code) => {
    const machine = new LongModeMachine();
    const handler = machine.haltingHandler(6);
    machine.boot((assembler) => assembler.bytes(...bytes(code)));
    expect(machine.processor.run(100)).toBe('halted');
    expect(machine.reg('rip')).toBe(BigInt(handler + 1));
  });
});
