import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Row } from '../../src/cpu/isa/row.ts';
import { OPCODE_TABLE } from '../../src/cpu/isa/table.ts';
import { hexCode, rowName } from './native/batch.ts';
import { CaseView } from './native/case-layout.ts';
import { differences } from './native/comparison.ts';
import { Emulator } from './native/emulator.ts';
import { decodeFixtures, FIXTURES, type Fixture, rowKey } from './native/fixtures.ts';
import { reasonToLeaveOut } from './native/left-out.ts';

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

  it.each(rows.map((row) => [rowKey(row), row] as const))('%s', (key, row) => {
    for (const { before, after } of byKey.get(key)!) {
      const ours = new CaseView(before.bytes.slice(), 0);
      const ending = emulator.run(ours);
      const found = ending === 'ended' ? differences(row, before, ours, after) : [ending];
      expect(found, `${rowName(row)} ${hexCode(before)}`).toEqual([]);
    }
  });
});
