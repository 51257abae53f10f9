/**
 * Runs random instructions on this machine's processor and stores what it did as src/cpu/fixtures/native.json, which
 * `src/cpu/instructions-native.test.ts` replays. Needs gcc and an x86-64 host. Arguments: cases per row, first seed.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CASE_DATA_BYTES,
  type CaseState,
  type NativeCase,
  Random,
  stateOf,
} from '../src/cpu/testing/instruction-cases.ts';
import { COMPARED_ROWS, encode, usesX87 } from '../src/cpu/testing/instruction-generator.ts';
import { fromFxImage, fxImage } from '../src/cpu/testing/x87-cases.ts';

const perRow = Number(process.argv[2] ?? 3);
const firstSeed = Number(process.argv[3] ?? 1);
const CODE_BYTES = 48;
const AT = { xmm: 144, length: 400, vector: 404, code: 408, data: 408 + CODE_BYTES };
const X87_AT = AT.data + CASE_DATA_BYTES;
const CASE_BYTES = X87_AT + 512;

function write(view: DataView, state: CaseState, code: readonly number[]): void {
  for (const [index, value] of state.gpr.entries()) view.setBigUint64(index * 8, BigInt.asUintN(64, value), true);
  view.setBigUint64(128, BigInt(state.flags), true);
  view.setBigUint64(136, BigInt(state.mxcsr), true);
  for (const [index, value] of state.xmm.entries()) view.setBigUint64(AT.xmm + index * 8, value, true);
  view.setUint32(AT.length, code.length, true);
  for (const [index, byte] of code.entries()) view.setUint8(AT.code + index, byte);
  for (const [index, value] of state.memory.entries()) view.setBigUint64(AT.data + index * 8, value, true);
  for (const [index, value] of fxImage(state.x87).entries()) view.setBigUint64(X87_AT + index * 8, value, true);
}

function changes(view: DataView, at: number, before: readonly bigint[]): (readonly [number, string])[] {
  return before.flatMap((old, index) => {
    const value = view.getBigUint64(at + index * 8, true);
    return value === old ? [] : [[index, value.toString(16)] as const];
  });
}

function x87Result(view: DataView, before: CaseState): NonNullable<NativeCase['x87']> {
  const image = Array.from({ length: 64 }, (_, index) => view.getBigUint64(X87_AT + index * 8, true));
  const { control, status, tags, registers } = fromFxImage(image);
  const changed = registers.flatMap((value, index) =>
    value === before.x87.registers[index] ? [] : [[index, value.toString(16)] as const],
  );
  return { control, status, tags, registers: changed };
}

const cases = COMPARED_ROWS.flatMap((row, number) =>
  Array.from({ length: perRow }, (_, repeat) => {
    const seed = firstSeed + number * perRow + repeat;
    const { code, set } = encode(row, new Random(seed ^ 0x5555_5555));
    const state = stateOf(seed, usesX87(row));
    for (const [register, value] of set) state.gpr[register] = value;
    return { row, seed, code, set, state };
  }),
);
const folder = mkdtempSync(join(tmpdir(), 'native-'));
const file = (name: string) => join(folder, name);
const input = new Uint8Array(cases.length * CASE_BYTES);
for (const [index, { state, code }] of cases.entries()) {
  write(new DataView(input.buffer, index * CASE_BYTES, CASE_BYTES), state, code);
}
writeFileSync(file('in'), input);
execFileSync('gcc', ['-O1', '-no-pie', '-fno-stack-protector', '-o', file('run'), 'src/cpu/testing/native/runner.c']);
execFileSync(file('run'), [file('in'), file('out')]);
const output = readFileSync(file('out'));
rmSync(folder, { recursive: true });

const fixtures = cases.map(({ row, seed, code, set, state }, index): NativeCase => {
  const view = new DataView(output.buffer, output.byteOffset + index * CASE_BYTES, CASE_BYTES);
  return {
    name: `${row.mnemonic} ${row.operands.join()}`,
    code: code.map((byte) => byte.toString(16).padStart(2, '0')).join(''),
    seed,
    set: [...set].map(([register, value]) => [register, value.toString(16)] as const),
    undefinedFlags: row.undefinedFlags,
    vector: view.getInt32(AT.vector, true),
    flags: Number(view.getBigUint64(128, true)),
    mxcsr: Number(view.getBigUint64(136, true)),
    gpr: changes(view, 0, state.gpr),
    xmm: changes(view, AT.xmm, state.xmm),
    memory: changes(view, AT.data, state.memory),
    ...(usesX87(row) ? { x87: x87Result(view, state) } : {}),
  };
});
writeFileSync('src/cpu/fixtures/native.json', `[\n${fixtures.map((one) => JSON.stringify(one)).join(',\n')}\n]\n`);
console.log(`native-fixtures: ${fixtures.length} cases`);
