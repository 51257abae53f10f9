import { describe, expect, it } from 'vitest';
import {
  descriptorTypeOf,
  farCall,
  farJump,
  HLT,
  IRET,
  le,
  PLACE,
  ProtectedImage,
  SEL,
  taskField,
} from './testing/protected-image.ts';
import type { TestMachine } from './testing/test-machine.ts';

const AVAILABLE = 9;
const BUSY = 11;
const NT = 0x4000;
const TS = 8n;
/** Where 16-bit code is copied to: 16 bytes from PLACE.data. */
const LOW = 0x6100;
const COPY_LOW = [0xbe, ...le(PLACE.data, 4), 0xbf, ...le(LOW, 4), 0xb9, ...le(16, 4), 0xf3, 0xa4];

function ran(image: ProtectedImage): TestMachine {
  const machine = image.machine();
  expect(machine.processor.run(1000)).toBe('halted');
  return machine;
}

/** Value on top of the stack in force. */
function top(machine: TestMachine, index = 0): number {
  return machine.view.getUint32(Number(machine.reg('rsp')) + 4 * index, true);
}

/** Handlers of #TS, #NP, #SS, #GP as a task of their own (task 2), so that they run whatever the fault left. */
function withFaultTask(image: ProtectedImage): ProtectedImage {
  for (const vector of [10, 11, 12, 13]) {
    // Each vector's gate leads to the same task: which one it was is told by a TSS of its own.
    const selector = 0x80 + vector * 8;
    const tss = PLACE.data + 0x800 + vector * 0x80;
    image.descriptor(selector, tss, 0x67, 0x89).gate(vector, selector, 0, 5);
    const fields: [number, number][] = [
      [0x20, PLACE.handlers],
      [0x24, 2],
      [0x38, PLACE.stack + 0x1000],
      [0x4c, SEL.code],
      [0x50, SEL.data],
    ];
    for (const [at, value] of fields) image.setU32(tss + at, value);
  }
  return image.write(PLACE.handlers, [HLT]);
}

/** The vector whose fault task runs now, the error code it found, and the task it interrupted. */
function faultOf(machine: TestMachine): { vector: number; error: number; interrupted: number } {
  const selector = machine.processor.registers().segments[7]!.selector;
  const vector = (selector - 0x80) / 8;
  return { vector, error: top(machine), interrupted: machine.view.getUint16(PLACE.data + 0x800 + vector * 0x80, true) };
}

describe('CALL to another task (SDM Vol. 3A 7.3)', () => {
  const image = new ProtectedImage();
  image.runnable(1, [HLT], { eax: 0x1111_1111, edi: 0x7777_7777, eflags: 0x0a17 });
  const call = image.program([0xb9, ...le(0x1234_5678, 4), ...farCall(SEL.task1, 0xdead_beef), HLT]);
  const machine = ran(image);

  it('loads the registers of the new TSS', () => {
    expect(machine.reg('rax')).toBe(0x1111_1111n);
    expect(machine.reg('rdi')).toBe(0x7777_7777n);
    expect(machine.reg('rcx')).toBe(0n);
    expect(machine.reg('rip')).toBe(BigInt(PLACE.taskCode + 0x101));
    expect(machine.reg('rsp')).toBe(BigInt(PLACE.stack + 0x400));
  });

  it('saves the old task’s, with the next instruction as EIP', () => {
    expect(taskField(machine, 0, 'ecx')).toBe(0x1234_5678);
    expect(taskField(machine, 0, 'eip')).toBe(call + 12);
    expect(taskField(machine, 0, 'esp')).toBe(PLACE.stack);
    expect(taskField(machine, 0, 'cs')).toBe(SEL.code);
    expect(taskField(machine, 0, 'gs')).toBe(SEL.data);
    expect(taskField(machine, 0, 'eflags') & NT).toBe(0);
  });

  it('nests: NT, the link, both tasks busy; CR0.TS', () => {
    expect(machine.reg('rflags')).toBe(0x4a17n);
    expect(taskField(machine, 1, 'link') & 0xffff).toBe(SEL.task0);
    expect(descriptorTypeOf(machine, SEL.task0)).toBe(BUSY);
    expect(descriptorTypeOf(machine, SEL.task1)).toBe(BUSY);
    expect(machine.processor.registers().cr.cr0 & TS).toBe(TS);
    expect(machine.processor.registers().segments[7]!.selector).toBe(SEL.task1);
  });
});

