import { describe, expect, it } from 'vitest';
import { type Gva, gpa } from '../base/address.ts';
import { type Assembler, R8, RAX, RBX, RCX, RDX } from './testing/assembler.ts';
import { frameBelow, type InterruptFrame } from './testing/frames.ts';
import { A, AT, D, LongModeMachine, MMIO, NX, P, PS, SELECTOR, U, W, WINDOW } from './testing/test-machine.ts';

/** CR0.WP, CR4.SMEP, CR4.SMAP, EFER.NXE as a guest sets them. */
const enable = {
  noExecute: (code: Assembler) =>
    // mov ecx, 0xc0000080; rdmsr; or eax, 0x800; wrmsr
    code.bytes(0xb9, 0x80, 0, 0, 0xc0, 0x0f, 0x32, 0x0d, 0, 8, 0, 0, 0x0f, 0x30),
  cr4: (code: Assembler, bits: number) =>
    // mov rax, cr4; or rax, imm32; mov cr4, rax
    code
      .bytes(0x0f, 0x20, 0xe0, 0x48, 0x0d)
      .bytes(bits & 255, (bits >> 8) & 255, (bits >> 16) & 255, 0)
      .bytes(0x0f, 0x22, 0xe0),
  writeProtectOff: (code: Assembler) =>
    // mov rax, cr0; btr rax, 16; mov cr0, rax
    code.bytes(0x0f, 0x20, 0xc0, 0x48, 0x0f, 0xba, 0xf0, 16, 0x0f, 0x22, 0xc0),
};
const SMEP = 1 << 20;
const SMAP = 1 << 21;

/** Goes to CPL 3 at `label` with IRETQ. */
function toUser(code: Assembler, label: string): void {
  code.mov(RAX, SELECTOR.userData).bytes(0x50); // push rax
  code.mov(RAX, AT.stackUser).bytes(0x50);
  code.bytes(0x6a, 2); // push 2: flags
  code.mov(RAX, SELECTOR.userCode).bytes(0x50);
  // lea rax, [rip + label] by a call: the address is pushed, then replaced.
  code.bytes(0x48, 0x8d, 0x05, 3, 0, 0, 0); // lea rax, [rip+3]: what follows push+iretq
  code.bytes(0x50).iretq();
  code.label(label);
}

interface Fault extends InterruptFrame {
  readonly cr2: bigint;
  readonly machine: LongModeMachine;
}

/** Runs a program until its page fault (vector 14, on IST 1) halts. */
function pageFault(prepare: (machine: LongModeMachine) => void, program: (code: Assembler) => void): Fault {
  const machine = new LongModeMachine();
  machine.haltingHandler(14, { ist: 1 });
  prepare(machine);
  machine.boot(program);
  expect(machine.processor.run(1000)).toBe('halted');
  return { ...frameBelow(machine, AT.stackIst1, true), cr2: machine.processor.registers().cr.cr2, machine };
}

const PAGE0 = WINDOW;
const PAGE1 = WINDOW + 0x1000;

