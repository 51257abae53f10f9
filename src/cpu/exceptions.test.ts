import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { gpa } from '../base/address.ts';
import { type Assembler, R15, RAX, RBX, RCX } from './testing/assembler.ts';
import { frameBelow } from './testing/frames.ts';
import { AT, BOOT_INSTRUCTIONS, LongModeMachine, P, SELECTOR, TestMachine, W, WINDOW } from './testing/test-machine.ts';

const IF = 0x200;

function boot(prepare: (machine: LongModeMachine) => void, program: (code: Assembler) => void) {
  const machine = new LongModeMachine();
  prepare(machine);
  return { machine, code: machine.boot(program) };
}

describe('delivery in long mode (SDM Vol. 3A 6.14)', () => {
  it('a page fault goes to its IST stack, and IRETQ returns to the same instruction, now mapped', () => {
    const { machine } = boot(
      (m) => {
        m.gate(14, AT.handlers, { ist: 1 });
        // mov rax, pt; mov qword [rax], data | P | W; add rsp, 8 (error code); iretq
        m.write(
          AT.handlers,
          Uint8Array.of(0x48, 0xc7, 0x04, 0x25, 0, 0x40, 0, 0, 0x03, 0, 0x05, 0, 0x48, 0x83, 0xc4, 8, 0x48, 0xcf),
        );
      },
      (code) => code.mov(RBX, WINDOW).mov(RAX, 0x77n).store(RBX, 0, RAX).load(RCX, RBX).hlt(),
    );
    expect(machine.processor.run(1000)).toBe('halted');
    expect(machine.u64(AT.data)).toBe(0x77n);
    expect(machine.reg('rcx')).toBe(0x77n);
    expect(machine.reg('rsp')).toBe(BigInt(AT.stack));
  });

  it('without IST and without a change of level the stack is aligned to 16 and SS stays', () => {
    const { machine } = boot(
      (m) => m.haltingHandler(6),
      (code) => code.add(4, -3).label('bad').bytes(0x0f, 0x0b),
    );
    expect(machine.processor.run(1000)).toBe('halted');
    const frame = frameBelow(machine, AT.stack - 16, false);
    expect(frame).toMatchObject({ cs: SELECTOR.code, rsp: AT.stack - 3, ss: SELECTOR.data });
    expect(machine.reg('rsp')).toBe(BigInt(AT.stack - 16 - 40));
  });

  it('out of CPL 3, RSP0 of the TSS is used and SS becomes null', () => {
    const { machine } = boot(
      (m) => m.haltingHandler(3, { dpl: 3 }),
      (code) => {
        code.mov(RAX, SELECTOR.userData).bytes(0x50).mov(RAX, AT.stackUser).bytes(0x50, 0x6a, 2);
        code.mov(RAX, SELECTOR.userCode).bytes(0x50, 0x48, 0x8d, 0x05, 3, 0, 0, 0, 0x50).iretq();
        code.label('user').bytes(0xcc).label('after');
      },
    );
    const code = machine.processor;
    expect(code.run(1000)).toBe('halted');
    const frame = frameBelow(machine, AT.stack0, false);
    expect(frame).toMatchObject({ cs: SELECTOR.userCode, ss: SELECTOR.userData, rsp: AT.stackUser });
    const view = code.registers();
    expect(view.cpl).toBe(0);
    expect(view.segments[2]!.selector).toBe(0);
    expect(view.segments[1]!.selector).toBe(SELECTOR.code);
  });

  it('INT n from CPL 3 through a gate of DPL 0 is #GP(vector * 8 + 2)', () => {
    const { machine } = boot(
      (m) => {
        m.haltingHandler(13);
        m.haltingHandler(0x40);
      },
      (code) => {
        code.mov(RAX, SELECTOR.userData).bytes(0x50).mov(RAX, AT.stackUser).bytes(0x50, 0x6a, 2);
        code.mov(RAX, SELECTOR.userCode).bytes(0x50, 0x48, 0x8d, 0x05, 3, 0, 0, 0, 0x50).iretq();
        code.bytes(0xcd, 0x40);
      },
    );
    expect(machine.processor.run(1000)).toBe('halted');
    expect(frameBelow(machine, AT.stack0, true).error).toBe(BigInt(0x40 * 8 + 2));
  });

  it('a non-canonical address is #GP(0), on the stack #SS(0)', () => {
    const data = boot(
      (m) => m.haltingHandler(13),
      (code) => code.mov(RBX, 0x8000_0000_0000n).label('bad').load(RAX, RBX),
    );
    expect(data.machine.processor.run(1000)).toBe('halted');
    const frame = frameBelow(data.machine, AT.stack, true);
    expect(frame.error).toBe(0n);
    expect(frame.rip).toBe(data.code.addressOf('bad'));
    const stack = boot(
      (m) => m.haltingHandler(12, { ist: 1 }),
      (code) => code.mov(4, 0x8000_0000_0100n).bytes(0x50),
    );
    expect(stack.machine.processor.run(1000)).toBe('halted');
    expect(frameBelow(stack.machine, AT.stackIst1, true).error).toBe(0n);
  });

  it.each([
    ['POP', [0x58]],
    ['RET', [0xc3]],
    ['POP FS', [0x0f, 0xa1]],
    ['far RET', [0xcb]],
    ['LEAVE', [0xc9]],
  ])('%s from a slot across the end of canonical addresses is #SS(0)', (_, bytes) => {
    const { machine } = boot(
      (m) => m.haltingHandler(12, { ist: 1 }),
      (code) =>
        code
          .mov(4, 0x7fff_ffff_fffdn)
          .mov(5, 0x7fff_ffff_fffdn)
          .bytes(...bytes),
    );
    expect(machine.processor.run(1000)).toBe('halted');
    expect(frameBelow(machine, AT.stackIst1, true).error).toBe(0n);
  });

  it('a fault pushes RF and leaves the flags otherwise; an interrupt gate clears IF, a trap gate does not', () => {
    for (const [type, expected] of [
      [14, 0],
      [15, IF],
    ] as const) {
      const { machine } = boot(
        (m) => m.haltingHandler(6, { type }),
        (code) => code.bytes(0xfb, 0x0f, 0x0b), // sti; ud2
      );
      expect(machine.processor.run(1000)).toBe('halted');
      expect(frameBelow(machine, AT.stack, false).rflags & (0x1_0000 | IF)).toBe(0x1_0000 | IF);
      expect(Number(machine.reg('rflags')) & IF).toBe(expected);
    }
  });

  it('a missing gate is #GP(vector * 8 + 2 + EXT); one that is not present #NP', () => {
    const { machine } = boot(
      (m) => m.haltingHandler(13),
      (code) => code.bytes(0x0f, 0x0b),
    );
    expect(machine.processor.run(1000)).toBe('halted');
    expect(frameBelow(machine, AT.stack, true).error).toBe(BigInt(6 * 8 + 3));
    const notPresent = boot(
      (m) => {
        m.haltingHandler(11);
        m.haltingHandler(6);
        m.view.setUint8(AT.idt + 6 * 16 + 5, 0x0e);
      },
      (code) => code.bytes(0x0f, 0x0b),
    );
    expect(notPresent.machine.processor.run(1000)).toBe('halted');
    expect(frameBelow(notPresent.machine, AT.stack, true).error).toBe(BigInt(6 * 8 + 3));
  });
});

