import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bus } from '../base/address.ts';
import { TraceBus } from '../base/trace.ts';
import { AddressSpace, DmaView, type InvalidAccess, MemorySystem, RamRegion } from './index.ts';
import { answerAt, type Built, build, type Node, type Rules, transfer } from './testing/oracle.ts';

const SPACE = 96;
const size = fc.constantFrom(1, 2, 4, 8);

const rules: fc.Arbitrary<Rules> = fc
  .record({
    validMinimum: fc.constantFrom(0, 1, 2, 4),
    validMaximum: fc.constantFrom(0, 1, 2, 4, 8),
    validUnaligned: fc.boolean(),
    implMinimum: size,
    implMaximum: size,
    implUnaligned: fc.boolean(),
    big: fc.boolean(),
  })
  .map((rule) => ({ ...rule, implMaximum: Math.max(rule.implMinimum, rule.implMaximum) }));

const placed = {
  size: fc.integer({ min: 1, max: 48 }),
  address: fc.integer({ min: 0, max: 56 }),
  priority: fc.integer({ min: -2, max: 2 }),
  enabled: fc.oneof({ weight: 5, arbitrary: fc.constant(true) }, fc.constant(false)),
  readonly: fc.oneof({ weight: 6, arbitrary: fc.constant(false) }, fc.constant(true)),
  rules,
  target: fc.nat(7),
  offset: fc.integer({ min: 0, max: 12 }),
};

/** A node with up to `depth` levels below it. */
function nodes(depth: number): fc.Arbitrary<Node> {
  const kind = fc.constantFrom('container', 'ram', 'rom', 'mmio', 'alias', 'alias');
  const children = depth === 0 ? fc.constant([]) : fc.array(nodes(depth - 1), { maxLength: 3 });
  return fc.record({ kind, ...placed, children }) as fc.Arbitrary<Node>;
}

const forest = fc.array(nodes(3), { minLength: 1, maxLength: 4 });
const access = fc.record({
  address: fc.integer({ min: 0, max: SPACE - 1 }),
  size: fc.integer({ min: 1, max: 24 }),
  write: fc.boolean(),
  seed: fc.nat(255),
});

interface Machine {
  readonly trace: TraceBus;
  readonly space: AddressSpace;
  readonly root: Built;
  readonly all: Built[];
}

/** Every tree is a target for the aliases of later ones; the last tree's container is the address space. */
function machineOf(trees: readonly Node[]): Machine {
  const trace = new TraceBus();
  const system = new MemorySystem(trace);
  const all: Built[] = [];
  const record = (built: Built): void => {
    all.push(built);
    built.children.forEach(record);
  };
  const roots: Built[] = [];
  trees.forEach((tree, index) => {
    const built = build(system, { ...tree, address: 0 }, roots, `t${index}`);
    roots.push(built);
    record(built);
  });
  const showAll = roots.map((_, index): Node => {
    const shape = { kind: 'alias', size: 64, address: index * 11, priority: index % 2, enabled: true } as const;
    return { ...shape, readonly: false, rules: trees[0]!.rules, target: index, offset: 0, children: [] };
  });
  const top = { ...trees[0]!, kind: 'container', size: SPACE, address: 0, enabled: true, readonly: false } as const;
  const root = build(system, { ...top, children: showAll }, roots, 'root');
  return { trace, space: new AddressSpace(system, 'memory', root.region), root, all };
}

describe('the memory system against a naive oracle', () => {
  it('shows at every byte what the oracle finds there', () => {
    fc.assert(
      fc.property(forest, (trees) => {
        const { space, root } = machineOf(trees);
        for (let address = 0; address < SPACE; address += 1) {
          const range = space.view.find(address);
          const answer = answerAt(root, address);
          expect(range?.region).toBe(answer?.built.region);
          if (range === undefined || answer === undefined) continue;
          expect(address + range.offsetDelta).toBe(answer.offset);
          expect(range.readonly).toBe(answer.readonly);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('keeps its ranges sorted, apart from each other and as few as possible', () => {
    fc.assert(
      fc.property(forest, (trees) => {
        const { ranges } = machineOf(trees).space.view;
        ranges.forEach((range, index) => {
          expect(range.start).toBeLessThan(range.end);
          const next = ranges[index + 1];
          if (next === undefined) return;
          expect(range.end).toBeLessThanOrEqual(next.start);
          expect(range.canMerge(next)).toBe(false);
        });
      }),
      { numRuns: 200 },
    );
  });

  it('moves the same bytes, with the same result and the same refusals, in any order of reads and writes', () => {
    fc.assert(
      fc.property(forest, fc.array(access, { minLength: 1, maxLength: 12 }), (trees, accesses) => {
        const { trace, space, root, all } = machineOf(trees);
        const seen: InvalidAccess[] = [];
        trace.on('memory.invalid-access', (event) => seen.push(event));
        const dma = new DmaView(space, 'd');
        for (const step of accesses) {
          seen.length = 0;
          const data = Uint8Array.from({ length: step.size }, (_, index) => (index * 29 + step.seed) & 0xff);
          const mine = data.slice();
          const expected = transfer(root, step.address, data, step.write);
          const at = bus(step.address);
          expect(step.write ? dma.write(at, mine) : dma.read(at, mine)).toBe(expected.result);
          expect(mine).toEqual(data);
          const refusals = seen.map(({ address, size, region, reason }) => ({ address, size, region, reason }));
          expect(refusals).toEqual(expected.refusals);
        }
        for (const { region, bytes } of all) if (region instanceof RamRegion) expect(region.backing).toEqual(bytes);
      }),
      { numRuns: 400 },
    );
  });
});
