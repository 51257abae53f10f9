import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BlockDevice } from './block-device.ts';
import { type ImageFormat, openImage } from './open-image.ts';
import { Overlay } from './overlay.ts';
import { RawImage } from './raw-image.ts';
import { MemoryFile } from './testing/memory-file.ts';

const CLUSTER = 64 * 1024;
/** `toEqual` takes seconds over a megabyte. */
function expectBytes(actual: Uint8Array, expected: Uint8Array): void {
  expect(Buffer.compare(actual, expected)).toBe(0);
}

const hasQemuImg = spawnSync('qemu-img', ['--version']).status === 0;

function open(bytes: Uint8Array, format?: ImageFormat, snapshot = false) {
  return openImage(new MemoryFile('disk.img', bytes), { id: 'disk0', format, snapshot });
}

function disk(bytes: Uint8Array, format?: ImageFormat): BlockDevice {
  const image = open(bytes, format);
  if ('problem' in image) throw new Error(image.problem);
  return image;
}

function readAll(image: BlockDevice): Uint8Array {
  const bytes = new Uint8Array(image.size);
  expect(image.read(0, bytes)).toBeUndefined();
  return bytes;
}

describe('raw images', () => {
  it('round up to a sector, reading zeros behind the end', () => {
    const image = disk(Uint8Array.of(1, 2, 3));
    expect(image.size).toBe(512);
    expect([...readAll(image).subarray(0, 5)]).toEqual([1, 2, 3, 0, 0]);
  });

  it('pass on what the host says, word for word, and are read only where the file is', () => {
    const file = new MemoryFile('disk.img', new Uint8Array(1024));
    const image = new RawImage(file);
    file.failure = 'Input/output error';
    expect(image.read(0, new Uint8Array(512))).toBe('Input/output error');
    expect(image.flush()).toBe('Input/output error');
    file.writable = false;
    expect(image.readOnly).toBe(true);
  });
});

describe('what is no disk image', () => {
  it.each([
    [[0x7f, 0x45, 0x4c, 0x46], 'an ELF program'],
    [[0x1f, 0x8b, 8, 0], 'compressed with gzip'],
    [[...'KDMV'].map((letter) => letter.charCodeAt(0)), 'a VMware image'],
  ])('%j is %s', (bytes, what) => {
    const image = open(Uint8Array.from([...bytes, ...new Uint8Array(600)]));
    expect(image).toMatchObject({
      problem: expect.stringContaining(what),
      hint: expect.stringContaining('format=raw'),
    });
    expect('problem' in open(Uint8Array.from(bytes), 'raw')).toBe(false);
  });

  it('an empty file is not one either', () => {
    expect(open(new Uint8Array(0))).toMatchObject({ problem: 'disk.img is empty' });
  });
});

describe('snapshot=on', () => {
  it('behaves as a disk, leaves the image alone, and saved state carries the difference', () => {
    const size = 3 * CLUSTER + 512;
    const accesses = fc.array(
      fc.record({ at: fc.nat(size / 512 - 1), sectors: fc.integer({ min: 1, max: 200 }), fill: fc.nat(255) }),
      { maxLength: 12 },
    );
    fc.assert(
      fc.property(accesses, (list) => {
        const original = Uint8Array.from({ length: size }, (_, index) => index * 7);
        const file = new MemoryFile('disk.img', original.slice());
        const overlay = new Overlay(new RawImage(file), 'disk0');
        const expected = original.slice();
        for (const { at, sectors, fill } of list) {
          const bytes = new Uint8Array(Math.min(sectors * 512, size - at * 512)).fill(fill);
          expect(overlay.write(at * 512, bytes)).toBeUndefined();
          expected.set(bytes, at * 512);
        }
        expectBytes(readAll(overlay), expected);
        expectBytes(file.bytes, original);
        const other = new Overlay(new RawImage(file), 'disk0');
        other.stateSource.load(overlay.stateSource.save());
        expectBytes(readAll(other), expected);
      }),
      { numRuns: 20 },
    );
  });
});

it.runIf(process.env.DMASCOPE_REQUIRE_ORACLES === '1')('qemu-img is there, because DMASCOPE_REQUIRE_ORACLES=1', () =>
  expect(hasQemuImg).toBe(true),
);

describe.skipIf(!hasQemuImg)(
  `qcow2 as qemu-img writes it${hasQemuImg ? '' : ' (skipped: qemu-utils is not installed)'}`,
  () => {
    const content = Uint8Array.from({ length: 40 * CLUSTER }, (_, index) => {
      const cluster = Math.floor(index / CLUSTER);
      return cluster % 3 === 0 ? 0 : (index * 31 + cluster) >>> 3;
    });

    function convert(...options: readonly string[]): Uint8Array {
      const folder = mkdtempSync(join(tmpdir(), 'dmascope-qcow2-'));
      try {
        writeFileSync(join(folder, 'raw'), content);
        const made = spawnSync('qemu-img', ['convert', '-f', 'raw', '-O', 'qcow2', ...options, 'raw', 'q'], {
          cwd: folder,
        });
        expect(made.stderr.toString()).toBe('');
        return new Uint8Array(readFileSync(join(folder, 'q')));
      } finally {
        rmSync(folder, { recursive: true });
      }
    }

    it.each([
      [['-o', 'compat=1.1']],
      [['-o', 'compat=0.10']],
      [['-o', 'cluster_size=512']],
      [['-o', 'cluster_size=2M']],
      [['-c']],
      [['-c', '-o', 'cluster_size=4k']],
    ])('%j: every byte', (options) => {
      const image = disk(convert(...options));
      expect(image.readOnly).toBe(true);
      expectBytes(readAll(image), content);
      const middle = new Uint8Array(3 * 512);
      expect(image.read(5 * CLUSTER - 512, middle)).toBeUndefined();
      expectBytes(middle, content.subarray(5 * CLUSTER - 512, 5 * CLUSTER + 1024));
    });

    it('refuses what it cannot read, naming it', () => {
      expect(open(convert('-c', '-o', 'compression_type=zstd'))).toMatchObject({
        problem: expect.stringContaining('compressed with zstd'),
      });
      const backed = convert();
      new DataView(backed.buffer).setBigUint64(8, 512n);
      expect(open(backed)).toMatchObject({ problem: expect.stringContaining('backing file') });
    });

    it('survives any damage', () => {
      const image = convert('-c', '-o', 'cluster_size=4k').slice(0, 64 * 1024);
      const damage = fc.array(fc.tuple(fc.nat(image.length - 1), fc.nat(255)), { minLength: 1, maxLength: 20 });
      fc.assert(
        fc.property(damage, fc.nat(image.length), (changes, length) => {
          const bytes = image.slice(0, length);
          for (const [at, value] of changes) if (at < length) bytes[at] = value;
          const opened = open(bytes, 'qcow2');
          if ('problem' in opened || opened.size < 4096) return;
          opened.read(0, new Uint8Array(4096));
          opened.read(opened.size - 4096, new Uint8Array(4096));
        }),
        { numRuns: 300 },
      );
    });
  },
);
