/** Keyboard controller, keyboard and mouse of our q35 against QEMU's: every command, every key in each scan code set. */
import { describe, expect, it } from 'vitest';
import { KEY_NAMES } from '../../src/devices/input/keys.ts';
import { answersOfOurs, answersOfQemu, QEMU_MISSING, Script } from './board-qtest.ts';

const TIMEOUT = 120_000;

/** Keys for which QEMU sends another code, with the reason. */
const OTHER_KEYS: Readonly<Record<string, string>> = {
  menu: 'a multimedia key on QEMU, without a code in set 2; here another name of the Application key, as for USB',
};
const OTHER_KEYS_SET_3: Readonly<Record<string, string>> = {
  kp_divide: "QEMU sends set 2's code; IBM's is 0x77",
  kp_subtract: "QEMU sends 0x4e, the minus of the main block; IBM's is 0x84",
};

async function expectAlike(script: Script): Promise<void> {
  expect(answersOfOurs(script)).toEqual(await answersOfQemu(script));
}

/** Reads the status and, whatever it says, the data: `times` times. */
function look(script: Script, times = 1): Script {
  for (let time = 0; time < times; time += 1) script.in(0x64).in(0x60);
  return script.in(0x64);
}

const toController = (script: Script, command: number, operand?: number): Script =>
  operand === undefined ? script.out(0x64, command) : script.out(0x64, command).in(0x64).out(0x60, operand);
const toMouse = (script: Script, ...bytes: readonly number[]): Script => {
  for (const byte of bytes) look(script.out(0x64, 0xd4).out(0x60, byte), 5);
  return script;
};
const toKeyboard = (script: Script, ...bytes: readonly number[]): Script => {
  for (const byte of bytes) look(script.out(0x60, byte), 4);
  return script;
};

