import { describe, expect, it } from 'vitest';
import { LEGACY, LegacyMachine, type Raised } from './testing/legacy-machine.ts';

const IOPL0 = 0;
const IOPL3 = 0x3000;
const IF = 0x200;
const VIF = 0x8_0000;
const VIP = 0x10_0000;
const VM = 0x2_0000;
const VME = 1;
const PVI = 2;

function virtual(bytes: readonly number[], flags: number, cr4 = 0): LegacyMachine {
  const machine = new LegacyMachine();
  machine.virtual(bytes, flags, cr4);
  return machine;
}

const flagsOf = (machine: LegacyMachine) => Number(machine.reg('rflags'));

const DONE = [0xf4];
/** HLT is privileged: the monitor gets #GP(0) at it, which says that everything before it went through. */
const passed = (bytes: readonly number[]): Raised => ({ vector: 13, error: 0, ip: bytes.length });

describe('virtual-8086 mode', () => {
  it('is entered by IRET from ring 0, and is CPL 3 with real-mode segments', () => {
    const machine = virtual([0x90], IOPL0);
    const view = machine.processor.registers();
    expect(view).toMatchObject({ cpl: 3, bits: 16, rip: 0n });
    expect(Number(view.rflags) & VM).toBe(VM);
    expect(view.segments[1]).toMatchObject({ selector: 0x1000, base: 0x1_0000n, limit: 0xffff });
    expect(view.segments[3]).toMatchObject({ selector: 0x2000, base: 0x2_0000n, limit: 0xffff });
    expect(machine.processor.pc).toBe(0x1_0000n);
  });

  it('leaves by an exception to ring 0, with the data segments on the monitor’s stack and null', () => {
    const machine = virtual([0x90, 0xf4], IOPL0);
    expect(machine.raised()).toEqual({ vector: 13, error: 0, ip: 1 });
    const view = machine.processor.registers();
    expect(view).toMatchObject({ cpl: 0, bits: 32 });
    expect(Number(view.rflags) & VM).toBe(0);
    const frame = Number(machine.reg('rsp')) + 8;
    const words = Array.from({ length: 8 }, (_, index) => machine.view.getUint32(frame + index * 4, true));
    expect(words).toEqual([0x1000, VM | 0x1_0002, 0x8000, 0x3000, 0x2000, 0x2000, 0, 0]);
    expect(view.segments.filter((_, index) => [0, 3, 4, 5].includes(index)).map(({ selector }) => selector)).toEqual([
      0, 0, 0, 0,
    ]);
  });

  it.each<[string, number[]]>([
    ['CLI', [0xfa]],
    ['STI', [0xfb]],
    ['PUSHF', [0x9c]],
    ['POPF', [0x9d]],
    ['IRET', [0xcf]],
    ['INT n', [0xcd, 0x40]],
  ])('%s is refused below IOPL 3 and works at IOPL 3', (name, bytes) => {
    expect(virtual([...bytes, ...DONE], IOPL0).raised()).toEqual({ vector: 13, error: 0, ip: 0 });
    const machine = virtual([...bytes, ...DONE], IOPL3);
    // What IRET returns to (POPF takes the first word as flags).
    for (const [index, value] of [0x20, 0x1000, 0].entries()) machine.view.setUint16(0x3_8000 + index * 2, value, true);
    machine.write(LEGACY.code + 0x20, Uint8Array.from(DONE));
    const { vector, ip } = machine.raised();
    expect(vector).toBe(name === 'INT n' ? 0x40 : 13);
    expect(ip).toBe(name === 'IRET' ? 0x20 : bytes.length);
    const eflags = machine.view.getUint32(Number(machine.reg('rsp')) + (vector === 13 ? 12 : 8), true);
    expect(eflags & IF).toBe(name === 'STI' ? IF : 0);
    expect(eflags & IOPL3).toBe(IOPL3);
  });

  it.each<[string, number[]]>([
    ['MOV to CR0', [0x0f, 0x22, 0xc0]],
    ['LGDT', [0x0f, 0x01, 0x16, 0, 0]],
    ['CLTS', [0x0f, 0x06]],
  ])('%s is privileged', (_, bytes) => {
    expect(virtual(bytes, IOPL3).raised()).toEqual({ vector: 13, error: 0, ip: 0 });
  });

  it('has no instructions on descriptors', () => {
    // sldt ax
    expect(virtual([0x0f, 0x00, 0xc0], IOPL3).raised()).toEqual({ vector: 6, ip: 0 });
  });

  it('asks the I/O bit map for every port, whatever IOPL', () => {
    const bytes = [0xe6, 0x80];
    const allowed = virtual([...bytes, ...DONE], IOPL0);
    expect(allowed.raised()).toEqual(passed(bytes));
    expect(allowed.ports.map(({ address }) => address)).toEqual([0x80]);
    const machine = new LegacyMachine();
    machine.ram[LEGACY.tss + 0x100 + 0x80 / 8] = 1;
    machine.virtual([...bytes, ...DONE], IOPL3);
    expect(machine.raised()).toEqual({ vector: 13, error: 0, ip: 0 });
    expect(machine.ports).toEqual([]);
  });

  it('checks the limits of its segments', () => {
    // mov ax, [0xffff]
    expect(virtual([0xa1, 0xff, 0xff], IOPL3).raised()).toEqual({ vector: 13, error: 0, ip: 0 });
  });
});

