import { describe, expect, it } from 'vitest';
import { type Assembler, RAX, RBX, RCX, RDX } from './testing/assembler.ts';
import { faulted, ran, setCr4 } from './testing/programs.ts';
import { AT, type LongModeMachine } from './testing/test-machine.ts';

const OSFXSR = 1 << 9;
const OSXSAVE = 1 << 18;
const AREA = AT.data;
const HEADER = AREA + 512;
const COMPACTED = 1n << 63n;
const MXCSR_INITIAL = 0x1f80;
/** ModRM and displacement of [rbx]; /4 XSAVE, /5 XRSTOR, /6 XSAVEOPT of 0F AE; /4 XSAVEC of 0F C7. */
const XSAVE = [0x0f, 0xae, 0x23];
const XRSTOR = [0x0f, 0xae, 0x2b];
const XSAVEOPT = [0x0f, 0xae, 0x33];
const XSAVEC = [0x0f, 0xc7, 0x23];

/** CR4 on, XCR0 = 3, RBX at the area, EDX:EAX all components. */
function prepared(code: Assembler, mask = 3): Assembler {
  setCr4(code, OSFXSR | OSXSAVE);
  code.mov(RCX, 0).mov(RAX, 3).mov(RDX, 0).bytes(0x0f, 0x01, 0xd1); // xsetbv
  return code.mov(RBX, AREA).mov(RAX, mask);
}
/** movq xmm1, rcx */
const loadXmm1 = (code: Assembler, value: bigint) => code.mov(RCX, value).bytes(0x66, 0x48, 0x0f, 0x6e, 0xc9);
const fill = (m: LongModeMachine) => m.ram.fill(0xaa, AREA, AREA + 1024);

describe('XSAVE', () => {
  it('stores what is asked for, in the standard form, and only XSTATE_BV of the header', () => {
    const m = ran(
      (code) =>
        loadXmm1(prepared(code), 0x1234n)
          .mov(RCX, 0)
          .bytes(...XSAVE),
      {},
      fill,
    );
    expect(m.u64(AREA + 160 + 16)).toBe(0x1234n);
    expect(m.view.getUint32(AREA + 24, true)).toBe(MXCSR_INITIAL);
    // XSTATE_BV keeps bits that were not asked for (of 0xaa...), SSE is in use.
    expect(m.u64(HEADER) & ~3n).toBe(0xaaaa_aaaa_aaaa_aaa8n);
    expect(m.u64(HEADER) & 2n).toBe(2n);
    expect(m.u64(HEADER + 8)).toBe(0xaaaa_aaaa_aaaa_aaaan);
    expect(m.u64(HEADER + 64)).toBe(0xaaaa_aaaa_aaaa_aaaan);
  });

  it('of SSE alone leaves the x87 part, and clears its bit when all xmm are 0', () => {
    const m = ran((code) => prepared(code, 2).bytes(...XSAVE), {}, fill);
    expect(m.u64(AREA)).toBe(0xaaaa_aaaa_aaaa_aaaan);
    expect(m.u64(AREA + 160)).toBe(0n);
    expect(m.u64(HEADER) & 3n).toBe(0n);
  });

  it('XSAVEOPT does not write what is in its initial configuration', () => {
    const m = ran((code) => prepared(code, 2).bytes(...XSAVEOPT), {}, fill);
    expect(m.u64(AREA + 160)).toBe(0xaaaa_aaaa_aaaa_aaaan);
    expect(m.u64(HEADER) & 3n).toBe(0n);
    expect(m.view.getUint32(AREA + 24, true)).toBe(MXCSR_INITIAL);
  });

  it('XSAVEC writes XCOMP_BV, and MXCSR only with SSE', () => {
    const m = ran((code) => prepared(code, 2).bytes(...XSAVEC), {}, fill);
    expect([m.u64(HEADER), m.u64(HEADER + 8)]).toEqual([0n, COMPACTED | 2n]);
    expect(m.view.getUint32(AREA + 24, true)).toBe(0xaaaa_aaaa);
    const used = ran(
      (code) =>
        loadXmm1(prepared(code, 2), 5n)
          .mov(RCX, 0)
          .bytes(...XSAVEC),
      {},
      fill,
    );
    expect([used.u64(HEADER), used.u64(HEADER + 8)]).toEqual([2n, COMPACTED | 2n]);
    expect(used.u64(AREA + 176)).toBe(5n);
  });

  it('is #UD without CR4.OSXSAVE, #NM with CR0.TS, #GP unless aligned to 64', () => {
    faulted(6, (code) =>
      code
        .mov(RBX, AREA)
        .label('bad')
        .bytes(...XSAVE),
    );
    faulted(7, (code) => {
      prepared(code).bytes(0x0f, 0x20, 0xc1, 0x48, 0x83, 0xc9, 8, 0x0f, 0x22, 0xc1); // CR0.TS through rcx
      code.label('bad').bytes(...XSAVE);
    });
    faulted(13, (code) =>
      prepared(code)
        .mov(RBX, AREA + 16)
        .label('bad')
        .bytes(...XSAVE),
    );
  });

  it('writes nothing when a part of the area cannot be written', () => {
    const page = 0x40_0000;
    const { machine } = faulted(
      14,
      (code) =>
        prepared(code)
          .mov(RBX, page + 0x1000 - 192)
          .label('bad')
          .bytes(...XSAVE),
      {},
      (m) => {
        m.map(0, AREA, 3n);
        m.ram.fill(0xaa, AREA, AREA + 4096);
      },
    );
    expect(machine.ram.subarray(AREA, AREA + 4096).every((byte) => byte === 0xaa)).toBe(true);
  });
});

