/**
 * xHCI No Op commands through the command ring and the event ring: `npm run bench:commands`. First the controller alone,
 * driven through its registers as a driver would (a doorbell for each batch, ERDP after it); then the same guest kernel on
 * QEMU, where the processor's speed counts too.
 */
import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { type BusAddress, type Gpa, gpa } from '../src/base/address.ts';
import { TraceBus } from '../src/base/trace.ts';
import { createQ35 } from '../src/machine/boards/q35.ts';
import { Machine } from '../src/machine/machine.ts';
import { CpuMemoryPort, DmaView } from '../src/memory/index.ts';
import { hasQemu, runHere, runOnQemu } from './guest.ts';
import { median } from './harness.ts';

const MIB = 1024 * 1024;
const RING = 0x20_0000;
const EVENTS = 0x21_0000;
const TABLE = 0x22_0000;
const RING_TRBS = 256;
/** A lap's completions fit, with the TRBs that QEMU keeps free. */
const EVENT_TRBS = 1024;
const BATCH = RING_TRBS - 1;
const BATCHES = 2000;
const TARGET_PER_SECOND = 300_000;

const NO_OP_COMMAND = 23 << 10;
const LINK_TOGGLE = (6 << 10) | 2;

/** A driver in a few lines: the controller of a real board, its registers through the board's address space. */
class CommandDriver {
  readonly #machine: Machine;
  readonly #port: CpuMemoryPort;
  readonly #memory: DmaView;
  readonly #base: number;
  readonly #ring = new Uint32Array(RING_TRBS * 4);
  readonly #event = new Uint32Array(4);
  #cycle = 1;
  #eventIndex = 0;
  #eventCycle = 1;

  constructor() {
    const machine = createQ35({
      ramBytes: 16 * MIB,
      cpuModel: 'qemu64',
      personality: 'qemu',
      devices: [{ kind: 'qemu-xhci' }],
      trackWriters: true,
      trace: new TraceBus(),
      serialOutput: () => {},
    });
    if (!(machine instanceof Machine)) throw new Error(machine.problem);
    this.#machine = machine;
    machine.load(new Uint8Array(readFileSync('guests/built/bench.elf')), {
      commandLine: '',
      imageName: '',
      modules: [],
    });
    const controller = machine.pci.functions.find(({ identity }) => identity.classCode === 0x0c_0330)!;
    controller.configWrite(4, 2, controller.command | 6);
    this.#base = (controller.config.read(0x10, 4) & ~0xf) >>> 0;
    this.#port = new CpuMemoryPort(machine.addressSpace);
    this.#memory = new DmaView(machine.addressSpace, 'driver');
    this.#bringUp();
  }

  #write(offset: number, value: number): void {
    this.#port.write(gpa(this.#base + offset), 4, value, 0);
  }

  #bringUp(): void {
    this.#memory.writeWords(TABLE as BusAddress, Uint32Array.of(EVENTS, 0, EVENT_TRBS, 0));
    const values: [number, number][] = [
      [0x40 + 0x38, 8],
      [0x40 + 0x30, 0x23_0000],
      [0x40 + 0x34, 0],
      [0x40 + 0x18, RING | 1],
      [0x40 + 0x1c, 0],
      [0x1028, 1],
      [0x1038, EVENTS],
      [0x103c, 0],
      [0x1030, TABLE],
      [0x1034, 0],
      [0x40, 1],
    ];
    for (const [offset, value] of values) this.#write(offset, value);
  }

  /** One lap of the command ring; returns the completions that arrived. */
  lap(): number {
    for (let index = 0; index < BATCH; index += 1) this.#ring[index * 4 + 3] = NO_OP_COMMAND | this.#cycle;
    this.#ring[BATCH * 4] = RING;
    this.#ring[BATCH * 4 + 3] = LINK_TOGGLE | this.#cycle;
    this.#memory.writeWords(RING as BusAddress, this.#ring);
    this.#write(0x2000, 0);
    const completed = this.#takeEvents();
    this.#cycle ^= 1;
    return completed;
  }

  #takeEvents(): number {
    let taken = 0;
    for (;;) {
      const address = EVENTS + this.#eventIndex * 16;
      this.#memory.readWords(address as BusAddress, this.#event);
      if ((this.#event[3]! & 1) !== this.#eventCycle) break;
      if (this.#event[3]! >>> 10 === 33 && this.#event[2]! >>> 24 === 1) taken += 1;
      this.#eventIndex = (this.#eventIndex + 1) % EVENT_TRBS;
      if (this.#eventIndex === 0) this.#eventCycle ^= 1;
    }
    this.#write(0x1038, (EVENTS + this.#eventIndex * 16) | 8);
    this.#write(0x103c, 0);
    return taken;
  }

  get statusRegister(): number {
    return this.#port.read(gpa(this.#base + 0x44) as Gpa, 4);
  }

  get machine(): Machine {
    return this.#machine;
  }
}

const driver = new CommandDriver();
const rates: number[] = [];
for (let round = 0; round < 5; round += 1) {
  const start = performance.now();
  let done = 0;
  for (let batch = 0; batch < BATCHES / 5; batch += 1) done += driver.lap();
  if (done === 0) throw new Error(`no command completed, USBSTS ${driver.statusRegister.toString(16)}`);
  rates.push(done / ((performance.now() - start) / 1000));
}
const rate = Math.max(...rates);
console.log(`controller alone: ${Math.round(median(rates))} commands/s, best round ${Math.round(rate)}`);
console.log(`  target >= ${TARGET_PER_SECOND}: ${rate >= TARGET_PER_SECOND ? 'met' : 'MISSED'}`);

const GUEST = 'guests/built/story-mended.elf';
const COUNT = 1_000_000;
if (hasQemu()) {
  const short = { commandLine: 'noop-bench 1', xhci: true };
  const long = { commandLine: `noop-bench ${COUNT}`, xhci: true };
  const ours = runHere(GUEST, long).seconds - runHere(GUEST, short).seconds;
  const theirs = runOnQemu(GUEST, long).seconds - runOnQemu(GUEST, short).seconds;
  const perSecond = (seconds: number): string => `${Math.round(COUNT / seconds)} commands/s`;
  console.log(
    `guest driver, one doorbell a command: ours ${perSecond(ours)}, QEMU TCG ${perSecond(theirs)}, ratio ${(theirs / ours).toFixed(2)}x`,
  );
} else {
  console.log('QEMU is not installed: only our own figure (apt-get install qemu-system-x86)');
}
