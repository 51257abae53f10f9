import { describe, expect, it } from 'vitest';
import { LEGACY, LEGACY_SELECTOR, LegacyMachine, word } from './testing/legacy-machine.ts';
import { AT, LongModeMachine } from './testing/test-machine.ts';

const TEST = LEGACY_SELECTOR.test;
/** mov ax, TEST; mov ds, ax (5 bytes) */
const LOAD_DS = [0x66, 0xb8, TEST, 0, 0x8e, 0xd8];
/** mov ax, TEST; mov ss, ax */
const LOAD_SS = [0x66, 0xb8, TEST, 0, 0x8e, 0xd0];
/** mov eax, [disp]; mov [disp], eax */
const read = (at: number) => [0xa1, ...word(at)];
const write = (at: number) => [0xa3, ...word(at)];

/** Attributes of the segment under test: 32-bit, present, DPL 0, byte granular. */
const DATA = 0x4093;
const READ_ONLY = 0x4091;
const EXPAND_DOWN = 0x4097;
const EXPAND_DOWN_16 = 0x0097;
const CODE = 0x409b;
const EXECUTE_ONLY = 0x4099;

type Case = readonly [name: string, limit: number, attributes: number, access: readonly number[], fault: boolean];

/** The segment begins at LEGACY.data; DS holds it. */
const CASES: readonly Case[] = [
  ['the last dword of a segment', 0xff, DATA, read(0xfc), false],
  ['a dword that ends one byte beyond', 0xff, DATA, read(0xfd), true],
  ['a store there', 0xff, DATA, write(0xfd), true],
  ['a read of read-only data', 0xff, READ_ONLY, read(0), false],
  ['a write to read-only data', 0xff, READ_ONLY, write(0), true],
  ['a read-modify-write of read-only data', 0xff, READ_ONLY, [0xff, 0x05, ...word(0)], true],
  ['a comparison with read-only data', 0xff, READ_ONLY, [0x39, 0x05, ...word(0)], false],
  ['an exchange that may not write', 0xff, READ_ONLY, [0x0f, 0xb1, 0x0d, ...word(0)], true],
  ['a read through readable code', 0xff, CODE, read(0), false],
  ['a write through code', 0xff, CODE, write(0), true],
  ['offset limit + 1 of expand-down data', 0xff, EXPAND_DOWN, read(0x100), false],
  ['offset limit of expand-down data', 0xff, EXPAND_DOWN, read(0xff), true],
  ['offset 0xffff of 16-bit expand-down data', 0xff, EXPAND_DOWN_16, [0x8a, 0x05, ...word(0xffff)], false],
  ['offset 0x1_0000 of 16-bit expand-down data', 0xff, EXPAND_DOWN_16, [0x8a, 0x05, ...word(0x1_0000)], true],
  // mov esi, 0xfe; lodsd
  ['a string load beyond the limit', 0xff, DATA, [0xbe, ...word(0xfe), 0xad], true],
  // sidt [0xfb]: 6 bytes
  ['a table store beyond the limit', 0xff, DATA, [0x0f, 0x01, 0x0d, ...word(0xfb)], true],
  ['a table store into read-only data', 0xff, READ_ONLY, [0x0f, 0x01, 0x0d, ...word(0)], true],
  // lldt [0xff]
  ['a selector operand beyond the limit', 0xff, DATA, [0x0f, 0x00, 0x15, ...word(0xff)], true],
  // fxsave [0x10]
  ['a register image beyond the limit', 0x1ff, DATA, [0x0f, 0xae, 0x05, ...word(0x10)], true],
  ['a register image that fits', 0x1ff, DATA, [0x0f, 0xae, 0x05, ...word(0)], false],
];

