import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as layout from './layout.ts';
import { CASE_CODE, CASE_DATA, type NativeCase, stateOf } from './testing/instruction-cases.ts';
import { AT, LongModeMachine } from './testing/test-machine.ts';
import { setX87, x87Changes } from './testing/x87-state.ts';

const cases = JSON.parse(
  readFileSync(new URL('./fixtures/native.json', import.meta.url), 'utf8'),
) as readonly NativeCase[];

/** Handlers of all exceptions, 16 bytes apart, each a HLT: RIP tells which one ran. */
const HANDLERS = AT.handlers + 0x8000;
/** c p a z s o as EFLAGS bits. */
const FLAG_BITS = [0, 2, 4, 6, 7, 11];
/** CF PF AF ZF SF OF and DF. */
const COMPARED_FLAGS = 0xcd5;

function machineWithSse(): LongModeMachine {
  const machine = new LongModeMachine();
  for (let vector = 0; vector < 32; vector++) {
    machine.write(HANDLERS + vector * 16, Uint8Array.of(0xf4));
    machine.gate(vector, HANDLERS + vector * 16, { ist: 1 });
  }
  machine.boot((code) =>
    code
      // mov rax, cr4; or eax, OSFXSR | OSXMMEXCPT; mov cr4, rax
      .bytes(0x0f, 0x20, 0xe0, 0x0d, 0, 6, 0, 0, 0x0f, 0x22, 0xe0)
      // mov rax, cr0; or al, NE; mov cr0, rax; hlt
      .bytes(0x0f, 0x20, 0xc0, 0x0c, 0x20, 0x0f, 0x22, 0xc0, 0xf4),
  );
  expect(machine.processor.run(100)).toBe('halted');
  return machine;
}

const machine = machineWithSse();
const core = machine.processor.core;
const memory = new DataView(core.bytes.buffer);

function prepare(one: NativeCase) {
  const state = stateOf(one.seed, one.x87 !== undefined);
  for (const [register, value] of one.set ?? []) state.gpr[register] = BigInt(`0x${value}`);
  machine.write(CASE_CODE, Uint8Array.from(Buffer.from(`${one.code}f4`, 'hex')));
  for (const [index, value] of state.memory.entries()) machine.setU64(CASE_DATA + index * 8, value);
  for (const [index, value] of state.gpr.entries()) memory.setBigUint64(layout.GPR + index * 8, value, true);
  for (const [index, value] of state.xmm.entries()) memory.setBigUint64(layout.XMM + index * 8, value, true);
  memory.setUint32(layout.MXCSR, state.mxcsr, true);
  setX87(core, state.x87);
  core.exports.setFlags(state.flags);
  memory.setBigUint64(layout.RIP, BigInt(CASE_CODE), true);
  memory.setUint32(layout.HALTED, 0, true);
  memory.setUint32(layout.EVENTS, 0, true);
  return state;
}

function changes(at: number, before: readonly bigint[]): (readonly [number, string])[] {
  return before.flatMap((old, index) => {
    const value = memory.getBigUint64(at + index * 8, true);
    return value === old ? [] : [[index, value.toString(16)] as const];
  });
}

function comparedFlags(one: NativeCase): number {
  let mask = COMPARED_FLAGS;
  for (const [index, bit] of FLAG_BITS.entries()) if (one.undefinedFlags & (1 << index)) mask &= ~(1 << bit);
  // The table knows no counts: OF of a shift or rotation is defined for a count of 1 only.
  if (/^(RO|RC|SH|SA)[LR]D? /.test(one.name)) mask &= ~0x800;
  return mask;
}

/** SHLD and SHRD of 16 bits by more than 16 have no defined result (SDM Vol. 2). */
function isUndefined(one: NativeCase): boolean {
  return /^SH[LR]D/.test(one.name) && one.code.startsWith('66');
}

function run(one: NativeCase) {
  const before = prepare(one);
  expect(machine.processor.run(100), `${one.name} ${one.code}`).toBe('halted');
  const rip = Number(memory.getBigUint64(layout.RIP, true));
  const vector = rip > HANDLERS && rip < HANDLERS + 512 ? (rip - HANDLERS) >> 4 : -1;
  const mask = comparedFlags(one);
  if (vector !== -1) return { vector };
  return {
    vector,
    flags: core.exports.flags() & mask,
    mxcsr: memory.getUint32(layout.MXCSR, true),
    gpr: changes(layout.GPR, before.gpr),
    xmm: changes(layout.XMM, before.xmm),
    memory: before.memory.flatMap((old, index) => {
      const value = machine.u64(CASE_DATA + index * 8);
      return value === old ? [] : [[index, value.toString(16)] as const];
    }),
    ...(one.x87 ? { x87: x87Changes(core, before.x87) } : {}),
  };
}

function expected(one: NativeCase) {
  if (one.vector !== -1) return { vector: one.vector };
  const { vector, mxcsr, gpr, xmm, memory: words } = one;
  const x87 = one.x87 ? { x87: one.x87 } : {};
  return { vector, flags: one.flags & comparedFlags(one), mxcsr, gpr, xmm, memory: words, ...x87 };
}

describe('instructions do what a real processor did', () => {
  const names = [...new Set(cases.map((one) => one.name))];
  it.each(names)('%s', (name) => {
    for (const one of cases) {
      if (one.name !== name || isUndefined(one)) continue;
      expect({ code: one.code, seed: one.seed, ...run(one) }).toEqual({
        code: one.code,
        seed: one.seed,
        ...expected(one),
      });
    }
  });
});
