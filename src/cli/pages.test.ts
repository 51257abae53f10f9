import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { FACT_ORDER } from '../diagnosis/finding.ts';
import { EXIT_MEANINGS } from './exit-codes.ts';
import { describeOutcome } from './run-loop.ts';
import { FakeSession } from './testing/fake-host.ts';

const page = readFileSync(new URL('../../docs/report.md', import.meta.url), 'utf8');
const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');

describe('docs/report.md', () => {
  it.each([...FACT_ORDER, 'called from', 'spec', 'hint', 'more'])('explains the label "%s"', (label) => {
    expect(page).toContain(`\n| \`${label}\` | `);
  });

  it('has the exit codes of `dmascope help exit-codes`', () => {
    const rows = [...page.matchAll(/^\| (\d+) \| (.*) \|$/gm)].map(([, code, meaning]) => [Number(code), meaning]);
    expect(rows).toEqual(EXIT_MEANINGS);
    const codes = [...readme.matchAll(/^\| (\d+) \|/gm)].map((match) => Number(match[1]));
    for (const code of codes) expect(EXIT_MEANINGS.map(([known]) => known)).toContain(code);
  });

  it('names every way in which a run ends', () => {
    const pc = 0x1000n as never;
    const session = new FakeSession({}, { serial: () => undefined, debugConsole: undefined } as never);
    const kinds = [
      { kind: 'exited', by: 'reset', status: 0 },
      { kind: 'halted', pc },
      { kind: 'spinning', pc },
      { kind: 'triple-fault', pc },
      { kind: 'unimplemented', pc, bytes: Uint8Array.of(0x0f, 0xff) },
      { kind: 'instruction-limit' },
      { kind: 'time-limit' },
      { kind: 'waiting-for-input', pc },
      { kind: 'stopped' },
      { kind: 'interrupted' },
    ] as const;
    for (const outcome of kinds) expect(page).toContain(`\n| \`${describeOutcome(outcome, session).kind}\` | `);
  });
});
