/**
 * Random guest memory and random MMIO on the controller: it never throws, never hangs, and the same seed gives the same
 * trace. `FUZZ_SEED` and `FUZZ_STEPS` repeat or lengthen a run.
 */
import { describe, expect, it } from 'vitest';
import type { TraceName } from '../../src/base/trace.ts';
import { UsbKeyboard } from '../../src/usb/devices/keyboard.ts';
import { xhciFacts } from '../../src/xhci/facts.ts';
import { PERSONALITIES, type XhciPersonality } from '../../src/xhci/personality.ts';
import { TestBench } from '../../src/xhci/testing/test-bench.ts';
import { Dice, Digest, SEED, steps } from './dice.ts';

const STEPS = steps(100_000);
/** One step may do as much as a doorbell does; a hang would be far beyond this. */
const STEP_MILLISECONDS_MAX = 5_000;
const RAM = 0x4_0000;
const PAGES = 16;

const OFFSETS = [
  0x40, 0x44, 0x54, 0x58, 0x5c, 0x70, 0x74, 0x78, 0x480, 0x484, 0x48c, 0x440, 0x1020, 0x1024, 0x1028, 0x1030, 0x1034,
  0x1038, 0x103c, 0x1048, 0x1050, 0x1054, 0x1058, 0x105c, 0x2000, 0x2004, 0x2008, 0x200c,
];

class Monkey {
  readonly bench: TestBench;
  readonly digest = new Digest();
  readonly keyboard = new UsbKeyboard();
  readonly #dice: Dice;

  constructor(personality: XhciPersonality, seed: number) {
    this.#dice = new Dice(seed);
    this.bench = new TestBench({ personality, ram: RAM });
    for (const name of Object.keys(xhciFacts(this.bench.trace)) as TraceName[]) {
      this.bench.trace.on(name, (event) => this.digest.add(name + stringify(event)));
    }
    this.bench.controller.attach(this.keyboard);
    this.bench.controller.reset();
    this.#plausible();
  }

  step(): void {
    const dice = this.#dice;
    const choice = dice.below(100);
    if (choice < 30) this.#writeRegister();
    else if (choice < 40) this.bench.read(dice.pick(OFFSETS), dice.pick([1, 2, 4]));
    else if (choice < 75) this.#writeTrb();
    else if (choice < 85) this.bench.write(0x2000 + 4 * dice.below(5), dice.pick([0, 0, 1, 3, dice.next()]));
    else if (choice < 90) this.bench.ram.setWord(4 * dice.below(RAM / 4), dice.next());
    else if (choice < 95) this.bench.advance(dice.below(20_000_000));
    else if (choice < 97) this.keyboard.key(dice.below(256), dice.below(2) === 1);
    else if (choice < 98) this.#messages();
    else this.#plausible();
  }

  #page(): number {
    return 0x1000 * (1 + this.#dice.below(PAGES));
  }