describe('protected mode checks of memory operands (Intel SDM Vol. 3A 5.3, 5.5)', () => {
  it.each(CASES)('%s', (_, limit, attributes, access, fault) => {
    const machine = new LegacyMachine();
    machine.describe(LEGACY.data, limit, attributes);
    // int 0x40 says that nothing was raised.
    machine.protect([...LOAD_DS, ...access, 0xcd, 0x40]);
    const raised = machine.raised();
    expect(raised.vector).toBe(fault ? 13 : 0x40);
    if (fault) {
      const start = access[0] === 0xbe ? 11 : 6;
      expect(raised).toMatchObject({ error: 0, ip: LEGACY.code + start });
    }
  });

  it('refuses a write through CS in flat code, and a read through execute-only code', () => {
    const machine = new LegacyMachine();
    // mov cs:[data], eax
    machine.protect([0x2e, ...write(LEGACY.data)]);
    expect(machine.raised()).toEqual({ vector: 13, error: 0, ip: LEGACY.code });
    // Execute-only code cannot be loaded into DS, and a CS override does not read it either.
    const other = new LegacyMachine();
    other.describe(0, 0x2_ffff, EXECUTE_ONLY);
    other.protect([0xea, ...word(0x1_1000), TEST, 0]);
    other.write(0x1_1000, Uint8Array.from([0x2e, ...read(LEGACY.code)]));
    expect(other.raised()).toEqual({ vector: 13, error: 0, ip: 0x1_1000 });
  });

  it('flushes the cache line of execute-only code (Vol. 2, CLFLUSH)', () => {
    const machine = new LegacyMachine();
    machine.describe(0, 0x2_ffff, EXECUTE_ONLY);
    machine.protect([0xea, ...word(0x1_1000), TEST, 0]);
    // clflush cs:[code]; int 0x40
    machine.write(0x1_1000, Uint8Array.from([0x2e, 0x0f, 0xae, 0x3d, ...word(LEGACY.code), 0xcd, 0x40]));
    expect(machine.raised().vector).toBe(0x40);
  });

  it.each([
    ['a null selector', 0, 0],
    ['a system descriptor', LEGACY_SELECTOR.tss, LEGACY_SELECTOR.tss],
  ])('refuses to use or to load %s', (_, selector, error) => {
    const machine = new LegacyMachine();
    // mov ax, selector; mov ds, ax; mov eax, [data]
    machine.protect([0x66, 0xb8, selector, 0, 0x8e, 0xd8, ...read(LEGACY.data)]);
    expect(machine.raised()).toEqual({ vector: 13, error, ip: LEGACY.code + (selector ? 4 : 6) });
  });

  it.each([
    ['not present', 0x4013, 11],
    ['execute-only', EXECUTE_ONLY, 13],
  ])('refuses to load a segment that is %s', (_, attributes, vector) => {
    const machine = new LegacyMachine();
    machine.describe(0, 0xff, attributes);
    machine.protect(LOAD_DS);
    expect(machine.raised()).toEqual({ vector, error: TEST, ip: LEGACY.code + 4 });
  });

  it.each([
    // mov esp, 0x103; push eax
    ['a push above the limit', [0xbc, ...word(0x103), 0x50], 11],
    // mov ebp, 0xfe; mov eax, [ebp]
    ['an EBP address', [0xbd, ...word(0xfe), 0xbc, ...word(0x80), 0x8b, 0x45, 0x00], 16],
    // mov ebp, 0xfe; leave
    ['LEAVE', [0xbd, ...word(0xfe), 0xbc, ...word(0x80), 0xc9], 16],
    // mov esp, 0x40; enter 0x80, 0: what it pushes fits, its last stack pointer does not (Vol. 2, ENTER)
    ['the new stack of ENTER', [0xbc, ...word(0x40), 0xc8, 0x80, 0x00, 0x00], 11],
    // mov esp, 0x80; mov edi, 0xfe; pcmpeqb mm0, mm0; maskmovq ss:[edi], mm0, mm0
    ['MASKMOVQ', [0xbc, ...word(0x80), 0xbf, ...word(0xfe), 0x0f, 0x74, 0xc0, 0x36, 0x0f, 0xf7, 0xc0], 19],
  ])('raises #SS for %s beyond the stack segment', (name, program, ip) => {
    const machine = new LegacyMachine();
    machine.describe(LEGACY.data, 0xff, DATA);
    machine.protect([...LOAD_SS, ...program]);
    // With ESP itself out of the segment, the fault's frame does not fit either: #DF, and that neither.
    if (name.includes('push')) expect(machine.processor.run(100)).toBe('triple-fault');
    else expect(machine.raised()).toEqual({ vector: 12, error: 0, ip: LEGACY.code + ip });
  });

  it('wraps a 16-bit stack pointer and keeps the bits above', () => {
    const machine = new LegacyMachine();
    machine.describe(LEGACY.data, 0xffff, 0x0093);
    // mov esp, 0x1234_0000; push eax; hlt
    machine.protect([...LOAD_SS, 0xbc, ...word(0x1234_0000), 0x50, 0xf4]);
    expect(machine.processor.run(100)).toBe('halted');
    expect(machine.reg('rsp')).toBe(0x1234_fffcn);
  });

  it('runs 16-bit code, with 16-bit gates and frames, from 32-bit code', () => {
    const machine = new LegacyMachine();
    // A 16-bit interrupt gate (type 6) to 16-bit code at LEGACY.code + 0x100: iret (16-bit).
    machine.setU64(LEGACY.idt + 0x41 * 8, 0x100n | (BigInt(LEGACY_SELECTOR.code16) << 16n) | (0x8600n << 32n));
    // jmp far code16:0x200
    machine.protect([0xea, ...word(0x200), LEGACY_SELECTOR.code16, 0]);
    // int 0x41; mov ax, 0x1234; hlt
    machine.write(LEGACY.code + 0x200, Uint8Array.of(0xcd, 0x41, 0xb8, 0x34, 0x12, 0xf4));
    machine.write(LEGACY.code + 0x100, Uint8Array.of(0xcf));
    machine.processor.run(2);
    // Its frame has three words.
    expect(machine.processor.registers().bits).toBe(16);
    expect(machine.reg('rsp')).toBe(BigInt(LEGACY.stack - 6));
    expect(machine.view.getUint16(LEGACY.stack - 6, true)).toBe(0x202);
    expect(machine.processor.run(10)).toBe('halted');
    expect(machine.reg('rax') & 0xffffn).toBe(0x1234n);
    expect(machine.reg('rsp')).toBe(BigInt(LEGACY.stack));
  });
});

