import { describe, expect, it } from 'vitest';
import { RAX, RBX, RCX } from './testing/assembler.ts';
import { AT, BOOT_INSTRUCTIONS, LongModeMachine, SELECTOR } from './testing/test-machine.ts';

const SMBASE = 0x3_0000;
/** Offsets from SMBASE, as AMD's table 10-1 has them. */
const MAP = {
  es: 0xfe00,
  cs: 0xfe10,
  gdtBase: 0xfe68,
  tr: 0xfe90,
  halt: 0xfec9,
  efer: 0xfed0,
  revision: 0xfefc,
} as const;
const [SMBASE_AT, CR4_AT, CR3_AT, CR0_AT, FLAGS_AT, RIP_AT, RBX_AT, RAX_AT] = [
  ...[0xff00, 0xff48, 0xff50, 0xff58, 0xff70, 0xff78, 0xffe0, 0xfff8],
] as const;
const RSM = [0x0f, 0xaa];

/** An NMI handler that counts at port 0x70, a handler of the mode at `base`, and a program of NOPs. */
function machineWith(handler: readonly number[], base = SMBASE) {
  const machine = new LongModeMachine();
  machine.write(base + 0x8000, Uint8Array.from(handler));
  machine.gate(2, AT.handlers);
  machine.write(AT.handlers, Uint8Array.of(0xe6, 0x70, 0x48, 0xcf));
  const code = machine.boot((asm) =>
    asm.mov(RAX, 0x1234_5678_9abc_def0n).mov(RBX, 7).nop(4).label('halt').hlt().nop(2).hlt(),
  );
  machine.processor.run(BOOT_INSTRUCTIONS + 3);
  return { machine, code };
}

describe('system management mode', () => {
  it('saves the state in AMD64’s map and enters at SMBASE + 0x8000 in 16-bit code with 4 GiB limits', () => {
    const { machine } = machineWith([0x90, 0x90]);
    const changes: unknown[] = [];
    // The map is not there yet when the machine is told: it can put SMRAM there.
    machine.onManagementMode = (cpu, entered) => changes.push([cpu, entered, machine.u64(SMBASE + RAX_AT)]);
    const before = machine.processor.registers();
    machine.processor.raiseSmi(0);
    machine.processor.run(1);
    expect(changes).toEqual([[0, true, 0n]]);
    const view = machine.processor.registers();
    expect(view).toMatchObject({ rip: 0x8001n, bits: 16, cpl: 0, efer: 0n, rflags: 2n, smm: true });
    expect(view.cr.cr4).toBe(0n);
    expect(view.cr.cr0).toBe(before.cr.cr0 & ~0x8000_000dn);
    expect(view.segments[1]).toMatchObject({ selector: 0x3000, base: BigInt(SMBASE), limit: 0xffff_ffff });
    expect(view.segments[3]).toMatchObject({ selector: 0, base: 0n, limit: 0xffff_ffff });
    const map = (offset: number) => machine.u64(SMBASE + offset);
    expect(map(RAX_AT)).toBe(0x1234_5678_9abc_def0n);
    expect(map(RBX_AT)).toBe(7n);
    expect(map(RIP_AT)).toBe(before.rip);
    expect(map(FLAGS_AT)).toBe(before.rflags);
    expect([map(CR0_AT), map(CR3_AT), map(CR4_AT)]).toEqual([before.cr.cr0, before.cr.cr3, before.cr.cr4]);
    expect(map(MAP.efer)).toBe(before.efer);
    expect(map(MAP.gdtBase)).toBe(BigInt(AT.gdt));
    expect(machine.view.getUint16(SMBASE + MAP.tr, true)).toBe(SELECTOR.tss);
    expect(machine.view.getUint16(SMBASE + MAP.cs + 2, true)).toBe(before.segments[1]!.attributes & 0xf0ff);
    expect(machine.view.getUint32(SMBASE + MAP.revision, true)).toBe(0x2_0064);
    expect(machine.view.getUint32(SMBASE + SMBASE_AT, true)).toBe(SMBASE);
    expect(machine.ram[SMBASE + MAP.halt]).toBe(0);
  });

  it('RSM restores 64-bit mode as it was', () => {
    // mov eax, -1; mov ebx, eax; mov ds, ax; rsm
    const { machine } = machineWith([0x66, 0xb8, 0xff, 0xff, 0xff, 0xff, 0x66, 0x89, 0xc3, 0x8e, 0xd8, ...RSM]);
    const before = machine.processor.registers();
    const left: boolean[] = [];
    machine.onManagementMode = (_cpu, entered) => left.push(entered);
    machine.processor.raiseSmi(0);
    machine.processor.run(4);
    expect(machine.processor.registers()).toEqual(before);
    expect(left).toEqual([true, false]);
    expect(machine.processor.run(100)).toBe('halted');
  });

  it('what the handler writes into the map is what RSM loads; SMBASE moves for the next time', () => {
    // mov dword [cs:RAX], 0x55; mov dword [cs:SMBASE], 0x38000; rsm
    const store = (offset: number, value: number) => [
      ...[0x2e, 0x66, 0xc7, 0x06, offset & 0xff, offset >> 8],
      ...[value & 0xff, (value >> 8) & 0xff, (value >> 16) & 0xff, (value >>> 24) & 0xff],
    ];
    const { machine } = machineWith([...store(RAX_AT, 0x55), ...store(SMBASE_AT, 0x3_8000), ...RSM]);
    machine.write(0x4_0000, Uint8Array.of(0xf4));
    machine.processor.raiseSmi(0);
    machine.processor.run(3);
    expect(machine.reg('rax') & 0xffff_ffffn).toBe(0x55n);
    machine.processor.raiseSmi(0);
    machine.processor.run(1);
    expect(machine.processor.registers().segments[1]).toMatchObject({ selector: 0x3800, base: 0x3_8000n });
  });

  it('keeps one SMI, NMIs and interrupts for after RSM', () => {
    // out 0x71, al; rsm
    const { machine } = machineWith([0xe6, 0x71, ...RSM]);
    machine.onPortWrite = (port) => {
      if (port !== 0x71 || machine.ports.length > 1) return;
      machine.processor.raiseNmi(0);
      machine.processor.raiseSmi(0);
      machine.processor.raiseSmi(0);
    };
    machine.processor.raiseSmi(0);
    expect(machine.processor.run(100)).toBe('halted');
    expect(machine.ports.map(({ address }) => address)).toEqual([0x71, 0x71, 0x70]);
  });

  it('out of HLT: the map says so, and RSM halts again unless the handler clears it', () => {
    for (const [handler, after] of [
      [RSM, 1],
      [[0x2e, 0xc6, 0x06, MAP.halt & 0xff, MAP.halt >> 8, 0, ...RSM], 4],
    ] as const) {
      const { machine, code } = machineWith(handler);
      expect(machine.processor.run(100)).toBe('halted');
      machine.processor.raiseSmi(0);
      expect(machine.processor.run(100)).toBe('halted');
      expect(machine.processor.pc).toBe(BigInt(code.addressOf('halt') + after));
    }
  });

  it('RSM outside of it is #UD; with a map that cannot be, the processor shuts down', () => {
    const outside = new LongModeMachine();
    outside.haltingHandler(6);
    outside.boot((code) => code.bytes(...RSM));
    expect(outside.processor.run(100)).toBe('halted');
    // mov dword [cs:CR0], 0x80000000; rsm: paging without protection
    const { machine } = machineWith([0x2e, 0x66, 0xc7, 0x06, CR0_AT & 0xff, CR0_AT >> 8, 0, 0, 0, 0x80, ...RSM]);
    machine.processor.raiseSmi(0);
    expect(machine.processor.run(100)).toBe('triple-fault');
  });

  it('comes back the same whatever the slices', () => {
    const run = (slice: number) => {
      const { machine } = machineWith([0xe6, 0x71, 0x90, ...RSM]);
      machine.processor.raiseSmi(0);
      let exit = machine.processor.run(slice);
      while (exit === 'budget') exit = machine.processor.run(slice);
      return { exit, count: machine.processor.instructions, view: machine.processor.registers(), ports: machine.ports };
    };
    expect(run(1)).toEqual(run(1000));
  });
});

