/** Programs of a few system instructions: run to the end, or to the fault that they commit. */
import { expect } from 'vitest';
import { type Assembler, RAX, RCX, RDX } from './assembler.ts';
import { frameBelow } from './frames.ts';
import { AT, LongModeMachine, type MachineOptions, SELECTOR } from './test-machine.ts';

/** Runs a program to its HLT. */
export function ran(
  program: (code: Assembler) => void,
  options: MachineOptions = {},
  prepare?: (m: LongModeMachine) => void,
) {
  const machine = new LongModeMachine(options);
  prepare?.(machine);
  machine.boot((code) => {
    program(code);
    code.hlt();
  });
  expect(machine.processor.run(10_000)).toBe('halted');
  return machine;
}

/** Runs a program whose fault `vector` (on IST 1) halts at `bad`; returns its error code. */
export function faulted(
  vector: number,
  program: (code: Assembler) => void,
  options: MachineOptions = {},
  prepare?: (m: LongModeMachine) => void,
) {
  const machine = new LongModeMachine(options);
  prepare?.(machine);
  machine.haltingHandler(vector, { ist: 1 });
  const code = machine.boot(program);
  expect(machine.processor.run(10_000)).toBe('halted');
  const frame = frameBelow(machine, AT.stackIst1, vector >= 10 && vector <= 14);
  expect(frame.rip).toBe(code.addressOf('bad'));
  return { error: frame.error, machine };
}

/** mov ecx, msr; mov eax, low; mov edx, high; wrmsr at label `bad`. */
export function wrmsr(code: Assembler, msr: number, value: bigint, label = false): Assembler {
  code
    .mov(RCX, msr)
    .mov(RAX, value & 0xffff_ffffn)
    .mov(RDX, value >> 32n);
  if (label) code.label('bad');
  return code.bytes(0x0f, 0x30);
}

/** Goes on at CPL 3. */
export function enterUser(code: Assembler): Assembler {
  code.mov(RAX, SELECTOR.userData).bytes(0x50).mov(RAX, AT.stackUser).bytes(0x50, 0x6a, 2);
  return code.mov(RAX, SELECTOR.userCode).bytes(0x50, 0x48, 0x8d, 0x05, 3, 0, 0, 0, 0x50).iretq();
}

/** mov rax, cr4; or rax, bits; mov cr4, rax */
export function setCr4(code: Assembler, bits: number): Assembler {
  return code
    .bytes(0x0f, 0x20, 0xe0)
    .bytes(0x48, 0x0d, bits & 255, (bits >> 8) & 255, (bits >> 16) & 255, 0)
    .bytes(0x0f, 0x22, 0xe0);
}
