import { describe, expect, it } from 'vitest';
import { type Assembler, R15, RAX, RBX, RCX, RDI, RSI } from './testing/assembler.ts';
import { frameBelow } from './testing/frames.ts';
import { AT, LongModeMachine, P, SELECTOR, W, WINDOW } from './testing/test-machine.ts';

const TF = 0x100;
const RF = 0x1_0000;
const DE = 8;
/** DR6 as it reads with nothing reported. */
const NOTHING = 0xffff_0ff0;
const BS = 0x4000;
const BD = 0x2000;

/** mov rax, value; mov drN, rax */
const setDebug = (code: Assembler, register: number, value: number) =>
  code.mov(RAX, value).bytes(0x0f, 0x23, 0xc0 | (register << 3));
/** Enables breakpoint 0 of this kind (R/W) and length code (LEN). */
const dr7 = (kind: number, length: number) => 0x401 | (kind << 16) | (length << 18);

/**
 * A machine whose #DB handler reports RIP to port 0x81, RFLAGS to 0x83 and DR6 to 0x82, clears DR6 and returns.
 * With `resume`, it sets RF in its frame.
 */
function tracing(program: (code: Assembler) => void, resume = false) {
  const machine = new LongModeMachine();
  machine.gate(1, AT.handlers);
  machine.write(
    AT.handlers,
    Uint8Array.of(
      ...[0x50, 0x48, 0x8b, 0x44, 0x24, 8, 0xe7, 0x81], // push rax; mov rax, [rsp+8]; out 0x81, eax
      ...[0x48, 0x8b, 0x44, 0x24, 24, 0xe7, 0x83], // mov rax, [rsp+24]; out 0x83, eax
      ...[0x0f, 0x21, 0xf0, 0xe7, 0x82, 0x31, 0xc0, 0x0f, 0x23, 0xf0], // mov rax, dr6; out; xor; mov dr6, rax
      ...(resume ? [0x81, 0x4c, 0x24, 24, 0, 0, 1, 0] : []), // or dword [rsp+24], RF
      ...[0x58, 0x48, 0xcf],
    ),
  );
  const code = machine.boot((asm) => {
    program(asm);
    asm.label('end').hlt();
  });
  return { machine, code, ...results(machine, code) };
}

function results(machine: LongModeMachine, code: Assembler) {
  const exit = machine.processor.run(5000);
  const values = (port: number) => machine.ports.filter(({ address }) => address === port).map(({ value }) => value);
  const flags = values(0x83);
  const hits = values(0x81).map((rip, index) => [rip - code.origin, values(0x82)[index]! ^ NOTHING]);
  const at = (label: string) => code.addressOf(label) - code.origin;
  return { exit, hits, flags, at };
}

/** pushfq; or qword [rsp], TF; popfq */
const setTf = (code: Assembler) => code.bytes(0x9c, 0x48, 0x81, 0x0c, 0x24, 0, 1, 0, 0, 0x9d);
const clearTf = (code: Assembler) => code.bytes(0x9c, 0x48, 0x81, 0x24, 0x24, 0xff, 0xfe, 0xff, 0xff, 0x9d);

