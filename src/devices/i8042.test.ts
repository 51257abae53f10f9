/** The keyboard controller, driven as an operating system drives it. */
import { beforeEach, describe, expect, it } from 'vitest';
import { TraceBus } from '../base/trace.ts';
import { I8042 } from './i8042.ts';

let log: string[];
let controller: I8042;

function create(): I8042 {
  const created = new I8042({
    trace: new TraceBus(),
    reset: () => log.push('reset'),
    a20Changed: (open) => log.push(`a20 ${open}`),
    interrupt: (level) => log.push(`irq1 ${level}`),
    mouseInterrupt: (level) => log.push(`irq12 ${level}`),
    asQemu: false,
  });
  created.reset();
  log = [];
  return created;
}

const command = (value: number, operand?: number): void => {
  controller.commandOps.write!(0, 1, value);
  if (operand !== undefined) data(operand);
};
const data = (value: number): void => controller.dataOps.write!(0, 1, value);
const status = (): number => controller.commandOps.read!(0, 1);
/** Everything that waits. */
const bytes = (): number[] => {
  const read: number[] = [];
  while ((status() & 1) !== 0 && read.length < 64) read.push(controller.dataOps.read!(0, 1));
  return read;
};

beforeEach(() => {
  log = [];
  controller = create();
});

describe('controller', () => {
  it('passes its self-tests and keeps its command byte', () => {
    command(0xaa);
    expect([bytes(), status()]).toEqual([[0x55], 0x1c]);
    command(0x60, 0x65);
    expect(status() & 8).toBe(0);
    command(0x20);
    expect([status() & 8, bytes()]).toEqual([8, [0x65]]);
    command(0xab);
    command(0xa9);
    expect(bytes()).toEqual([0]);
  });

  it('interrupts for a byte of the keyboard on IRQ 1, of the mouse on IRQ 12', () => {
    command(0x60, 0x03);
    command(0xd2, 0x1c);
    expect([status() & 0x21, bytes(), log]).toEqual([0x01, [0x1c], ['irq1 true', 'irq1 false']]);
    log = [];
    command(0xd3, 0x08);
    expect([status() & 0x21, bytes(), log]).toEqual([0x21, [0x08], ['irq12 true', 'irq12 false']]);
    log = [];
    command(0x60, 0x00);
    command(0xd2, 0x1c);
    expect([bytes(), log]).toEqual([[0x1c], []]);
  });

  it('makes an edge for each byte', () => {
    data(0xf2);
    expect([bytes(), log.filter((line) => line === 'irq1 true').length]).toEqual([[0xfa, 0xab, 0x83], 3]);
  });

  it('shows and sets the output port', () => {
    command(0xd0);
    expect(bytes()).toEqual([0xcf]);
    command(0xdd);
    command(0xdf);
    expect(log.filter((line) => line.startsWith('a20'))).toEqual(['a20 false', 'a20 true']);
  });
});

describe('keyboard', () => {
  it('answers reset, identification and echo', () => {
    data(0xff);
    expect(bytes()).toEqual([0xfa, 0xaa]);
    data(0xee);
    expect(bytes()).toEqual([0xee]);
    data(0xed);
    data(0x05);
    expect([bytes(), controller.keyboard.leds]).toEqual([[0xfa], 5]);
  });

  it('sends set 2, or set 1 by translation', () => {
    const { keyboard } = controller;
    keyboard.pressKey('a', true);
    keyboard.pressKey('a', false);
    expect(bytes()).toEqual([0x1c, 0xf0, 0x1c]);
    command(0x60, 0x43);
    keyboard.pressKey('a', true);
    keyboard.pressKey('up', false);
    expect(bytes()).toEqual([0x1e, 0xe0, 0xc8]);
  });

  it('is silent while its interface or its scanning is off', () => {
    command(0xad);
    controller.keyboard.pressKey('b', true);
    expect(bytes()).toEqual([]);
    command(0xae);
    expect(bytes()).toEqual([0x32]);
    data(0xf5);
    controller.keyboard.pressKey('b', true);
    expect(bytes()).toEqual([0xfa]);
  });

  it('loses what its buffer does not hold, and answers commands all the same', () => {
    for (let times = 0; times < 20; times += 1) controller.keyboard.pressKey('a', true);
    data(0xee);
    expect(bytes()).toEqual([0xee, ...new Array(16).fill(0x1c)]);
  });

  it('takes the whole-keyboard commands of set 3 (QEMU: only 0xfa)', () => {
    for (const value of [0xf7, 0xf8, 0xf9, 0xfa]) data(value);
    expect(bytes()).toEqual([0xfa]);
  });
});

describe('mouse', () => {
  const mouse = (...values: readonly number[]): number[] => {
    for (const value of values) command(0xd4, value);
    return bytes();
  };

  it('is off until it is enabled, then reports 9-bit movements and buttons', () => {
    expect(mouse(0xff)).toEqual([0xfa, 0xaa, 0x00]);
    controller.mouse.moveMouse(1, 1);
    expect(bytes()).toEqual([]);
    expect(mouse(0xf4)).toEqual([0xfa]);
    controller.mouse.moveMouse(2, 3);
    expect(bytes()).toEqual([0x28, 2, 0xfd]);
    controller.mouse.setButtons(5);
    expect(bytes()).toEqual([0x0d, 0, 0]);
  });

  it('becomes an IntelliMouse by three sample rates', () => {
    mouse(0xf3, 200, 0xf3, 100, 0xf3, 80);
    expect(mouse(0xf2)).toEqual([0xfa, 3]);
    mouse(0xf4);
    controller.mouse.moveMouse(0, 0, -2);
    expect(bytes()).toEqual([0x08, 0, 0, 0xfe]);
  });
});

it('saves and loads: bytes that wait, half a command, held keys', () => {
  command(0x60, 0x47);
  controller.keyboard.pressKey('shift', true);
  controller.keyboard.pressKey('a', true);
  command(0xd4, 0xf4);
  controller.mouse.moveMouse(1000, 5);
  command(0xd1);
  const other = create();
  const pairs = [
    [controller, other],
    [controller.keyboard, other.keyboard],
    [controller.mouse, other.mouse],
  ] as const;
  for (const [from, to] of pairs) to.load(structuredClone(from.save()) as never);
  for (const [from, to] of pairs) expect(to.save()).toEqual(from.save());
  const before = bytes();
  const first = controller;
  controller = other;
  expect(bytes()).toEqual(before);
  expect(before.length).toBeGreaterThan(10);
  controller = first;
});
