import { describe, expect, it } from 'vitest';
import { gpa } from '../base/address.ts';
import { StateRegistry } from '../base/state.ts';
import { R15, RAX, RBX, RCX, RDI, RSI } from './testing/assembler.ts';
import { AT, BOOT_INSTRUCTIONS, LongModeMachine, P, TestMachine, W, WINDOW } from './testing/test-machine.ts';

describe('from 32-bit protected mode to 64-bit code, as a Multiboot kernel does it', () => {
  /** Page tables at 0x1000, GDT with a 64-bit code segment at 0x6000. */
  function stub(): TestMachine {
    const machine = new TestMachine();
    machine.setU64(0x1000, 0x2000n | P | W);
    machine.setU64(0x2000, 0x3000n | P | W);
    machine.setU64(0x3000, 0x83n);
    machine.setU64(0x6008, 0x00af_9b00_0000_ffffn);
    machine.setU64(0x6010, 0x00cf_9300_0000_ffffn);
    machine.view.setUint16(0x9000, 0x17, true);
    machine.view.setUint32(0x9002, 0x6000, true);
    machine.write(
      0x1_0000,
      Uint8Array.of(
        ...[0x0f, 0x20, 0xe0, 0x83, 0xc8, 0x20, 0x0f, 0x22, 0xe0], // mov eax,cr4; or eax,0x20; mov cr4,eax
        ...[0xb8, 0x00, 0x10, 0, 0, 0x0f, 0x22, 0xd8], // mov eax,0x1000; mov cr3,eax
        ...[0xb9, 0x80, 0, 0, 0xc0, 0x0f, 0x32, 0x0d, 0, 1, 0, 0, 0x0f, 0x30], // EFER.LME
        ...[0x0f, 0x20, 0xc0, 0x0d, 0, 0, 0, 0x80, 0x0f, 0x22, 0xc0], // CR0.PG
        ...[0x0f, 0x01, 0x15, 0, 0x90, 0, 0], // lgdt [0x9000]
        ...[0xea, 0x00, 0x02, 0x01, 0, 0x08, 0], // jmp 8:0x10200
      ),
    );
    machine.write(
      0x1_0200,
      Uint8Array.of(
        ...[0x31, 0xc0], // xor eax, eax
        ...[0xb9, 100, 0, 0, 0], // mov ecx, 100
        ...[0x48, 0x01, 0xc8], // add rax, rcx
        ...[0xff, 0xc9, 0x75, 0xf9], // dec ecx; jnz -7
        ...[0xe7, 0xf4, 0xf4], // out 0xf4, eax; hlt
      ),
    );
    machine.processor.enterProtected32(gpa(0x1_0000), { eax: 0, ebx: 0 });
    return machine;
  }

  it('gets there, loops, and writes a port', () => {
    const machine = stub();
    expect(machine.processor.registers().bits).toBe(32);
    expect(machine.processor.run(10_000)).toBe('halted');
    expect(machine.ports).toEqual([{ write: true, address: 0xf4, size: 4, value: 5050 }]);
    const view = machine.processor.registers();
    expect(view.bits).toBe(64);
    // LME and LMA.
    expect(view.efer).toBe(0x500n);
    // 14 in 32-bit mode, 2 + 3 * 100 + 2 after.
    expect(machine.processor.instructions).toBe(14 + 304);
  });

  it('runs alike twice, and alike one instruction at a time', () => {
    const whole = stub();
    whole.processor.run(10_000);
    const steps = stub();
    while (steps.processor.run(1) === 'budget');
    expect(steps.processor.registers()).toEqual(whole.processor.registers());
    expect(steps.processor.instructions).toBe(whole.processor.instructions);
    expect(steps.checksum()).toBe(whole.checksum());
  });
});

