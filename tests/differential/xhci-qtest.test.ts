/** Our controller in the `qemu` personality against Debian's QEMU: answers and log lines of the same script. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Driver, LAYOUT } from '../../src/xhci/testing/driver.ts';
import { normalise, QEMU_BINARY, QtestMachine, type QtestOptions } from './xhci-qtest.ts';

const missing = spawnSync(QEMU_BINARY, ['--version']).status !== 0;
const RUN_SECONDS = 60_000;

/** For whoever has to see more than the neighbourhood of the first difference. */
function dump(folder: string, ours: readonly string[], theirs: readonly string[]): void {
  writeFileSync(join(folder, 'ours.txt'), ours.join('\n'));
  writeFileSync(join(folder, 'theirs.txt'), theirs.join('\n'));
}

/** Drives a machine, then expects QEMU's transcript to be ours. */
function compare(drive: (machine: QtestMachine, driver: Driver) => void, options: QtestOptions = {}): void {
  const machine = new QtestMachine(options);
  drive(machine, new Driver(machine.driverBus));
  const ours = normalise(machine.transcript);
  const theirs = normalise(machine.runQemu());
  const first = ours.findIndex((line, index) => line !== theirs[index]);
  const end = first < 0 ? ours.length : first;
  if (process.env.XHCI_DUMP !== undefined) dump(process.env.XHCI_DUMP, ours, theirs);
  const around = (lines: readonly string[]) => lines.slice(Math.max(0, end - 6), end + 6);
  expect(around(ours), `line ${end}`).toEqual(around(theirs));
  expect(ours.length).toBe(theirs.length);
}

