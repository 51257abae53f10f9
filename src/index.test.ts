import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/** The example of docs/library.md, as it stands: it must compile under the strictest settings, and print what it says. */
const root = fileURLToPath(new URL('..', import.meta.url));
const page = readFileSync(`${root}docs/library.md`, 'utf8');
const example = /^```ts\n([\s\S]*?)^```$/m.exec(page)![1]!;
const printed = /^```text\n([\s\S]*?)^```$/m.exec(page)![1]!;
const entry = `${root}src/index.ts`;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'dmascope-library-'));
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
});
afterAll(() => rmSync(folder, { recursive: true }));

function node(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
  return { status, stdout, stderr };
}

describe('docs/library.md', () => {
  it('compiles, and a virtual address in place of a physical one does not', { timeout: 120_000 }, () => {
    writeFileSync(join(folder, 'example.ts'), example);
    const mixed = "import { type Gpa, gva } from 'dmascope';\nexport const wrong: Gpa = gva(0xffff_8000_0000_1000n);\n";
    writeFileSync(join(folder, 'mixed.ts'), mixed);
    const project = {
      extends: `${root}tsconfig.json`,
      compilerOptions: { paths: { dmascope: [entry] }, typeRoots: [`${root}node_modules/@types`] },
      include: [],
      files: ['example.ts', 'mixed.ts'],
    };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(project));
    const { stdout } = node(`${root}node_modules/typescript/bin/tsc`, '-p', folder);
    // Errors of the repository's own files are `npm run typecheck`'s to tell.
    const errors = stdout.match(/(example|mixed)\.ts\(\d+,\d+\): error TS\d+/g);
    expect(errors).toEqual(['mixed.ts(2,14): error TS2322']);
  });

  it('prints what the page says', { timeout: 120_000 }, () => {
    const file = join(folder, 'run.ts');
    writeFileSync(file, example.replace("'dmascope'", JSON.stringify(pathToFileURL(entry).href)));
    expect(node('--import', 'tsx', file)).toEqual({ status: 0, stdout: printed, stderr: '' });
  });
});