describe('compatibility mode', () => {
  it('checks limits and rights again, and 64-bit code does not', () => {
    const machine = new LongModeMachine();
    machine.haltingHandler(13);
    // A read-only segment at 0x38 of the GDT, 256 bytes.
    machine.setU64(AT.gdt + 0x38, 0x0040_9105_0000_00ffn);
    machine.view.setUint16(AT.gdtr, 0x3f, true);
    machine.setU64(AT.gdt + 0x30, 0x0000_8900_8000_0067n & ~0n);
    const at = 0x1_8000;
    machine.boot((code) => {
      // push code32; push at; retfq
      code.bytes(0x6a, 0x18, 0x68, ...word(at), 0x48, 0xcb);
    });
    // mov ax, 0x10; mov ds, ax; mov eax, [data] (flat); mov cs:[data], eax
    machine.write(
      at,
      Uint8Array.from([0x66, 0xb8, 0x10, 0, 0x8e, 0xd8, 0xa1, ...word(AT.data), 0x2e, 0xa3, ...word(AT.data)]),
    );
    expect(machine.processor.run(100)).toBe('halted');
    const frame = Number(machine.reg('rsp'));
    expect(Number(machine.u64(frame + 8))).toBe(at + 11);
    expect(machine.processor.registers().bits).toBe(64);
  });
});
