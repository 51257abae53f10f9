import { describe, expect, it } from 'vitest';
import { RawImage } from '../../devices/block/raw-image.ts';
import { MemoryFile } from '../../devices/block/testing/memory-file.ts';
import type { BulkOnlyManner } from './bulk-only.ts';
import { type StorageOptions, UsbStorage } from './storage.ts';

const SECTORS = 300;
const STALL = -3;

function stick(options: Partial<StorageOptions> = {}) {
  const bytes = Uint8Array.from({ length: SECTORS * 512 }, (_, index) => (index >> 9) ^ (index * 7));
  const file = new MemoryFile('stick.img', bytes);
  const device = new UsbStorage({ disk: new RawImage(file), ...options });
  const control = (type: number, request: number, value = 0, index = 0, length = 0) => {
    const data = new Uint8Array(length);
    const setup = { bmRequestType: type, bRequest: request, wValue: value, wIndex: index, wLength: length };
    const result = device.control(setup, data);
    return { status: result.status, bytes: [...data.subarray(0, result.length)] };
  };
  expect(control(0, 9, 1).status).toBe(0);
  return { bytes, file, device, control };
}

type Stick = ReturnType<typeof stick>;

/** A Command Block Wrapper as Bulk-Only 1.0 Table 5.1 has it. */
function wrapper(command: readonly number[], length: number, toHost: boolean, tag = 0x1122_3344): Uint8Array {
  const bytes = new Uint8Array(31);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0x43425355, true);
  view.setUint32(4, tag, true);
  view.setUint32(8, length, true);
  bytes[12] = toHost ? 0x80 : 0;
  bytes[14] = command.length;
  bytes.set(command, 15);
  return bytes;
}

function status({ device }: Stick) {
  const csw = new Uint8Array(13);
  const { status: result, length } = device.transfer(0x81, csw);
  const view = new DataView(csw.buffer);
  if (result !== 0) return { result };
  expect(length).toBe(13);
  expect(view.getUint32(0, true)).toBe(0x53425355);
  expect(view.getUint32(4, true)).toBe(0x1122_3344);
  return { result, residue: view.getUint32(8, true), status: csw[12] };
}

/** A whole command that reads. */
function read(from: Stick, command: readonly number[], length: number, room = length) {
  expect(from.device.transfer(2, wrapper(command, length, true)).status).toBe(0);
  const data = new Uint8Array(room);
  const moved = from.device.transfer(0x81, data);
  if (moved.status === STALL) from.control(0x02, 1, 0, 0x81);
  return { moved, data: [...data.subarray(0, moved.length)], ...status(from) };
}

function plain(from: Stick, command: readonly number[]) {
  expect(from.device.transfer(2, wrapper(command, 0, false)).status).toBe(0);
  return status(from);
}

function write(to: Stick, command: readonly number[], data: Uint8Array) {
  expect(to.device.transfer(2, wrapper(command, data.length, false)).status).toBe(0);
  const moved = to.device.transfer(2, data);
  if (moved.status === STALL) to.control(0x02, 1, 0, 2);
  return { moved, ...status(to) };
}

const sense = (from: Stick) => {
  const { data } = read(from, [3, 0, 0, 0, 18, 0], 18);
  return [data[2], data[12], data[13]];
};

/** Past the unit attention that follows power-on. */
function ready(from: Stick): Stick {
  expect(plain(from, [0, 0, 0, 0, 0, 0])).toEqual({ result: 0, residue: 0, status: 1 });
  expect(sense(from)).toEqual([6, 0x29, 0]);
  expect(plain(from, [0, 0, 0, 0, 0, 0])).toEqual({ result: 0, residue: 0, status: 0 });
  return from;
}

const READ10 = (lba: number, blocks: number) => [
  0x28,
  0,
  0,
  lba >> 16,
  (lba >> 8) & 0xff,
  lba & 0xff,
  0,
  blocks >> 8,
  blocks & 0xff,
  0,
];
const WRITE10 = (lba: number, blocks: number) => [0x2a, ...READ10(lba, blocks).slice(1)];