describe('IRET with NT', () => {
  it('returns to the calling task; the nested one is available again and keeps NT clear', () => {
    const image = new ProtectedImage();
    image.runnable(1, [0x40, IRET, 0x40, IRET]); // inc eax; iret, twice
    image.program([...farCall(SEL.task1), ...farCall(SEL.gate1), HLT]);
    const machine = ran(image);
    expect(taskField(machine, 1, 'eax')).toBe(2);
    expect(taskField(machine, 1, 'eip')).toBe(PLACE.taskCode + 0x104);
    expect(taskField(machine, 1, 'eflags') & NT).toBe(0);
    expect(descriptorTypeOf(machine, SEL.task1)).toBe(AVAILABLE);
    expect(descriptorTypeOf(machine, SEL.task0)).toBe(BUSY);
    expect(machine.processor.registers().segments[7]!.selector).toBe(SEL.task0);
  });

  it('to a task that is not busy is #TS with its selector, and changes nothing', () => {
    const image = withFaultTask(new ProtectedImage());
    image.task(0, { link: SEL.task1 }).runnable(1, [HLT]);
    // pushf; or dword [esp], 0x4000; popf; iret
    const at = image.program([0x9c, 0x81, 0x0c, 0x24, ...le(NT, 4), 0x9d, IRET]);
    const machine = ran(image);
    expect(faultOf(machine)).toEqual({ vector: 10, error: SEL.task1, interrupted: SEL.task0 });
    expect(taskField(machine, 0, 'eip')).toBe(at + 9);
    expect(taskField(machine, 0, 'eflags') & NT).toBe(NT);
  });
});

describe('JMP to another task', () => {
  it('makes the old one available, and does not nest', () => {
    const image = new ProtectedImage();
    image.runnable(1, farJump(SEL.task0)).task(1, { link: 0x7777 });
    image.program([...farJump(SEL.task1), HLT]);
    const machine = ran(image);
    expect(descriptorTypeOf(machine, SEL.task1)).toBe(AVAILABLE);
    expect(descriptorTypeOf(machine, SEL.task0)).toBe(BUSY);
    expect(taskField(machine, 1, 'link')).toBe(0x7777);
    expect(machine.reg('rflags') & BigInt(NT)).toBe(0n);
  });
});

describe('what refuses a switch (table 7-1), in the old task', () => {
  const cases: [string, (image: ProtectedImage) => void, number[], number, number][] = [
    ['a busy TSS', (i) => i.descriptor(SEL.task1, PLACE.tss, 0x67, 0x8b), farJump(SEL.task1), 13, SEL.task1],
    ['itself', () => {}, farJump(SEL.task0), 13, SEL.task0],
    ['a TSS that is not present', (i) => i.descriptor(SEL.task1, 0, 0x67, 0x09), farCall(SEL.task1), 11, SEL.task1],
    ['a TSS that is too small', (i) => i.descriptor(SEL.task1, 0, 0x66, 0x89), farJump(SEL.task1), 10, SEL.task1],
    [
      'a 16-bit TSS that is too small',
      (i) => i.descriptor(SEL.task16, 0, 0x2a, 0x81),
      farJump(SEL.task16),
      10,
      SEL.task16,
    ],
    ['RPL above DPL', () => {}, farJump(SEL.task1 | 3), 13, SEL.task1],
    [
      'a gate whose task is in the LDT',
      (i) => i.setU64(PLACE.gdt + SEL.gate1, 0x8500_0034_0000n),
      farJump(SEL.gate1),
      13,
      0x34,
    ],
    ['a gate to no TSS', (i) => i.setU64(PLACE.gdt + SEL.gate1, 0x8500_0008_0000n), farJump(SEL.gate1), 13, 0x08],
    [
      'a gate that is not present',
      (i) => i.setU64(PLACE.gdt + SEL.gate1, 0x0500_0030_0000n),
      farJump(SEL.gate1),
      11,
      SEL.gate1,
    ],
    ['a null gate', (i) => i.setU64(PLACE.gdt + SEL.gate1, 0x8500_0000_0000n), farJump(SEL.gate1), 13, 0],
  ];
  it.each(cases)('%s', (_name, prepare, code, vector, error) => {
    const image = withFaultTask(new ProtectedImage());
    image.runnable(1, [HLT]);
    image.descriptor(SEL.task16, PLACE.tss + 0x300, 0x2b, 0x81);
    prepare(image);
    const at = image.program(code);
    const machine = ran(image);
    expect(faultOf(machine)).toEqual({ vector, error, interrupted: SEL.task0 });
    expect(taskField(machine, 0, 'eip')).toBe(at);
    // The fault pushes RF (17.3.1.1).
    expect(taskField(machine, 0, 'eflags') & 0x1_0000).toBe(0x1_0000);
  });
});

