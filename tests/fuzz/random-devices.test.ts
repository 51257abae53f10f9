/**
 * A driver gone mad on the whole board: random reads and writes on every register, I/O port and configuration space, over
 * random memory, while virtual time passes and a guest halts and wakes. Nothing throws or hangs, and the same seed gives
 * the same trace, report and state. `FUZZ_SEED` repeats a run, `FUZZ_STEPS` is its length.
 */
import { describe, expect, it } from 'vitest';
import { type BusAddress, gpa } from '../../src/base/address.ts';
import type { Outcome } from '../../src/machine/outcome.ts';
import { CpuMemoryPort, CpuPortIo, DmaView } from '../../src/memory/index.ts';
import { Dice, Digest, FuzzFailure, SEED, steps } from './dice.ts';
import { MachineBench, RAM_BYTES } from './machine-bench.ts';
import { multibootImage } from './random-program.ts';

/** Two personalities, each this many and twice a fifth of it: 100 000 in all. */
const STEPS = steps(36_000);
const TIMEOUT = 300_000;
/** One step moves one access or lets a little time pass; a hang would be far beyond this. */
const STEP_MILLISECONDS_MAX = 5_000;
/** Mostly little time: a timer set to its shortest period ticks every microsecond. Now and then a port's reset ends. */
const NANOSECONDS_USUAL = 100_000;
const NANOSECONDS_MAX = 5_000_000;
/** Instructions that one lapse of time may take: a guest that spins instead of halting. */
const LAPSE_INSTRUCTIONS_MAX = 2_000;

/** Where the structures of the controller may stand: a few pages, so that rings meet each other. */
const PAGES = 16;
const FIRST_PAGE = 0x20_0000;
const ECAM = 0xb000_0000;
/** Functions that exist on the board (device << 3 | function), and one that does not. */
const FUNCTIONS = [0x00, 0x08, 0x10, 0x18, 0xf8, 0xfa, 0xfb, 0xff];
const CONFIG_OFFSETS = [
  0x04, 0x06, 0x0c, 0x10, 0x14, 0x3c, 0x60, 0x64, 0x70, 0x72, 0x74, 0x78, 0x90, 0x92, 0x98, 0xa0, 0xa4,
];

/** Ports that reset the machine or end it: written more seldom, so that most time goes into one that runs. */
const ENDS_THE_RUN = new Set(['port92', 'reset-control', 'i8042-cmd', 'isa-debug-exit']);

/** `sti; hlt; jmp`: time passes in HLT, interrupts are taken and acknowledged. */
const IDLER = Uint8Array.of(0xfb, 0xf4, 0xeb, 0xfc);

interface Window {
  readonly start: number;
  readonly size: number;
}

class MadDriver {
  /** Of all machines that this driver has worn out. */
  readonly digest = new Digest();
  facts = 0;
  machines = 0;
  #bench!: MachineBench;
  readonly #dice: Dice;
  #memory!: CpuMemoryPort;
  #ports!: CpuPortIo;
  #loader!: DmaView;

  constructor(
    readonly personality: string,
    seed: number,
  ) {
    this.#dice = new Dice(seed);
    this.#powerOn();
  }

  #powerOn(): void {
    this.machines += 1;
    this.#bench = new MachineBench({ personality: this.personality });
    const { addressSpace, ioSpace } = this.#bench.machine;
    this.#memory = new CpuMemoryPort(addressSpace);
    this.#ports = new CpuPortIo(ioSpace);
    this.#loader = new DmaView(addressSpace, 'mad-driver');
    expect(this.#bench.load(multibootImage(IDLER))).toBeUndefined();
    this.#bench.run({ maxInstructions: 1000, maxTime: 1_000_000 });
  }

  /** Ends the diagnosis of the machine in use and takes its digest. */
  conclude(outcome: Outcome): void {
    this.digest.add(this.#bench.conclude(outcome).digest);
    this.facts += this.#bench.digest.count;
  }

  step(): void {
    const dice = this.#dice;
    const choice = dice.below(100);
    if (choice < 40) this.#register();
    else if (choice < 55) this.#port();
    else if (choice < 65) this.#configuration();
    else if (choice < 88) this.#structure();
    else if (choice < 92) this.#loader.write(this.#somewhere(), dice.bytes(1 + dice.below(256)));
    else if (choice < 93) this.#bench.machine.receiveSerial(dice.bytes(4));
    else this.#passTime();
  }

  /** The flat view changes under way: a BAR that moved is found where it is now. */
  #windows(): Window[] {
    const { ranges } = this.#bench.machine.addressSpace.view;
    return ranges.flatMap(({ start, end, readBacking }) =>
      readBacking === undefined && start < 2 ** 32 ? [{ start, size: end - start }] : [],
    );
  }

  #register(): void {
    const dice = this.#dice;
    const { start, size } = dice.pick(this.#windows());
    const offset = dice.chance(8) ? dice.below(size) : 4 * dice.below(Math.max(1, Math.min(size, 0x400) >>> 2));
    const width = dice.chance(6) ? dice.pick([1, 2, 8]) : 4;
    const address = gpa(dice.chance(100) ? dice.next() : start + offset);
    if (dice.chance(3)) this.#memory.read(address, width);
    else this.#memory.write(address, width, this.#value(), dice.chance(4) ? dice.next() : 0);
  }