describe.each<BulkOnlyManner>(['standard', 'qemu'])('a stick with %s manners', (manner) => {
  it('has one logical unit and three endpoints (Bulk-Only §3.2, §4)', () => {
    const from = stick({ manner });
    expect(from.control(0xa1, 0xfe, 0, 0, 1).bytes).toEqual([0]);
    const { bytes } = from.control(0x80, 6, 0x0200, 0, 255);
    expect(bytes.length).toBe(32);
    expect(bytes.slice(14, 17)).toEqual([8, 6, 0x50]);
    expect(bytes.slice(18)).toEqual([7, 5, 0x81, 2, 0, 2, 0, 7, 5, 0x02, 2, 0, 2, 0]);
  });

  it('reports its reset once, then its capacity (SPC-4 §5.14, SBC-3 §5.12)', () => {
    const from = ready(stick({ manner }));
    expect(read(from, [0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0], 8)).toMatchObject({
      data: [0, 0, (SECTORS - 1) >> 8, (SECTORS - 1) & 0xff, 0, 0, 2, 0],
      residue: 0,
      status: 0,
    });
    const long = read(from, [0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0], 32).data;
    expect(long.slice(0, 12)).toEqual([0, 0, 0, 0, 0, 0, (SECTORS - 1) >> 8, (SECTORS - 1) & 0xff, 0, 0, 2, 0]);
    expect(sense(from)).toEqual([0, 0, 0]);
  });

  it('reads in as many transfers as the host likes', () => {
    const from = ready(stick({ manner }));
    from.device.transfer(2, wrapper(READ10(3, 4), 2048, true));
    const parts = [512, 1024, 512].map((length) => {
      const data = new Uint8Array(length);
      expect(from.device.transfer(0x81, data)).toEqual({ status: 0, length });
      return [...data];
    });
    expect(parts.flat()).toEqual([...from.bytes.subarray(3 * 512, 7 * 512)]);
    expect(status(from)).toEqual({ result: 0, residue: 0, status: 0 });
  });

  it('writes what it reads back, by commands of every length', () => {
    const from = ready(stick({ manner }));
    const commands: [number[], number[]][] = [
      [
        [0x0a, 0, 0, 9, 2, 0],
        [0x08, 0, 0, 9, 2, 0],
      ],
      [WRITE10(20, 2), READ10(20, 2)],
      [
        [0xaa, 0, 0, 0, 0, 30, 0, 0, 0, 2, 0, 0],
        [0xa8, 0, 0, 0, 0, 30, 0, 0, 0, 2, 0, 0],
      ],
      [
        [0x8a, 0, 0, 0, 0, 0, 0, 0, 0, 40, 0, 0, 0, 2, 0, 0],
        [0x88, 0, 0, 0, 0, 0, 0, 0, 0, 40, 0, 0, 0, 2, 0, 0],
      ],
    ];
    for (const [index, [put, get]] of commands.entries()) {
      const data = Uint8Array.from({ length: 1024 }, (_, at) => at * (index + 3));
      expect(write(from, put, data)).toMatchObject({ residue: 0, status: 0 });
      expect(read(from, get, 1024).data).toEqual([...data]);
    }
    expect(plain(from, [0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0]).status).toBe(0);
  });

  it('refuses blocks behind its end, also where the sum leaves 64 bits (SBC-3 §5.8)', () => {
    const from = ready(stick({ manner }));
    for (const command of [
      READ10(SECTORS, 1),
      READ10(SECTORS - 1, 2),
      [0x88, 0, 255, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 1, 0, 0],
    ]) {
      expect(read(from, command, 512)).toMatchObject({ residue: 512, status: 1 });
      expect(sense(from)).toEqual([5, 0x21, 0]);
    }
  });

  it('is write-protected when its image is', () => {
    const made = stick({ manner });
    made.file.writable = false;
    const from = ready(made);
    expect(read(from, [0x1a, 0, 0x3f, 0, 192, 0], 192).data[2]).toBe(0x80);
    expect(write(from, WRITE10(0, 1), new Uint8Array(512))).toMatchObject({ residue: 512, status: 1 });
    expect(sense(from)).toEqual([7, 0x27, 0]);
    expect(from.file.bytes.subarray(0, 4)).toEqual(from.bytes.subarray(0, 4));
  });

  it('reports what the image could not read or write (SBC-3 §4.18)', () => {
    const from = ready(stick({ manner }));
    from.file.failure = 'Input/output error';
    expect(read(from, READ10(0, 1), 512)).toMatchObject({ residue: 512, status: 1 });
    expect(sense(from)).toEqual([3, 0x11, 0]);
    expect(write(from, WRITE10(0, 1), new Uint8Array(512))).toMatchObject({ residue: 512, status: 1 });
    expect(sense(from)).toEqual([3, 0x0c, 0]);
    expect(plain(from, [0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0]).status).toBe(1);
  });

  it('answers an unknown command with a failed status and the reason', () => {
    const from = ready(stick({ manner }));
    expect(plain(from, [0xff]).status).toBe(1);
    expect(sense(from)).toEqual([5, 0x20, 0]);
    expect(plain(from, [0, 0, 0, 0, 0, 0]).status).toBe(0);
  });

  it('saves and loads in the middle of a command', () => {
    const from = ready(stick({ manner }));
    from.device.transfer(2, wrapper(READ10(1, 2), 1024, true));
    from.device.transfer(0x81, new Uint8Array(512));
    const other = stick({ manner });
    other.device.load(structuredClone(from.device.save()));
    expect(other.device.save()).toEqual(from.device.save());
    const data = new Uint8Array(512);
    expect(other.device.transfer(0x81, data)).toEqual({ status: 0, length: 512 });
    expect([...data]).toEqual([...from.bytes.subarray(1024, 1536)]);
    expect(status(other)).toEqual({ result: 0, residue: 0, status: 0 });
  });
});

