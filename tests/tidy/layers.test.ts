import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';

/** Lowest first: a folder imports only from folders before it (docs/architecture.md, "Layers"). */
const LAYERS = [
  'base',
  'memory',
  'cpu',
  'interrupts',
  'pci',
  'devices',
  'usb',
  'xhci',
  'symbols',
  'machine',
  'diagnosis',
  'debug',
  'cli',
];
/** Host APIs belong to `cli/` and to the adapters in `debug/node/`. */
const HOST_FOLDERS = ['cli', 'debug/node'];
/** Functions and files above these sizes usually have two subjects; the guide aims lower, this is the hard edge. */
const FILE_LINES_MAX = 450;

function sourceFiles(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) return name === 'generated' ? [] : sourceFiles(path);
    return path.endsWith('.ts') ? [path] : [];
  });
}

function importsOf(path: string): string[] {
  const text = readFileSync(path, 'utf8');
  return [
    ...text.matchAll(/^\s*(?:import|export)\b[^'";]*?from\s+['"]([^'"]+)['"]|^\s*import\s+['"]([^'"]+)['"]/gm),
  ].map((match) => (match[1] ?? match[2])!);
}

const files = sourceFiles('src');
const production = files.filter((path) => !path.endsWith('.test.ts') && !path.includes('/testing/'));

describe('layers', () => {
  it('knows every folder of src/', () => {
    const folders = readdirSync('src').filter((name) => statSync(join('src', name)).isDirectory());
    expect(folders.filter((name) => !LAYERS.includes(name))).toEqual([]);
  });

  it.each(LAYERS)('%s imports only from the folders before it', (layer) => {
    const allowed = LAYERS.slice(0, LAYERS.indexOf(layer) + 1);
    const wrong = production
      .filter((path) => path.startsWith(`src/${layer}/`))
      .flatMap((path) =>
        importsOf(path)
          .filter((target) => target.startsWith('.'))
          .map((target) => relative('src', join(path, '..', target)))
          .filter((target) => !allowed.includes(target.split('/')[0]!))
          .map((target) => `${path} imports ${target}`),
      );
    expect(wrong).toEqual([]);
  });

  it('keeps Node and the host out of the machine', () => {
    const wrong = production
      .filter((path) => path !== 'src/index.ts' && !HOST_FOLDERS.some((folder) => path.startsWith(`src/${folder}/`)))
      .flatMap((path) => {
        const hostImports = importsOf(path).filter((target) => target.startsWith('node:'));
        const text = readFileSync(path, 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
        const hostCalls =
          text.match(/\bDate\.now\(|\bnew Date\(|\bMath\.random\(|\bprocess\.|\bconsole\.|\bperformance\./g) ?? [];
        return [...hostImports, ...hostCalls].map((what) => `${path}: ${what}`);
      });
    expect(wrong).toEqual([]);
  });

  it('has no circular imports between files', () => {
    const graph = new Map(
      production.map((path) => [
        path,
        importsOf(path)
          .filter((target) => target.startsWith('.') && !isTypeOnly(path, target))
          .map((target) => join(path, '..', target)),
      ]),
    );
    expect(findCycle(graph)).toBeUndefined();
  });
});

/** A circle of type-only imports does not exist at run time. */
function isTypeOnly(path: string, target: string): boolean {
  const text = readFileSync(path, 'utf8');
  const escaped = target.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const all = [...text.matchAll(new RegExp(`^\\s*(import|export)\\b([^'";]*?)from\\s+['"]${escaped}['"]`, 'gm'))];
  return all.length > 0 && all.every((match) => match[2]!.trimStart().startsWith('type '));
}

function findCycle(graph: ReadonlyMap<string, readonly string[]>): string | undefined {
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): string | undefined => {
    if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path].join(' -> ');
    if (done.has(path)) return undefined;
    for (const next of graph.get(path) ?? []) {
      const cycle = visit(next, [...trail, path]);
      if (cycle !== undefined) return cycle;
    }
    done.add(path);
    return undefined;
  };
  for (const path of graph.keys()) {
    const cycle = visit(path, []);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}

describe('size', () => {
  it(`keeps source files at or below ${FILE_LINES_MAX} lines`, () => {
    const long = production
      .map((path) => ({ path, lines: readFileSync(path, 'utf8').split('\n').length }))
      .filter(({ lines }) => lines > FILE_LINES_MAX)
      .map(({ path, lines }) => `${path}: ${lines}`);
    expect(long).toEqual([]);
  });

  it('uses kebab-case file names', () => {
    const wrong = files.filter((path) => !/^[a-z0-9-]+(\.test|\.d)?\.ts$/.test(path.split('/').at(-1)!));
    expect(wrong).toEqual([]);
  });
});

describe('text', () => {
  it('marks no unfinished work', () => {
    const marks = production.flatMap((path) =>
      readFileSync(path, 'utf8')
        .split('\n')
        .flatMap((line, index) => (/\b(TODO|FIXME|XXX|HACK)\b/.test(line) ? [`${path}:${index + 1}`] : [])),
    );
    expect(marks).toEqual([]);
  });
});