describe('what is wrong with the new task’s segments faults there', () => {
  const dpl3Code = SEL.userCode & ~3;
  const cases: [string, Parameters<ProtectedImage['task']>[1], number, number][] = [
    ['LDT that is data', { ldt: SEL.data }, 10, SEL.data],
    ['LDT in the LDT', { ldt: 0x0c }, 10, 0x0c],
    ['LDT beyond the GDT', { ldt: 0x1000 }, 10, 0x1000],
    ['null CS', { cs: 0 }, 10, 0],
    ['CS that is data', { cs: SEL.data }, 10, SEL.data],
    ['CS of another level', { cs: dpl3Code }, 10, dpl3Code],
    ['CS not present', { cs: 0x60 }, 11, 0x60],
    ['null SS', { ss: 0 }, 10, 0],
    ['SS that is code', { ss: SEL.code }, 10, SEL.code],
    ['SS of another level', { ss: SEL.userData & ~3 }, 10, SEL.userData & ~3],
    ['SS not present', { ss: 0x68 }, 12, 0x68],
    ['SS beyond the GDT', { ss: 0x2000 }, 10, 0x2000],
    ['ES that is a system segment', { es: SEL.ldt }, 10, SEL.ldt],
    ['DS that is execute-only', { ds: 0x70 }, 10, 0x70],
    ['FS not present', { fs: 0x68 }, 11, 0x68],
    ['GS with RPL above DPL', { gs: SEL.data | 3 }, 10, SEL.data],
  ];
  it.each(cases)('%s', (_name, fields, vector, error) => {
    const image = withFaultTask(new ProtectedImage());
    image
      .descriptor(0x60, 0, 0xfffff, 0xc01b)
      .descriptor(0x68, 0, 0xfffff, 0xc013)
      .descriptor(0x70, 0, 0xfffff, 0xc099);
    image.runnable(1, [HLT], { eax: 0x55, ...fields });
    const at = image.program(farCall(SEL.task1));
    const machine = ran(image);
    expect(faultOf(machine)).toEqual({ vector, error, interrupted: SEL.task1 });
    expect(taskField(machine, 0, 'eip')).toBe(at + 7);
    expect(taskField(machine, 1, 'eip')).toBe(PLACE.taskCode + 0x100);
    expect(taskField(machine, 1, 'eax')).toBe(0x55);
    expect(taskField(machine, 1, 'link') & 0xffff).toBe(SEL.task0);
  });

  it('EIP beyond the limit of CS is #GP(0) there', () => {
    const image = withFaultTask(new ProtectedImage());
    image.descriptor(0x60, PLACE.taskCode, 0xff, 0x409b).runnable(1, [HLT], { cs: 0x60, eip: 0x100 });
    image.program(farJump(SEL.task1));
    const machine = ran(image);
    expect(faultOf(machine)).toEqual({ vector: 13, error: 0, interrupted: SEL.task1 });
    expect(descriptorTypeOf(machine, SEL.task0)).toBe(AVAILABLE);
  });
});

