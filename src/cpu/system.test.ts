import { describe, expect, it } from 'vitest';
import { cpuidEntries } from './cpuid-leaves.ts';
import { cpuidModel } from './cpuid-models.ts';
import { type Assembler, R8, R15, RAX, RBX, RCX } from './testing/assembler.ts';
import { frameBelow } from './testing/frames.ts';
import { enterUser, faulted, ran, wrmsr } from './testing/programs.ts';
import { AT, LongModeMachine, SELECTOR } from './testing/test-machine.ts';
import { coresOfOnePackage } from './topology.ts';

describe('CPUID', () => {
  const cpuid = (model: string, leaf: number, subleaf = 0) => {
    const machine = ran((code) => code.mov(RAX, leaf).mov(RCX, subleaf).bytes(0x0f, 0xa2), { model });
    return ['rax', 'rbx', 'rcx', 'rdx'].map((name) => Number(machine.reg(name)));
  };

  it('answers as QEMU 7.2 does for -cpu qemu64 (without SVM)', () => {
    expect(cpuid('qemu64', 0)).toEqual([0xd, 0x6874_7541, 0x444d_4163, 0x6974_6e65]);
    expect(cpuid('qemu64', 1)).toEqual([0x0006_0fb1, 0x800, 0x8000_2001, 0x078b_fbfd]);
    expect(cpuid('qemu64', 7)).toEqual([0, 0, 0, 0]);
    expect(cpuid('qemu64', 0xb)).toEqual([0, 1, 0x100, 0]);
    expect(cpuid('qemu64', 0xb, 1)).toEqual([0, 1, 0x201, 0]);
    expect(cpuid('qemu64', 0x4000_0000)).toEqual([0x4000_0001, 0x5447_4354, 0x4354_4743, 0x4743_5447]);
    // QEMU has 5 in ECX: SVM is bit 2.
    expect(cpuid('qemu64', 0x8000_0001)).toEqual([0x0006_0fb1, 0, 1, 0x2193_fbfd]);
    expect(cpuid('qemu64', 0x8000_0002)).toEqual([0x554d_4551, 0x7269_5620, 0x6c61_7574, 0x5550_4320]);
    expect(cpuid('qemu64', 0x8000_0008)).toEqual([0x3028, 0, 0, 0]);
  });

  it('beyond the last leaf answers as the last basic one', () => {
    expect(cpuid('max', 0x1234_5678)).toEqual(cpuid('max', 0xd));
    expect(cpuid('max', 0x8000_0999)).toEqual(cpuid('max', 0xd));
  });

  it('shows OSXSAVE only as CR4 has it, and several processors when there are', () => {
    const model = cpuidModel('qemu64', [])!;
    const leaf1 = cpuidEntries(model, coresOfOnePackage(4)).find((entry) => entry.leaf === 1)!;
    expect(leaf1.ebx).toBe(0x0004_0800);
    expect(leaf1.edx & (1 << 28)).not.toBe(0);
  });
});