describe('the instruction budget', () => {
  const spinning = () => {
    const machine = new LongModeMachine();
    machine.boot((code) => code.mov(R15, 0).label('loop').inc(R15).inc(R15).inc(R15).jmp('loop'));
    return machine;
  };

  it('is exact', () => {
    const machine = spinning();
    for (const count of [0, 1, 2, 3, 5, 64, 1000, 4097]) {
      const before = machine.processor.instructions;
      expect(machine.processor.run(count)).toBe('budget');
      expect(machine.processor.instructions - before).toBe(count);
    }
    // boot, mov, then 3 of every 4 instructions count.
    const rest = machine.processor.instructions - BOOT_INSTRUCTIONS - 1;
    expect(machine.reg('r15')).toBe(BigInt(Math.floor(rest / 4) * 3 + Math.min(rest % 4, 3)));
  });

  it('limitSlice from a device ends the slice at an absolute count', () => {
    const machine = new LongModeMachine();
    machine.onPortWrite = () => machine.processor.limitSlice(machine.processor.instructions + 11);
    machine.boot((code) => code.out(0x80).label('loop').inc(R15).jmp('loop'));
    expect(machine.processor.run(100_000)).toBe('budget');
    expect(machine.processor.instructions).toBe(BOOT_INSTRUCTIONS + 11);
    // A limit beyond the end changes nothing.
    const again = new LongModeMachine();
    again.onPortWrite = () => again.processor.limitSlice(1_000_000);
    again.boot((code) => code.out(0x80).label('loop').inc(R15).jmp('loop'));
    expect(again.processor.run(50)).toBe('budget');
    expect(again.processor.instructions).toBe(50);
  });

  it('reset from a device takes effect when its instruction has ended', () => {
    const machine = new LongModeMachine();
    machine.onPortWrite = () => machine.processor.reset();
    machine.boot((code) => code.out(0x64).inc(R15).hlt());
    expect(machine.processor.run(BOOT_INSTRUCTIONS + 1)).toBe('budget');
    const view = machine.processor.registers();
    // SDM Vol. 3A table 9-1.
    expect(view).toMatchObject({ rip: 0xfff0n, rflags: 2n, bits: 16, cpl: 0, efer: 0n });
    expect(view.segments[1]).toMatchObject({ selector: 0xf000, base: 0xffff_0000n, limit: 0xffff });
    expect(view.cr).toMatchObject({ cr0: 0x6000_0010n, cr3: 0n, cr4: 0n });
    expect(machine.reg('r15')).toBe(0n);
    expect(machine.processor.instructions).toBe(BOOT_INSTRUCTIONS + 1);
  });

  it('requestExit from a device stops before the next instruction', () => {
    const machine = new LongModeMachine();
    machine.onPortWrite = () => machine.processor.requestExit();
    const code = machine.boot((asm) => asm.mov(R15, 1).out(0x80).label('next').inc(R15).hlt());
    expect(machine.processor.run(1000)).toBe('requested');
    expect(machine.processor.pc).toBe(BigInt(code.addressOf('next')));
    expect(machine.processor.run(1000)).toBe('halted');
    expect(machine.reg('r15')).toBe(2n);
  });
});

