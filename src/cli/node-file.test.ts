import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { FileProblem } from './host.ts';
import { NodeHost } from './node-host.ts';

const folder = mkdtempSync(join(tmpdir(), 'dmascope-'));
afterAll(() => rmSync(folder, { recursive: true }));

const host = new NodeHost();

describe('a file opened in place', () => {
  it('is read and written where it is, and keeps its size', () => {
    const path = join(folder, 'disk.img');
    writeFileSync(path, 'abcdefgh');
    const file = host.openFile(path, 'read-write');
    const into = new Uint8Array(3);
    expect(file.read(2, into)).toBeUndefined();
    expect(new TextDecoder().decode(into)).toBe('cde');
    expect(file.write(4, Uint8Array.of(0x58, 0x59))).toBeUndefined();
    expect(file.flush()).toBeUndefined();
    expect(file).toMatchObject({ name: path, size: 8, writable: true });
    file.close();
    expect(readFileSync(path, 'utf8')).toBe('abcdXYgh');
  });

  it('says when it has become shorter, and when it cannot be written', () => {
    const path = join(folder, 'short.img');
    writeFileSync(path, 'abcd');
    const file = host.openFile(path, 'read');
    expect(file.read(2, new Uint8Array(4))).toContain('shorter');
    expect(file.write(0, Uint8Array.of(1))).toBe('bad file descriptor');
    file.close();
  });

  it('that is a device has nothing to bring to a disk', () => {
    const file = host.openFile('/dev/null', 'read-write');
    expect(file.flush()).toBeUndefined();
    file.close();
  });

  it('that is full says so, and so does one that is written from start to end', () => {
    const full = host.createFile('/dev/full');
    expect(() => full.write('text')).toThrow(new FileProblem('/dev/full', 'no space left on device'));
    full.close();
  });

  it('that is written from start to end keeps what it held until then', () => {
    const path = join(folder, 'log');
    writeFileSync(path, 'an earlier log');
    host.createFile(path).discard();
    expect(readFileSync(path, 'utf8')).toBe('an earlier log');
    const file = host.createFile(path);
    file.write('new');
    file.close();
    expect(readFileSync(path, 'utf8')).toBe('new');
    host.createFile(path).close();
    expect(readFileSync(path, 'utf8')).toBe('');
    expect(() => host.createFile(folder)).toThrow(new FileProblem(folder, 'it is a directory'));
  });

  it('that is discarded is gone when it was not there before', () => {
    const path = join(folder, 'never');
    host.createFile(path).discard();
    expect(existsSync(path)).toBe(false);
  });

  it('is no folder and exists', () => {
    expect(() => host.openFile(folder, 'read')).toThrow(new FileProblem(folder, 'it is a directory'));
    expect(() => host.readFile(folder)).toThrow('it is a directory');
    expect(() => host.openFile(join(folder, 'absent'), 'read')).toThrow('no such file or directory');
  });
});