describe('page fault error codes (SDM Vol. 3A 4.7)', () => {
  it('0: supervisor read of a page that is not present', () => {
    const fault = pageFault(
      () => {},
      (code) =>
        code
          .mov(RBX, PAGE0 + 0x123)
          .label('here')
          .load(RAX, RBX),
    );
    expect(fault.error).toBe(0n);
    expect(fault.cr2).toBe(BigInt(PAGE0 + 0x123));
    expect(fault.cs).toBe(SELECTOR.code);
    expect(fault.rsp).toBe(AT.stack);
  });

  it('2: supervisor write of a page that is not present; 3: of a read-only page with CR0.WP', () => {
    expect(
      pageFault(
        () => {},
        (code) => code.mov(RBX, PAGE0).store(RBX, 8, RAX),
      ).error,
    ).toBe(2n);
    expect(
      pageFault(
        (machine) => machine.map(0, AT.data, P | U),
        (code) => code.mov(RBX, PAGE0).store(RBX, 8, RAX),
      ).error,
    ).toBe(3n);
  });

  it('4, 5, 6, 7: the same from CPL 3, and from CPL 3 to a supervisor page', () => {
    const asUser = (prepare: (machine: LongModeMachine) => void, write: boolean) =>
      pageFault(prepare, (code) => {
        toUser(code, 'user');
        code.mov(RBX, PAGE0);
        if (write) code.store(RBX, 0, RAX);
        else code.load(RAX, RBX);
      });
    expect(asUser(() => {}, false).error).toBe(4n);
    expect(asUser((machine) => machine.map(0, AT.data, P | W), false).error).toBe(5n);
    expect(asUser(() => {}, true).error).toBe(6n);
    const readOnly = asUser((machine) => machine.map(0, AT.data, P | U), true);
    expect(readOnly.error).toBe(7n);
    expect(readOnly.cs).toBe(SELECTOR.userCode);
    expect(readOnly.ss).toBe(SELECTOR.userData);
    expect(readOnly.rsp).toBe(AT.stackUser);
  });

  it('0x11: fetch from a page with NX; 0x10: from one that is not present', () => {
    const fetch = (prepare: (machine: LongModeMachine) => void) =>
      pageFault(prepare, (code) => {
        enable.noExecute(code);
        code.mov(RBX, PAGE0).jmpRegister(RBX);
      });
    const noExecute = fetch((machine) => machine.map(0, AT.data, P | W | NX));
    expect(noExecute.error).toBe(0x11n);
    expect(noExecute.rip).toBe(PAGE0);
    expect(fetch(() => {}).error).toBe(0x10n);
  });

  it('9: reserved bits: NX without EFER.NXE, an address beyond MAXPHYADDR, PS in a PML4 entry', () => {
    const read = (entry: bigint) =>
      pageFault(
        (machine) => machine.setU64(AT.pt, entry),
        (code) => code.mov(RBX, PAGE0).load(RAX, RBX),
      ).error;
    expect(read(BigInt(AT.data) | P | NX)).toBe(9n);
    expect(read(BigInt(AT.data) | P | (1n << 45n))).toBe(9n);
    const pml4 = pageFault(
      (machine) => machine.setU64(AT.pml4 + 8, BigInt(AT.pdpt) | P | W | PS),
      (code) => code.mov(RBX, 1n << 39n).load(RAX, RBX),
    );
    expect(pml4.error).toBe(9n);
  });

  it('SMEP: a supervisor fetch from a user page gives 0x11; SMAP: a read gives 1, and none with EFLAGS.AC', () => {
    const userPage = (machine: LongModeMachine) => {
      machine.map(0, AT.data, P | W | U);
      // Code, tables and stacks become supervisor pages.
      for (const index of [0, 1]) machine.setU64(AT.pd + index * 8, BigInt(index * 0x20_0000) | P | W | PS);
    };
    const smep = pageFault(userPage, (code) => {
      enable.cr4(code, SMEP);
      code.mov(RBX, PAGE0).jmpRegister(RBX);
    });
    expect(smep.error).toBe(0x11n);
    const smap = pageFault(userPage, (code) => {
      enable.cr4(code, SMAP);
      code.mov(RBX, PAGE0);
      code.bytes(0x0f, 0x01, 0xcb).load(RAX, RBX); // stac
      code.bytes(0x0f, 0x01, 0xca).load(RCX, RBX); // clac
    });
    expect(smap.error).toBe(1n);
    expect(smap.cr2).toBe(BigInt(PAGE0));
    expect(smap.rip).toBeGreaterThan(AT.code);
  });
});

