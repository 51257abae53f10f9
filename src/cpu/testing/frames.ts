/** The stack frame that a 64-bit exception or interrupt leaves (Intel SDM Vol. 3A 6.14.2). */
import type { TestMachine } from './test-machine.ts';

export interface InterruptFrame {
  readonly error: bigint | undefined;
  readonly rip: number;
  readonly cs: number;
  readonly rflags: number;
  readonly rsp: number;
  readonly ss: number;
}

/** The frame pushed below `top` (16-byte aligned). */
export function frameBelow(machine: TestMachine, top: number, hasError: boolean): InterruptFrame {
  const at = top - 40;
  return {
    error: hasError ? machine.u64(at - 8) : undefined,
    rip: Number(machine.u64(at)),
    cs: Number(machine.u64(at + 8)),
    rflags: Number(machine.u64(at + 16)),
    rsp: Number(machine.u64(at + 24)),
    ss: Number(machine.u64(at + 32)),
  };
}