describe('single step (SDM Vol. 3B 17.3.1.4)', () => {
  it('traps after each instruction that began with TF, the one that clears it included', () => {
    const { hits, at, flags } = tracing((code) => {
      setTf(code).label('a').nop().label('b').nop().label('c');
      clearTf(code).label('d').nop();
    });
    // POPF sets it: the first trap is after the next instruction.
    expect(hits.slice(0, 2)).toEqual([
      [at('b'), BS],
      [at('c'), BS],
    ]);
    expect(hits.at(-1)).toEqual([at('d'), BS]);
    expect(hits).toHaveLength(5);
    expect(flags.every((value) => (value & RF) === 0)).toBe(true);
  });

  it('traps after each iteration of REP, with RF pushed between them', () => {
    const { hits, flags, at } = tracing((code) => {
      code.mov(RCX, 3).mov(RDI, AT.data);
      setTf(code).label('rep').bytes(0xf3, 0xaa).label('after');
      clearTf(code);
    });
    expect(hits.slice(0, 3).map(([rip]) => rip)).toEqual([at('rep'), at('rep'), at('after')]);
    expect(flags.slice(0, 3).map((value) => value & RF)).toEqual([RF, RF, 0]);
  });

  it('is lost after a load of SS', () => {
    const { hits, at } = tracing((code) => {
      code.mov(RBX, SELECTOR.data);
      setTf(code).bytes(0x8e, 0xd3).label('a').nop().label('b');
      clearTf(code);
    });
    expect(hits[0]).toEqual([at('b'), BS]);
  });

  it('does not follow INT n, and goes on after its IRET', () => {
    const machine = new LongModeMachine();
    machine.gate(0x40, AT.handlers + 0x100);
    machine.write(AT.handlers + 0x100, Uint8Array.of(0x49, 0xff, 0xc7, 0x48, 0xcf)); // inc r15; iretq
    machine.haltingHandler(1, { ist: 1 });
    machine.write(AT.handlers + 16, Uint8Array.of(0xf4));
    const code = machine.boot((asm) => {
      asm.mov(R15, 0);
      setTf(asm).bytes(0xcd, 0x40).label('a').nop().label('b').nop();
    });
    expect(machine.processor.run(1000)).toBe('halted');
    expect(machine.reg('r15')).toBe(1n);
    expect(frameBelow(machine, AT.stackIst1, false).rip).toBe(code.addressOf('b'));
  });

  it('SYSCALL traps only if TF survives FMASK', () => {
    for (const mask of [TF, 0]) {
      const machine = new LongModeMachine();
      machine.haltingHandler(1, { ist: 1 });
      machine.write(AT.handlers + 0x200, Uint8Array.of(0x90, 0xf4));
      const msr = (code: Assembler, index: number, low: number, high: number) =>
        code.mov(RCX, index).mov(RAX, low).mov(2, high).bytes(0x0f, 0x30);
      machine.boot((code) => {
        msr(code, 0xc000_0080, 0x501, 0);
        msr(code, 0xc000_0081, 0, SELECTOR.code);
        msr(code, 0xc000_0082, AT.handlers + 0x200, 0);
        msr(code, 0xc000_0084, mask, 0);
        setTf(code).bytes(0x0f, 0x05);
      });
      expect(machine.processor.run(1000)).toBe('halted');
      if (mask) expect(machine.reg('rip')).toBe(BigInt(AT.handlers + 0x202));
      else expect(frameBelow(machine, AT.stackIst1, false).rip).toBe(AT.handlers + 0x200);
    }
  });

  it('wakes out of HLT', () => {
    const { hits, at } = tracing((code) => setTf(code).hlt().label('a').nop().label('b'));
    expect(hits.slice(0, 2).map(([rip]) => rip)).toEqual([at('a'), at('b')]);
  });
});

