import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as address from '../base/address.ts';
import * as trace from '../base/trace.ts';
import * as memory from './index.ts';

/** The examples of docs/memory.md: fenced blocks with a title, run as they stand. */
const page = readFileSync(new URL('../../docs/memory.md', import.meta.url), 'utf8');
const examples = [...page.matchAll(/^```ts title="([^"]+)"\n([\s\S]*?)^```$/gm)].map(([, title, code]) => ({
  title: title!,
  code: code!,
}));

const names = { ...address, ...trace, ...memory };

/** `expression // => value` becomes a check. */
function withChecks(code: string): { code: string; checks: number } {
  let checks = 0;
  const lines = code.split('\n').map((line) => {
    const match = /^(\S.*?);? \/\/ => (.*)$/.exec(line);
    if (match === null) return line;
    checks += 1;
    return `check((${match[1]}), (${match[2]}));`;
  });
  return { code: lines.join('\n'), checks };
}

function run(code: string): number {
  const checked = withChecks(code);
  const parameters = [...Object.keys(names), 'check'];
  const check = (actual: unknown, expected: unknown): void => expect(actual).toEqual(expected);
  new Function(...parameters, `'use strict';\n${checked.code}`)(...Object.values(names), check);
  return checked.checks;
}

describe('docs/memory.md', () => {
  const preamble = examples.find(({ title }) => title === 'preamble')!.code;

  it('has worked examples', () => {
    expect(examples.length).toBeGreaterThanOrEqual(9);
  });

  it.each(examples.filter(({ title }) => title !== 'preamble'))('$title', ({ code }) => {
    expect(run(`${preamble}\n${code}`)).toBeGreaterThan(0);
  });
});
