/**
 * The lockstep tool itself: it reads QEMU's log, it is silent where both agree, and it finds what is planted. The long
 * runs are `npm run test:lockstep`. Skipped, visibly, without QEMU; with DMASCOPE_REQUIRE_ORACLES=1 that is a failure.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Processor } from '../../src/cpu/processor.ts';
import { Board } from './board.ts';
import { type Delivery, DumpStream } from './dump-stream.ts';
import { FIRMWARE, GUESTS } from './guests.ts';
import { disassemble, stringStore, undefinedFlags } from './instruction.ts';
import { Lockstep } from './lockstep.ts';
import { QemuProcess, qemuVersion } from './qemu-process.ts';
import type { RegisterDump } from './register-dump.ts';
import { reportLines } from './report.ts';
import type { LockstepResult } from './result.ts';

const QEMU = 'qemu-system-x86_64';
const qemuMissing = qemuVersion(QEMU) === undefined;
const required = process.env.DMASCOPE_REQUIRE_ORACLES === '1';

/** Two instructions, the second in the handler of a page fault, as QEMU 7.2 logs them. */
const LOG = `${dumpText('0000000000001000', 'RFL=00000246 [---Z-P-]')}     7: v=0e e=0002 i=0 cpl=0 IP=0008:0000000000001000 pc=0000000000001000 SP=0010:0000000000009000 CR2=00000000deadb000
${dumpText('0000000000001000', 'RFL=00000246 [---Z-P-]').split('FCW=')[0]}${dumpText('0000000000002000', 'RFL=00000046 [---Z-P-]')}`;

function dumpText(rip: string, flags: string): string {
  const general = 'RAX RBX RCX RDX RSI RDI RBP RSP R8  R9  R10 R11 R12 R13 R14 R15'.match(/.{3} ?/g)!;
  const lines = [0, 4, 8, 12].map((first) =>
    general
      .slice(first, first + 4)
      .map((name, index) => `${name.slice(0, 3)}=${(0x1_0000_0000 * 3 + first + index).toString(16).padStart(16, '0')}`)
      .join(' '),
  );
  const segments = ['ES ', 'CS ', 'SS ', 'DS ', 'FS ', 'GS '].map(
    (name) => `${name}=0010 00000000000000${name === 'GS ' ? '77' : '00'} ffffffff 00cf9300 DPL=0 DS   [-WA]`,
  );
  const xmm = Array.from({ length: 8 }, (_, pair) => {
    const one = (index: number) =>
      `XMM${String(index).padStart(2, '0')}=${String(index).padStart(16, '0')} ${'f'.repeat(16)}`;
    return `${one(pair * 2)} ${one(pair * 2 + 1)}`;
  });
  return [
    ...lines,
    `RIP=${rip} ${flags} CPL=3 II=0 A20=1 SMM=0 HLT=0`,
    ...segments,
    'LDT=0000 0000000000000000 0000ffff 00008200 DPL=0 LDT',
    'TR =0028 0000000000008000 00000067 00008b00 DPL=0 TSS64-busy',
    'GDT=     00000000002000f8 00000017',
    'IDT=     0000000000201000 00000fff',
    'CR0=80010011 CR2=00000000deadb000 CR3=0000000000203000 CR4=000000a0',
    'DR0=0000000000000000 DR1=0000000000000000 DR2=0000000000000000 DR3=0000000000000000 ',
    'DR6=00000000ffff0ff0 DR7=0000000000000400',
    'CCS=0000000000000044 CCD=ffffffff80010011 CCO=LOGICL',
    'EFER=0000000000000d00',
    'FCW=037f FSW=3800 [ST=7] FTW=80 MXCSR=00001f80',
    ...[0, 2, 4, 6].map((r) => `FPR${r}=c000000000000000 400${r} FPR${r + 1}=0000000000000000 0000`),
    ...xmm,
    '',
  ].join('\n');
}

function readLog(pieces: readonly Buffer[]): { dumps: RegisterDump[]; deliveries: Delivery[] } {
  const dumps: RegisterDump[] = [];
  const deliveries: Delivery[] = [];
  const stream = new DumpStream({ dump: (dump) => dumps.push(dump), delivery: (one) => deliveries.push(one) });
  for (const piece of pieces) stream.feed(piece);
  return { dumps, deliveries };
}

describe('QEMU’s log', () => {
  const whole = Buffer.from(LOG);

  it('gives the registers by number, not in the printed order', () => {
    const [dump] = readLog([whole]).dumps;
    expect(dump!.register(0)).toBe(0x3_0000_0000n);
    expect(dump!.register(3)).toBe(0x3_0000_0001n);
    expect(dump!.register(1)).toBe(0x3_0000_0002n);
    expect(dump!.register(4)).toBe(0x3_0000_0007n);
    expect(dump!.register(15)).toBe(0x3_0000_000fn);
    expect(dump!.ip).toBe(0x1000n);
    expect(dump!.flags).toBe(0x246);
  });

  it('gives segments, tables, control registers, x87 and SSE', () => {
    const [dump] = readLog([whole]).dumps;
    const system = dump!.system();
    expect(system.segments[5]).toEqual({ selector: 0x10, base: 0x77n, limit: 0xffff_ffff, attributes: 0xc093 });
    expect(system.segments[7]).toEqual({ selector: 0x28, base: 0x8000n, limit: 0x67, attributes: 0x8b });
    expect(system).toMatchObject({
      gdt: { base: 0x20_00f8n, limit: 0x17 },
      idt: { base: 0x20_1000n, limit: 0xfff },
      cr0: 0x8001_0011n,
      cr2: 0xdead_b000n,
      cr3: 0x20_3000n,
      cr4: 0xa0n,
      efer: 0xd00n,
      cpl: 3,
    });
    const float = dump!.float()!;
    expect(float).toMatchObject({ controlWord: 0x37f, statusWord: 0x3800, tags: 0x80, mxcsr: 0x1f80 });
    expect(float.x87[2]).toEqual({ mantissa: 0xc000_0000_0000_0000n, exponent: 0x4002 });
    expect(float.xmm[9]).toBe((9n << 64n) | 0xffff_ffff_ffff_ffffn);
  });

  it('tells an exception, and not its registers from those of an instruction', () => {
    const { dumps, deliveries } = readLog([whole]);
    expect(deliveries).toEqual([{ vector: 14, error: 2, software: false }]);
    expect(dumps.map(({ ip }) => ip)).toEqual([0x1000n, 0x2000n]);
  });

  it.each([1, 7, 500, 4096])('reads the same in pieces of %i bytes', (size) => {
    const pieces = Array.from({ length: Math.ceil(whole.length / size) }, (_, index) =>
      whole.subarray(index * size, (index + 1) * size),
    );
    const { dumps, deliveries } = readLog(pieces);
    expect(dumps.map(String)).toEqual(readLog([whole]).dumps.map(String));
    expect(deliveries).toHaveLength(1);
  });
});

