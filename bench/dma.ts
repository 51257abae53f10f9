/** DMA reads through a device's view of memory against `Buffer.copy` over the same bytes, in the same run. */
import { bus } from '../src/base/address.ts';
import { TraceBus } from '../src/base/trace.ts';
import {
  BusMasterGate,
  ContainerRegion,
  DmaView,
  MemorySystem,
  RamRegion,
  WHOLE_ADDRESS_SPACE,
} from '../src/memory/index.ts';
import { duration, pair, printFigure, sink } from './harness.ts';

const RAM_BYTES = 64 << 20;
/** Pages of WebAssembly memory: 64 KiB each. The RAM lies where the processor's would. */
const memory = new WebAssembly.Memory({ initial: RAM_BYTES / 65536 + 1, maximum: RAM_BYTES / 65536 + 1 });
const bytes = new Uint8Array(memory.buffer, 65536, RAM_BYTES);
for (let i = 0; i < RAM_BYTES; i += 1) bytes[i] = i * 31;

const system = new MemorySystem(new TraceBus());
const root = new ContainerRegion(system, 'system', WHOLE_ADDRESS_SPACE);
const gate = new BusMasterGate(system, 'bench', '00:03.0', root);
root.addSubregion(0, new RamRegion(system, 'pc.ram', bytes));
gate.setEnabled(true);
const dma = new DmaView(gate.space, '00:03.0');
const peer = Buffer.from(memory.buffer, 65536, RAM_BYTES);

/** A power of two. */
const ADDRESSES = 4096;

interface Case {
  readonly size: number;
  readonly calls: number;
  readonly target: (best: number, ratio: number) => boolean | undefined;
}

const CASES: readonly Case[] = [
  { size: 16, calls: 200_000, target: (best) => best <= 100 },
  { size: 4096, calls: 20_000, target: () => undefined },
  { size: 1 << 20, calls: 60, target: (_best, ratio) => ratio >= 0.7 },
];

console.log('DMA read against Buffer.copy (medians of 15 paired rounds; ratio 1 = as fast; ns targets: best round)');
for (const { size, calls, target } of CASES) {
  const into = new Uint8Array(size);
  const copy = Buffer.alloc(size);
  // Addresses wander over all RAM, aligned as TRBs are. They are made beforehand: only the copies are timed.
  const addresses = Uint32Array.from(
    { length: ADDRESSES },
    (_, index) => ((index * 0x1_0350) % (RAM_BYTES - size)) & ~15,
  );
  const addressOf = (index: number): number => addresses[index & (ADDRESSES - 1)]!;
  const result = pair(
    (index) => {
      sink.value += dma.read(bus(addressOf(index)), into);
    },
    (index) => {
      const from = addressOf(index);
      sink.value += peer.copy(copy, 0, from, from + size);
    },
    { calls },
  );
  const name = size >= 1 << 20 ? `${size >> 20} MiB` : size >= 1024 ? `${size >> 10} KiB` : `${size} B`;
  const verdict = target(result.best, result.ratio);
  printFigure(`DMA read ${name}`, duration(result.ours), `Buffer.copy ${duration(result.peer)}`, result.ratio, verdict);
}

const words = new Uint32Array(4);
const view = new DataView(memory.buffer, 65536, RAM_BYTES);
const trb = pair(
  (index) => {
    sink.value += dma.readWords(bus((index * 16) & (RAM_BYTES - 1)), words);
  },
  (index) => {
    const from = (index * 16) & (RAM_BYTES - 1);
    for (let i = 0; i < 4; i += 1) words[i] = view.getUint32(from + 4 * i, true);
  },
  { calls: 200_000 },
);
printFigure(
  'DMA read of a TRB (4 words)',
  duration(trb.ours),
  `DataView ${duration(trb.peer)}`,
  trb.ratio,
  trb.best <= 100,
);
