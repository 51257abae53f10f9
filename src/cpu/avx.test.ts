import { describe, expect, it } from 'vitest';
import * as layout from './layout.ts';
import { type Assembler, RAX, RBX, RCX, RDX } from './testing/assembler.ts';
import { AT, LongModeMachine } from './testing/test-machine.ts';

const DATA = 0x5_0000;

/** mov rax, cr4; or eax, bits; mov cr4, rax */
function setCr4(code: Assembler, bits: number): Assembler {
  return code.bytes(0x0f, 0x20, 0xe0, 0x0d, bits & 0xff, (bits >> 8) & 0xff, bits >> 16, 0, 0x0f, 0x22, 0xe0);
}
/** CR4.OSFXSR, OSXMMEXCPT and OSXSAVE, and XCR0. */
function enable(code: Assembler, xcr0 = 7): Assembler {
  setCr4(code, 0x4_0600);
  return code.mov(RCX, 0).mov(RAX, xcr0).mov(RDX, 0).bytes(0x0f, 0x01, 0xd1).mov(RBX, DATA);
}

function machineFor(program: (code: Assembler) => void, vector?: number): LongModeMachine {
  const machine = new LongModeMachine();
  if (vector !== undefined) machine.haltingHandler(vector, { ist: 1 });
  machine.boot((code) => {
    program(code);
    code.hlt();
  });
  return machine;
}
function faults(vector: number, program: (code: Assembler) => void): boolean {
  const machine = machineFor(program, vector);
  machine.processor.run(1000);
  const handler = AT.handlers + vector * 16;
  const rip = Number(machine.reg('rip'));
  return rip > handler && rip <= handler + 3;
}

/** vaddps ymm1, ymm2, ymm3 */
const VADDPS = [0xc5, 0xec, 0x58, 0xcb];

describe('AVX', () => {
  it('is #UD until CR4.OSXSAVE and XCR0 enable it, #NM with CR0.TS, and does not mind CR0.EM', () => {
    const orCr0 = (code: Assembler, bits: number) =>
      code.bytes(0x0f, 0x20, 0xc0, 0x83, 0xc8, bits, 0x0f, 0x22, 0xc0, ...VADDPS);
    expect(faults(6, (code) => code.bytes(...VADDPS))).toBe(true);
    expect(faults(6, (code) => enable(code, 3).bytes(...VADDPS))).toBe(true);
    expect(faults(6, (code) => enable(code).bytes(...VADDPS))).toBe(false);
    expect(faults(7, (code) => orCr0(enable(code), 8))).toBe(true);
    expect(faults(6, (code) => orCr0(enable(code), 4))).toBe(false);
  });

  it('clears the upper half with 128 bits, keeps it with SSE, and VZEROUPPER clears all', () => {
    const machine = machineFor((code) => {
      // vmovups ymm1, [rbx]; vmovups ymm2, [rbx]; vmovups ymm3, [rbx]
      enable(code).bytes(0xc5, 0xfc, 0x10, 0x0b, 0xc5, 0xfc, 0x10, 0x13, 0xc5, 0xfc, 0x10, 0x1b);
      // addps xmm1, xmm1; vaddps xmm2, xmm2, xmm2; mov eax, 1; hlt; vzeroupper
      code.bytes(0x0f, 0x58, 0xc9, 0xc5, 0xe8, 0x58, 0xd2).hlt().bytes(0xc5, 0xf8, 0x77);
    });
    for (let at = 0; at < 32; at += 8) machine.setU64(DATA + at, 0x3f80_0000_3f80_0000n);
    const high = (register: number) => machine.processor.core.quad(layout.YMM_HIGH + register * 16);
    expect(machine.processor.run(1000)).toBe('halted');
    expect([high(1), high(2), high(3)]).toEqual([0x3f80_0000_3f80_0000n, 0n, 0x3f80_0000_3f80_0000n]);
    machine.processor.core.setWord(layout.HALTED, 0);
    machine.processor.core.setWord(layout.EVENTS, 0);
    expect(machine.processor.run(1000)).toBe('halted');
    expect([high(1), high(3)]).toEqual([0n, 0n]);
  });

  it('keeps what a gather has done before the element that faults', () => {
    const machine = machineFor((code) => {
      // vmovups xmm1, [rbx] (indices); vpcmpeqd xmm2, xmm2, xmm2 (mask); vpgatherdd xmm0, [rbx + xmm1 * 4], xmm2
      enable(code).bytes(0xc5, 0xf8, 0x10, 0x0b, 0xc5, 0xe9, 0x76, 0xd2, 0xc4, 0xe2, 0x69, 0x90, 0x04, 0x8b);
    }, 14);
    // Elements 0 and 1 stand behind the indices, element 2 is far outside of what is mapped.
    machine.setU64(DATA, 0x0000_0005_0000_0004n);
    machine.setU64(DATA + 8, 0x0000_0004_1fff_ffffn);
    machine.setU64(DATA + 16, 0x2222_2222_1111_1111n);
    expect(machine.processor.run(1000)).toBe('halted');
    const xmm = (register: number, half: number) => machine.processor.core.quad(layout.XMM + register * 16 + half * 8);
    expect(xmm(0, 0)).toBe(0x2222_2222_1111_1111n);
    expect([xmm(2, 0), xmm(2, 1)]).toEqual([0n, 0xffff_ffff_ffff_ffffn]);
  });

  it('moves over the end of a page, stores nothing when the second page is not there, and masked lanes do not fault', () => {
    const page = 0x40_0000;
    const edge = page + 0x1000 - 16;
    // vmovups [rbx], ymm1
    const store = (code: Assembler) => enable(code).mov(RBX, edge).bytes(0xc5, 0xfc, 0x11, 0x0b);
    const machine = machineFor(store, 14);
    machine.map(0, DATA, 3n);
    machine.setU64(DATA + 0x1000 - 16, 0x1234n);
    machine.processor.run(1000);
    expect(machine.u64(DATA + 0x1000 - 16)).toBe(0x1234n);
    // vpcmpeqd xmm2, xmm2, xmm2 leaves the upper half 0; vmaskmovps [rbx], ymm2, ymm1
    const masked = machineFor((code) => {
      enable(code).mov(RBX, edge).bytes(0xc5, 0xe9, 0x76, 0xd2, 0xc4, 0xe2, 0x6d, 0x2e, 0x0b);
    });
    masked.map(0, DATA, 3n);
    masked.setU64(DATA + 0x1000 - 16, 0x1234n);
    expect(masked.processor.run(1000)).toBe('halted');
    expect(masked.u64(DATA + 0x1000 - 16)).toBe(0n);
  });
});
