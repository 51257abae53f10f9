/** A stick behind our controller against QEMU's: descriptors, every SCSI answer, data and statuses of one script. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { RawImage } from '../../src/devices/block/raw-image.ts';
import { MemoryFile } from '../../src/devices/block/testing/memory-file.ts';
import { UsbStorage } from '../../src/usb/devices/storage.ts';
import { Driver, LAYOUT } from '../../src/xhci/testing/driver.ts';
import { BULK_LAYOUT, StorageDriver } from '../../src/xhci/testing/storage-driver.ts';
import { QEMU_BINARY, QtestMachine } from './xhci-qtest.ts';

const missing = spawnSync(QEMU_BINARY, ['--version']).status !== 0;
const SECTORS = 20480;

interface Scene {
  readonly machine: QtestMachine;
  readonly driver: Driver;
  readonly stick: StorageDriver;
  /** Compares this many bytes of the data buffer. */
  readonly look: (bytes: number, at?: number) => void;
}

interface SceneOptions {
  readonly superSpeed: boolean;
  readonly readOnly?: boolean;
}

function compare(options: SceneOptions, drive: (scene: Scene) => void): void {
  const { superSpeed, readOnly = false } = options;
  const bytes = Uint8Array.from({ length: SECTORS * 512 }, (_, index) => (index >> 9) * 3 + index);
  const folder = mkdtempSync(join(tmpdir(), 'dmascope-stick-'));
  const path = join(folder, 'stick.img');
  writeFileSync(path, bytes);
  const file = new MemoryFile('stick.img', bytes);
  file.writable = !readOnly;
  const device = new UsbStorage({
    disk: new RawImage(file),
    speed: superSpeed ? 'super' : 'high',
    manner: 'qemu',
    driveId: 'stick',
    usbSerial: '1-0000:00:03.0-1',
  });
  const drive0 = `file=${path},if=none,id=stick,format=raw,snapshot=on,readonly=${readOnly ? 'on' : 'off'}`;
  const machine = new QtestMachine({
    device,
    controllerProperties: superSpeed ? '' : ',p3=0',
    deviceFlags: ['-drive', drive0, '-device', 'usb-storage,bus=x.0,drive=stick'],
  });
  const driver = new Driver(machine.driverBus);
  driver.reset();
  driver.start();
  driver.resetPort(1);
  driver.events();
  const enabled = driver.command(9);
  driver.prepareAddress(enabled.slotId, 1, superSpeed ? 4 : 3, superSpeed ? 512 : 64);
  driver.command(11, enabled.slotId, LAYOUT.inputContext);
  const stick = new StorageDriver(driver, enabled.slotId, BULK_LAYOUT, () => machine.settle());
  const look = (count: number, at = BULK_LAYOUT.data) => {
    for (let offset = 0; offset < count; offset += 4) machine.word(at + offset);
  };
  drive({ machine, driver, stick, look });
  const answers = (lines: readonly string[]) => lines.filter((line) => line.startsWith('OK'));
  const ours = answers(machine.transcript);
  const theirs = answers(machine.runQemu());
  rmSync(folder, { recursive: true });
  const first = ours.findIndex((line, index) => line !== theirs[index]);
  const end = first < 0 ? ours.length : first;
  const script = machine.script.filter((line) => !line.startsWith('#'));
  const around = (lines: readonly string[]) =>
    lines.slice(Math.max(0, end - 12), end + 6).map((line, at) => `${script[Math.max(0, end - 12) + at]} -> ${line}`);
  expect(around(ours), `answer ${end}`).toEqual(around(theirs));
  expect(ours.length).toBe(theirs.length);
}

