import { describe, expect, it } from 'vitest';
import { type Gva, gva } from '../base/address.ts';
import { type Assembler, R8, RAX, RBX, RCX, RDX } from './testing/assembler.ts';
import { enterUser, faulted, ran, setCr4, wrmsr } from './testing/programs.ts';
import { AT, LongModeMachine, P, PS, U, W, WINDOW } from './testing/test-machine.ts';

const rdmsr = (code: Assembler, msr: number) => code.mov(RCX, msr).label('bad').bytes(0x0f, 0x32);
/** EDX:EAX of RDMSR. */
const value = (m: { reg(name: string): bigint }) => m.reg('rax') | (m.reg('rdx') << 32n);
const NEHALEM = { model: 'Nehalem' };

describe('MTRRs and PAT (SDM Vol. 3A 11.11, 11.12)', () => {
  it.each([
    ['a reserved type in a variable range', 0x200, 2n],
    ['bits 11-8 of a base', 0x200, 0x106n],
    ['a base beyond MAXPHYADDR', 0x202, (1n << 40n) | 6n],
    ['bits 10-0 of a mask', 0x201, 0x801n],
    ['a mask beyond MAXPHYADDR', 0x201, 1n << 44n],
    ['a reserved type in a fixed range', 0x250, 0x0606_0606_0306_0606n],
    ['UC- in a fixed range', 0x26f, 7n],
    ['a reserved default type', 0x2ff, 0xc03n],
    ['reserved bits of the default type', 0x2ff, 0x1c06n],
    ['the capabilities', 0xfe, 0x508n],
  ])('refuse %s with #GP(0)', (_, msr, bad) => {
    expect(faulted(13, (code) => wrmsr(code, msr, bad, true)).error).toBe(0n);
  });

  it('decide the effective memory type, page by page', () => {
    const m = new LongModeMachine();
    // PAT entries by PWT and PCD: 0 WB, 1 WT, 2 UC-, 3 UC; entry 4 (PAT bit) becomes WC below.
    for (const [page, bits] of [0n, 8n, 0x10n, 0x18n, 0x80n].entries()) m.map(page, AT.data, P | W | bits);
    m.map(5, 0xa_0000, P | W);
    m.map(6, 0x30_0000, P | W);
    m.boot((code) => {
      wrmsr(code, 0x277, 0x0007_0401_0007_0406n);
      wrmsr(code, 0x250, 0x0606_0606_0606_0606n);
      wrmsr(code, 0x259, 0n);
      // 2 to 4 MiB write-through, of a write-back default.
      wrmsr(code, 0x200, 0x20_0000n | 4n);
      wrmsr(code, 0x201, 0xff_ffe0_0800n);
      wrmsr(code, 0x2ff, 0xc06n).hlt();
    });
    const at = (page: number) => m.processor.memoryType(gva(BigInt(WINDOW + page * 0x1000)) as Gva);
    // Whoever enters without firmware finds its settings: RAM write-back, the VGA window not.
    expect([at(0), at(5)]).toEqual(['WB', 'UC']);
    expect(m.processor.run(1000)).toBe('halted');
    expect([0, 1, 2, 3, 4].map(at)).toEqual(['WB', 'WT', 'UC', 'UC', 'WC']);
    expect(at(5)).toBe('UC');
    expect(at(6)).toBe('WT');
    expect(at(100)).toBeUndefined();
    // Large pages have their PAT bit at 12.
    expect(m.processor.memoryType(gva(0x1000n))).toBe('WB');
    m.setU64(AT.pd, P | W | U | PS | 0x1000n);
    expect(m.processor.memoryType(gva(0x1000n))).toBe('WC');
  });
});