describe('self-modifying code (SDM Vol. 3A 8.1.3)', () => {
  it('a store ahead in the running block takes effect', () => {
    const machine = new LongModeMachine();
    const code = machine.boot((asm) => {
      // mov byte [rip+later], 0xc8 turns INC RAX (48 ff c0) into DEC RAX (48 ff c8).
      asm.mov(RAX, 10).bytes(0xc6, 0x05, 3, 0, 0, 0, 0xc8).nop(1).label('later').bytes(0x48, 0xff, 0xc0).hlt();
    });
    expect(code.addressOf('later')).toBeGreaterThan(0);
    expect(machine.processor.run(1000)).toBe('halted');
    expect(machine.reg('rax')).toBe(9n);
  });

  it('a loop that rewrites itself each time runs what it wrote', () => {
    const machine = new LongModeMachine();
    machine.boot((code) => {
      code.mov(RAX, 0).mov(RCX, 10).label('loop');
      // add rax, imm8 whose immediate is incremented: inc byte [rip + 0xffffffff..]; the immediate is the byte before.
      code.bytes(0x48, 0x83, 0xc0).label('imm').bytes(1);
      code.bytes(0xfe, 0x05, 0xf9, 0xff, 0xff, 0xff); // inc byte [rip - 7]
      code.dec(RCX).jnz('loop').hlt();
    });
    expect(machine.processor.run(1000)).toBe('halted');
    expect(machine.reg('rax')).toBe(55n);
  });

  it('through another linear address of the same page', () => {
    const machine = new LongModeMachine();
    machine.map(0, AT.data, P | W);
    machine.write(AT.data, Uint8Array.of(0x48, 0xff, 0xc0, 0xc3)); // inc rax; ret
    machine.boot((code) => {
      code.mov(RAX, 0).mov(RSI, AT.data).mov(RDI, WINDOW);
      code.bytes(0xff, 0xd6); // call rsi
      code.bytes(0xc6, 0x47, 2, 0xc8); // mov byte [rdi+2], 0xc8
      code.bytes(0xff, 0xd6, 0xff, 0xd6).hlt();
    });
    expect(machine.processor.run(1000)).toBe('halted');
    expect(machine.reg('rax')).toBe(BigInt.asUintN(64, -1n));
  });

  it('by a device, reported with noteExternalWrite; data beside code changes without harm', () => {
    const machine = new LongModeMachine();
    machine.write(AT.data, Uint8Array.of(0x48, 0xff, 0xc0, 0xc3));
    machine.onPortWrite = () => {
      machine.ram[AT.data + 2] = 0xc8;
      machine.processor.noteExternalWrite(gpa(AT.data + 2), 1, '00:03.0');
    };
    machine.boot((code) => {
      code
        .mov(RAX, 5)
        .mov(RSI, AT.data)
        .mov(RBX, AT.data + 0x800);
      code.bytes(0xff, 0xd6).store(RBX, 0, RAX).out(0x80).bytes(0xff, 0xd6).load(RCX, RBX).hlt();
    });
    expect(machine.processor.run(1000)).toBe('halted');
    // AL was 6 when it went out; the store beside the code stands.
    expect(machine.reg('rax')).toBe(5n);
    expect(machine.reg('rcx')).toBe(6n);
  });
});

describe('who wrote this byte', () => {
  const tracked = () => new LongModeMachine({ trackWriters: true });

  it('names the instruction and the page tables of each kind of store', () => {
    const machine = tracked();
    machine.map(0, AT.data + 0x1000, P | W);
    machine.map(1, AT.data + 0x4000, P | W);
    const code = machine.boot((asm) => {
      asm.mov(RBX, AT.data).mov(RAX, 1);
      asm.label('plain').store(RBX, 0x10, RAX);
      asm.label('unaligned').store(RBX, 0x2c, RAX);
      asm.label('rmw').bytes(0x48, 0xff, 0x43, 0x40); // inc qword [rbx+0x40]
      asm.mov(RBX, WINDOW + 0xffc);
      asm.label('split').store(RBX, 0, RAX);
      asm
        .mov(RDI, AT.data + 0x100)
        .mov(RCX, 64)
        .label('bulk')
        .bytes(0xf3, 0xaa); // rep stosb
      asm.hlt();
    });
    expect(machine.processor.run(1000)).toBe('halted');
    const by = (label: string) => ({ kind: 'cpu', pc: BigInt(code.addressOf(label)), pageTables: AT.pml4 });
    const who = (address: number) => machine.processor.whoWrote(gpa(address));
    expect(who(AT.data + 0x10)).toEqual(by('plain'));
    expect(who(AT.data + 0x17)).toEqual(by('plain'));
    expect(who(AT.data + 0x18)).toBeUndefined();
    expect(who(AT.data + 0x28)).toEqual(by('unaligned'));
    expect(who(AT.data + 0x30)).toEqual(by('unaligned'));
    expect(who(AT.data + 0x40)).toEqual(by('rmw'));
    expect(who(AT.data + 0x1ff8)).toEqual(by('split'));
    expect(who(AT.data + 0x4000)).toEqual(by('split'));
    expect(who(AT.data + 0x2000)).toBeUndefined();
    for (const offset of [0, 8, 63]) expect(who(AT.data + 0x100 + offset)).toEqual(by('bulk'));
    expect(who(AT.data + 0x140)).toBeUndefined();
  });

  it('names devices, and the last writer wins', () => {
    const machine = tracked();
    machine.onPortWrite = () => machine.processor.noteExternalWrite(gpa(AT.data + 8), 16, '00:03.0');
    const code = machine.boot((asm) => {
      asm.mov(RBX, AT.data).store(RBX, 8, RAX).out(0x80).label('last').store(RBX, 16, RAX).hlt();
    });
    machine.processor.run(1000);
    expect(machine.processor.whoWrote(gpa(AT.data + 8))).toEqual({ kind: 'device', name: '00:03.0' });
    expect(machine.processor.whoWrote(gpa(AT.data + 16))).toMatchObject({ pc: BigInt(code.addressOf('last')) });
    expect(machine.processor.whoWrote(gpa(AT.code))).toEqual({ kind: 'device', name: 'loader' });
  });

  it('is off when it was not asked for', () => {
    const machine = new LongModeMachine();
    machine.boot((code) => code.mov(RBX, AT.data).store(RBX, 8, RAX).hlt());
    machine.processor.run(1000);
    expect(machine.processor.whoWrote(gpa(AT.data + 8))).toBeUndefined();
  });
});

