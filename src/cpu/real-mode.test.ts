import { describe, expect, it } from 'vitest';
import { gpa } from '../base/address.ts';
import { LEGACY, LEGACY_SELECTOR, LegacyMachine, word } from './testing/legacy-machine.ts';
import { TestMachine } from './testing/test-machine.ts';

function real(bytes: readonly number[], options = {}): LegacyMachine {
  const machine = new LegacyMachine();
  machine.real(bytes, options);
  return machine;
}

/** mov eax, cr0; xor al, 1; mov cr0, eax */
const TOGGLE_PE = [0x0f, 0x20, 0xc0, 0x34, 0x01, 0x0f, 0x22, 0xc0];

describe('real mode', () => {
  it('begins at the reset vector, 16 bytes below 4 GiB, and far jumps lead below 1 MiB', () => {
    const machine = new TestMachine();
    const rom = machine.ram.subarray(0x10_0000, 0x11_0000);
    // jmp 0xf000:0x1234
    rom.set([0xea, 0x34, 0x12, 0x00, 0xf0], 0xfff0);
    machine.processor.setDirectRanges([
      { start: gpa(0), size: 0x10_0000, backing: machine.ram.subarray(0, 0x10_0000), writable: true },
      { start: gpa(0xffff_0000), size: 0x1_0000, backing: rom, writable: false },
    ]);
    expect(machine.processor.pc).toBe(0xffff_fff0n);
    machine.processor.run(1);
    expect(machine.processor.pc).toBe(0xf_1234n);
    expect(machine.reg('rip')).toBe(0x1234n);
  });

  it('adds selector * 16, within 1 MiB and 64 KiB', () => {
    // mov ax, 0xffff; mov ds, ax; mov al, [0x20]
    const machine = real([0xb8, 0xff, 0xff, 0x8e, 0xd8, 0xa0, 0x20, 0x00]);
    machine.ram[0x10_0010] = 0x5a;
    machine.processor.run(3);
    expect(machine.reg('rax') & 0xffn).toBe(0x5an);
  });

  it.each<[string, number[], number, number]>([
    ['a word read at ffff', [0xa1, 0xff, 0xff], 13, 0],
    ['a word written at ffff', [0xa3, 0xff, 0xff], 13, 0],
    // mov bp, 0xffff; mov ax, [bp]
    ['a word at ffff of the stack segment', [0xbd, 0xff, 0xff, 0x8b, 0x46, 0x00], 12, 3],
    // mov ebx, 0xffff; mov al, [ebx + 0x10]
    ['a byte beyond 64 KiB by a 32-bit address', [0x66, 0xbb, 0xff, 0xff, 0, 0, 0x67, 0x8a, 0x43, 0x10], 13, 6],
    // mov di, 0xffff; stosw
    ['a string store at ffff', [0xbf, 0xff, 0xff, 0xab], 13, 3],
    // mov di, 0xfffd; mov cx, 2; rep stosw
    ['the second iteration of a repeated one', [0xbf, 0xfd, 0xff, 0xb9, 0x02, 0x00, 0xf3, 0xab], 13, 6],
    // lgdt [0xfffc]
    ['a table operand that reaches beyond', [0x0f, 0x01, 0x16, 0xfc, 0xff], 13, 0],
    // les di, [0xfffd]
    ['a far pointer that reaches beyond', [0xc4, 0x3e, 0xfd, 0xff], 13, 0],
    // jmp, jz, call dword 0x2_0000
    ['a near jump beyond the limit', [0x66, 0xe9, ...word(0x1_fffa)], 13, 0],
    ['a conditional jump beyond the limit', [0x66, 0x0f, 0x84, ...word(0x1_fff9)], 13, 0],
    ['a near call beyond the limit', [0x66, 0xe8, ...word(0x1_fffa)], 13, 0],
    // mov ecx, 0x1_0000; jmp ecx
    ['an indirect jump beyond the limit', [0x66, 0xb9, ...word(0x1_0000), 0x66, 0xff, 0xe1], 13, 6],
    // sldt ax
    ['an instruction that only protected mode has', [0x0f, 0x00, 0xc0], 6, 0],
  ])('refuses %s', (name, bytes, vector, ip) => {
    const machine = real(bytes);
    expect(machine.raised()).toEqual({ vector, ip });
    expect(machine.reg('rsp') & 0xffffn).toBe(0x8000n - 6n);
    if (name.includes('repeated')) expect(machine.reg('rcx')).toBe(1n);
  });

  it('shuts down when no interrupt frame fits either: a push at SP = 1', () => {
    expect(real([0xbc, 0x01, 0x00, 0x50]).processor.run(10)).toBe('triple-fault');
  });

  it('does not wrap from ffff to 0 by itself', () => {
    const machine = real([0x90], { ip: 0xffff });
    machine.write(LEGACY.code, Uint8Array.of(0xf4));
    expect(machine.raised()).toEqual({ vector: 13, ip: 0 });
    // The same for an instruction whose second byte lies beyond.
    expect(real([0xb0], { ip: 0xffff }).raised()).toEqual({ vector: 13, ip: 0xffff });
  });

  it('pushes an interrupt frame word by word, so that SP may wrap between them', () => {
    // int 0x40
    const machine = real([0xcd, 0x40], { sp: 4 });
    expect(machine.processor.run(1)).toBe('budget');
    expect(machine.reg('rsp') & 0xffffn).toBe(0xfffen);
    expect(machine.view.getUint16(0x3_0000 + 0xfffe, true)).toBe(2);
    expect(machine.view.getUint16(0x3_0000, true)).toBe(0x1000);
  });

  it('takes INT n through the vector table and comes back by IRET', () => {
    // sti; int 0x21; mov bx, ax; hlt. Handler: mov ax, 0x77; iret
    const machine = real([0xfb, 0xcd, 0x21, 0x89, 0xc3, 0xf4]);
    machine.view.setUint32(0x21 * 4, 0x2000_0100, true);
    machine.write(0x2_0100, Uint8Array.of(0xb8, 0x77, 0x00, 0xcf));
    expect(machine.processor.run(2)).toBe('budget');
    expect(machine.reg('rflags') & 0x200n).toBe(0n);
    expect(machine.processor.run(10)).toBe('halted');
    expect(machine.reg('rbx')).toBe(0x77n);
    expect(machine.reg('rflags') & 0x200n).toBe(0x200n);
    expect(machine.reg('rsp') & 0xffffn).toBe(0x8000n);
  });

  it('keeps the limits of protected mode: "unreal" mode', () => {
    const unreal = [
      // lgdt cs:[0x80]; cli; PE on; mov bx, data; mov ds, bx; PE off; mov bx, 0x2000; mov ds, bx
      ...[0x2e, 0x0f, 0x01, 0x16, 0x80, 0x00, ...TOGGLE_PE, 0xbb, LEGACY_SELECTOR.data, 0, 0x8e, 0xdb, ...TOGGLE_PE],
      ...[0xbb, 0x00, 0x20, 0x8e, 0xdb],
      // mov ebx, 0x10_0000; mov [ebx], al; hlt
      ...[0x66, 0xbb, ...word(0x10_0000), 0x67, 0x88, 0x03, 0xf4],
    ];
    const machine = new LegacyMachine();
    machine.write(LEGACY.code + 0x80, machine.ram.slice(LEGACY.gdtr, LEGACY.gdtr + 6));
    machine.real(unreal);
    machine.ram[0x12_0000] = 0xff;
    expect(machine.processor.run(20)).toBe('halted');
    expect(machine.ram[0x12_0000]).toBe(0x10);
    expect(machine.processor.registers().segments[3]).toMatchObject({
      selector: 0x2000,
      base: 0x2_0000n,
      limit: 0xffff_ffff,
    });
  });

  it('runs code at the same offset of two segments, far calls between them, alike whatever the slices', () => {
    const run = (slice: number) => {
      // again: call 0x4000:0; inc bx; loop again; hlt  |  4000:0: add dx, cx; retf
      const machine = real([0x9a, 0, 0, 0, 0x40, 0x43, 0xe2, 0xf8, 0xf4]);
      machine.write(0x4_0000, Uint8Array.of(0x01, 0xca, 0xcb));
      machine.processor.setRegister('rcx', 200n);
      machine.processor.setRegister('rdx', 0n);
      while (machine.processor.run(slice) === 'budget');
      return { bx: machine.reg('rbx'), dx: machine.reg('rdx'), count: machine.processor.instructions };
    };
    const whole = run(1000);
    expect(whole).toMatchObject({ bx: 200n, dx: 20_100n });
    for (const slice of [1, 3, 7]) expect(run(slice)).toEqual(whole);
  });

  it('drops a block that a smaller limit no longer lets be fetched', () => {
    // 32-bit code at 1_0000: inc ecx; jmp $-1, in a segment of 64 KiB, then of 3 bytes: the jump is out of reach.
    const machine = new LegacyMachine();
    machine.protect([0x41, 0xeb, 0xfd]);
    machine.processor.run(100);
    machine.describe(LEGACY.code, 1, 0x409b);
    machine.write(0x6_0000, Uint8Array.of(0xea, 0, 0, 0, 0, LEGACY_SELECTOR.test, 0));
    machine.processor.setRegister('rip', 0x6_0000n);
    expect(machine.raised()).toEqual({ vector: 13, error: 0, ip: 1 });
  });
});