describe('translation', () => {
  it('lets a supervisor write a read-only page while CR0.WP is 0', () => {
    const machine = new LongModeMachine();
    machine.map(0, AT.data, P);
    machine.boot((code) => {
      enable.writeProtectOff(code);
      code.mov(RBX, PAGE0).mov(RAX, 0x1234n).store(RBX, 0x10, RAX).hlt();
    });
    expect(machine.processor.run(1000)).toBe('halted');
    expect(machine.u64(AT.data + 0x10)).toBe(0x1234n);
  });

  it('sets accessed on a read and dirty on a write, at every level that was used', () => {
    const machine = new LongModeMachine();
    machine.map(0, AT.data, P | W);
    machine.map(1, AT.data + 0x1000, P | W);
    machine.boot((code) => {
      code.mov(RBX, PAGE0).load(RAX, RBX);
      code.mov(RBX, PAGE1).load(RAX, RBX).store(RBX, 0, RAX).hlt();
    });
    expect(machine.processor.run(1000)).toBe('halted');
    expect(machine.u64(AT.pt) & (A | D)).toBe(A);
    expect(machine.u64(AT.pt + 8) & (A | D)).toBe(A | D);
    expect(machine.u64(AT.pd + (WINDOW / 0x20_0000) * 8) & A).toBe(A);
    expect(machine.u64(AT.pml4) & A).toBe(A);
    // Upper levels have no dirty bit to set.
    expect(machine.u64(AT.pdpt) & D).toBe(0n);
  });

  it('maps 2 MiB and 1 GiB pages, and INVLPG drops all that was cached of one', () => {
    const machine = new LongModeMachine();
    const gigabyte = 1n << 30n;
    machine.setU64(AT.pdpt + 8, 0n | P | W | PS);
    machine.setU64(AT.data, 0x11n);
    machine.setU64(AT.data + 0x20_0000, 0x22n);
    machine.boot((code) => {
      code.mov(RBX, gigabyte + BigInt(AT.data)).load(RAX, RBX);
      // Now a 2 MiB page elsewhere: the 1 GiB entry becomes a page directory at 0x5000.
      code
        .mov(RDX, AT.pdpt + 8)
        .mov(R8, 0x5000n | P | W)
        .store(RDX, 0, R8);
      // invlpg of another page of the same gigabyte
      code.mov(RDX, gigabyte).bytes(0x0f, 0x01, 0x3a).load(RCX, RBX).hlt();
    });
    machine.setU64(0x5000, 0x20_0000n | P | W | PS);
    expect(machine.processor.run(1000)).toBe('halted');
    expect(machine.reg('rax')).toBe(0x11n);
    expect(machine.reg('rcx')).toBe(0x22n);
  });

  it('keeps a cached translation until INVLPG, and global pages over MOV to CR3', () => {
    const machine = new LongModeMachine();
    machine.setU64(AT.data, 1n);
    machine.setU64(AT.data + 0x1000, 2n);
    machine.map(0, AT.data, P | W | (1n << 8n));
    machine.map(1, AT.data, P | W);
    machine.boot((code) => {
      enable.cr4(code, 1 << 7); // PGE
      code.mov(RBX, PAGE0).load(RAX, RBX).mov(RDX, PAGE1).load(RAX, RDX);
      // Both pages now go elsewhere.
      code.mov(RCX, AT.pt).mov(RAX, BigInt(AT.data + 0x1000) | P | W);
      code.store(RCX, 0, RAX).store(RCX, 8, RAX);
      code.bytes(0x0f, 0x20, 0xd8, 0x0f, 0x22, 0xd8); // mov rax, cr3; mov cr3, rax
      code.load(R8, RBX).load(9, RDX); // r8: global page, r9: other
      code.bytes(0x0f, 0x01, 0x3b).load(10, RBX).hlt(); // invlpg [rbx]
    });
    expect(machine.processor.run(1000)).toBe('halted');
    expect([machine.reg('r8'), machine.reg('r9'), machine.reg('r10')]).toEqual([1n, 2n, 2n]);
  });

  it('agrees with the debugger’s walk', () => {
    const machine = new LongModeMachine();
    machine.map(5, AT.data, P | W);
    machine.boot((code) => code.hlt());
    machine.processor.run(100);
    expect(machine.processor.translate(BigInt(WINDOW + 0x5123) as Gva)).toBe(AT.data + 0x123);
    expect(machine.processor.translate(BigInt(WINDOW + 0x6123) as Gva)).toBeUndefined();
    expect(machine.processor.translate(0x8000_0000_0000n as Gva)).toBeUndefined();
    expect(machine.processor.pageTables).toBe(AT.pml4);
  });
});