describe('instruction breakpoints', () => {
  it('are faults before the instruction; RF lets it run once', () => {
    const { hits, at, machine } = tracing((code) => {
      // The label's address is only known after assembly: the loop is counted from the code's start.
      setDebug(code, 0, code.here + 10 + 3 + 10 + 3 + 10).mov(R15, 0);
      setDebug(code, 7, dr7(0, 0));
      code.label('x').inc(R15).add(R15, 0).inc(R15);
    }, true);
    expect(at('x')).toBeGreaterThan(0);
    // The address computed above is that of the label, less what MOV R15 takes.
    expect(machine.reg('r15')).toBe(2n);
    expect(hits).toHaveLength(1);
    expect(hits[0]).toEqual([at('x'), 1]);
  });

  it('are found inside a block that was decoded before, each time round', () => {
    const { hits, at, exit } = tracing((code) => {
      code.mov(RCX, 3);
      const loop = code.here + 26;
      setDebug(code, 1, loop + 3);
      setDebug(code, 7, 0x408);
      expect(code.here).toBe(loop);
      code.label('loop').inc(R15).label('x').inc(R15).dec(RCX).jnz('loop');
    }, true);
    expect(exit).toBe('halted');
    expect(hits).toEqual([
      [at('x'), 2],
      [at('x'), 2],
      [at('x'), 2],
    ]);
  });

  it('without RF in the frame the same instruction breaks again', () => {
    const { hits, exit } = tracing((code) => {
      setDebug(code, 0, code.here + 26);
      setDebug(code, 7, dr7(0, 0)).label('x').nop();
    });
    expect(exit).toBe('budget');
    expect(hits.length).toBeGreaterThan(100);
  });

  it('on a REP instruction break once, though it is suspended', () => {
    const run = (slice: number) => {
      const machine = new LongModeMachine();
      machine.gate(1, AT.handlers);
      machine.write(AT.handlers, Uint8Array.of(0xe6, 0x81, 0x81, 0x4c, 0x24, 16, 0, 0, 1, 0, 0x48, 0xcf));
      machine.boot((code) => {
        code.mov(RCX, 40).mov(RDI, AT.data);
        setDebug(code, 0, code.here + 26);
        setDebug(code, 7, dr7(0, 0)).bytes(0xf3, 0xaa).hlt();
      });
      let exit = machine.processor.run(slice);
      while (exit === 'budget') exit = machine.processor.run(slice);
      return { exit, breaks: machine.ports.length, count: machine.processor.instructions };
    };
    expect(run(1000)).toMatchObject({ exit: 'halted', breaks: 1 });
    expect(run(3)).toEqual(run(1000));
  });

  it('are held back after a load of SS', () => {
    const { hits } = tracing((code) => {
      code.mov(RBX, SELECTOR.data);
      setDebug(code, 0, code.here + 28);
      setDebug(code, 7, dr7(0, 0)).bytes(0x8e, 0xd3).label('x').nop();
    });
    expect(hits).toEqual([]);
  });
});