describe('control registers', () => {
  it('reserved and impossible values are #GP(0) and change nothing', () => {
    const cases: [string, (code: Assembler) => void][] = [
      [
        'CR4 reserved bit',
        (code) => code.bytes(0x0f, 0x20, 0xe0).bytes(0x48, 0x0f, 0xba, 0xe8, 31).label('bad').bytes(0x0f, 0x22, 0xe0),
      ],
      ['CR4.PAE off in long mode', (code) => code.mov(RAX, 0).label('bad').bytes(0x0f, 0x22, 0xe0)],
      ['CR0.PG off in 64-bit mode', (code) => code.mov(RAX, 0x11).label('bad').bytes(0x0f, 0x22, 0xc0)],
      ['CR0.NW without CD', (code) => code.mov(RAX, 0xa000_0011).label('bad').bytes(0x0f, 0x22, 0xc0)],
      ['CR0 above 32 bits', (code) => code.mov(RAX, 0x1_8000_0011n).label('bad').bytes(0x0f, 0x22, 0xc0)],
      [
        'CR3 beyond MAXPHYADDR',
        (code) =>
          code
            .mov(RAX, 1n << 44n)
            .label('bad')
            .bytes(0x0f, 0x22, 0xd8),
      ],
      ['CR8 above 15', (code) => code.mov(RAX, 16).label('bad').bytes(0x44, 0x0f, 0x22, 0xc0)],
      [
        'DR7 above 32 bits',
        (code) =>
          code
            .mov(RAX, 1n << 32n)
            .label('bad')
            .bytes(0x0f, 0x23, 0xf8),
      ],
    ];
    for (const [name, program] of cases) {
      const { error, machine } = faulted(13, program);
      expect(error, name).toBe(0n);
      const { cr0, cr3 } = machine.processor.registers().cr;
      expect([cr0 & 0x8001_0001n, cr3], name).toEqual([0x8001_0001n, BigInt(AT.pml4)]);
    }
  });

  it('are out of reach for CPL 3', () => {
    const privileged: number[][] = [
      [0x0f, 0x20, 0xc0], // mov rax, cr0
      [0x0f, 0x22, 0xc0], // mov cr0, rax
      [0x0f, 0x21, 0xc0], // mov rax, dr0
      [0x0f, 0x01, 0x3b], // invlpg
      [0x0f, 0x06], // clts
      [0x0f, 0x30], // wrmsr
      [0x0f, 0x32], // rdmsr
      [0x0f, 0x09], // wbinvd
      [0xf4], // hlt
      [0xfa], // cli with IOPL 0
      [0x0f, 0x01, 0x14, 0x25, 0, 0x90, 0, 0], // lgdt
      [0x0f, 0x00, 0xd8], // ltr ax
      [0x0f, 0x01, 0xf8], // swapgs
      [0x48, 0x0f, 0x07], // sysret, with EFER.SCE
    ];
    for (const bytes of privileged) {
      const { error } = faulted(13, (code) => {
        wrmsr(code, 0xc000_0080, 0x501n);
        enterUser(code)
          .label('bad')
          .bytes(...bytes);
      });
      expect(error, bytes.join(' ')).toBe(0n);
    }
  });

  it('SMSW and CLTS; DR6 and DR7 keep their fixed bits; MOV CR8 reads back', () => {
    const machine = ran((code) => {
      code.bytes(0x0f, 0x20, 0xc0, 0x48, 0x83, 0xc8, 8, 0x0f, 0x22, 0xc0); // set TS
      code.bytes(0x0f, 0x01, 0xe3); // smsw ebx
      code.bytes(0x0f, 0x06, 0x0f, 0x20, 0xc1); // clts; mov rcx, cr0
      code.mov(RAX, 0).bytes(0x0f, 0x23, 0xf0, 0x0f, 0x21, 0xf2); // dr6 = 0; mov rdx, dr6
      code.mov(RAX, 0x800).bytes(0x0f, 0x23, 0xf8); // dr7 = 0x800
      code.bytes(0x41, 0x0f, 0x21, 0xf8); // mov r8, dr7
      code.mov(RAX, 9).bytes(0x44, 0x0f, 0x22, 0xc0, 0x45, 0x0f, 0x20, 0xc7); // cr8 = 9; mov r15, cr8
    });
    expect(machine.reg('rbx') & 0xffffn).toBe(0x19n);
    expect(machine.reg('rcx') & 8n).toBe(0n);
    expect(machine.reg('rdx')).toBe(0xffff_0ff0n);
    expect(machine.reg('r8')).toBe(0x400n);
    expect(machine.reg('r15')).toBe(9n);
  });
});

