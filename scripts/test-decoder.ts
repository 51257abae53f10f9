/**
 * Decodes random strings with our decoder and with iced-x86: length, validity and name must be the same, or the
 * difference stands in tests/differential/decoder/differences.ts. Ends with 1 if one does not.
 *
 *   npm run test:decoder -- [--seed N] [--strings N]     1.2 million strings from a new seed
 *   npm run test:decoder -- --bits 64 --bytes 0f0b       one string, as both see it
 */
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import type { CodeSize } from '../src/cpu/testing/decode-probe.ts';
import { agree, compare, describe, look, rowsNotMet } from '../tests/differential/decoder/comparison.ts';
import { DIFFERENCES } from '../tests/differential/decoder/differences.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    strings: { type: 'string', default: '1200000' },
    bits: { type: 'string', default: '64' },
    bytes: { type: 'string' },
  },
});

function showOne(text: string): void {
  const bytes = Uint8Array.from(Buffer.from(text, 'hex'));
  const seen = look(bytes, Number(values.bits) as CodeSize);
  const known = DIFFERENCES.find(({ explains }) => explains(seen));
  console.log(describe(seen, bytes));
  console.log(agree(seen) ? 'the same' : known ? `listed: ${known.name}: ${known.reason}` : 'not listed');
}

function compareMany(): void {
  const seed = Number(values.seed ?? randomInt(2 ** 31));
  const started = performance.now();
  const report = compare(seed, Math.ceil(Number(values.strings) / 3));
  for (const { name, reason } of DIFFERENCES) {
    console.log(`  ${String(report.listed.get(name) ?? 0).padStart(7)}  ${name}: ${reason}`);
  }
  const { strings, valid, unlisted } = report;
  const notMet = strings >= 1_000_000 ? rowsNotMet(report) : [];
  for (const line of unlisted.values()) console.log(`DIFFERENT ${line}`);
  for (const row of notMet) console.log(`NEVER DECODED ${row.mnemonic} ${row.operands.join()}`);
  const listed = [...report.listed.values()].reduce((sum, count) => sum + count, 0);
  const seconds = ((performance.now() - started) / 1000).toFixed(0);
  console.log(
    `test:decoder: --seed ${seed}: ${strings} strings, ${valid} instructions the same as iced-x86, ${listed} listed ` +
      `differences, ${unlisted.size} unlisted, ${notMet.length} rows never decoded, ${seconds} s`,
  );
  process.exitCode = unlisted.size + notMet.length === 0 ? 0 : 1;
}

if (values.bytes === undefined) compareMany();
else showOne(values.bytes);