describe('instructions', () => {
  it('knows from the opcode table which flags are undefined', () => {
    // AND leaves AF undefined, MUL everything but CF and OF; ADD nothing.
    expect(undefinedFlags(Uint8Array.of(0x48, 0x21, 0xd8), 64)).toBe(0x10);
    expect(undefinedFlags(Uint8Array.of(0x66, 0xf7, 0xe3), 32)).toBe(0xd4);
    expect(undefinedFlags(Uint8Array.of(0x01, 0xd8), 32)).toBe(0);
  });

  it('knows what INS and MOVS store', () => {
    expect(stringStore(Uint8Array.of(0xf3, 0x6c), 32)).toEqual({ size: 1, addressBits: 32 });
    expect(stringStore(Uint8Array.of(0xf3, 0x66, 0x6d), 32)).toEqual({ size: 2, addressBits: 32 });
    expect(stringStore(Uint8Array.of(0x67, 0x66, 0xa5), 16)).toEqual({ size: 4, addressBits: 32 });
    expect(stringStore(Uint8Array.of(0xf3, 0x48, 0xa5), 64)).toEqual({ size: 8, addressBits: 64 });
    expect(stringStore(Uint8Array.of(0xaa), 64)).toBeUndefined();
  });

  it('names the instruction behind its prefixes', () => {
    expect(disassemble(Uint8Array.of(0xf3, 0xa4), 0n, 32)).toMatchObject({ mnemonic: 'movsb', length: 2 });
  });
});

it.runIf(required)('QEMU is there, because DMASCOPE_REQUIRE_ORACLES=1', () => expect(qemuMissing).toBe(false));

describe.skipIf(qemuMissing)('a run', () => {
  /** Follows the guest `fault` from its entry; `plant` spoils what our processor did, once, after `step` instructions. */
  async function run(step: number, plant: (processor: Processor, ram: Uint8Array) => void) {
    const guest = GUESTS.find(({ name }) => name === 'fault')!;
    const { ramMegabytes, devicesStore } = guest;
    const qemu = await QemuProcess.start({
      ...{ qemu: QEMU, ramMegabytes, devicesStore, model: 'qemu64', guest: guest.qemu(), shift: 7 },
    });
    try {
      await qemu.gdb.runTo(guest.entry!());
      const board = new Board({ ramBytes: qemu.ramBytes, model: 'qemu64', firmware: readFileSync(FIRMWARE) });
      const { processor } = board;
      const really = processor.run.bind(processor);
      let count = 0;
      processor.run = (instructions) => {
        const exit = really(instructions);
        count += 1;
        if (count === step) plant(processor, board.ram);
        return exit;
      };
      const options = { steps: 1000, from: 0, memoryEvery: 500, adoptStart: true };
      const lockstep = new Lockstep(board, qemu, options);
      const result: LockstepResult = await lockstep.run();
      return { result, text: reportLines(guest.name, result, lockstep.registers).join('\n') };
    } finally {
      qemu.close();
    }
  }

  it('is silent where both agree', async () => {
    const { result, text } = await run(0, () => {});
    expect(result.ending).toEqual({ kind: 'done' });
    expect(result.steps).toBeGreaterThanOrEqual(1000);
    expect(result.memoryComparisons).toBeGreaterThanOrEqual(2);
    expect(result.places).toBeGreaterThan(10);
    expect(text).toContain('fault: equal for');
  });

  it('names a register that differs, at the instruction where it does', async () => {
    const { result, text } = await run(700, (processor) => processor.setRegister('rbp', 0x1234n));
    expect(result.steps).toBe(700);
    expect(result.ending).toMatchObject({ kind: 'divergence', differences: [{ name: 'rbp', ours: 0x1234n }] });
    expect(result.history.list()).toHaveLength(20);
    expect(text).toContain('DIFFERENT after 700 instructions');
    expect(text).toMatch(/rbp {5}0{12}1234 {2}0{16} {3}<--/);
  });

  it('names a segment attribute that differs', async () => {
    const { result } = await run(700, (processor) => processor.setRegister('fs', 0x18n));
    expect(result.steps).toBe(700);
    expect(result.ending).toMatchObject({ kind: 'divergence', differences: [{ name: 'fs', ours: 0x18n }] });
  });

  it('finds a byte of RAM that differs', async () => {
    const { result, text } = await run(700, (_, ram) => {
      ram[0x70_0003] = 0x5a;
    });
    expect(result.ending).toMatchObject({ kind: 'memory', difference: { address: 0x70_0003 } });
    expect(text).toContain('RAM differs at 0x00700003');
  });
});