describe('double and triple faults (SDM Vol. 3A 6.15, vector 8)', () => {
  it('a fault while a page fault is delivered becomes #DF(0)', () => {
    // The page fault's own gate is missing: #GP while delivering #PF.
    const { machine, code } = boot(
      (m) => m.haltingHandler(8, { ist: 1 }),
      (asm) =>
        asm
          .mov(RBX, WINDOW + 0x10)
          .label('bad')
          .load(RAX, RBX),
    );
    expect(machine.processor.run(1000)).toBe('halted');
    const frame = frameBelow(machine, AT.stackIst1, true);
    expect(frame.error).toBe(0n);
    expect(frame.rip).toBe(code.addressOf('bad'));
    expect(machine.processor.registers().cr.cr2).toBe(BigInt(WINDOW + 0x10));
  });

  it('a page fault on the stack of a page fault is a double fault, with CR2 of the second', () => {
    const { machine } = boot(
      (m) => {
        m.haltingHandler(14);
        m.haltingHandler(8, { ist: 1 });
      },
      (code) =>
        code
          .mov(4, WINDOW + 0x1000)
          .mov(RBX, WINDOW + 0x1_0000)
          .load(RAX, RBX),
    );
    expect(machine.processor.run(1000)).toBe('halted');
    expect(frameBelow(machine, AT.stackIst1, true).error).toBe(0n);
    // SS is pushed first.
    expect(machine.processor.registers().cr.cr2).toBe(BigInt(WINDOW + 0x1000 - 8));
  });

  it('with no gate at all the processor shuts down, says so, and stays down until reset', () => {
    const { machine, code } = boot(
      () => {},
      (asm) => asm.label('bad').bytes(0x0f, 0x0b),
    );
    const facts: unknown[] = [];
    machine.trace.on('cpu.triple-fault', (fact) => facts.push(fact));
    expect(machine.processor.run(1000)).toBe('triple-fault');
    // #UD without a gate is #GP, that #DF, and the #GP for its missing gate the end.
    expect(facts).toEqual([{ cpu: 0, pc: BigInt(code.addressOf('bad')), vector: 8, raised: 13 }]);
    const before = machine.processor.instructions;
    expect(machine.processor.run(1000)).toBe('triple-fault');
    expect(machine.processor.instructions).toBe(before);
    machine.processor.reset();
    expect(machine.processor.registers()).toMatchObject({ rip: 0xfff0n, bits: 16, rflags: 2n });
  });

  it('a handler that can never run does not hang the host: each fault takes an instruction of the budget', () => {
    const { machine } = boot(
      // The handler's page is not mapped, and every delivery starts at the same IST stack.
      (m) => {
        m.gate(14, WINDOW + 0x8000, { ist: 1 });
        m.gate(8, WINDOW + 0x8000, { ist: 1 });
      },
      (code) => code.mov(RBX, WINDOW).load(RAX, RBX),
    );
    expect(machine.processor.run(5000)).toBe('budget');
    expect(machine.processor.instructions).toBe(5000);
  });
});