  #port(): void {
    const dice = this.#dice;
    const ranges = this.#bench.machine.ioSpace.view.ranges.filter(({ region }) => region.name !== 'io');
    const { start, end, region } = dice.pick(ranges);
    const mayEnd = ENDS_THE_RUN.has(region.name) && !dice.chance(16);
    const port = dice.chance(50) ? dice.below(0x1_0000) : start + dice.below(end - start);
    const width = dice.pick([1, 1, 1, 2, 4]);
    if (mayEnd || dice.chance(2)) this.#ports.read(port, width);
    else this.#ports.write(port, width, dice.next());
  }

  #configuration(): void {
    const dice = this.#dice;
    const devfn = dice.pick(FUNCTIONS);
    const offset = dice.chance(4) ? dice.below(0x100) : dice.pick(CONFIG_OFFSETS);
    const width = dice.pick([1, 2, 4]);
    // Mostly sane commands: a controller without memory or bus mastering does nothing for the rest of the run.
    const value = offset === 4 ? dice.pick([0x6, 0x6, 0x6, 0x406, 0x2, 0x4, 0x0]) : dice.next();
    if (dice.chance(2)) {
      this.#ports.write(0xcf8, 4, (0x8000_0000 | (devfn << 8) | (offset & 0xfc)) >>> 0);
      if (dice.chance(3)) this.#ports.read(0xcfc + (offset & 3), width);
      else this.#ports.write(0xcfc + (offset & 3), width, value);
      return;
    }
    const address = gpa(ECAM + devfn * 0x1000 + offset);
    if (dice.chance(3)) this.#memory.read(address, width);
    else this.#memory.write(address, width, value, 0);
  }

  /** A TRB, a segment table entry or a context word where one may be read. */
  #structure(): void {
    const dice = this.#dice;
    const type = dice.chance(3) ? dice.below(64) : dice.pick([6, 9, 11, 12, 13, 14, 15, 23, 1, 2, 3, 4]);
    const control = (dice.below(4) << 24) | (dice.below(32) << 16) | (type << 10) | dice.below(0x400);
    const words = Uint32Array.of(
      this.#pointer(),
      dice.chance(20) ? dice.next() : 0,
      dice.chance(4) ? dice.next() : dice.below(64),
      control >>> 0,
    );
    this.#loader.write((this.#page() + 16 * dice.below(32)) as BusAddress, new Uint8Array(words.buffer));
  }

  #page(): number {
    return FIRST_PAGE + 0x1000 * this.#dice.below(PAGES);
  }

  #pointer(): number {
    const dice = this.#dice;
    if (dice.chance(16)) return dice.pick([dice.next(), dice.pick(this.#windows()).start, RAM_BYTES - 16]);
    return this.#page() + 16 * dice.below(16);
  }

  #value(): number {
    const dice = this.#dice;
    return dice.pick([dice.next(), this.#pointer(), this.#pointer() | dice.below(16), dice.below(16), 1, 5, 0x2e1]);
  }

  #somewhere(): BusAddress {
    const dice = this.#dice;
    return (dice.chance(4) ? dice.below(RAM_BYTES) : this.#page() + dice.below(0x1000)) as BusAddress;
  }

  /**
   * A machine that was reset, switched off or whose guest crashed has nothing more to give: the next one. So one whose
   * guest ran out of RAM: nothing is there for 4 GiB, and every byte it fetches is an event.
   */
  #passTime(): void {
    const { machine } = this.#bench;
    const outcome = machine.run({
      maxTime: machine.clock.now() + 1 + this.#dice.below(this.#dice.chance(60) ? NANOSECONDS_MAX : NANOSECONDS_USUAL),
      maxInstructions: machine.processor.instructions + LAPSE_INSTRUCTIONS_MAX,
    });
    const lost = machine.processor.pc >= RAM_BYTES;
    if (!lost && (outcome.kind === 'time-limit' || outcome.kind === 'instruction-limit')) return;
    if (!lost && (outcome.kind === 'halted' || outcome.kind === 'spinning')) return;
    this.conclude(outcome);
    this.#powerOn();
  }
}

interface Played {
  readonly digest: string;
  readonly facts: number;
  readonly machines: number;
}

function run(personality: string, seed: number, length: number): Played {
  const driver = new MadDriver(personality, seed);
  for (let step = 0; step < length; step += 1) {
    const before = performance.now();
    try {
      driver.step();
    } catch (error) {
      throw new FuzzFailure(seed, `${personality}, step ${step}`, error);
    }
    const took = performance.now() - before;
    if (took > STEP_MILLISECONDS_MAX) throw new FuzzFailure(seed, `${personality}, step ${step}`, `took ${took} ms`);
  }
  try {
    driver.conclude({ kind: 'interrupted' });
  } catch (error) {
    throw new FuzzFailure(seed, `${personality}, the report`, error);
  }
  return { digest: driver.digest.value.toString(16), facts: driver.facts, machines: driver.machines };
}

describe(`random registers, ports and memory (FUZZ_SEED=${SEED}, ${STEPS} steps)`, { timeout: TIMEOUT }, () => {
  it.each(['spec', 'qemu'])('%s: nothing throws or hangs, and twice gives the same', (personality) => {
    const first = run(personality, SEED, STEPS);
    // A driver that only ever met holes, or that reset the machine at every turn, would have tested nothing.
    expect(first.facts).toBeGreaterThan(STEPS / 4);
    expect(first.machines).toBeLessThan(1 + STEPS / 50);
    const short = Math.ceil(STEPS / 5);
    expect(run(personality, SEED, short)).toEqual(run(personality, SEED, short));
  });

  it('another seed gives another trace', () => {
    expect(run('spec', SEED, 200).digest).not.toBe(run('spec', SEED + 1, 200).digest);
  });
});