const title = `keyboard controller and QEMU${QEMU_MISSING ? ' (skipped: QEMU is not installed)' : ''}`;
describe.skipIf(QEMU_MISSING)(title, { timeout: TIMEOUT }, () => {
  it('every controller command, from power-on', async () => {
    const script = look(new Script(), 2);
    for (let command = 0; command < 0x100; command += 1) {
      // 0xf0-0xff with bit 0 clear reset the machine.
      if (command >= 0xf0 && (command & 1) === 0) continue;
      look(toController(script, command), 1);
      const operand = { 96: 0x47, 209: 0xdf, 210: 0x5a, 211: 0xa5, 212: 0xf4 }[command];
      if (operand !== undefined) look(script.out(0x60, operand), 2);
      if ((command & 7) === 0) look(toController(script, 0xd0));
    }
    await expectAlike(script);
  });

  it('every keyboard command, with and without translation', async () => {
    const script = new Script();
    for (const config of [0x03, 0x43]) {
      toController(script, 0x60, config);
      for (let command = 0; command < 0x100; command += 1) {
        toKeyboard(script, command);
        // Commands with an operand take it; for others it is a command of its own.
        if ([0xed, 0xf0, 0xf3, 0xfc].includes(command)) toKeyboard(script, command === 0xf0 ? 0 : 2);
      }
      for (const set of [1, 2, 3, 4, 0, 0xff]) toKeyboard(script, 0xf0, set, 0xf0, 0);
      toKeyboard(script, 0xff);
    }
    await expectAlike(script);
  });

  it.each([1, 2, 3])('every key in set %i', async (set) => {
    const script = new Script();
    const skipped = set === 3 ? { ...OTHER_KEYS, ...OTHER_KEYS_SET_3 } : OTHER_KEYS;
    const every = KEY_NAMES.filter((name) => !Object.hasOwn(skipped, name));
    for (const config of set === 2 ? [0x03, 0x43] : [0x03]) {
      toController(script, 0x60, config);
      toKeyboard(script, 0xf0, set);
      for (const held of [undefined, 'shift', 'ctrl', 'alt', 'alt_r', 'ctrl_r']) {
        const names = held === undefined ? every : ['a', 'print', 'pause', 'up'];
        if (held !== undefined) look(script.add({ do: 'key', name: held, down: true }), 4);
        for (const name of names) {
          for (const down of [true, false]) look(script.add({ do: 'key', name, down }), 9);
        }
        if (held !== undefined) look(script.add({ do: 'key', name: held, down: false }), 4);
      }
    }
    await expectAlike(script);
  });

  it('keys that nobody fetches, or while the interface or the keyboard is off', async () => {
    const script = new Script();
    const press = (...names: string[]) => {
      for (const name of names) script.add({ do: 'key', name, down: true }, { do: 'key', name, down: false });
    };
    press(...'abcdefghij');
    toKeyboard(script, 0xf2);
    look(script, 20);
    toController(script, 0xad);
    press('x', 'y');
    look(script, 2);
    look(toController(script, 0xae), 8);
    toKeyboard(script, 0xf5);
    press('x');
    look(script, 3);
    toKeyboard(script, 0xf4);
    press('x');
    look(script, 4);
    // Half an answer is discarded by the next command.
    script.out(0x60, 0xf2).in(0x60);
    toKeyboard(script, 0xee);
    await expectAlike(script);
  });

  it('every mouse command, from power-on', async () => {
    const script = toMouse(new Script(), 0xe9, 0xf2);
    for (let command = 0; command < 0x100; command += 1) {
      toMouse(script, command);
      if (command === 0xe8 || command === 0xf3) toMouse(script, 3);
      if (command === 0xee) toMouse(script, 0x12, 0xe9, 0xec);
      if ((command & 3) === 0) toMouse(script, 0xe9);
    }
    await expectAlike(script);
  });

  it.each([
    ['plain', []],
    ['with a wheel', [200, 100, 80]],
    ['with five buttons', [200, 200, 80]],
  ])('movement and buttons: a mouse %s', async (_, rates) => {
    const script = toMouse(new Script(), 0xff, ...rates.flatMap((rate) => [0xf3, rate]), 0xf2, 0xf4);
    for (const [right, down] of [
      [1, 0],
      [0, 1],
      [-5, -7],
      [127, -128],
      [300, 300],
      [-300, 2],
      [0, 0],
    ] as const) {
      look(script.add({ do: 'move', right, down }), 10);
    }
    for (const name of ['left', 'middle', 'right'] as const) {
      look(script.add({ do: 'button', name, down: true }), 5);
      look(script.add({ do: 'move', right: 3, down: 4 }), 5);
      look(script.add({ do: 'button', name, down: false }), 5);
    }
    // Remote: only on request. Off: not at all. More than the buffer holds.
    toMouse(script, 0xf0);
    look(script.add({ do: 'move', right: 9, down: 8 }), 4);
    toMouse(script, 0xeb, 0xea, 0xf5);
    look(script.add({ do: 'move', right: 9, down: 8 }), 4);
    toMouse(script, 0xf4);
    for (let move = 1; move < 12; move += 1) script.add({ do: 'move', right: move, down: -move });
    look(script, 30);
    script.add({ do: 'move', right: 1, down: 1 });
    look(script, 30);
    await expectAlike(script);
  });

  it('keyboard and mouse at once take turns', async () => {
    const script = toMouse(new Script(), 0xf4);
    script.add({ do: 'key', name: 'a', down: true }, { do: 'move', right: 1, down: 1 });
    script.add({ do: 'key', name: 'a', down: false }, { do: 'move', right: 2, down: 2 });
    toController(script, 0x20);
    look(script, 12);
    for (const config of [0x23, 0x13, 0x33, 0x43]) {
      toController(script, 0x60, config);
      script.add({ do: 'key', name: 'b', down: true }, { do: 'move', right: 1, down: 1 });
      look(script, 6);
    }
    await expectAlike(script);
  });
});