describe('data breakpoints', () => {
  /** Breakpoint 0 at the data page plus `offset`, then the program. */
  const watching = (offset: number, kind: number, length: number, program: (code: Assembler) => void) =>
    tracing((code) => {
      setDebug(code, 0, AT.data + offset);
      setDebug(code, 7, dr7(kind, length)).mov(RBX, AT.data).mov(RAX, 1);
      program(code);
    });

  it('on writes trap after the store, and not on reads', () => {
    const { hits, at } = watching(8, 1, 3, (code) =>
      code.load(RAX, RBX, 8).store(RBX, 16, RAX).store(RBX, 0, RAX).store(RBX, 9, RAX, 1).label('x').nop(),
    );
    expect(hits).toEqual([[at('x'), 1]]);
  });

  it('on reads and writes trap after either', () => {
    const { hits, at } = watching(8, 3, 2, (code) => {
      code.load(RCX, RBX, 8).label('x').store(RBX, 15, RAX, 1).label('y').bytes(0x48, 0xff, 0x43, 0x08).label('z');
    });
    expect(hits).toEqual([
      [at('x'), 1],
      [at('y'), 1],
      [at('z'), 1],
    ]);
  });

  it('cover the bytes of their length, aligned to it, however the access overlaps', () => {
    const touched = (length: number) =>
      [...Array(16).keys()].filter(
        (byte) => watching(9, 1, length, (code) => code.store(RBX, byte, RAX, 1)).hits.length > 0,
      );
    expect(touched(0)).toEqual([9]);
    expect(touched(1)).toEqual([8, 9]);
    expect(touched(3)).toEqual([8, 9, 10, 11]);
    expect(touched(2)).toEqual([8, 9, 10, 11, 12, 13, 14, 15]);
  });

  it('hit in the middle of REP MOVS, after the iteration that touches them, as source and as destination', () => {
    for (const [offset, kind] of [
      [0x10, 3],
      [0x110, 1],
    ] as const) {
      const { hits, at, machine } = watching(offset, kind, 0, (code) => {
        code
          .mov(RSI, AT.data)
          .mov(RDI, AT.data + 0x100)
          .mov(RCX, 0x20)
          .label('rep')
          .bytes(0xf3, 0xa4)
          .label('x');
      });
      expect(hits).toEqual([[at('rep'), 1]]);
      expect(machine.reg('rcx')).toBe(0n);
    }
  });

  it('do not hit for an instruction that faults', () => {
    const machine = new LongModeMachine();
    machine.haltingHandler(14, { ist: 1 });
    machine.haltingHandler(1, { ist: 1 });
    machine.boot((code) => {
      setDebug(code, 0, AT.data);
      setDebug(code, 7, dr7(3, 0)).mov(RSI, AT.data).mov(RDI, WINDOW).bytes(0xa4);
    });
    expect(machine.processor.run(1000)).toBe('halted');
    expect(machine.processor.registers().dr![6]).toBe(BigInt(NOTHING));
    expect(machine.processor.registers().cr.cr2).toBe(BigInt(WINDOW));
  });

  it('watch linear addresses, MMIO included', () => {
    const machine = new LongModeMachine();
    machine.map(0, 0xf000_0000, P | W);
    machine.haltingHandler(1, { ist: 1 });
    const code = machine.boot((asm) => {
      setDebug(asm, 0, WINDOW + 4);
      setDebug(asm, 7, dr7(1, 3)).mov(RBX, WINDOW).store(RBX, 0, RAX, 4).store(RBX, 4, RAX, 4).label('x').nop();
    });
    expect(machine.processor.run(1000)).toBe('halted');
    expect(frameBelow(machine, AT.stackIst1, false).rip).toBe(code.addressOf('x'));
    expect(machine.mmio).toHaveLength(2);
  });

  it('a load of SS holds them until after the next instruction', () => {
    const { hits, at } = watching(0, 3, 0, (code) => {
      code
        .mov(RCX, SELECTOR.data)
        .store(RBX, 0x80, RCX)
        .store(RBX, 0, RCX)
        .label('w')
        .bytes(0x8e, 0x13)
        .nop()
        .label('x');
    });
    expect(hits).toEqual([
      [at('w'), 1],
      [at('x'), 1],
    ]);
  });

  it('cost nothing once they are off', () => {
    const { hits } = watching(0, 1, 0, (code) => {
      setDebug(code, 7, 0x400).store(RBX, 0, RAX).store(RBX, 1, RAX);
    });
    expect(hits).toEqual([]);
  });
});

describe('port breakpoints', () => {
  const ports = (cr4: number) =>
    tracing((code) => {
      code.bytes(0x0f, 0x20, 0xe0).bytes(0x48, 0x83, 0xc8, cr4).bytes(0x0f, 0x22, 0xe0); // mov rax, cr4; or; mov
      setDebug(code, 0, 0x44);
      setDebug(code, 7, dr7(2, 1)).out(0x43).out(0x45).label('x').bytes(0xe4, 0x46, 0xe5, 0x43).label('y');
    });

  it('need CR4.DE, and trap after the access', () => {
    const { hits, at } = ports(DE);
    expect(hits).toEqual([
      [at('x'), 1],
      [at('y'), 1],
    ]);
    expect(ports(0).hits).toEqual([]);
  });
});

describe('the debug registers themselves', () => {
  it('DR7.GD makes an access a fault with BD and RF, and is cleared for the handler', () => {
    const { hits, at, flags } = tracing((code) => {
      setDebug(code, 7, 0x2400).label('x').bytes(0x0f, 0x21, 0xc3); // mov rbx, dr0
    });
    expect(hits).toEqual([[at('x'), BD]]);
    expect(flags[0]! & RF).toBe(RF);
  });

  it('INT1 leaves DR6 alone, and asks no DPL', () => {
    const { hits, at } = tracing((code) => code.bytes(0xf1).label('x').nop());
    expect(hits).toEqual([[at('x'), 0]]);
  });
});
