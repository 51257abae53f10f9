/** Which file of src/cpu/core exports a function: what the generator and the instruction list go by. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ModuleOf } from '../src/cpu/isa/operations.ts';

export const CORE_FOLDER = fileURLToPath(new URL('../src/cpu/core', import.meta.url));

export function exportsOfCore(): ModuleOf {
  const owners = new Map<string, string>();
  for (const file of readdirSync(CORE_FOLDER).filter((name) => name.endsWith('.ts'))) {
    const text = readFileSync(join(CORE_FOLDER, file), 'utf8');
    for (const match of text.matchAll(/^export (?:declare )?(?:function|const|let) (\w+)/gm)) {
      owners.set(match[1] ?? '', file.slice(0, -3));
    }
  }
  return (name) => owners.get(name);
}