describe.skipIf(missing)("a stick of ours and QEMU's", { timeout: 120_000 }, () => {
  it.each([true, false])('describe themselves alike, SuperSpeed %s', (superSpeed) => {
    compare({ superSpeed }, ({ driver, stick, look }) => {
      const requests: [number, number, number, number, number][] = [
        [0x80, 6, 0x0100, 0, 18],
        [0x80, 6, 0x0200, 0, 64],
        [0x80, 6, 0x0f00, 0, 64],
        ...(superSpeed
          ? []
          : ([
              [0x80, 6, 0x0600, 0, 10],
              [0x80, 6, 0x0700, 0, 64],
            ] as [number, number, number, number, number][])),
        ...[0, 1, 2, 3, 4, 5, 6].map((index): [number, number, number, number, number] => [
          0x80,
          6,
          0x0300 + index,
          0x409,
          128,
        ]),
        [0xa1, 0xfe, 0, 0, 1],
        [0x80, 0, 0, 0, 2],
      ];
      for (const request of requests) {
        driver.controlTransfer(stick.slotId, request);
        look(64, LAYOUT.buffer);
      }
    });
  });

  const ready = ({ stick, look }: Scene, superSpeed: boolean) => {
    stick.configure(superSpeed ? 1024 : 512, superSpeed ? 15 : 0);
    stick.command([0, 0, 0, 0, 0, 0]);
    stick.command([3, 0, 0, 0, 18, 0], 18);
    look(20);
    stick.command([0, 0, 0, 0, 0, 0]);
  };

  it.each([true, false])('identify and measure themselves alike, SuperSpeed %s', (superSpeed) => {
    compare({ superSpeed }, (scene) => {
      const { stick, look } = scene;
      ready(scene, superSpeed);
      const reads: [number[], number][] = [
        [[0x12, 0, 0, 0, 36, 0], 36],
        [[0x12, 0, 0, 0, 96, 0], 96],
        [[0x12, 0, 0, 0, 255, 0], 255],
        [[0x12, 1, 0x83, 0, 255, 0], 255],
        [[0x12, 1, 0x80, 0, 255, 0], 255],
        [[0x12, 1, 0x77, 0, 255, 0], 255],
        [[0x12, 1, 0xb1, 0, 255, 0], 255],
        [[0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0], 8],
        [[0x25, 0, 0, 0, 0, 5, 0, 0, 0, 0], 8],
        [[0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0], 16],
        [[0x1a, 0, 0x3f, 0, 192, 0], 192],
        [[0x1a, 0, 0x08, 0, 64, 0], 64],
        [[0x1a, 8, 0x04, 0, 64, 0], 64],
        [[0x1a, 0, 0x05, 0, 64, 0], 64],
        [[0x1a, 0, 0x48, 0, 64, 0], 64],
        [[0x1a, 0, 0xc8, 0, 64, 0], 64],
        [[0x1a, 0, 0x22, 0, 64, 0], 64],
        [[0x5a, 0, 0x3f, 0, 0, 0, 0, 0, 192, 0], 192],
        [[0xff, 0, 0, 0, 0, 0], 8],
      ];
      for (const [command, length] of reads) {
        stick.command(command, length);
        look((length + 3) & ~3);
        stick.command([3, 0, 0, 0, 18, 0], 18);
        look(20);
      }
    });
  });

  it('move data alike, in one TD and in many', () => {
    compare({ superSpeed: true }, (scene) => {
      const { stick, look, machine } = scene;
      ready(scene, true);
      stick.command([0x28, 0, 0, 0, 0, 7, 0, 0, 4, 0], 2048);
      look(2048);
      stick.wrapper([0x28, 0, 0, 0, 0, 100, 0, 0, 8, 0], 4096, true);
      stick.bulk(
        3,
        [
          [0x3_0000, 1024],
          [0x3_8000, 2048],
        ],
        0x24,
      );
      stick.bulk(
        3,
        [
          [0x3_0400, 512],
          [0x3_9000, 512],
        ],
        0x24,
      );
      stick.status();
      for (const at of [0x3_0000, 0x3_8000, 0x3_9000]) look(1024, at);
      for (let offset = 0; offset < 1536; offset += 4) machine.setWord(BULK_LAYOUT.data + offset, offset * 0x0101_0101);
      stick.command([0x2a, 0, 0, 0, 0, 50, 0, 0, 3, 0], 1536, false);
      stick.command([0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
      for (let offset = 0; offset < 1536; offset += 4) machine.setWord(BULK_LAYOUT.data + offset, 0);
      stick.command([0x88, 0, 0, 0, 0, 0, 0, 0, 0, 49, 0, 0, 0, 5, 0, 0], 2560);
      look(2560);
      for (const command of [
        [0x28, 0, 0, 0, 0x50, 0, 0, 0, 1, 0],
        [0x28, 0, 0, 0, 0x4f, 0xff, 0, 0, 2, 0],
        [0x28, 0x20, 0, 0, 0, 0, 0, 0, 1, 0],
      ]) {
        stick.command(command, 512);
        stick.command([3, 0, 0, 0, 18, 0], 18);
        look(20);
      }
      for (const command of [
        [0x1b, 0, 0, 0, 1, 0],
        [0x1e, 0, 0, 0, 1, 0],
        [0x1e, 0, 0, 0, 0, 0],
        [0x2f, 0, 0, 0, 0, 1, 0, 0, 1, 0],
        [0x2b, 0, 0, 0, 0, 1, 0, 0, 0, 0],
        [0x16, 0, 0, 0, 0, 0],
        [0x17, 0, 0, 0, 0, 0],
        [0x00, 0, 0, 0, 0, 0],
      ]) {
        stick.command(command);
      }
      // Short data is padded: the status tells.
      stick.command([0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0], 64);
      look(64);
    });
  });

  it('refuse a write to a read-only image alike', () => {
    compare({ superSpeed: true, readOnly: true }, (scene) => {
      const { stick, look } = scene;
      ready(scene, true);
      stick.command([0x1a, 0, 0x3f, 0, 192, 0], 192);
      look(192);
      stick.command([0x2a, 0, 0, 0, 0, 50, 0, 0, 1, 0], 512, false);
      stick.command([3, 0, 0, 0, 18, 0], 18);
      look(20);
    });
  });

  it('stall a bad wrapper alike, and recover alike', () => {
    compare({ superSpeed: true }, (scene) => {
      const { stick, look } = scene;
      ready(scene, true);
      stick.bulk(4, [[0x3_0000, 30]]);
      stick.recover(4);
      stick.bulk(4, [[0x3_0000, 31]]);
      stick.recover(4);
      stick.bulk(3, [[0x3_0000, 512]]);
      stick.recover(3);
      scene.driver.controlTransfer(stick.slotId, [0x21, 0xff, 0, 0, 0]);
      stick.command([0x28, 0, 0, 0, 0, 7, 0, 0, 1, 0], 512);
      look(512);
    });
  });
});