describe.skipIf(missing)('the qemu personality and QEMU', { timeout: RUN_SECONDS }, () => {
  it('have the same capability, operational, runtime and port registers', () => {
    compare((machine) => {
      for (let offset = 0; offset < 0x40; offset += 4) machine.read(offset);
      for (let offset = 0; offset < 0x40; offset += 1) machine.read(offset, 1);
      for (let offset = 0; offset < 0x80; offset += 4) machine.read(0x40 + offset);
      for (let offset = 0; offset < 0x90; offset += 4) machine.read(0x440 + offset);
      for (let offset = 0; offset < 0x60; offset += 4) machine.read(0x1000 + offset);
      for (const offset of [0x2000, 0x2004, 0x2100, 0x2104, 0x281c, 0x2820]) machine.read(offset);
      for (const offset of [0x40, 0x440, 0x1000, 0x2000]) {
        machine.read(offset, 1);
        machine.read(offset, 2);
      }
    });
  });

  it('have the same configuration space', () => {
    for (const model of ['qemu-xhci', 'nec-usb-xhci'] as const) {
      compare(
        (machine) => {
          for (let offset = 0; offset < 0x100; offset += 4) machine.configRead(offset);
        },
        { model },
      );
    }
  });

  it('treat register writes alike', () => {
    compare((machine) => {
      const values = [0xffff_ffff, 0, 0x1234_5678, 0x0000_0008, 0xffff_fff0];
      for (const value of values) {
        for (const offset of [0x44, 0x48, 0x4c, 0x50, 0x54, 0x58, 0x5c, 0x70, 0x74, 0x78, 0x7c]) {
          machine.write(offset, value);
          machine.read(offset);
        }
        for (let offset = 0; offset < 0x40; offset += 4) {
          if (offset === 0x34) continue;
          machine.write(0x1000 + offset, value);
          machine.read(0x1000 + offset);
        }
        machine.write(0, value);
        machine.write(0x444, value);
        machine.write(0x448, value);
        machine.write(0x44c, value);
        machine.write(0x40, value & ~0x3);
        machine.read(0x40);
        machine.read(0x44);
      }
    });
  });

  it('drive ports alike', () => {
    compare((machine, driver) => {
      driver.start();
      for (const port of [0x440, 0x480]) {
        for (const value of [0x202, 0x0, 0x1_0260, 0x1_0200, 0x1_02a0, 0x210, 0x00fe_0200, 0x8000_0200, 0x0e00_0000]) {
          machine.write(port, value);
          machine.read(port);
        }
      }
      driver.events();
    });
  });

  it('enumerate the keyboard alike, with every descriptor', () => {
    compare((machine, driver) => {
      driver.reset();
      driver.start();
      driver.resetPort(5);
      driver.events();
      const slotId = driver.address(5);
      const requests: [number, number, number, number, number][] = [
        [0x80, 6, 0x0100, 0, 8],
        [0x80, 6, 0x0100, 0, 18],
        [0x80, 6, 0x0200, 0, 9],
        [0x80, 6, 0x0200, 0, 64],
        [0x80, 6, 0x0600, 0, 10],
        [0x80, 6, 0x0700, 0, 64],
        [0x80, 6, 0x0300, 0, 255],
        [0x80, 6, 0x0301, 0x409, 64],
        [0x80, 6, 0x0304, 0x409, 64],
        [0x80, 6, 0x0308, 0x409, 64],
        [0x80, 6, 0x030b, 0x409, 64],
        [0x80, 8, 0, 0, 1],
        [0x00, 9, 1, 0, 0],
        [0x80, 8, 0, 0, 1],
        [0x81, 6, 0x2200, 0, 64],
        [0x80, 0, 0, 0, 2],
        [0x81, 10, 0, 0, 1],
        [0x21, 10, 0x0400, 0, 0],
        [0xa1, 2, 0, 0, 1],
        [0x21, 11, 0, 0, 0],
        [0xa1, 3, 0, 0, 1],
        [0xa1, 1, 0x0100, 0, 8],
        [0x00, 3, 1, 0, 0],
        [0x80, 0, 0, 0, 2],
        [0x80, 6, 0x0f00, 0, 64],
      ];
      for (const request of requests) {
        driver.controlTransfer(slotId, request);
        for (let offset = 0; offset < 64; offset += 4) machine.word(LAYOUT.buffer + offset);
      }
      // A stall, a doorbell on the halted endpoint, and the way out.
      driver.controlTransfer(slotId, [0x80, 6, 0x0a00, 0, 5]);
      driver.controlTransfer(slotId, [0x80, 6, 0x0100, 0, 18]);
      driver.command(14, slotId, 0, 0, 1 << 16);
      driver.command(16, slotId, driver.control.next | 1, 0, 1 << 16);
      driver.controlTransfer(slotId, [0x80, 6, 0x0100, 0, 18]);
      for (let offset = 0; offset < 0x80; offset += 4) machine.word(LAYOUT.deviceContext + offset);
    });
  });

  it('carry out commands alike, good and bad', () => {
    compare((_machine, driver) => {
      driver.start();
      driver.resetPort(5);
      driver.events();
      const { inputContext } = LAYOUT;
      for (const type of [23, 9, 9, 18, 19, 20, 22, 24, 25, 26, 49, 50, 63, 1, 2, 32]) driver.command(type);
      for (const type of [10, 11, 12, 13, 14, 15, 16, 17]) {
        for (const slotId of [0, 3, 65, 200]) driver.command(type, slotId);
      }
      driver.command(21, 0, 0x1_a000);
      driver.command(21, 0, 0xfff0_0000, 1);
      driver.prepareAddress(1, 5);
      driver.bus.setWord(inputContext + 4, 1);
      driver.command(11, 1, inputContext);
      driver.bus.setWord(inputContext + 4, 3);
      driver.bus.setWord(inputContext + 32 + 4, 0);
      driver.command(11, 1, inputContext);
      driver.bus.setWord(inputContext + 32 + 4, 6 << 16);
      driver.command(11, 1, inputContext);
      driver.prepareAddress(1, 5);
      driver.command(11, 1, inputContext, 0, 1 << 9);
      driver.command(11, 1, inputContext);
      driver.command(11, 2, inputContext);
      driver.command(11, 1, 0xffff_0000, 0xffff_ffff);
      driver.bus.setWord(inputContext + 4, 3);
      driver.command(13, 1, inputContext);
      driver.bus.setWord(inputContext + 4, 1 | (1 << 3));
      driver.bus.setWord(inputContext + 4 * 32 + 4, (8 << 16) | (7 << 3) | (3 << 1));
      driver.bus.setWord(inputContext + 4 * 32 + 8, LAYOUT.interruptRing | 1);
      driver.command(12, 1, inputContext);
      driver.command(15, 1, 0, 0, 3 << 16);
      driver.command(14, 1, 0, 0, 3 << 16);
      driver.command(16, 1, LAYOUT.interruptRing | 1, 0, 3 << 16);
      driver.command(16, 1, LAYOUT.interruptRing | 1, 0, 5 << 16);
      driver.command(15, 1, 0, 0, 0);
      driver.command(17, 1);
      driver.command(12, 1, inputContext);
      driver.command(12, 1, 0, 0, 1 << 9);
      driver.command(10, 1);
      driver.command(10, 2);
    });
  });

  it('answer NEC commands alike', () => {
    compare(
      (machine, driver) => {
        driver.start();
        driver.events();
        driver.commands.push(0, 0, 0, 49 << 10);
        for (const [low, high] of [
          [0, 0],
          [0x1234_5678, 0x9abc_def0],
          [0xffff_ffff, 0xffff_ffff],
        ]) {
          driver.commands.push(low!, high!, 0, 50 << 10);
        }
        driver.ring(0);
        driver.events();
        machine.write64(0x1030, 0x1_2010);
        machine.read(0x1030);
      },
      { model: 'nec-usb-xhci' },
    );
  });

  it('fail alike where memory does not answer', () => {
    const bad: [number, number][] = [
      [0x002e_3080, 0xffff_ff80],
      [0x80a4_c000, 0],
      [0x80a4_c000, 0xffff_ffff],
    ];
    for (const [low, high] of bad) {
      for (const register of [0x58, 0x70, 0x1030, 0x1038]) {
        compare((machine, driver) => {
          driver.reset();
          driver.start();
          machine.write64(register, low | (register === 0x58 ? 1 : 0), high);
          machine.read(0x44);
          machine.write(0x480, 0x210);
          driver.prepareAddress(1, 5);
          driver.commands.push(0, 0, 0, 9 << 10);
          driver.commands.push(LAYOUT.inputContext, 0, 0, (1 << 24) | (11 << 10));
          driver.ring(0);
          machine.read(0x44);
        });
      }
      compare((machine, driver) => {
        driver.reset();
        driver.start();
        machine.setWord(LAYOUT.erst, low);
        machine.setWord(LAYOUT.erst + 4, high);
        machine.write64(0x1038, low, high);
        machine.write64(0x1030, LAYOUT.erst);
        driver.resetPort(5);
        machine.read(0x44);
      });
    }
  });

  it('lose or bounce data alike where a buffer does not answer', () => {
    compare((_machine, driver) => {
      driver.start();
      driver.resetPort(5);
      driver.events();
      const slotId = driver.address(5);
      driver.controlTransfer(slotId, [0x80, 6, 0x0100, 0, 18], 0xf000_0000);
      driver.controlTransfer(slotId, [0x80, 6, 0x0100, 0, 0x2000], 0xf000_0000);
      driver.controlTransfer(slotId, [0x80, 6, 0x0100, 0, 18]);
    });
  });

  it('judge odd control transfers alike', () => {
    compare((_machine, driver) => {
      driver.start();
      driver.resetPort(5);
      driver.events();
      const slotId = driver.address(5);
      const { control } = driver;
      const setup = (extra: number, length = 8) => control.push(0x0100_0680, 18 << 16, length, (2 << 10) | extra);
      const data = (extra: number) => control.push(LAYOUT.buffer, 0, 18, (3 << 10) | extra);
      const status = (extra: number) => control.push(0, 0, 0, (4 << 10) | extra);
      const ring = () => {
        driver.ring(slotId, 1);
        driver.events();
      };
      setup(0);
      data(1 << 16);
      status(0x20);
      ring();
      setup(0x40, 7);
      data(1 << 16);
      status(0x20);
      ring();
      setup(0x40);
      ring();
      data((1 << 16) | 0x20);
      ring();
      status(0x20);
      ring();
      // Nobody compares a Data Stage shorter than the answer, or one that runs the wrong way: QEMU aborts over both.
      setup(0x60);
      data((1 << 16) | 0x24);
      status(0x20);
      ring();
      status(0x20);
      ring();
      control.push(0, 0, 0, (8 << 10) | 0x20);
      ring();
      // Event Data behind the Data Stage and behind the Status Stage.
      setup(0x40);
      data((1 << 16) | 0x10);
      control.push(0x1111_2222, 0x3333_4444, 0, (7 << 10) | 0x20);
      status(0x10);
      control.push(0x5555_6666, 0, 0, (7 << 10) | 0x20);
      ring();
      control.push(0, 0, 0, 0);
      ring();
    });
  });

  it('fill and wrap the event ring alike', () => {
    compare((machine, driver) => {
      driver.start();
      machine.setWord(LAYOUT.erst + 8, 16);
      machine.write64(0x1030, LAYOUT.erst);
      machine.write(0x1020, 2);
      for (let index = 0; index < 20; index += 1) {
        driver.commands.push(0, 0, 0, 23 << 10);
        driver.ring(0);
        machine.read(0x1020);
        machine.read(0x1038);
      }
      machine.write64(0x1038, (LAYOUT.eventRing + 64) | 8);
      for (let index = 0; index < 6; index += 1) {
        driver.commands.push(0, 0, 0, 23 << 10);
        driver.ring(0);
      }
      machine.write64(0x1038, (LAYOUT.eventRing + 64) | 8);
      machine.write64(0x1038, LAYOUT.eventRing + 0x1000);
      driver.commands.push(0, 0, 0, 23 << 10);
      driver.ring(0);
      machine.read(0x44);
      machine.write(0x44, 0xffff_ffff);
      machine.read(0x44);
    });
  });

  it('stop at the same limits', () => {
    compare((machine, driver) => {
      driver.start();
      driver.events();
      for (let index = 0; index < 300; index += 1) driver.commands.push(0, 0, 0, 23 << 10);
      driver.ring(0);
      driver.ring(0);
      machine.write64(0x58, 0x2_0001);
      // A Link TRB to itself.
      machine.setWord(0x2_0000, 0x2_0000);
      machine.setWord(0x2_000c, (6 << 10) | 1);
      driver.ring(0);
      // Stop while it runs.
      machine.write64(0x58, 0x2_0003);
      machine.write64(0x58, 0x2_0005);
      machine.read(0x58);
    });
  });

  it.each([1, 2, 3, 4, 5, 6, 7, 8])('give the same transcript of random scripts, seed %i', (seed) => {
    compare((machine, driver) => {
      let state = seed * 0x9e37_79b1;
      const below = (limit: number) => {
        state ^= state << 13;
        state ^= state >>> 17;
        state ^= state << 5;
        return (state >>> 0) % limit;
      };
      const pick = <T>(values: readonly T[]) => values[below(values.length)]!;
      const word = () => pick([0, 1, 8, 0xffff_ffff, below(0x1_0000), below(0x4000) * 0x10000 + below(0x1_0000)]);
      const bringUp = () => {
        driver.reset();
        driver.commands.next = LAYOUT.commandRing;
        driver.control.next = LAYOUT.transferRing;
        driver.start();
        driver.resetPort(5);
        driver.prepareAddress(1, 5);
        driver.commands.push(0, 0, 0, 9 << 10);
        driver.commands.push(LAYOUT.inputContext, 0, 0, (1 << 24) | (11 << 10));
        driver.ring(0);
      };
      const offsets = [0x40, 0x44, 0x54, 0x58, 0x5c, 0x70, 0x74, 0x78, 0x440, 0x480, 0x484];
      const runtime = [0x1020, 0x1024, 0x1028, 0x1030, 0x1034, 0x1038, 0x103c, 0x1048, 0x1050, 0x1054, 0x1058];
      bringUp();
      for (let step = 0; step < 400; step += 1) {
        const choice = below(100);
        if (choice < 15) machine.write(pick(runtime), pick([word(), LAYOUT.erst, LAYOUT.eventRing | below(16)]));
        else if (choice < 25) machine.write(pick(offsets), pick([word(), LAYOUT.commandRing | 1, 5, 0x210]) & ~2);
        else if (choice < 35) machine.read(pick([...offsets, ...runtime]));
        else if (choice < 37) machine.write(0x40, 2);
        else if (choice < 41) bringUp();
        else if (choice < 70) {
          const type = pick([9, 10, 11, 12, 13, 14, 15, 16, 17, 21, 23, below(64)]);
          const dci = pick([0, 1, 1, 3, below(32)]) << 16;
          const pointer = pick([LAYOUT.inputContext, LAYOUT.transferRing | 1, 0x1_a000, word() & 0x7fff_ffff]);
          const slot = pick([0, 1, 1, 1, 2, 65]) << 24;
          driver.commands.push(pointer, pick([0, 0, 0, 1]), 0, (slot | (type << 10) | dci | pick([0, 0, 0x200])) >>> 0);
          driver.ring(0);
        } else if (choice < 85) {
          const request = pick([0x0100_0680, 0x0200_0680, 0x0304_0680, 0x0001_0900, 0x0a00_0680]);
          const length = (request & 0x80) === 0 ? 0 : pick([8, 18, 64]);
          const flags = () => pick([0, 0x20, 4, 0x24]);
          driver.control.push(request, (length << 16) >>> 0, 8, (2 << 10) | 0x40 | flags());
          if (length > 0) {
            const buffer = pick([LAYOUT.buffer, LAYOUT.buffer, 0xf000_0000]);
            driver.control.push(buffer, 0, length, (3 << 10) | 0x1_0000 | flags());
          }
          driver.control.push(0, 0, pick([0, 0, 1 << 22]), (4 << 10) | flags());
          driver.ring(1, pick([1, 1, 1, 3]));
        } else if (choice < 92) driver.bus.setWord(LAYOUT.inputContext + 4 * below(80), word());
        else driver.ring(below(4), pick([0, 1, 2, 3, word()]));
        if (step % 50 === 49) driver.events();
      }
    });
  });
});