describe('accesses that cross a page', () => {
  const mapped = (machine: LongModeMachine) => {
    machine.map(0, AT.data, P | W);
    machine.map(1, AT.data + 0x4000, P | W);
  };

  it('reads and writes both pages', () => {
    const machine = new LongModeMachine();
    mapped(machine);
    machine.boot((code) => {
      code
        .mov(RBX, PAGE1 - 3)
        .mov(RAX, 0x1122_3344_5566_7788n)
        .store(RBX, 0, RAX)
        .load(RCX, RBX)
        .hlt();
    });
    expect(machine.processor.run(1000)).toBe('halted');
    expect(machine.reg('rcx')).toBe(0x1122_3344_5566_7788n);
    expect([...machine.ram.subarray(AT.data + 0xffd, AT.data + 0x1000)]).toEqual([0x88, 0x77, 0x66]);
    expect([...machine.ram.subarray(AT.data + 0x4000, AT.data + 0x4005)]).toEqual([0x55, 0x44, 0x33, 0x22, 0x11]);
  });

  it('writes nothing when the second page faults, and CR2 is the second page’s first byte', () => {
    const fault = pageFault(
      (machine) => machine.map(0, AT.data, P | W),
      (code) =>
        code
          .mov(RBX, PAGE1 - 4)
          .mov(RAX, ~0n)
          .store(RBX, 0, RAX),
    );
    expect(fault.error).toBe(2n);
    expect(fault.cr2).toBe(BigInt(PAGE1));
    expect(fault.machine.u64(AT.data + 0xff8)).toBe(0n);
  });

  it('splits over MMIO: each page’s part goes out by itself', () => {
    const machine = new LongModeMachine();
    machine.map(0, AT.data, P | W);
    machine.map(1, MMIO, P | W);
    machine.onMmioRead = () => 0xaabbn;
    machine.boot((code) => {
      code
        .mov(RBX, PAGE1 - 2)
        .mov(RAX, 0x4433_2211n)
        .store(RBX, 0, RAX, 4)
        .load(RCX, RBX, 0, 4)
        .hlt();
    });
    expect(machine.processor.run(1000)).toBe('halted');
    expect(machine.mmio).toEqual([
      { write: true, address: MMIO, size: 2, value: 0x4433 },
      { write: false, address: MMIO, size: 2, value: 0xaabb },
    ]);
    expect(machine.reg('rcx')).toBe(0xaabb_2211n);
  });
});