  #pointer(): number {
    const dice = this.#dice;
    return dice.below(8) === 0 ? dice.next() : this.#page() + 16 * dice.below(16);
  }

  #writeRegister(): void {
    const dice = this.#dice;
    const offset = dice.below(20) === 0 ? dice.below(0x4000) : dice.pick(OFFSETS);
    const values = [dice.next(), this.#pointer() | dice.below(16), dice.below(16), 1, 5, 0x210, 0x200];
    const size = dice.below(20) === 0 ? dice.pick([1, 2]) : 4;
    this.bench.write(offset, dice.pick(values), size);
  }

  /** A TRB with a known type, wherever a ring may be. */
  #writeTrb(): void {
    const dice = this.#dice;
    const at = this.#page() + 16 * dice.below(32);
    const { ram } = this.bench;
    const setup = dice.below(3) === 0;
    ram.setWord(
      at,
      setup ? dice.pick([0x0100_0680, 0x0200_0680, 0x0001_0900, 0x0300_0680, dice.next()]) : this.#pointer(),
    );
    ram.setWord(at + 4, setup ? dice.below(128) << 16 : dice.below(20) === 0 ? dice.next() : 0);
    ram.setWord(at + 8, dice.pick([0, 8, 16, 64, dice.next()]));
    const type = dice.below(dice.below(4) === 0 ? 64 : 26);
    const flags = dice.pick([0, 0x20, 0x40, 0x60, 0x10, 2, 0x200, 0x1_0000, dice.next() & 0x03ff]);
    ram.setWord(at + 12, ((dice.below(4) << 24) | (type << 10) | flags | dice.below(2)) >>> 0);
  }

  #messages(): void {
    this.bench.interrupts.mode = this.#dice.pick(['intx', 'msi', 'msix']);
  }

  /** Sets the controller up as a driver would, so that the monkey also reaches what lies behind. */
  #plausible(): void {
    const { bench } = this;
    bench.write(0x40, 2);
    bench.advance(2_000_000_000);
    const { ram } = bench;
    for (let word = 0; word < 16; word += 1) ram.setWord(0x1000 + 4 * word, word % 2 === 0 ? 0x2000 + 0x400 * word : 0);
    ram.setWord(0x9000, 0xa000);
    ram.setWord(0x9004, 0);
    ram.setWord(0x9008, 16 + this.#dice.below(64));
    bench.write(0x78, 8);
    bench.write64(0x70, 0x1000);
    bench.write64(0x58, 0xb001);
    bench.write(0x1028, 1);
    bench.write64(0x1038, 0xa000);
    bench.write64(0x1030, 0x9000);
    bench.write(0x1020, 2);
    bench.write(0x40, 5);
    bench.write(0x480, 0x210);
    bench.advance(100_000_000);
    // Input contexts for the keyboard, and the two commands that take them.
    for (let word = 0; word < 64; word += 1) ram.setWord(0xc000 + 4 * word, 0);
    const stride = bench.controller.personality.contextSize;
    ram.setWord(0xc004, 3);
    ram.setWord(0xc000 + stride, (3 << 27) | (3 << 20));
    ram.setWord(0xc000 + stride + 4, 5 << 16);
    ram.setWord(0xc000 + 2 * stride + 4, (64 << 16) | (4 << 3));
    ram.setWord(0xc000 + 2 * stride + 8, 0xd001);
    for (const [index, words] of [[0, 9 << 10] as const, [0xc000, (1 << 24) | (11 << 10)] as const].entries()) {
      ram.setWord(0xb000 + 16 * index, words[0]);
      ram.setWord(0xb004 + 16 * index, 0);
      ram.setWord(0xb008 + 16 * index, 0);
      ram.setWord(0xb00c + 16 * index, words[1] | 1);
    }
    bench.write(0x2000, 0);
  }
}

function stringify(event: unknown): string {
  return JSON.stringify(event, (_key, value: unknown) => {
    if (typeof value === 'bigint') return value.toString(16);
    return value instanceof Uint32Array ? [...value] : value;
  });
}

function run(personality: XhciPersonality, seed: number, steps: number): Digest {
  const monkey = new Monkey(personality, seed);
  for (let step = 0; step < steps; step += 1) {
    const before = performance.now();
    try {
      monkey.step();
    } catch (error) {
      throw new Error(`seed ${seed}, step ${step}, ${personality.name}`, { cause: error });
    }
    const took = performance.now() - before;
    if (took > STEP_MILLISECONDS_MAX) throw new Error(`seed ${seed}, step ${step}: took ${took} ms`);
  }
  return monkey.digest;
}

describe(`random memory and MMIO, seed ${SEED}`, { timeout: 300_000 }, () => {
  const personalities = Object.values(PERSONALITIES);
  it.each(personalities)('neither throws nor hangs with the personality $name', (personality) => {
    const digest = run(personality, SEED, Math.ceil(STEPS / personalities.length));
    expect(digest.count).toBeGreaterThan(STEPS / personalities.length);
  });

  it.each(['spec', 'qemu'])('gives the same trace twice with the personality %s', (name) => {
    const personality = PERSONALITIES[name]!;
    const [first, second] = [run(personality, SEED + 1, 3000), run(personality, SEED + 1, 3000)];
    expect(second).toEqual(first);
    expect(run(personality, SEED + 2, 3000).value).not.toBe(first.value);
  });
});