describe('MSRs', () => {
  it('EFER: reserved bits and LME under paging are #GP(0); LMA cannot be written', () => {
    expect(faulted(13, (code) => wrmsr(code, 0xc000_0080, 0x2500n, true)).error).toBe(0n);
    expect(faulted(13, (code) => wrmsr(code, 0xc000_0080, 0x400n, true)).error).toBe(0n);
    const machine = ran((code) => wrmsr(code, 0xc000_0080, 0x901n));
    expect(machine.processor.registers().efer).toBe(0xd01n);
  });

  it('bases must be canonical, PAT fields memory types', () => {
    expect(faulted(13, (code) => wrmsr(code, 0xc000_0101, 0x8000_0000_0000n, true)).error).toBe(0n);
    expect(faulted(13, (code) => wrmsr(code, 0xc000_0082, 0x8000_0000_0000n, true)).error).toBe(0n);
    expect(faulted(13, (code) => wrmsr(code, 0x277, 2n, true)).error).toBe(0n);
  });

  it('FS, GS and SWAPGS address memory', () => {
    const machine = ran(
      (code) => {
        wrmsr(code, 0xc000_0101, BigInt(AT.data));
        wrmsr(code, 0xc000_0102, BigInt(AT.data + 0x100));
        code.bytes(0x65, 0x48, 0x8b, 0x1c, 0x25, 8, 0, 0, 0); // mov rbx, gs:[8]
        code.bytes(0x0f, 0x01, 0xf8); // swapgs
        code.bytes(0x65, 0x4c, 0x8b, 0x04, 0x25, 8, 0, 0, 0); // mov r8, gs:[8]
      },
      {},
      (m) => {
        m.setU64(AT.data + 8, 0x11n);
        m.setU64(AT.data + 0x108, 0x22n);
      },
    );
    expect([machine.reg('rbx'), machine.reg('r8')]).toEqual([0x11n, 0x22n]);
  });

  it('one that nobody has is #GP(0), or reads 0 when the machine says so', () => {
    const read = (code: Assembler) => code.mov(RCX, 0xc001_1234).label('bad').bytes(0x0f, 0x32);
    expect(faulted(13, read).error).toBe(0n);
    const machine = ran((code) => read(code.mov(RAX, 5)), { unknownMsrs: 'zero' });
    expect(machine.reg('rax')).toBe(0n);
  });

  it('the TSC is virtual time: one per instruction here, and WRMSR moves it', () => {
    const machine = ran((code) => {
      code.bytes(0x0f, 0x31).move(RBX, RAX).nop(10).bytes(0x0f, 0x31).move(R8, RAX);
      wrmsr(code, 0x10, 0x5_0000_0000n).bytes(0x0f, 0x31);
    });
    expect(machine.reg('r8') - machine.reg('rbx')).toBe(12n);
    // RDTSC runs one instruction after WRMSR.
    expect(machine.reg('rax')).toBe(1n);
    expect(machine.reg('rdx')).toBe(5n);
  });
});

describe('SYSCALL and SYSRET', () => {
  it('enter the kernel with RCX, R11 and FMASK, and return to CPL 3', () => {
    const machine = new LongModeMachine();
    machine.haltingHandler(3, { dpl: 3 });
    const code = machine.boot((asm) => {
      wrmsr(asm, 0xc000_0080, 0x501n);
      // SYSRET: SS = base + 8 = userData, CS = base + 16 = userCode. SYSCALL: CS 8, SS 0x10.
      wrmsr(asm, 0xc000_0081, (0x1bn << 48n) | (0x08n << 32n));
      wrmsr(asm, 0xc000_0082, BigInt(AT.handlers));
      wrmsr(asm, 0xc000_0084, 0x400n); // FMASK: DF
      enterUser(asm);
      asm.bytes(0xfd, 0x0f, 0x05).label('back').bytes(0xcc); // std; syscall; int3
    });
    // mov r15, rcx; mov r8, cs; mov r9, r11; pushfq; pop rbx; sysretq
    machine.write(
      AT.handlers,
      Uint8Array.of(0x49, 0x89, 0xcf, 0x4c, 0x8c, 0xc8, 0x49, 0x89, 0xc0, 0x9c, 0x5b, 0x48, 0x0f, 0x07),
    );
    expect(machine.processor.run(1000)).toBe('halted');
    expect(machine.reg('r15')).toBe(BigInt(code.addressOf('back')));
    expect(machine.reg('r11') & 0x400n).toBe(0x400n);
    // Inside, DF was masked; after SYSRET it is back.
    expect(machine.reg('rbx') & 0x400n).toBe(0n);
    const frame = frameBelow(machine, AT.stack0, false);
    expect(frame).toMatchObject({ cs: SELECTOR.userCode, ss: SELECTOR.userData, rsp: AT.stackUser });
    expect(frame.rflags & 0x400).toBe(0x400);
  });

  it('is #UD without EFER.SCE; SYSRET to a non-canonical address is #GP(0) at CPL 0', () => {
    faulted(6, (code) => code.label('bad').bytes(0x0f, 0x05));
    const { error, machine } = faulted(13, (code) => {
      wrmsr(code, 0xc000_0080, 0x501n).mov(RCX, 0x8000_0000_0000n).label('bad').bytes(0x48, 0x0f, 0x07);
    });
    expect(error).toBe(0n);
    expect(machine.processor.registers().cpl).toBe(0);
  });
});