describe('external interrupts', () => {
  /** Counts in R15 in a loop; vector 0x20 logs R15 to port 0x80 and returns. */
  function counting(options: { type?: number } = {}) {
    const machine = new LongModeMachine();
    machine.gate(0x20, AT.handlers, options);
    // push rax; mov rax, r15; out 0x80, eax; pop rax; iretq
    machine.write(AT.handlers, Uint8Array.of(0x50, 0x4c, 0x89, 0xf8, 0xe7, 0x80, 0x58, 0x48, 0xcf));
    machine.boot((code) => {
      code.mov(R15, 0).bytes(0xfb).label('loop').inc(R15).inc(R15).inc(R15).inc(R15).jmp('loop');
    });
    return machine;
  }

  it('are taken at the exact instruction, whatever the slices', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 97 }), { minLength: 1, maxLength: 40 }),
        fc.integer({ min: BOOT_INSTRUCTIONS + 3, max: 400 }),
        (slices, at) => {
          const run = (sizes: readonly number[]) => {
            const machine = counting();
            machine.processor.run(at);
            machine.processor.setInterruptLine(0, true);
            let left = 1000;
            for (let index = 0; left > 0; index++) {
              const size = Math.min(left, sizes[index % sizes.length] ?? 1);
              expect(machine.processor.run(size)).toBe('budget');
              left -= size;
            }
            const view = machine.processor.registers();
            return { log: machine.ports, view, count: machine.processor.instructions, ram: machine.checksum() };
          };
          expect(run(slices)).toEqual(run([1000]));
        },
      ),
      { numRuns: 25 },
    );
  });

  it('a device that raises its line in a port write interrupts before the next instruction', () => {
    const machine = counting();
    machine.onPortWrite = (port) => {
      if (port === 0x10) machine.processor.setInterruptLine(0, true);
    };
    machine.boot((code) => code.mov(R15, 5).bytes(0xfb).nop().out(0x10).inc(R15).hlt());
    expect(machine.processor.run(1000)).toBe('halted');
    expect(machine.ports.map(({ address, value }) => [address, value])).toEqual([
      [0x10, SELECTOR.tss],
      [0x80, 5],
    ]);
    expect(machine.reg('r15')).toBe(6n);
  });

  it('a line raised by MMIO interrupts after the store, in the middle of a block', () => {
    const machine = counting();
    machine.map(0, 0xf000_0000, P | W);
    machine.onMmioWrite = () => machine.processor.setInterruptLine(0, true);
    machine.boot((code) => {
      code.mov(R15, 1).mov(RBX, WINDOW).bytes(0xfb).nop();
      code.inc(R15).store(RBX, 0, RAX, 4).inc(R15).inc(R15).hlt();
    });
    expect(machine.processor.run(1000)).toBe('halted');
    expect(machine.ports.map(({ value }) => value)).toEqual([2]);
  });

  it('wait for IF, and for the instruction after STI', () => {
    const machine = counting();
    machine.boot((code) => code.mov(R15, 1).inc(R15).bytes(0xfb).inc(R15).inc(R15).hlt());
    machine.processor.setInterruptLine(0, true);
    expect(machine.processor.run(1000)).toBe('halted');
    expect(machine.ports.map(({ value }) => value)).toEqual([3]);
  });

  it('wake the processor out of HLT, and return to the instruction after it', () => {
    const machine = counting();
    machine.boot((code) => code.mov(R15, 7).bytes(0xfb).hlt().inc(R15).label('end').hlt());
    expect(machine.processor.run(1000)).toBe('halted');
    const count = machine.processor.instructions;
    expect(machine.processor.run(1000)).toBe('halted');
    expect(machine.processor.instructions).toBe(count);
    machine.processor.setInterruptLine(0, true);
    expect(machine.processor.run(1000)).toBe('halted');
    expect(machine.reg('r15')).toBe(8n);
    // Handler of 5 instructions, INC, HLT.
    expect(machine.processor.instructions).toBe(count + 7);
  });

  it('a level that never falls, a trap gate and an IST stack do not hang the host', () => {
    const machine = new LongModeMachine();
    machine.lineDropsOnAcknowledge = false;
    machine.gate(0x20, AT.handlers, { type: 15, ist: 1 });
    machine.write(AT.handlers, Uint8Array.of(0x90, 0xeb, 0xfd));
    machine.boot((code) => code.bytes(0xfb).nop().label('x').jmp('x'));
    machine.processor.setInterruptLine(0, true);
    expect(machine.processor.run(500)).toBe('budget');
    expect(machine.processor.instructions).toBe(500);
  });

  it('NMI is taken with IF clear, and not again before IRET', () => {
    const machine = new LongModeMachine();
    machine.gate(2, AT.handlers);
    // inc r15; out 0x11, al; nop; iretq
    machine.write(AT.handlers, Uint8Array.of(0x49, 0xff, 0xc7, 0xe6, 0x11, 0x90, 0x48, 0xcf));
    let raised = 0;
    machine.onPortWrite = (port) => {
      if (port === 0x11 && raised++ === 0) machine.processor.raiseNmi(0);
    };
    machine.boot((code) => code.mov(R15, 0).out(0x12).nop(4).hlt());
    machine.processor.run(BOOT_INSTRUCTIONS + 1);
    machine.processor.raiseNmi(0);
    expect(machine.processor.run(1000)).toBe('halted');
    // The second one nested in the first would have counted twice before the first NOP.
    expect(machine.ports.map(({ address }) => address)).toEqual([0x11, 0x11, 0x12]);
    expect(machine.reg('r15')).toBe(2n);
  });

  it('reports each delivery, with the address a page fault had', () => {
    const { machine, code } = boot(
      (m) => m.haltingHandler(14),
      (asm) =>
        asm
          .mov(RBX, WINDOW + 8)
          .label('bad')
          .load(RAX, RBX),
    );
    const facts: unknown[] = [];
    machine.trace.on('cpu.interrupt', (fact) => facts.push(fact));
    machine.processor.run(1000);
    expect(facts).toEqual([
      {
        cpu: 0,
        vector: 14,
        errorCode: 0,
        kind: 'exception',
        during: undefined,
        raised: 14,
        pc: BigInt(code.addressOf('bad')),
        faultAddress: BigInt(WINDOW + 8),
      },
    ]);
  });
});