describe('interrupts and exceptions through task gates', () => {
  it('an exception’s error code is on the new stack, and IRET restarts the instruction', () => {
    const image = new ProtectedImage();
    image.gate(13, SEL.task1, 0, 5);
    // pop eax; mov byte [code + ..], 0x90 x 2 (removes the fault); iret
    const at = image.program([0x8e, 0xdb, HLT]); // mov ds, bx
    image.runnable(1, [0x58, 0x66, 0xc7, 0x05, ...le(at, 4), 0x90, 0x90, IRET]);
    image.write(at - 0, [0x8e, 0xdb]);
    image.write(PLACE.code + (at - PLACE.code) - 2, [0xb3, 0x70]); // mov bl, 0x70 in place of the last XOR
    const machine = ran(image);
    expect(taskField(machine, 1, 'eax')).toBe(0x70);
    expect(machine.reg('rip')).toBe(BigInt(at + 3));
    expect(descriptorTypeOf(machine, SEL.task1)).toBe(AVAILABLE);
  });

  it('INT n through a task gate returns behind it; its DPL is checked', () => {
    const image = withFaultTask(new ProtectedImage());
    image.gate(0x40, SEL.task1, 0, 5).runnable(1, [IRET]);
    const at = image.program([0xcd, 0x40, HLT]);
    const machine = ran(image);
    expect(machine.reg('rip')).toBe(BigInt(at + 3));
    expect(taskField(machine, 0, 'eip')).toBe(at + 2);
  });

  it('a double fault reaches its task although the stack is gone', () => {
    const image = new ProtectedImage();
    image.gate(8, SEL.task1, 0, 5).runnable(1, [HLT]);
    image.handler(14).gate(13, 0x1000);
    image.descriptor(0x60, 0, 0, 0x4093);
    // mov ax, 0x60; mov ss, ax; ud2: #SS while #UD is delivered, then #SS while #SS is
    const at = image.program([0xb8, 0x60, 0, 0, 0, 0x8e, 0xd0, 0x90, 0x0f, 0x0b]);
    image.handler(6).handler(12);
    const machine = ran(image);
    expect(machine.processor.registers().segments[7]!.selector).toBe(SEL.task1);
    expect(top(machine)).toBe(0);
    expect(taskField(machine, 0, 'eip')).toBe(at + 8);
    expect(taskField(machine, 0, 'ss')).toBe(0x60);
  });

  it('an external interrupt through a task gate sets EXT in the error code of what goes wrong', () => {
    const image = withFaultTask(new ProtectedImage());
    image.gate(0x20, SEL.task1, 0, 5).runnable(1, [HLT], { ds: 0x1000 });
    image.program([0xfb, 0x90, 0x90, HLT]);
    const machine = image.machine();
    machine.processor.setInterruptLine(0, true);
    expect(machine.processor.run(1000)).toBe('halted');
    expect(faultOf(machine)).toEqual({ vector: 10, error: 0x1001, interrupted: SEL.task1 });
  });
});