describe('ports from CPL 3', () => {
  it('need a clear bit in the TSS’s map', () => {
    const withMap = (m: LongModeMachine) => {
      // The map begins at 0x68; TSS limit grows to hold ports up to 0xff and the closing byte.
      m.ram.fill(0xff, AT.tss + 0x68, AT.tss + 0x68 + 0x21);
      m.ram[AT.tss + 0x68 + 0x10] = 0xfe; // port 0x80
      m.view.setUint16(AT.gdt + SELECTOR.tss, 0x68 + 0x20, true);
      m.haltingHandler(3, { dpl: 3 });
    };
    const allowed = new LongModeMachine();
    withMap(allowed);
    allowed.boot((code) => enterUser(code).out(0x80).bytes(0xcc));
    expect(allowed.processor.run(1000)).toBe('halted');
    expect(allowed.ports.map(({ address }) => address)).toEqual([0x80]);
    for (const bytes of [
      [0xe6, 0x81], // the next port
      [0x66, 0xe7, 0x80], // a word: 0x81 too
      [0x66, 0xba, 0, 2, 0xec], // in al, dx beyond the map
    ]) {
      const machine = new LongModeMachine();
      withMap(machine);
      machine.haltingHandler(13, { ist: 1 });
      machine.boot((code) => enterUser(code).bytes(...bytes));
      expect(machine.processor.run(1000)).toBe('halted');
      expect(frameBelow(machine, AT.stackIst1, true).error).toBe(0n);
      expect(machine.ports).toEqual([]);
    }
  });
});