describe('MSRs by model', () => {
  it("each maker has its own, and not the other's", () => {
    for (const [msr, options] of [
      [0x3a, {}],
      [0xce, {}],
      [0xc001_0015, NEHALEM],
      [0xc001_0010, NEHALEM],
      [0x3b, { model: 'qemu64' }],
      [0xc000_0103, { model: 'qemu64' }],
    ] as const) {
      expect(faulted(13, (code) => rdmsr(code, msr), options).error, msr.toString(16)).toBe(0n);
    }
    expect(value(ran((code) => rdmsr(code, 0x3a), NEHALEM))).toBe(0n);
    expect(value(ran((code) => rdmsr(code, 0xc001_0010)))).toBe(0n);
    expect(value(ran((code) => rdmsr(code, 0x8b)))).toBe(0x0100_0065n);
    expect(value(ran((code) => rdmsr(code, 0x8b), NEHALEM))).toBe(0x1_0000_0000n);
  });

  it('IA32_FEATURE_CONTROL locks itself', () => {
    const m = faulted(13, (code) => wrmsr(wrmsr(code, 0x3a, 5n), 0x3a, 0n, true), NEHALEM);
    expect(m.error).toBe(0n);
  });

  it('ten machine check banks: STATUS takes zeros, unless HWCR opens it', () => {
    expect(value(ran((code) => rdmsr(code, 0x179))) & 0xffn).toBe(10n);
    expect(faulted(13, (code) => wrmsr(code, 0x425, 1n, true)).error).toBe(0n);
    expect(faulted(13, (code) => rdmsr(code, 0x428)).error).toBe(0n);
    const open = ran((code) => rdmsr(wrmsr(wrmsr(code, 0xc001_0015, 1n << 18n), 0x425, 7n), 0x425));
    expect(value(open)).toBe(7n);
  });

  it('IA32_TSC_ADJUST and the TSC move together', () => {
    const m = ran((code) => {
      wrmsr(code, 0x3b, 0x1_0000_0000n).bytes(0x0f, 0x31).move(R8, RDX); // rdtsc
      wrmsr(code, 0x10, 0n);
      rdmsr(code, 0x3b);
    });
    expect(m.reg('r8')).toBe(1n);
    // Back to 0: less all the time that passed, which is below 2^32 here.
    expect(m.reg('rdx')).toBe(0xffff_ffffn);
  });
});

describe('features that are switched off', () => {
  it.each([
    ['rdrand', [0x0f, 0xc7, 0xf0]],
    ['rdseed', [0x0f, 0xc7, 0xf8]],
    ['movbe', [0x0f, 0x38, 0xf0, 0x03]],
    ['cx16', [0x48, 0x0f, 0xc7, 0x0b]],
    ['rdtscp', [0x0f, 0x01, 0xf9]],
    ['popcnt', [0xf3, 0x0f, 0xb8, 0xc0]],
    ['invpcid', [0x66, 0x0f, 0x38, 0x82, 0x03]],
    ['smap', [0x0f, 0x01, 0xcb]],
    ['fsgsbase', [0xf3, 0x0f, 0xae, 0xc0]],
    ['rdpid', [0xf3, 0x0f, 0xc7, 0xf8]],
    ['clwb', [0x66, 0x0f, 0xae, 0x33]],
    ['syscall', [0x0f, 0x05]],
  ])('-%s makes its instruction #UD', (name, bytes) => {
    const program = (code: Assembler) =>
      code
        .mov(RBX, AT.data)
        .label('bad')
        .bytes(...bytes);
    faulted(6, program, { model: `max,-${name}` });
    if (['fsgsbase', 'syscall', 'invpcid'].includes(name)) return;
    ran(
      (code) => program(code),
      {},
      (m) => m.ram.fill(0, AT.data, AT.data + 64),
    );
  });

  it('LZCNT is BSR without ABM: the prefix is ignored', () => {
    const lzcnt = (code: Assembler) => code.mov(RBX, 0x100).bytes(0xf3, 0x48, 0x0f, 0xbd, 0xc3);
    expect(ran(lzcnt).reg('rax')).toBe(55n);
    expect(ran(lzcnt, { model: 'max,-abm' }).reg('rax')).toBe(8n);
  });

  it('their bits of CR4 are reserved', () => {
    for (const [name, bit] of [
      ['smep', 20],
      ['smap', 21],
      ['umip', 11],
      ['pcid', 17],
      ['fsgsbase', 16],
      ['vme', 0],
    ] as const) {
      faulted(
        13,
        (code) => code.bytes(0x0f, 0x20, 0xe0, 0x48, 0x0f, 0xba, 0xe8, bit).label('bad').bytes(0x0f, 0x22, 0xe0),
        {
          model: `max,-${name}`,
        },
      );
    }
  });
});

