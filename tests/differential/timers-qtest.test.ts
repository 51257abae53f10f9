/** Registers of the small timers and chipset parts of our q35 against QEMU's, while time stands still. */
import { describe, expect, it } from 'vitest';
import { answersOfOurs, answersOfQemu, QEMU_MISSING, Script } from './board-qtest.ts';

const TIMEOUT = 120_000;
const HPET = 0xfed0_0000;
const ONES = 0xffff_ffff;

async function expectAlike(script: Script): Promise<void> {
  expect(answersOfOurs(script)).toEqual(await answersOfQemu(script));
}

const title = `timers and QEMU${QEMU_MISSING ? ' (skipped: QEMU is not installed)' : ''}`;
describe.skipIf(QEMU_MISSING)(title, { timeout: TIMEOUT }, () => {
  it('HPET: every register, as it is and as it can be written', async () => {
    const script = new Script();
    for (let offset = 0; offset < 0x180; offset += 4) script.read(HPET + offset);
    for (let offset = 0; offset < 0x160; offset += 4) {
      // The main enable comes last: with it, timers in the past fire.
      if (offset === 0x10) continue;
      for (const value of [0, ONES, 0x1234_5678]) script.write(HPET + offset, value).read(HPET + offset);
    }
    for (let offset = 0; offset < 0x160; offset += 4) script.read(HPET + offset);
    script
      .write(HPET + 0x10, ONES)
      .read(HPET + 0x10)
      .read(HPET + 0xf0)
      .read(HPET + 0xf4)
      .write(HPET + 0x10, 0);
    for (let offset = 0; offset < 0x160; offset += 4) script.read(HPET + offset);
    await expectAlike(script);
  });

  it('HPET: comparator and period, 32 and 64 bits', async () => {
    const script = new Script();
    for (const config of [0x00, 0x08, 0x48, 0x100, 0x108, 0x148]) {
      const timer = HPET + 0x120;
      for (const [low, high] of [
        [5, 6],
        [0x8000_0000, 0],
        [ONES, 1],
      ] as const) {
        script
          .write(timer, config)
          .write(timer + 8, low)
          .read(timer)
          .read(timer + 8);
        // With 32 bits QEMU keeps an upper half all the same.
        if ((config & 0x100) === 0)
          script
            .write(timer + 12, high)
            .read(timer + 8)
            .read(timer + 12)
            .read(timer);
      }
    }
    await expectAlike(script);
  });

  it('HPET: accesses of other sizes', async () => {
    const script = new Script();
    for (const size of [1, 2] as const) {
      for (const offset of [0, 1, 2, 4, 0xf0, 0x100]) script.read(HPET + offset, size);
    }
    script.write(HPET + 0xf0, 0x77, 1).read(HPET + 0xf0);
    await expectAlike(script);
  });

  it('CMOS: every byte but the time', async () => {
    const script = new Script();
    for (let index = 0; index < 0x80; index += 1) script.out(0x70, index).in(0x71).in(0x70);
    for (let index = 0x0a; index < 0x80; index += 1) {
      // The century is the time's.
      if (index === 0x32 || index === 0x37) continue;
      for (const value of [0xff, 0x00]) script.out(0x70, index).out(0x71, value).out(0x70, index).in(0x71);
    }
    await expectAlike(script);
  });

  it('PIT: counts as they are loaded and latched, in every mode and access', async () => {
    const script = new Script();
    for (const counter of [0, 1, 2]) script.in(0x40 + counter).in(0x40 + counter);
    script.out(0x61, 1);
    for (const counter of [0, 2]) {
      for (const access of [1, 2, 3]) {
        // In modes 1 and 5 a trigger loads the count, which QEMU does with the write.
        for (const mode of [0, 2, 3, 4, 6, 7]) {
          script.out(0x43, (counter << 6) | (access << 4) | (mode << 1)).out(0x40 + counter, 0x34);
          if (access === 3) script.out(0x40 + counter, 0x12);
          for (const word of [counter << 6, 0xd0 | (2 << counter)]) {
            script
              .out(0x43, word)
              .in(0x40 + counter)
              .in(0x40 + counter);
          }
        }
      }
    }
    await expectAlike(script);
  });

  const SMBUS = 0x700;
  const smbus = () => new Script().config(31, 3, 0x20, 4, SMBUS).config(31, 3, 4, 2, 1).config(31, 3, 0x40, 1, 1);
  const state = (script: Script) => {
    for (const offset of [0, 2, 3, 4, 5, 6, 0x0d]) script.in(SMBUS + offset);
    return script;
  };

  it('SMBus: configuration space', async () => {
    const script = new Script();
    for (let offset = 0; offset < 0x100; offset += 4) script.config(31, 3, offset);
    for (const offset of [0x04, 0x20, 0x3c, 0x40]) {
      // QEMU keeps the reserved bits of HOSTC.
      for (const value of [offset === 0x40 ? 0x0f : 0xffff_ffff, 0])
        script.config(31, 3, offset, 4, value).config(31, 3, offset);
    }
    script.in(SMBUS, 4);
    await expectAlike(script);
  });

  it('SMBus: each command, to an EEPROM, to nobody, with and without the buffer', async () => {
    const script = state(smbus());
    for (const auxiliary of [0, 2]) {
      for (const address of [0xa0, 0xa1, 0x20, 0x21]) {
        for (let command = 0; command < 8; command += 1) {
          script
            .out(SMBUS + 0x0d, auxiliary)
            .out(SMBUS, 0xfe)
            .out(SMBUS + 4, address)
            .out(SMBUS + 3, 8 * command);
          script
            .out(SMBUS + 5, 2)
            .out(SMBUS + 6, 0x5a)
            .out(SMBUS + 7, 0x77);
          if (auxiliary === 2) script.out(SMBUS + 7, 0x66);
          state(script.out(SMBUS + 2, 0x40 | (command << 2)));
          for (let byte = 0; byte < 3; byte += 1) {
            if (byte === 2) script.out(SMBUS + 2, 0x20 | (command << 2));
            script.in(SMBUS + 7).out(SMBUS + 7, 0x30 + byte);
            state(script.out(SMBUS, 0x80));
          }
          state(script.out(SMBUS + 2, 2)).out(SMBUS + 2, 0);
        }
      }
    }
    // What the writes left in the EEPROM.
    script
      .out(SMBUS, 0xfe)
      .out(SMBUS + 0x0d, 0)
      .out(SMBUS + 4, 0xa1);
    for (let at = 0; at < 0x48; at += 1) {
      script
        .out(SMBUS, 0xfe)
        .out(SMBUS + 3, at)
        .out(SMBUS + 2, 0x48)
        .in(SMBUS + 5)
        .in(SMBUS);
    }
    await expectAlike(script);
  });
});
