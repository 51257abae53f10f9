import { describe, expect, it } from 'vitest';
import { gpa } from '../base/address.ts';
import { TestMachine } from './testing/test-machine.ts';

const CODE = 0x1_0000;
/** Four PDPTEs, 32-byte aligned; a page directory with 2 MiB pages. */
const PDPT = 0x2020;
const DIRECTORY = 0x3000;
const P = 1n;
const LARGE = 0x83n;

/** mov eax, imm32 */
const mov = (value: number) => [0xb8, value & 255, (value >> 8) & 255, (value >> 16) & 255, value >>> 24];
const CR3 = [...mov(PDPT), 0x0f, 0x22, 0xd8];
const PAE = [...mov(0x20), 0x0f, 0x22, 0xe0];
const PAGING = [...mov(0x8000_0011), 0x0f, 0x22, 0xc0];
const HLT = 0xf4;

/** 32-bit code without an IDT: a fault ends in a triple fault. */
function paging(program: readonly number[], prepare: (m: TestMachine) => void = () => {}) {
  const machine = new TestMachine();
  machine.setU64(PDPT, BigInt(DIRECTORY) | P);
  machine.setU64(DIRECTORY, LARGE);
  prepare(machine);
  machine.write(CODE, Uint8Array.from([...program, HLT]));
  machine.processor.enterProtected32(gpa(CODE), { eax: 0, ebx: 0 });
  return { machine, exit: machine.processor.run(100) };
}

describe('PAE’s page directory pointers (SDM Vol. 3A 4.4.1)', () => {
  it('are loaded when paging comes on, and kept until CR3 is written', () => {
    // The table is cleared afterwards: mov dword [PDPT], 0; then a page that no TLB has: mov eax, [0x1ff000].
    const clear = [0xc7, 0x05, 0x20, 0x20, 0, 0, 0, 0, 0, 0];
    const look = [0xa1, 0, 0xf0, 0x1f, 0];
    const prepare = (m: TestMachine) => m.setU64(0x1f_f000, 0x1234n);
    const kept = paging([...PAE, ...CR3, ...PAGING, ...clear, ...look], prepare);
    expect([kept.exit, kept.machine.reg('rax')]).toEqual(['halted', 0x1234n]);
    // The next write of CR3 sees the cleared table: its own next fetch faults.
    expect(paging([...PAE, ...CR3, ...PAGING, ...clear, ...CR3]).exit).toBe('triple-fault');
  });

  it('with reserved bits make the write #GP(0), and leave CR0 as it was', () => {
    for (const bits of [2n, 0x20n, 0x100n, 1n << 45n, 1n << 63n]) {
      const { machine, exit } = paging([...PAE, ...CR3, ...PAGING], (m) => m.setU64(PDPT + 24, bits | P));
      expect(exit, bits.toString(16)).toBe('triple-fault');
      expect(machine.processor.registers().cr.cr0 & 0x8000_0000n).toBe(0n);
    }
    // Not present: everything else is ignored.
    expect(paging([...PAE, ...CR3, ...PAGING], (m) => m.setU64(PDPT + 24, 0x1e6n)).exit).toBe('halted');
  });

  it('entries below have bits 62-52 reserved, unlike in long mode', () => {
    expect(paging([...PAE, ...CR3, ...PAGING], (m) => m.setU64(DIRECTORY, LARGE | (1n << 52n))).exit).toBe(
      'triple-fault',
    );
  });
});
