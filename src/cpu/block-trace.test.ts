import { describe, expect, it } from 'vitest';
import type { TraceEvents } from '../base/trace.ts';
import { RBX } from './testing/assembler.ts';
import { AT, BOOT_INSTRUCTIONS, LongModeMachine } from './testing/test-machine.ts';

const hex = (bytes: Uint8Array) => [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');

describe('cpu.block-decoded', () => {
  it('tells every block once, in the order of decoding, while somebody listens', () => {
    const machine = new LongModeMachine();
    const code = machine.boot((program) => program.nop(2).label('loop').dec(RBX).jnz('loop').hlt());
    machine.processor.run(BOOT_INSTRUCTIONS + 1);
    const blocks: TraceEvents['cpu.block-decoded'][] = [];
    const stop = machine.trace.on('cpu.block-decoded', (fact) => blocks.push(fact));
    machine.processor.setRegister('rbx', 5n);
    expect(machine.processor.run(1000)).toBe('halted');
    stop();
    const loop = BigInt(code.addressOf('loop'));
    expect(blocks.map(({ cpu, pc, bytes, bits }) => [cpu, pc, hex(bytes), bits])).toEqual([
      [0, loop - 1n, '90 48 ff cb 0f 85 f7 ff ff ff', 64],
      [0, loop, '48 ff cb 0f 85 f7 ff ff ff', 64],
      [0, loop + 9n, 'f4', 64],
    ]);
  });

  it('has the bytes of an instruction on two pages', () => {
    const machine = new LongModeMachine();
    const at = AT.data + 0xffe;
    // mov eax, 0x12345678; hlt
    machine.write(at, Uint8Array.of(0xb8, 0x78, 0x56, 0x34, 0x12, 0xf4));
    machine.boot((program) => program.mov(RBX, at).jmpRegister(RBX));
    const blocks: string[] = [];
    machine.trace.on('cpu.block-decoded', ({ pc, bytes }) => blocks.push(`${pc.toString(16)}: ${hex(bytes)}`));
    expect(machine.processor.run(1000)).toBe('halted');
    expect(blocks.slice(-2)).toEqual(['50ffe: b8 78 56 34 12', '51003: f4']);
  });
});