describe('MONITOR and MWAIT', () => {
  const waiting = (ecx: number, before: (machine: LongModeMachine) => void = () => {}) => {
    const machine = new LongModeMachine();
    before(machine);
    machine.boot((code) => {
      code
        .mov(RAX, AT.data + 8)
        .mov(RCX, 0)
        .bytes(0x0f, 0x01, 0xc8); // monitor
      code.mov(RCX, ecx).bytes(0x0f, 0x01, 0xc9).mov(RBX, 0x55).label('end').hlt(); // mwait
    });
    return machine;
  };

  it('wait until a device writes to the line', () => {
    const machine = waiting(0);
    expect(machine.processor.run(1000)).toBe('halted');
    expect(machine.reg('rbx')).toBe(0n);
    machine.write(AT.data + 0x40, Uint8Array.of(1));
    expect(machine.processor.run(1000)).toBe('halted');
    expect(machine.reg('rbx')).toBe(0n);
    machine.write(AT.data + 0x3f, Uint8Array.of(1));
    expect(machine.processor.run(1000)).toBe('halted');
    expect(machine.reg('rbx')).toBe(0x55n);
  });

  it('with ECX bit 0 an interrupt ends the wait although IF is 0, and is not taken', () => {
    for (const ecx of [0, 1]) {
      const machine = waiting(ecx);
      machine.processor.run(1000);
      machine.processor.setInterruptLine(0, true);
      machine.processor.run(1000);
      expect(machine.reg('rbx')).toBe(ecx ? 0x55n : 0n);
      expect(machine.acknowledged).toBe(0);
    }
  });

  it('extensions that do not exist are #GP(0)', () => {
    const machine = waiting(2, (m) => m.haltingHandler(13));
    expect(machine.processor.run(1000)).toBe('halted');
    expect(machine.processor.pc).toBe(BigInt(AT.handlers + 13 * 16 + 1));
  });

  it('sleeps in HLT while another SMI waits for its end', () => {
    const { machine } = machineWith([0xf4, ...RSM]);
    machine.processor.raiseSmi(0);
    expect(machine.processor.run(10)).toBe('halted');
    machine.processor.raiseSmi(0);
    expect(machine.processor.run(10)).toBe('halted');
    expect(machine.processor.sleepOf(0)).toBe('masked');
  });
});
