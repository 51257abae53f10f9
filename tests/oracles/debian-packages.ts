/**
 * Files of Debian packages that tests compare with or boot: an installed one, or the package's own, fetched once with
 * apt-get and unpacked, never installed.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A test tool that is not here. */
export class MissingPart extends Error {}

/** Where packages are unpacked: DMASCOPE_CACHE, or a folder that outlives the run. Outside of the repository. */
export const CACHE = process.env.DMASCOPE_CACHE ?? join(tmpdir(), 'dmascope-cache');

/** The unpacked package. A package that only depends on the real one (`linux-image-amd64`) stands for it. */
export function unpacked(name: string): string {
  const folder = join(CACHE, name);
  if (existsSync(folder)) return folder;
  const work = join(CACHE, `.${name}.${process.pid}`);
  const run = (command: string, ...words: string[]): string =>
    execFileSync(command, words, { cwd: work, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  try {
    mkdirSync(work, { recursive: true });
    run('apt-get', 'download', realPackage(name, run));
    const file = readdirSync(work).find((each) => each.endsWith('.deb'))!;
    run('dpkg', '-x', file, 'tree');
    // Last, and in one step: another process may be fetching the same package.
    if (!existsSync(folder)) renameSync(join(work, 'tree'), folder);
  } catch (problem) {
    const reason = problem instanceof Error ? problem.message.split('\n')[0] : String(problem);
    throw new MissingPart(`the Debian package ${name} cannot be fetched: ${reason} (apt-get update, or install it)`);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return folder;
}

function realPackage(name: string, run: (command: string, ...words: string[]) => string): string {
  const meta = /^linux-image-(cloud-)?amd64$/.test(name);
  if (!meta) return name;
  const real = /Depends: (linux-image-\S+)/.exec(run('apt-cache', 'depends', name))?.[1];
  if (real === undefined) throw new Error(`${name} names no kernel`);
  return real;
}

/** The one file in `folder` (absolute) whose name fits: from this system if it is installed, else from the package. */
export function packageFile(name: string, folder: string, fits: RegExp): string {
  const here = fileIn(folder, fits);
  if (here !== undefined) return here;
  const fetched = fileIn(join(unpacked(name), folder), fits);
  if (fetched === undefined) throw new MissingPart(`the Debian package ${name} has no ${folder}/${fits.source}`);
  return fetched;
}

function fileIn(folder: string, fits: RegExp): string | undefined {
  if (!existsSync(folder)) return undefined;
  const name = readdirSync(folder)
    .sort()
    .find((each) => fits.test(each));
  return name === undefined ? undefined : join(folder, name);
}

/** Debian's kernel for virtual machines: DMASCOPE_KERNEL, or an installed one, or the package's. */
export function cloudKernel(): string {
  const named = process.env.DMASCOPE_KERNEL;
  if (named === undefined) return packageFile('linux-image-cloud-amd64', '/boot', /^vmlinuz-.*-cloud-amd64$/);
  if (!existsSync(named)) throw new MissingPart(`DMASCOPE_KERNEL names ${named}, which does not exist`);
  return named;
}

/** Every file below a folder, by its whole path. */
export function filesUnder(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}