describe('the A20 gate', () => {
  it('holds bit 20 of data, code and page tables down while it is off', () => {
    // mov ax, 0xffff; mov ds, ax; mov byte [0x510], 1; hlt
    const machine = real([0xb8, 0xff, 0xff, 0x8e, 0xd8, 0xc6, 0x06, 0x10, 0x05, 0x01, 0xf4]);
    machine.processor.setA20(false);
    machine.processor.run(3);
    expect([machine.ram[0x500], machine.ram[0x10_0500]]).toEqual([1, 0]);
    expect(machine.processor.translate(0x10_0500n as never)).toBe(0x500);
    machine.processor.setA20(true);
    machine.processor.setRegister('rip', 5n);
    machine.ram[0x500] = 0;
    machine.processor.run(1);
    expect([machine.ram[0x500], machine.ram[0x10_0500]]).toEqual([0, 1]);
  });

  it('switches where code comes from, also from inside a port write of that code', () => {
    // 32-bit code at 11_0000 and at 1_0000: out 0x92, al; then mov bl, 1 (high) or mov bl, 2 (low); hlt
    const machine = new LegacyMachine();
    machine.protect([0xf4]);
    machine.write(0x11_0000, Uint8Array.of(0xe6, 0x92, 0xb3, 0x01, 0xf4));
    machine.write(0x1_0000, Uint8Array.of(0xf4, 0xf4, 0xb3, 0x02, 0xf4));
    machine.onPortWrite = () => machine.processor.setA20(false);
    machine.processor.setRegister('rip', 0x11_0000n);
    expect(machine.processor.run(10)).toBe('halted');
    expect(machine.reg('rbx')).toBe(2n);
  });

  it('is part of the saved state', () => {
    const machine = new LegacyMachine();
    machine.processor.setA20(false);
    const saved = machine.processor.states().map((state) => [state, state.save()] as const);
    machine.processor.setA20(true);
    for (const [state, fields] of saved) state.load(fields);
    expect(machine.processor.a20).toBe(false);
  });
});
