/**
 * Writes the pages that come from code: docs/rules, docs/report.schema.json, docs/registers.md, docs/personalities.md,
 * docs/device-registers.md, docs/instructions.md.
 * `--check` only says what has drifted, with exit 1.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { generatedFiles } from '../src/diagnosis/rule-pages.ts';
import { cpuPages } from './docs/cpu-pages.ts';
import { devicePages } from './docs/device-pages.ts';
import { xhciPages } from './docs/xhci-pages.ts';

const check = process.argv.includes('--check');
const files = [...generatedFiles(), ...xhciPages(), ...devicePages(), ...cpuPages()];
const known = new Set(files.map((file) => file.path));
let drifted = 0;

function current(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

mkdirSync('docs/rules', { recursive: true });
for (const { path, text } of files) {
  if (current(path) === text) continue;
  drifted += 1;
  console.log(`${check ? 'drifted' : 'wrote'} ${path}`);
  if (check) continue;
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}
for (const name of readdirSync('docs/rules')) {
  const path = `docs/rules/${name}`;
  if (known.has(path)) continue;
  drifted += 1;
  console.log(`${check ? 'stray' : 'removed'} ${path}`);
  if (!check) rmSync(path);
}
if (check && drifted > 0) process.exitCode = 1;