describe('looking in', () => {
  it('observeStores hears of every store before it happens, a split one as two', () => {
    const machine = new LongModeMachine();
    machine.map(0, AT.data, P | W);
    machine.map(1, AT.data + 0x4000, P | W);
    machine.boot((code) => {
      code
        .mov(RAX, 7)
        .mov(RBX, WINDOW + 0x10)
        .store(RBX, 0, RAX)
        .nop();
      code
        .store(RBX, 8, RAX, 4)
        .bytes(0xff, 0x03)
        .mov(RBX, WINDOW + 0xffe)
        .store(RBX, 0, RAX, 4)
        .hlt();
    });
    // The first store fills the TLB before anybody listens.
    machine.processor.run(BOOT_INSTRUCTIONS + 4);
    const heard: unknown[] = [];
    machine.processor.observeStores((address, size) => heard.push([address, size, machine.ram[address]]));
    expect(machine.processor.run(1000)).toBe('halted');
    expect(heard).toEqual([
      [AT.data + 0x18, 4, 0],
      [AT.data + 0x10, 4, 7],
      [AT.data + 0xffe, 2, 0],
      [AT.data + 0x4000, 2, 0],
    ]);
    machine.processor.observeStores(undefined);
    expect(machine.ram[AT.data + 0x10]).toBe(8);
  });

  it('sets registers by name', () => {
    const machine = new LongModeMachine();
    machine.boot((code) => code.inc(R15).hlt());
    machine.processor.setRegister('r15', 41n);
    machine.processor.setRegister('rflags', 0x8d7n);
    expect(machine.reg('rflags')).toBe(0x8d7n);
    expect(machine.processor.run(100)).toBe('halted');
    expect(machine.reg('r15')).toBe(42n);
    expect(() => machine.processor.setRegister('r16', 0n)).toThrow('r16');
  });

  it('saves and loads a processor in the middle of a run', () => {
    const program = (machine: LongModeMachine) =>
      machine.boot((code) => {
        code.mov(R15, 1).mov(RBX, AT.data).nop(7).label('store').store(RBX, 64, R15);
        code.label('loop').add(R15, 3).add(RAX, -1).jmp('loop');
      });
    const first = new LongModeMachine({ trackWriters: true });
    const code = program(first);
    first.processor.run(123);
    const registry = new StateRegistry();
    for (const part of first.processor.states()) registry.register(part);
    const saved = structuredClone(registry.save());
    const ram = first.ram.slice();
    first.processor.run(1000);

    const second = new LongModeMachine({ trackWriters: true });
    // Other sites and devices come first here: numbers differ from the saved ones.
    second.boot((code) => code.mov(RBX, AT.data).store(RBX, 0, RAX).hlt());
    second.processor.run(100);
    const other = new StateRegistry();
    for (const part of second.processor.states()) other.register(part);
    second.write(0, ram);
    expect(other.load(saved)).toEqual([]);
    expect(second.processor.instructions).toBe(123);
    second.processor.run(1000);
    expect(second.processor.registers()).toEqual(first.processor.registers());
    expect(second.processor.instructions).toBe(first.processor.instructions);
    const store = { kind: 'cpu', pc: BigInt(code.addressOf('store')), pageTables: AT.pml4 };
    expect(second.processor.whoWrote(gpa(AT.data + 64))).toEqual(store);
    expect(second.processor.whoWrote(gpa(AT.data))).toBeUndefined();
    expect(second.processor.whoWrote(gpa(AT.code))).toEqual({ kind: 'device', name: 'loader' });
  });
});
