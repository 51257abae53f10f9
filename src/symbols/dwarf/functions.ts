/** Functions and what was inlined into them (DWARF 5 sections 3.3.1 and 3.3.8). */
import { demangle } from '../demangle/demangle.ts';
import { AT, TAG } from './constants.ts';
import { isLinkageName, skipValues } from './forms.ts';
import { IntervalIndex } from './intervals.ts';
import { type AddressRange, rangesOf } from './ranges.ts';
import type { Entry, Unit } from './units.ts';

/** A subprogram, or one inlined copy of a function. */
export interface FunctionNode {
  readonly entry: Entry;
  readonly ranges: readonly AddressRange[];
  /** The copies inlined directly into this one. */
  readonly inlined: FunctionNode[];
}

/** Entries nest no deeper than source does; a damaged file could nest without end. */
const DEPTH_MAX = 512;
/** A name stands at most this many references away (inlined copy, abstract instance, declaration). */
const ORIGINS_MAX = 8;

/** Index of all subprograms of a unit that have code, each with the tree of what was inlined into it. */
export function readFunctions(unit: Unit): IntervalIndex<FunctionNode> {
  const found: { range: AddressRange; value: FunctionNode }[] = [];
  unit.sections.guard(() => {
    const reader = unit.reader(unit.entriesOffset);
    const stack: (FunctionNode | undefined)[] = [];
    while (!reader.atEnd) {
      const offset = reader.offset;
      const abbreviation = unit.abbreviationAt(reader);
      if (abbreviation === undefined) {
        if (stack.length > 0) stack.pop();
        continue;
      }
      let node = stack.at(-1);
      if (abbreviation.tag === TAG.subprogram || abbreviation.tag === TAG.inlinedSubroutine) {
        const entry = unit.readValues(reader, offset, abbreviation);
        const inner: FunctionNode = { entry, ranges: rangesOf(entry), inlined: [] };
        if (entry.tag === TAG.subprogram) for (const range of inner.ranges) found.push({ range, value: inner });
        else node?.inlined.push(inner);
        node = inner;
      } else {
        skipValues(reader, abbreviation, unit);
      }
      if (!abbreviation.hasChildren) continue;
      if (stack.length >= DEPTH_MAX) reader.fail('entry', `nested more than ${DEPTH_MAX} deep`);
      stack.push(node);
    }
  });
  return new IntervalIndex(found);
}

/** From the subprogram down to the innermost inlined copy that covers `address`. */
export function inlineChain(outermost: FunctionNode, address: bigint): FunctionNode[] {
  const chain = [outermost];
  for (let next: FunctionNode | undefined = outermost; next !== undefined; ) {
    next = next.inlined.find(({ ranges }) => ranges.some(({ low, high }) => address >= low && address < high));
    if (next !== undefined) chain.push(next);
  }
  return chain;
}

/** Finds the entry at an offset of .debug_info, in whichever unit it stands. */
export type EntryFinder = (offset: number) => Entry | undefined;

/**
 * The name of an entry as a person writes it: the demangled linkage name where there is one, else DW_AT_name, looked
 * for through DW_AT_abstract_origin and DW_AT_specification.
 */
export function nameOf(entry: Entry, find: EntryFinder): string | undefined {
  let plain: string | undefined;
  let current: Entry | undefined = entry;
  for (let step = 0; step < ORIGINS_MAX && current !== undefined; step += 1) {
    const linkage = linkageNameOf(current);
    if (linkage !== undefined) return demangle(linkage);
    plain ??= current.string(AT.name);
    current = origin(current, find);
  }
  return plain;
}

function linkageNameOf(entry: Entry): string | undefined {
  const index = entry.abbreviation.attributes.findIndex(isLinkageName);
  const value = index < 0 ? undefined : entry.values[index];
  return typeof value === 'string' ? value : undefined;
}

function origin(entry: Entry, find: EntryFinder): Entry | undefined {
  const reference = entry.number(AT.abstractOrigin) ?? entry.number(AT.specification);
  return reference === undefined ? undefined : find(reference);
}

/** An attribute of the entry, or of the one that it is a copy or the definition of. */
export function inherited(entry: Entry, attribute: number, find: EntryFinder): Entry | undefined {
  let current: Entry | undefined = entry;
  for (let step = 0; step < ORIGINS_MAX && current !== undefined; step += 1) {
    if (current.get(attribute) !== undefined) return current;
    current = origin(current, find);
  }
  return undefined;
}
