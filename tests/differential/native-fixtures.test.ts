import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Row } from '../../src/cpu/isa/row.ts';
import { OPCODE_TABLE } from '../../src/cpu/isa/table.ts';
import { hexCode, rowName } from './native/batch.ts';
import { AT, CaseView } from './native/case-layout.ts';
import { differences } from './native/comparison.ts';
import { Emulator } from './native/emulator.ts';
import { decodeFixtures, FIXTURES, type Fixture, rowKey } from './native/fixtures.ts';
import { reasonToLeaveOut } from './native/left-out.ts';
import { codeBits, localSegment } from './native/local-segments.ts';

const stackSize = (selector: number) => localSegment(selector)?.bits ?? 32;

const { processor, fixtures } = decodeFixtures(readFileSync(FIXTURES));
const emulator = new Emulator();

const byKey = new Map<string, Fixture[]>();
for (const fixture of fixtures) byKey.set(fixture.key, [...(byKey.get(fixture.key) ?? []), fixture]);

/** Rows that the processor of the fixtures could not show, by the feature that it has not got or does differently. */
const WITHOUT_FIXTURE: readonly (readonly [reason: string, which: (row: Row) => boolean])[] = [
  ['left out of batches', (row) => reasonToLeaveOut(row) !== undefined],
  ['our processor does not offer it', ({ feature }) => feature !== undefined && !emulator.offers(feature)],
  ['that processor does not offer it', ({ feature }) => feature === 'monitor' || feature === 'wbnoinvd'],
  ['AMD processors have no SYSEXIT in long mode', ({ mnemonic }) => mnemonic === 'SYSEXIT'],
];

describe(`instructions do what a real processor did (${processor})`, () => {
  const rows = OPCODE_TABLE.filter((row) => byKey.has(rowKey(row)));

  it('has fixtures for every row that a batch can show', () => {
    const missing = OPCODE_TABLE.filter(
      (row) => !byKey.has(rowKey(row)) && !WITHOUT_FIXTURE.some(([, which]) => which(row)),
    );
    expect(missing.map(rowKey)).toEqual([]);
  });

  it('has no fixtures of rows that are gone', () => {
    const keys = new Set(OPCODE_TABLE.map(rowKey));
    expect([...byKey.keys()].filter((key) => !keys.has(key))).toEqual([]);
  });

  it('has them in code of every size, with stacks of both sizes and with limits that are passed', () => {
    const count = (which: (fixture: Fixture) => boolean) => fixtures.filter(which).length;
    const [CS, SS, STACK_FAULT, GENERAL_PROTECTION] = [0, 1, 12, 13];
    for (const bits of [16, 32, 64] as const) {
      const inCode = (before: CaseView) => codeBits(before.segment(CS)) === bits;
      expect(count(({ before }) => inCode(before))).toBeGreaterThan(2000);
      if (bits === 64) continue;
      for (const stackBits of [16, 32] as const)
        expect(count(({ before }) => inCode(before) && stackSize(before.segment(SS)) === stackBits)).toBeGreaterThan(
          200,
        );
      for (const vector of [STACK_FAULT, GENERAL_PROTECTION])
        expect(count(({ before, after }) => inCode(before) && after.u32(AT.vector) === vector)).toBeGreaterThan(10);
    }
  });

  it.each(rows.map((row) => [rowKey(row), row] as const))('%s', (key, row) => {
    for (const { before, after } of byKey.get(key)!) {
      const ours = new CaseView(before.bytes.slice(), 0);
      const ending = emulator.run(ours);
      const found = ending === 'ended' ? differences(row, before, ours, after) : [ending];
      expect(found, `${rowName(row)} ${hexCode(before)}`).toEqual([]);
    }
  });
});