describe('RDFSBASE and its relatives, UMIP, PCID', () => {
  it('read and write the bases, with CR4.FSGSBASE and canonical values only', () => {
    const wrgsbase = [0xf3, 0x48, 0x0f, 0xae, 0xd8]; // rax
    const m = ran(
      (code) =>
        setCr4(code, 1 << 16)
          .mov(RAX, 0xffff_8000_1234_5678n)
          .bytes(...wrgsbase, 0xf3, 0x48, 0x0f, 0xae, 0xcb) // rdgsbase rbx
          .bytes(0xf3, 0x0f, 0xae, 0xd0, 0xf3, 0x48, 0x0f, 0xae, 0xc1), // wrfsbase eax; rdfsbase rcx
    );
    expect([m.reg('rbx'), m.reg('rcx')]).toEqual([0xffff_8000_1234_5678n, 0x1234_5678n]);
    faulted(6, (code) => code.label('bad').bytes(...wrgsbase));
    faulted(13, (code) =>
      setCr4(code, 1 << 16)
        .mov(RAX, 1n << 47n)
        .label('bad')
        .bytes(...wrgsbase),
    );
  });

  it('UMIP keeps SGDT, SIDT, SLDT, STR and SMSW from CPL 3', () => {
    const forbidden = [
      [0x0f, 0x01, 0x03],
      [0x0f, 0x01, 0x0b],
      [0x0f, 0x00, 0xc0],
      [0x0f, 0x00, 0xc8],
      [0x0f, 0x01, 0xe0],
    ];
    for (const bytes of forbidden) {
      faulted(13, (code) =>
        enterUser(setCr4(code, 1 << 11))
          .label('bad')
          .bytes(...bytes),
      );
    }
  });

  const PCIDE = 1 << 17;
  it('CR3 bit 63 is no address bit with PCIDE, and reads back as 0', () => {
    const m = ran((code) => {
      setCr4(code, PCIDE).mov(RAX, (1n << 63n) | BigInt(AT.pml4) | 5n);
      code.bytes(0x0f, 0x22, 0xd8, 0x0f, 0x20, 0xdb); // mov cr3, rax; mov rbx, cr3
    });
    expect(m.reg('rbx')).toBe(BigInt(AT.pml4) | 5n);
    faulted(13, (code) =>
      code
        .mov(RAX, (1n << 63n) | BigInt(AT.pml4))
        .label('bad')
        .bytes(0x0f, 0x22, 0xd8),
    );
  });

  it('PCIDE needs PCID 0 in force', () => {
    faulted(13, (code) => {
      code.mov(RAX, AT.pml4 + 8).bytes(0x0f, 0x22, 0xd8);
      code.bytes(0x0f, 0x20, 0xe0, 0x48, 0x0f, 0xba, 0xe8, 17).label('bad').bytes(0x0f, 0x22, 0xe0);
    });
  });

  it.each([
    ['a type above 3', 4, 0n, 0n],
    ['a PCID without PCIDE', 1, 1n, 0n],
    ['reserved bits of the descriptor', 2, 0x1000n, 0n],
    ['an address that is not canonical', 0, 0n, 1n << 47n],
  ])('INVPCID refuses %s', (_, type, context, address) => {
    faulted(
      13,
      (code) => code.mov(RAX, type).mov(RBX, AT.data).label('bad').bytes(0x66, 0x0f, 0x38, 0x82, 0x03),
      {},
      (m) => {
        m.setU64(AT.data, context);
        m.setU64(AT.data + 8, address);
      },
    );
  });

  it('INVPCID drops an address of the PCID in force, and all with type 2', () => {
    for (const [type, context] of [
      [0, 5n],
      [1, 5n],
      [2, 0n],
      [3, 0n],
    ] as const) {
      const m = new LongModeMachine();
      m.map(0, AT.data, P | W);
      m.setU64(AT.data, 0x11n);
      m.setU64(AT.data + 0x1000, 0x22n);
      m.setU64(AT.data + 0x2000, context);
      m.setU64(AT.data + 0x2008, BigInt(WINDOW));
      m.boot((code) => {
        setCr4(code, PCIDE)
          .mov(RAX, AT.pml4 + 5)
          .bytes(0x0f, 0x22, 0xd8);
        code.mov(RBX, WINDOW).load(R8, RBX); // cached
        code
          .mov(RCX, AT.pt)
          .mov(RDX, AT.data + 0x1003)
          .store(RCX, 0, RDX);
        code
          .mov(RAX, type)
          .mov(RDX, AT.data + 0x2000)
          .bytes(0x66, 0x0f, 0x38, 0x82, 0x02);
        code.load(R8, RBX).hlt();
      });
      expect(m.processor.run(1000)).toBe('halted');
      expect(m.reg('r8'), `type ${type}`).toBe(0x22n);
    }
  });
});

describe('SYSCALL and SYSENTER by maker', () => {
  it("SYSENTER is #UD in long mode on AMD's, #GP with a null selector on Intel's", () => {
    faulted(6, (code) => code.label('bad').bytes(0x0f, 0x34));
    faulted(13, (code) => code.label('bad').bytes(0x0f, 0x34), NEHALEM);
  });
});

describe('RDRAND', () => {
  it('repeats with the seed and differs without', () => {
    const draw = (seed?: number) =>
      ran((code) => code.bytes(0x48, 0x0f, 0xc7, 0xf0), seed === undefined ? {} : { seed }).reg('rax');
    expect(draw(7)).toBe(draw(7));
    expect(draw(7)).not.toBe(draw(8));
    expect(draw()).toBe(draw(1));
  });
});