describe('other forms', () => {
  it('a 16-bit TSS: 16-bit registers, null FS and GS', () => {
    const image = new ProtectedImage();
    image.descriptor(0x60, 0, 0xffff, 0x9b).descriptor(0x68, PLACE.stack - 0x1000, 0xffff, 0x93);
    image.write(PLACE.data, [0x43, HLT]); // inc bx
    image.task16({ ip: LOW, flags: 0x0002, bx: 0x1233, sp: 0x1000, cs: 0x60, ss: 0x68, ds: 0x68, es: 0x68 });
    const at = image.program([...COPY_LOW, 0xb8, ...le(0xaaaa_5555, 4), ...farJump(SEL.task16)]) + COPY_LOW.length;
    const machine = ran(image);
    expect(machine.reg('rbx')).toBe(0xffff_1234n);
    const view = machine.processor.registers();
    expect([view.bits, view.segments[4]!.selector, view.segments[5]!.selector]).toEqual([16, 0, 0]);
    expect(descriptorTypeOf(machine, SEL.task16)).toBe(3);
    expect(taskField(machine, 0, 'eip')).toBe(at + 12);
    expect(taskField(machine, 0, 'eax')).toBe(0xaaaa_5555);
  });

  it('a task in virtual-8086 mode: real segments, CPL 3, and its faults reach ring 0', () => {
    const image = new ProtectedImage();
    image.runnable(1, [], {
      ...{ eflags: 0x2_0002, eip: LOW, cs: 0, ss: 0xf000, ds: 0xf000, es: 1, fs: 2, gs: 3, esp: 0x7000 },
      ...{ ss0: SEL.data, esp0: PLACE.stack + 0x600 },
    });
    // xor cx, cx; mov eax, 0x12345678; hlt
    image.handler(13).write(PLACE.data, [0x31, 0xc9, 0x66, 0xb8, ...le(0x1234_5678, 4), HLT]);
    image.program([...COPY_LOW, ...farJump(SEL.task1)]);
    const machine = ran(image);
    const view = machine.processor.registers();
    expect(view.cpl).toBe(0);
    expect(machine.reg('rax')).toBe(0x1234_5678n);
    const frame = Array.from({ length: 10 }, (_, index) => top(machine, index));
    // Error code, EIP, CS, EFLAGS, ESP, SS, ES, DS, FS, GS.
    expect(frame).toEqual([0, LOW + 8, 0, 0x3_0046, 0x7000, 0xf000, 1, 0xf000, 2, 3]);
  });

  it('CR3 comes from a 32-bit TSS while paging is on', () => {
    const image = new ProtectedImage();
    image.runnable(1, [HLT], { cr3: PLACE.directories + 0x1000 });
    image.program([
      ...[0x0f, 0x20, 0xe0, 0x83, 0xc8, 0x10, 0x0f, 0x22, 0xe0], // CR4.PSE
      ...[0xb8, ...le(PLACE.directories, 4), 0x0f, 0x22, 0xd8], // CR3
      ...[0x0f, 0x20, 0xc0, 0x0d, ...le(0x8000_0000, 4), 0x0f, 0x22, 0xc0], // CR0.PG
      ...farJump(SEL.task1),
    ]);
    const machine = ran(image);
    expect(machine.processor.registers().cr.cr3).toBe(BigInt(PLACE.directories + 0x1000));
    expect(taskField(machine, 0, 'cr3')).toBe(0);
  });

  it('a page of the new TSS that is missing faults before anything is saved', () => {
    const image = new ProtectedImage();
    image.descriptor(SEL.task1, 0x40_0000 - 0x20, 0x67, 0x89).handler(14);
    const at = image.program([
      ...[0x0f, 0x20, 0xe0, 0x83, 0xc8, 0x10, 0x0f, 0x22, 0xe0],
      ...[0xb8, ...le(PLACE.directories, 4), 0x0f, 0x22, 0xd8],
      ...[0x0f, 0x20, 0xc0, 0x0d, ...le(0x8000_0000, 4), 0x0f, 0x22, 0xc0],
      ...farCall(SEL.task1),
    ]);
    const machine = ran(image);
    expect([top(machine, 0), top(machine, 1)]).toEqual([0, at + 28]);
    expect(machine.processor.registers().cr.cr2).toBe(0x40_0000n);
    expect(taskField(machine, 0, 'eip')).toBe(0);
    expect(descriptorTypeOf(machine, SEL.task1)).toBe(AVAILABLE);
  });

  it('a call gate copies 31 parameters to the inner stack', () => {
    const image = new ProtectedImage();
    image.setU64(
      PLACE.gdt + 0x60,
      (BigInt(0xec1f) << 32n) |
        BigInt(((SEL.code << 16) >>> 0) + (PLACE.handlers & 0xffff)) |
        (BigInt(PLACE.handlers >>> 16) << 48n),
    );
    image.write(PLACE.handlers, [HLT]);
    const user = [0xb9, ...le(31, 4), 0x51, 0xe2, 0xfd, ...farCall(0x63)]; // mov ecx, 31; push ecx; loop; call
    image.write(PLACE.taskCode, user);
    const words = [SEL.userData, PLACE.stack - 0x400, 2, SEL.userCode, PLACE.taskCode];
    image.program([...words.flatMap((word) => [0x68, ...le(word, 4)]), IRET]);
    const machine = ran(image);
    const frame = Array.from({ length: 35 }, (_, index) => top(machine, index));
    const parameters = Array.from({ length: 31 }, (_, index) => index + 1);
    expect(frame.slice(0, 2)).toEqual([PLACE.taskCode + user.length, SEL.userCode]);
    expect(frame.slice(2, 33)).toEqual(parameters);
    expect(frame.slice(33)).toEqual([PLACE.stack - 0x400 - 124, SEL.userData]);
  });
});