describe('MMIO', () => {
  it('passes address, size and all 64 bits, and knows the exact instruction', () => {
    const machine = new LongModeMachine();
    machine.map(0, MMIO, P | W);
    const seen: { pc: bigint; instructions: number }[] = [];
    const note = () => seen.push({ pc: machine.processor.pc, instructions: machine.processor.instructions });
    machine.onMmioRead = () => {
      note();
      return 0x8877_6655_4433_2211n;
    };
    machine.onMmioWrite = note;
    const code = machine.boot((asm) => {
      asm
        .mov(RBX, PAGE0 + 0x18)
        .nop(3)
        .label('read')
        .load(RAX, RBX)
        .label('write')
        .store(RBX, 8, RAX, 4)
        .hlt();
    });
    expect(machine.processor.run(1000)).toBe('halted');
    expect(machine.reg('rax')).toBe(0x8877_6655_4433_2211n);
    expect(machine.mmio.map(({ write, address, size }) => [write, address, size])).toEqual([
      [false, MMIO + 0x18, 8],
      [true, MMIO + 0x20, 4],
    ]);
    expect(seen).toEqual([
      { pc: BigInt(code.addressOf('read')), instructions: 8 },
      { pc: BigInt(code.addressOf('write')), instructions: 9 },
    ]);
  });

  it('a read-modify-write reads once and writes once', () => {
    const machine = new LongModeMachine();
    machine.map(0, MMIO, P | W);
    machine.onMmioRead = () => 41n;
    // inc dword [rbx]
    machine.boot((code) => code.mov(RBX, PAGE0).bytes(0xff, 0x03).hlt());
    expect(machine.processor.run(1000)).toBe('halted');
    expect(machine.mmio.map(({ write, value }) => [write, value])).toEqual([
      [false, 41],
      [true, 42],
    ]);
  });

  it('code is fetched byte by byte, as many as the instruction has', () => {
    const machine = new LongModeMachine();
    machine.map(0, MMIO, P | W);
    // mov eax, 0x12345678; hlt
    const code = [0xb8, 0x78, 0x56, 0x34, 0x12, 0xf4];
    machine.onMmioRead = (address) => BigInt(code[address - MMIO] ?? 0);
    // jmp rbx
    machine.boot((asm) => asm.mov(RBX, PAGE0).bytes(0xff, 0xe3));
    expect(machine.processor.run(1000)).toBe('halted');
    expect(machine.reg('rax')).toBe(0x1234_5678n);
    expect(machine.mmio.map(({ address, size }) => [address - MMIO, size])).toEqual(code.map((_, at) => [at, 1]));
  });

  it.each([
    ['the one page and memory', true],
    ['two pages of it', false],
  ])('an instruction of code may stand on %s', (_, inMemory) => {
    const machine = new LongModeMachine();
    machine.map(0, MMIO, P | W);
    machine.map(1, inMemory ? AT.data : MMIO + 0x1000, P | W);
    machine.ram.set([0x34, 0x12, 0xf4], AT.data);
    const code = [0xb8, 0x78, 0x56, 0x34, 0x12, 0xf4];
    machine.onMmioRead = (address) => BigInt(code[address - (MMIO + 0xffd)] ?? 0);
    machine.boot((asm) => asm.mov(RBX, PAGE0 + 0xffd).bytes(0xff, 0xe3));
    expect(machine.processor.run(1000)).toBe('halted');
    expect(machine.reg('rax')).toBe(0x1234_5678n);
    const fetched = machine.mmio.map(({ address }) => address - (MMIO + 0xffd));
    expect(fetched).toEqual(inMemory ? [0, 1, 2] : [0, 1, 2, 3, 4, 5]);
  });

  it('a device may change the direct ranges while the processor is in its register', () => {
    const machine = new LongModeMachine();
    machine.map(0, MMIO, P | W);
    const extra = machine.processor.allocate(0x1000);
    machine.onMmioWrite = () => {
      extra[0] = 0x77;
      machine.processor.setDirectRanges([
        { start: gpa(0), size: machine.ram.length, backing: machine.ram, writable: true },
        { start: gpa(MMIO), size: 0x1000, backing: extra, writable: false },
      ]);
    };
    machine.boot((code) => {
      code.mov(RBX, PAGE0).store(RBX, 0, RAX).load(RCX, RBX, 0, 1).store(RBX, 4, RCX, 1).hlt();
    });
    expect(machine.processor.run(1000)).toBe('halted');
    expect(machine.reg('rcx') & 0xffn).toBe(0x77n);
    // ROM: the second store still goes to the port, and not to the backing.
    expect(machine.mmio.at(-1)).toEqual({ write: true, address: MMIO + 4, size: 1, value: 0x77 });
    expect(extra[4]).toBe(0);
  });
});