describe('a stick with standard manners (Bulk-Only §6.6, §6.7)', () => {
  it('ends short data with a short packet and tells the residue', () => {
    const from = ready(stick());
    expect(read(from, [0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0], 64)).toMatchObject({
      moved: { status: 0, length: 8 },
      residue: 56,
      status: 0,
    });
  });

  it('stalls bulk-in where a command has no data, until the host clears it', () => {
    const from = ready(stick());
    from.device.transfer(2, wrapper([0, 0, 0, 0, 0, 0], 36, true));
    expect(from.device.transfer(0x81, new Uint8Array(36)).status).toBe(STALL);
    expect(status(from).result).toBe(STALL);
    expect(from.control(0x82, 0, 0, 0x81, 2).bytes).toEqual([1, 0]);
    from.control(0x02, 1, 0, 0x81);
    expect(status(from)).toEqual({ result: 0, residue: 36, status: 0 });
  });

  it('reports a phase error where host and device disagree about direction or length', () => {
    const from = ready(stick());
    expect(write(from, READ10(0, 1), new Uint8Array(512))).toMatchObject({ status: 2 });
    expect(read(from, READ10(0, 2), 512)).toMatchObject({ status: 2 });
    expect(plain(from, READ10(0, 1))).toMatchObject({ status: 2 });
    expect(read(from, READ10(0, 1), 512)).toMatchObject({ status: 0 });
  });

  it('takes nothing but Reset Recovery after a bad wrapper', () => {
    const from = ready(stick());
    const bad = wrapper([0, 0, 0, 0, 0, 0], 0, false);
    bad[0] = 0;
    expect(from.device.transfer(2, bad).status).toBe(STALL);
    from.control(0x02, 1, 0, 2);
    from.control(0x02, 1, 0, 0x81);
    expect(from.device.transfer(2, wrapper([0, 0, 0, 0, 0, 0], 0, false)).status).toBe(STALL);
    expect(from.control(0x21, 0xff).status).toBe(0);
    from.control(0x02, 1, 0, 0x81);
    from.control(0x02, 1, 0, 2);
    expect(plain(from, [0, 0, 0, 0, 0, 0])).toEqual({ result: 0, residue: 0, status: 0 });
  });
});

describe("a stick with QEMU's manners", () => {
  it('pads short data with zeros', () => {
    const from = ready(stick({ manner: 'qemu' }));
    const answer = read(from, [0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0], 64);
    expect(answer).toMatchObject({ moved: { status: 0, length: 64 }, residue: 56, status: 0 });
  });

  it('forgets a stall', () => {
    const from = ready(stick({ manner: 'qemu' }));
    expect(from.device.transfer(2, new Uint8Array(30)).status).toBe(STALL);
    expect(plain(from, [0, 0, 0, 0, 0, 0])).toMatchObject({ status: 0 });
  });
});

it('at SuperSpeed each endpoint has its companion (USB 3.2 §9.6.7)', () => {
  const from = stick({ speed: 'super' });
  const device = from.control(0x80, 6, 0x0100, 0, 18).bytes;
  expect([device[2], device[3], device[7]]).toEqual([0, 3, 9]);
  const { bytes } = from.control(0x80, 6, 0x0200, 0, 255);
  expect(bytes.length).toBe(44);
  expect(bytes.slice(18, 31)).toEqual([7, 5, 0x81, 2, 0, 4, 0, 6, 48, 15, 0, 0, 0]);
  expect(from.control(0x00, 48, 0, 0, 6).status).toBe(0);
});
