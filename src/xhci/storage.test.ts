/** A stick driven as operating systems drive one: scattered buffers, links inside a TD, short packets, stalls, stops. */
import { describe, expect, it } from 'vitest';
import { RawImage } from '../devices/block/raw-image.ts';
import { MemoryFile } from '../devices/block/testing/memory-file.ts';
import { UsbStorage } from '../usb/devices/storage.ts';
import { QEMU, SPEC } from './personality.ts';
import { busOf, Driver, LAYOUT } from './testing/driver.ts';
import { BULK_IN_DCI, BULK_LAYOUT, StorageDriver } from './testing/storage-driver.ts';
import { TestBench } from './testing/test-bench.ts';

const SECTORS = 1024;
const CHAIN = 0x10;
const IOC = 0x20;
const ISP = 0x04;
const NORMAL = 1 << 10;
const LINK = 6 << 10;
const EVENT_DATA = 7 << 10;
const READ10 = (lba: number, blocks: number) => [0x28, 0, 0, 0, lba >> 8, lba & 0xff, 0, blocks >> 8, blocks & 0xff, 0];

function scene(personality: typeof SPEC) {
  const bytes = Uint8Array.from({ length: SECTORS * 512 }, (_, index) => (index >> 9) * 5 + index * 3);
  const bench = new TestBench({ personality, ram: 0x20_0000 });
  const manner = personality === QEMU ? 'qemu' : 'standard';
  bench.controller.attach(new UsbStorage({ disk: new RawImage(new MemoryFile('s', bytes)), speed: 'super', manner }));
  bench.controller.reset();
  const driver = new Driver(busOf(bench), { ...LAYOUT, eventRingTrbs: 200 });
  driver.reset();
  driver.start();
  driver.resetPort(1);
  driver.events();
  const { slotId } = driver.command(9);
  driver.prepareAddress(slotId, 1, 4, 512);
  expect(driver.command(11, slotId, LAYOUT.inputContext).code).toBe(1);
  const stick = new StorageDriver(driver, slotId);
  expect(stick.configure(1024, 15).code).toBe(1);
  // The unit attention of power-on.
  expect(stick.command([0, 0, 0, 0, 0, 0]).status).toBe(1);
  expect(stick.command([0, 0, 0, 0, 0, 0])).toEqual({ data: [], code: 1, residue: 0, status: 0 });
  /** Points bulk-in at a ring that the test writes itself. */
  const ownRing = (at: number) => {
    expect(driver.command(15, slotId, 0, 0, BULK_IN_DCI << 16).code).toBe(1);
    expect(driver.command(16, slotId, at | 1, 0, BULK_IN_DCI << 16).code).toBe(1);
  };
  const put = (at: number, words: readonly number[]) => {
    for (const [index, word] of words.entries()) driver.bus.setWord(at + 4 * index, word);
  };
  const go = () => {
    driver.ring(slotId, BULK_IN_DCI);
    return driver.events().filter(({ type }) => type === 32);
  };
  return { bench, bytes, driver, stick, slotId, ownRing, put, go };
}