describe('XRSTOR', () => {
  const image =
    (stateBits: bigint, layoutBits = 0n) =>
    (m: LongModeMachine) => {
      m.setU64(AREA + 24, 0xffff_0000_1f80n | 0x2000n);
      m.setU64(AREA + 176, 0x77n);
      m.setU64(HEADER, stateBits);
      m.setU64(HEADER + 8, layoutBits);
    };
  /** movq rcx, xmm1; stmxcsr [rbx + 0x800] */
  const look = (code: Assembler) => code.bytes(0x66, 0x48, 0x0f, 0x7e, 0xc9, 0x0f, 0xae, 0x9b, 0, 8, 0, 0);
  const mxcsr = (m: LongModeMachine) => m.view.getUint32(AREA + 0x800, true);

  it('takes what XSTATE_BV has and initialises the rest; MXCSR comes along in the standard form', () => {
    const taken = ran((code) => look(prepared(code).bytes(...XRSTOR)), {}, image(2n));
    expect([taken.reg('rcx'), mxcsr(taken)]).toEqual([0x77n, 0x3f80]);
    const initial = ran((code) => look(loadXmm1(prepared(code), 9n).bytes(...XRSTOR)), {}, image(0n));
    expect([initial.reg('rcx'), mxcsr(initial)]).toEqual([0n, 0x3f80]);
    const compact = ran((code) => look(loadXmm1(prepared(code), 9n).bytes(...XRSTOR)), {}, image(0n, COMPACTED | 3n));
    expect([compact.reg('rcx'), mxcsr(compact)]).toEqual([0n, MXCSR_INITIAL]);
  });

  it('leaves what is not asked for', () => {
    const m = ran((code) => look(loadXmm1(prepared(code, 1), 9n).bytes(...XRSTOR)), {}, image(3n));
    expect([m.reg('rcx'), mxcsr(m)]).toEqual([9n, MXCSR_INITIAL]);
  });

  it.each([
    ['a component that XCR0 has not', 4n, 0n],
    ['XCOMP_BV without bit 63', 2n, 1n],
    ['XSTATE_BV beyond XCOMP_BV', 3n, COMPACTED | 1n],
    ['XCOMP_BV beyond XCR0', 1n, COMPACTED | 5n],
  ])('is #GP(0) for %s', (_, stateBits, layoutBits) => {
    const { error } = faulted(
      13,
      (code) =>
        prepared(code)
          .label('bad')
          .bytes(...XRSTOR),
      {},
      image(stateBits, layoutBits),
    );
    expect(error).toBe(0n);
  });

  it('is #GP(0) for reserved bits of MXCSR and of the header, and changes nothing', () => {
    const bad = (at: number) => (m: LongModeMachine) => {
      image(2n)(m);
      m.view.setUint8(at, 1);
    };
    for (const at of [AREA + 26, HEADER + 16]) {
      faulted(
        13,
        (code) =>
          loadXmm1(prepared(code), 9n)
            .label('bad')
            .bytes(...XRSTOR),
        {},
        bad(at),
      );
    }
  });
});

describe('XCR0', () => {
  const xsetbv = (code: Assembler, value: number, index = 0) => {
    setCr4(code, OSXSAVE);
    return code.mov(RCX, index).mov(RAX, value).mov(RDX, 0).label('bad').bytes(0x0f, 0x01, 0xd1);
  };
  it.each([
    ['without x87', 2, 0],
    ['a component that does not exist', 1 | (1 << 9), 0],
    ['AVX without SSE', 5, 0],
    ['another register', 3, 1],
  ])('is #GP(0): %s', (_, value, index) => {
    expect(faulted(13, (code) => xsetbv(code, value, index)).error).toBe(0n);
  });

  it('is not there without the feature', () => {
    faulted(6, (code) => code.label('bad').bytes(0x0f, 0x01, 0xd0), { model: 'max,-xsave' });
    faulted(
      13,
      (code) => code.bytes(0x0f, 0x20, 0xe0, 0x48, 0x0f, 0xba, 0xe8, 18).label('bad').bytes(0x0f, 0x22, 0xe0),
      {
        model: 'max,-xsave',
      },
    );
  });

  it('decides the sizes of CPUID leaf 0xd; XGETBV with ECX 1 tells what is in use', () => {
    const m = ran((code) => {
      xsetbv(code, 3);
      code.mov(RCX, 1).bytes(0x0f, 0x01, 0xd0).bytes(0x49, 0x89, 0xc0); // xgetbv; mov r8, rax
      code.mov(RAX, 0xd).mov(RCX, 0).bytes(0x0f, 0xa2);
    });
    expect(m.reg('rbx')).toBe(576n);
    expect(m.reg('r8') & 2n).toBe(0n);
  });
});