describe('descriptors and segments', () => {
  it('LTR marks the TSS busy and refuses it then; SGDT, SIDT and STR read back', () => {
    const machine = ran((code) => {
      code.bytes(0x0f, 0x01, 0x04, 0x25, 0, 0x98, 0, 0); // sgdt [0x9800]
      code.bytes(0x0f, 0x01, 0x0c, 0x25, 0x10, 0x98, 0, 0); // sidt [0x9810]
      code.bytes(0x0f, 0x00, 0xcb); // str ebx
    });
    expect(machine.view.getUint8(AT.gdt + SELECTOR.tss + 5)).toBe(0x8b);
    expect(machine.view.getUint16(0x9800, true)).toBe(0x3f);
    expect(machine.u64(0x9802)).toBe(BigInt(AT.gdt));
    expect(machine.u64(0x9812)).toBe(BigInt(AT.idt));
    expect(machine.reg('rbx') & 0xffffn).toBe(BigInt(SELECTOR.tss));
    const again = faulted(13, (code) => code.mov(RAX, SELECTOR.tss).label('bad').bytes(0x0f, 0x00, 0xd8));
    expect(again.error).toBe(BigInt(SELECTOR.tss));
  });

  it('a selector beyond the GDT, a code segment as SS, one not present: #GP and #NP with the selector', () => {
    const load = (modrm: number, selector: number) => (code: Assembler) =>
      code.mov(RAX, selector).label('bad').bytes(0x8e, modrm);
    expect(faulted(13, load(0xd8, 0x40)).error).toBe(0x40n);
    expect(faulted(13, load(0xd0, SELECTOR.code)).error).toBe(BigInt(SELECTOR.code));
    expect(faulted(13, load(0xd0, 3)).error).toBe(0n);
    const machine = new LongModeMachine();
    machine.haltingHandler(11, { ist: 1 });
    machine.view.setUint8(AT.gdt + SELECTOR.data + 5, 0x13);
    machine.boot(load(0xd8, SELECTOR.data));
    expect(machine.processor.run(100)).toBe('halted');
    expect(frameBelow(machine, AT.stackIst1, true).error).toBe(BigInt(SELECTOR.data));
  });

  it('a null SS is legal at CPL 0 in 64-bit mode; LAR, LSL and VERW answer in ZF', () => {
    const machine = ran((code) => {
      code.mov(RAX, 0).bytes(0x8e, 0xd0); // mov ss, ax
      code.mov(RCX, SELECTOR.code).bytes(0x0f, 0x02, 0xd9); // lar ebx, ecx
      code.bytes(0x44, 0x0f, 0x03, 0xc1); // lsl r8d, ecx
      code.bytes(0x0f, 0x00, 0xe9, 0x0f, 0x94, 0xc2); // verw cx; setz dl
      code.mov(RCX, SELECTOR.data).bytes(0x0f, 0x00, 0xe9, 0x41, 0x0f, 0x94, 0xc7); // verw cx; setz r15b
    });
    expect(machine.reg('rbx')).toBe(0x00a0_9b00n);
    expect(machine.reg('r8')).toBe(0xffff_ffffn);
    expect(machine.reg('rdx') & 0xffn).toBe(0n);
    expect(machine.reg('r15') & 0xffn).toBe(1n);
  });

  it('far RET to a 32-bit segment runs compatibility mode, and a far JMP comes back', () => {
    const machine = new LongModeMachine();
    const code = machine.boot((asm) => {
      asm.mov(RAX, SELECTOR.code32).bytes(0x50).mov(RAX, AT.handlers).bytes(0x50, 0x48, 0xcb); // retfq
      asm.label('home').inc(R15).hlt();
    });
    const home = code.addressOf('home');
    machine.write(
      AT.handlers,
      Uint8Array.of(
        ...[0x40], // inc eax: a REX prefix in 64-bit mode
        ...[0xea, home & 0xff, (home >> 8) & 0xff, home >> 16, 0, SELECTOR.code, 0],
      ),
    );
    expect(machine.processor.run(1000)).toBe('halted');
    expect(machine.reg('rax')).toBe(BigInt(AT.handlers + 1));
    expect(machine.reg('r15')).toBe(1n);
    expect(machine.reg('rsp')).toBe(BigInt(AT.stack));
  });

  it('IRETQ from 64-bit code to a 16-bit stack sets SP alone, as processors do', () => {
    const machine = new LongModeMachine();
    // The descriptor of the user's data, here 16-bit data of level 0.
    const stack = 0x20;
    machine.setU64(AT.gdt + stack, 0x0000_9300_0000_ffffn);
    const start = BigInt(AT.stack);
    machine.boot((code) => {
      code.mov(RAX, stack).bytes(0x50).mov(RAX, 0x1234_8640).bytes(0x50, 0x6a, 2);
      code.mov(RAX, SELECTOR.code32).bytes(0x50).mov(RAX, AT.handlers).bytes(0x50).iretq();
    });
    machine.write(AT.handlers, Uint8Array.of(0xf4));
    expect(machine.processor.run(100)).toBe('halted');
    expect(machine.reg('rsp')).toBe(((start - 40n) & ~0xffffn) | 0x8640n);
  });

  it('IRETQ refuses an outer stack of the wrong level and leaves everything as it was', () => {
    const { error, machine } = faulted(13, (code) => {
      code.mov(RAX, SELECTOR.data).bytes(0x50).mov(RAX, AT.stackUser).bytes(0x50, 0x6a, 2);
      code.mov(RAX, SELECTOR.userCode).bytes(0x50, 0x6a, 0).label('bad').iretq();
    });
    expect(error).toBe(BigInt(SELECTOR.data));
    expect(frameBelow(machine, AT.stackIst1, true)).toMatchObject({ cs: SELECTOR.code, rsp: AT.stack - 40 });
  });
});