describe('32-bit protected mode', () => {
  it('delivers through an 8-byte interrupt gate and IRETs', () => {
    const machine = new TestMachine();
    // GDT: null, code, data. IDT entry 0x30.
    machine.setU64(0x6008, 0x00cf_9b00_0000_ffffn);
    machine.setU64(0x6010, 0x00cf_9300_0000_ffffn);
    machine.view.setUint16(0x9000, 0x17, true);
    machine.view.setUint32(0x9002, 0x6000, true);
    machine.view.setUint16(0x9010, 0x7ff, true);
    machine.view.setUint32(0x9012, 0x7000, true);
    machine.setU64(0x7000 + 0x30 * 8, 0x0004_8e00_0008_0000n);
    // inc ebx; iretd
    machine.write(0x4_0000, Uint8Array.of(0x43, 0xcf));
    machine.write(
      0x1_0000,
      Uint8Array.of(
        ...[0x0f, 0x01, 0x15, 0, 0x90, 0, 0], // lgdt [0x9000]
        ...[0x0f, 0x01, 0x1d, 0x10, 0x90, 0, 0], // lidt [0x9010]
        ...[0xbc, 0, 0, 2, 0], // mov esp, 0x20000
        ...[0xf9], // stc
        ...[0xcd, 0x30], // int 0x30
        ...[0x0f, 0x92, 0xc1], // setc cl
        ...[0xf4],
      ),
    );
    machine.processor.enterProtected32(gpa(0x1_0000), { eax: 0x2bad_b002, ebx: 0x41 });
    expect(machine.processor.run(100)).toBe('halted');
    expect(machine.reg('rbx')).toBe(0x42n);
    expect(machine.reg('rax')).toBe(0x2bad_b002n);
    expect(machine.reg('rcx') & 0xffn).toBe(1n);
    expect(machine.reg('rsp')).toBe(0x2_0000n);
    // EIP, CS, EFLAGS.
    expect(machine.view.getUint32(0x2_0000 - 12, true)).toBe(0x1_0000 + 22);
    expect(machine.view.getUint32(0x2_0000 - 8, true)).toBe(8);
  });
});