describe('the virtual-8086 mode extensions (CR4.VME)', () => {
  it('CLI and STI change VIF, and STI tells the monitor when an interrupt waits', () => {
    const sti = virtual([0xfb, ...DONE], IOPL0, VME);
    sti.processor.run(1);
    expect(flagsOf(sti) & (VIF | IF)).toBe(VIF);
    const cli = virtual([0xfa, ...DONE], IOPL0 | VIF | IF, VME);
    cli.processor.run(1);
    expect(flagsOf(cli) & (VIF | IF)).toBe(IF);
    expect(virtual([0xfb, ...DONE], VIP, VME).raised()).toEqual({ vector: 13, error: 0, ip: 0 });
  });

  it('PUSHF shows VIF as IF and IOPL 3, POPF sets VIF; their 32-bit forms are refused', () => {
    // pushf; pop ax; xor ax, 0x200; push ax; popf
    const machine = virtual([0x9c, 0x58, 0x35, 0x00, 0x02, 0x50, 0x9d, ...DONE], IOPL0 | VIF, VME);
    machine.processor.run(2);
    expect(machine.reg('rax') & 0xffffn).toBe(0x3202n);
    machine.processor.run(3);
    expect(flagsOf(machine) & (VIF | IF | IOPL3)).toBe(0);
    for (const bytes of [
      [0x66, 0x9c],
      [0x66, 0x9d],
      [0x66, 0xcf],
    ]) {
      expect(virtual(bytes, IOPL0, VME).raised()).toEqual({ vector: 13, error: 0, ip: 0 });
    }
  });

  it('POPF and IRET refuse TF, and IF while VIP is set', () => {
    // push 0x100; popf  |  push 0x200; popf with VIP
    expect(virtual([0x68, 0x00, 0x01, 0x9d], IOPL0, VME).raised()).toEqual({ vector: 13, error: 0, ip: 3 });
    expect(virtual([0x68, 0x00, 0x02, 0x9d], VIP, VME).raised()).toEqual({ vector: 13, error: 0, ip: 3 });
    // push 0x200; push 0x1000; push 0x20; iret
    const iret = [0x68, 0x00, 0x02, 0x68, 0x00, 0x10, 0x6a, 0x20, 0xcf];
    expect(virtual(iret, VIP, VME).raised()).toEqual({ vector: 13, error: 0, ip: 8 });
    const machine = virtual(iret, IOPL0, VME);
    machine.processor.run(4);
    expect(machine.processor.pc).toBe(0x1_0020n);
    expect(flagsOf(machine) & (VIF | IF)).toBe(VIF);
  });

  it('INT n stays in virtual-8086 mode where the redirection map has a 0, and asks the monitor where it has a 1', () => {
    const machine = new LegacyMachine();
    // 0x21 goes to 4000:0010; the map (32 bytes before the I/O map) sends 0x22 to the monitor.
    machine.view.setUint32(0x21 * 4, 0x4000_0010, true);
    machine.ram[LEGACY.tss + 0x100 - 32 + (0x22 >> 3)] = 1 << (0x22 & 7);
    machine.write(0x4_0010, Uint8Array.of(0xcf));
    machine.virtual([0xcd, 0x21, 0xcd, 0x22], IOPL0 | VIF | IF, VME);
    machine.processor.run(1);
    expect(machine.processor.pc).toBe(0x4_0010n);
    expect(flagsOf(machine) & (VIF | IF | VM)).toBe(VM | IF);
    const pushed = [0, 2, 4].map((at) => machine.view.getUint16(0x3_0000 + 0x8000 - 6 + at, true));
    expect(pushed).toEqual([2, 0x1000, 0x3202]);
    machine.processor.run(1);
    expect(machine.processor.pc).toBe(0x1_0002n);
    expect(flagsOf(machine) & VIF).toBe(VIF);
    expect(machine.raised()).toEqual({ vector: 13, error: 0, ip: 2 });
  });

  it('at IOPL 3 a redirected INT n clears IF itself, and a 1 in the map leads through the gate', () => {
    const machine = new LegacyMachine();
    machine.view.setUint32(0x21 * 4, 0x4000_0010, true);
    machine.ram[LEGACY.tss + 0x100 - 32 + (0x22 >> 3)] = 1 << (0x22 & 7);
    machine.write(0x4_0010, Uint8Array.of(0xcd, 0x22));
    machine.virtual([0xcd, 0x21], IOPL3 | IF, VME);
    machine.processor.run(1);
    expect(flagsOf(machine) & (IF | VM)).toBe(VM);
    expect(machine.raised().vector).toBe(0x22);
  });
});

describe('protected-mode virtual interrupts (CR4.PVI)', () => {
  it('let ring 3 change VIF where IOPL refuses IF', () => {
    const run = (cr4: number, flags = 0) => {
      const machine = new LegacyMachine();
      // mov eax, cr4; mov cr4, eax; push userData; push stack; push flags; push userCode; push at; iret
      const at = 0x6_0000;
      const push = [0x33, 0x2_8000, flags | 2, 0x2b, at].flatMap((value) => [
        0x68,
        value & 255,
        (value >> 8) & 255,
        value >> 16,
        0,
      ]);
      machine.protect([0xb8, cr4, 0, 0, 0, 0x0f, 0x22, 0xe0, ...push, 0xcf]);
      machine.write(at, Uint8Array.of(0xfb, 0x90, 0xf4));
      machine.processor.run(8);
      return machine;
    };
    const machine = run(PVI);
    expect(machine.processor.registers().cpl).toBe(3);
    machine.processor.run(1);
    expect(flagsOf(machine) & (VIF | IF)).toBe(VIF);
    expect(run(0).raised()).toMatchObject({ vector: 13, ip: 0x6_0000 });
    expect(run(PVI, VIP).raised()).toMatchObject({ vector: 13, ip: 0x6_0000 });
  });
});