describe.each([SPEC, QEMU])('a stick behind a controller with the personality $name', (personality) => {
  it('fills buffers of every size in one TD, across a Link TRB in its middle (§4.9.2, §4.11.7)', () => {
    const { bytes, driver, stick, ownRing, put, go } = scene(personality);
    ownRing(0x4_0000);
    stick.wrapper(READ10(9, 64), 64 * 512, true);
    const sizes = [1, 511, 3000, 65_536 - 40_000, 512, 3208];
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(64 * 512);
    let buffer = 0x10_0000;
    let at = 0x4_0000;
    for (const [index, size] of sizes.entries()) {
      if (index === 3) {
        put(at, [0x4_8000, 0, 0, LINK | CHAIN | 1]);
        at = 0x4_8000;
      }
      const last = index === sizes.length - 1;
      put(at, [buffer, 0, size, NORMAL | (last ? IOC : CHAIN) | ISP | 1]);
      at += 16;
      buffer += size;
    }
    expect(go().map(({ code, length, pointer }) => [code, length, pointer])).toEqual([[1, 0, at - 16]]);
    expect(Buffer.from(driver.bytes(0x10_0000, 64 * 512)).equals(bytes.subarray(9 * 512, 73 * 512))).toBe(true);
  });

  it('tells by Event Data how much a TD moved (§4.11.5.2)', () => {
    const { stick, ownRing, put, go } = scene(personality);
    ownRing(0x4_0000);
    stick.wrapper(READ10(0, 4), 2048, true);
    put(0x4_0000, [0x10_0000, 0, 1024, NORMAL | CHAIN | 1]);
    put(0x4_0010, [0x10_0400, 0, 1024, NORMAL | CHAIN | 1]);
    put(0x4_0020, [0x1234_5678, 0x9abc_def0, 0, EVENT_DATA | IOC | 1]);
    const [event, ...more] = go();
    expect(more).toEqual([]);
    expect(event?.words.slice(0, 3)).toEqual([0x1234_5678, 0x9abc_def0, ((1 << 24) | 2048) >>> 0]);
    expect((event?.words[3] ?? 0) & 4).toBe(4);
  });

  it('carries out TDs that wait behind each other, and a zero-length one', () => {
    const { bytes, driver, stick, ownRing, put, go } = scene(personality);
    ownRing(0x4_0000);
    stick.wrapper(READ10(2, 2), 1024, true);
    put(0x4_0000, [0x10_0000, 0, 512, NORMAL | IOC | 1]);
    put(0x4_0010, [0x10_0200, 0, 0, NORMAL | IOC | 1]);
    put(0x4_0020, [0x10_0200, 0, 512, NORMAL | IOC | 1]);
    put(0x4_0030, [BULK_LAYOUT.status, 0, 13, NORMAL | IOC | 1]);
    expect(go().map(({ code, length }) => [code, length])).toEqual([
      [1, 0],
      [1, 0],
      [1, 0],
      [1, 0],
    ]);
    expect(Buffer.from(driver.bytes(0x10_0000, 1024)).equals(bytes.subarray(1024, 2048))).toBe(true);
    expect(driver.bytes(BULK_LAYOUT.status + 12, 1)).toEqual([0]);
  });

  it('comes back from a stalled wrapper by Reset Recovery (Bulk-Only §5.3.4)', () => {
    const { bytes, driver, stick, slotId } = scene(personality);
    expect(stick.bulk(4, [[0x3_0000, 31]]).map(({ code }) => code)).toEqual([6]);
    expect(driver.controlTransfer(slotId, [0x21, 0xff, 0, 0, 0]).map(({ code }) => code)).toEqual([1]);
    expect(stick.recover(4)).toEqual([1, 1, 1]);
    driver.controlTransfer(slotId, [0x02, 1, 0, 0x81, 0]);
    expect(stick.command(READ10(5, 1), 512)).toMatchObject({ data: [[1, 0]], residue: 0, status: 0 });
    expect(driver.bytes(BULK_LAYOUT.data, 16)).toEqual([...bytes.subarray(2560, 2576)]);
  });

  it('goes on from saved state in the middle of a command', () => {
    const { bench, bytes, driver, stick, put, go, ownRing } = scene(personality);
    ownRing(0x4_0000);
    stick.wrapper(READ10(1, 2), 1024, true);
    put(0x4_0000, [0x10_0000, 0, 512, NORMAL | IOC | 1]);
    expect(go().length).toBe(1);
    const saved = structuredClone(bench.controller.save());
    put(0x4_0010, [0x10_0200, 0, 512, NORMAL | IOC | 1]);
    expect(go().length).toBe(1);
    bench.controller.load(saved);
    for (let offset = 0; offset < 512; offset += 4) driver.bus.setWord(0x10_0200 + offset, 0);
    driver.ring(stick.slotId, BULK_IN_DCI);
    expect(driver.bytes(0x10_0200, 512)).toEqual([...bytes.subarray(1024, 1536)]);
  });
});

describe('a stick behind a strict controller', () => {
  it('ends short data with Short Packet, and stalls where there is none (§4.10.1.1, §4.10.2.1)', () => {
    const { driver, stick } = scene(SPEC);
    expect(stick.command([0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0], 64)).toEqual({
      data: [[13, 56]],
      code: 1,
      residue: 56,
      status: 0,
    });
    stick.wrapper([0xff, 0, 0, 0, 0, 0], 64, true);
    expect(stick.bulk(BULK_IN_DCI, [[BULK_LAYOUT.data, 64]]).map(({ code }) => code)).toEqual([6]);
    expect(driver.bus.word(LAYOUT.deviceContext + 32 * BULK_IN_DCI) & 7).toBe(2);
    expect(stick.recover(BULK_IN_DCI)).toEqual([1, 1, 1]);
    expect(stick.status()).toEqual({ code: 1, residue: 64, status: 1 });
  });
});
