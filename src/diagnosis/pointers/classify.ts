/** Finds out where a device's pointer leads and, when it leads nowhere, what the driver meant. */
import { type BusAddress, busToGpa, type Gpa, gpa, gva } from '../../base/address.ts';
import type { AccessFailure } from '../../memory/events.ts';
import type { DevicePointer } from '../../xhci/events.ts';
import type { GuestView, PageWalk, PhysicalTarget, Site } from '../guest-view.ts';
import type { ControllerKnowledge } from '../knowledge.ts';
import { type DirectMap, directMaps, ramAt } from './offsets.ts';
import { recognise, recogniseSurely } from './recognise.ts';
import type { Verdict } from './verdict.ts';

/** RAM above 4 GiB is searched for the object of a truncated pointer up to this many times 4 GiB (1 TiB). */
const UPPER_HALVES_MAX = 256;
const FOUR_GIB = 0x1_0000_0000;

const EMPTY_HOLE = { kind: 'nothing', below: undefined, above: undefined } as const;

export interface ClassifyInput {
  readonly view: GuestView;
  readonly known: ControllerKnowledge;
  readonly pointer: DevicePointer;
  readonly site: Site | undefined;
}

function walkIfMapped(input: ClassifyInput, address: bigint): PageWalk | undefined {
  const { view, site } = input;
  const atWrite = site?.pageTables === undefined ? undefined : view.walk(gva(address), site.pageTables);
  const walk = atWrite?.physical === undefined ? view.walk(gva(address)) : atWrite;
  return walk?.physical === undefined ? undefined : walk;
}

/** RAM that a page walk or a known direct map finds behind `value`; an identity mapping says nothing. */
function asVirtual(input: ClassifyInput): Extract<Verdict, { kind: 'virtual' }> | undefined {
  const { view, known, pointer, site } = input;
  const value = BigInt(pointer.value);
  const walk = walkIfMapped(input, value);
  if (walk?.physical !== undefined) {
    if (BigInt(walk.physical) === value || view.describePhysical(walk.physical).kind === 'nothing') return undefined;
    return {
      kind: 'virtual',
      physical: walk.physical,
      walk,
      offset: BigInt.asUintN(64, value - BigInt(walk.physical)),
      recognised: recognise(view, walk.physical, pointer.target),
      certainty: 'certain',
    };
  }
  // Not mapped now: a driver that unmapped it, or page tables that are out of reach. Upper half only, as kernels live there.
  if (value < 0xffff_0000_0000_0000n) return undefined;
  for (const map of directMaps(view, known, site)) {
    const physical = ramAt(view, value - map.offset);
    if (physical === undefined) continue;
    const recognised = recognise(view, physical, pointer.target);
    if (!map.observed && recognised === undefined) continue;
    return { kind: 'virtual', physical, walk: undefined, offset: map.offset, recognised, certainty: 'suspected' };
  }
  return undefined;
}

/** A known good pointer whose object contains `address`: "the event ring segment that ERST[0].base points to". */
function goodNeighbour(known: ControllerKnowledge, address: number, except: DevicePointer): string | undefined {
  for (const { pointer, verdict } of known.pointers.values()) {
    if (pointer.holder === except.holder || verdict?.kind !== 'ok') continue;
    const start = busToGpa(pointer.value);
    if (start !== undefined && address >= start && address < start + Math.max(pointer.size, 1)) {
      return `the ${pointer.target} that ${pointer.holder} points to`;
    }
  }
  for (const segments of known.segments.values()) {
    for (const segment of segments) {
      const start = busToGpa(segment.base);
      if (start !== undefined && address >= start && address < start + segment.size * 16)
        return 'the event ring segment';
    }
  }
  return undefined;
}

/** ERDP names no structure but a place inside one: an event ring segment that the controller knows, or will read. */
function inEventRing(known: ControllerKnowledge, address: number): boolean {
  const inside = (base: BusAddress, bytes: number): boolean => {
    const start = busToGpa(base);
    return start !== undefined && address >= start && address < start + bytes;
  };
  for (const segments of known.segments.values()) {
    if (segments.some(({ base, size }) => inside(base, size * 16))) return true;
  }
  for (const { pointer } of known.pointers.values()) {
    if (pointer.target === 'Event Ring segment' && inside(pointer.value, pointer.size)) return true;
  }
  return false;
}

/** What shows that `pointer` was meant to lead to `address`: a known object there, or the look of one. */
function evidenceAt(input: ClassifyInput, address: Gpa): { readonly text: string; readonly sure: boolean } | undefined {
  const { view, known, pointer } = input;
  if (pointer.holder.startsWith('ERDP') && inEventRing(known, address)) {
    return { text: 'the event ring segment', sure: true };
  }
  const neighbour = goodNeighbour(known, address, pointer);
  if (neighbour !== undefined) return { text: neighbour, sure: true };
  const text = recognise(view, address, pointer.target);
  return text === undefined ? undefined : { text, sure: recogniseSurely(view, address, pointer.target) !== undefined };
}

function asDoubleTranslated(
  input: ClassifyInput,
  maps: readonly DirectMap[],
): Extract<Verdict, { kind: 'double-translated' }> | undefined {
  const { view, pointer } = input;
  const value = BigInt(pointer.value);
  for (const { offset, observed } of maps) {
    const physical = ramAt(view, value + offset);
    if (physical === undefined) continue;
    const evidence = evidenceAt(input, physical)?.text;
    if (!observed && evidence === undefined) continue;
    const certainty = evidence !== undefined && observed ? 'certain' : 'suspected';
    return { kind: 'double-translated', physical, offset, evidence, certainty };
  }
  return undefined;
}

/** What a 32-bit value was before its upper half was lost, if an object of the right kind stands there. */
function asTruncated(
  input: ClassifyInput,
  maps: readonly DirectMap[],
): Extract<Verdict, { kind: 'truncated' }> | undefined {
  const { view, pointer } = input;
  const value = busToGpa(pointer.value);
  if (value === undefined || value >= FOUR_GIB) return undefined;
  for (let half = 1; half <= UPPER_HALVES_MAX; half += 1) {
    const physical = gpa(value + half * FOUR_GIB);
    const target = view.describePhysical(physical);
    if (target.kind === 'nothing' && target.above === undefined) break;
    if (target.kind !== 'ram') continue;
    const evidence = evidenceAt(input, physical);
    if (evidence === undefined) continue;
    const certainty = evidence.sure ? 'certain' : 'suspected';
    return { kind: 'truncated', full: BigInt(physical), physical, virtual: false, evidence: evidence.text, certainty };
  }
  const upperHalves = new Set(maps.filter((map) => map.observed).map(({ offset }) => (offset + BigInt(value)) >> 32n));
  for (const { offset } of maps.filter((map) => map.observed)) upperHalves.add(offset >> 32n);
  upperHalves.add(0xffff_ffffn);
  for (const upper of upperHalves) {
    const full = BigInt.asUintN(64, (upper << 32n) | BigInt(value));
    const physical = walkIfMapped(input, full)?.physical;
    if (full === BigInt(value) || physical === undefined || view.describePhysical(physical).kind !== 'ram') continue;
    const found = evidenceAt(input, physical)?.text;
    const evidence = found ?? 'mapped memory of the guest';
    return {
      kind: 'truncated',
      full,
      physical,
      virtual: true,
      evidence,
      certainty: found === undefined ? 'suspected' : 'certain',
    };
  }
  return undefined;
}

/**
 * A 32-bit pointer that memory answers, although the object it should name stands 4 GiB or more above. Only registers, and
 * only on evidence that can hardly be chance: a good pointer must never be accused because something stands above it.
 */
function answeredButTruncated(input: ClassifyInput): Verdict | undefined {
  const { view, pointer, known } = input;
  const value = busToGpa(pointer.value);
  if (value === undefined || value === 0 || value >= FOUR_GIB || pointer.storedAt !== undefined) return undefined;
  if (view.describePhysical(gpa(FOUR_GIB)).kind !== 'ram') return undefined;
  if (inEventRing(known, value) || recognise(view, value, pointer.target) !== undefined) return undefined;
  for (let half = 1; half <= UPPER_HALVES_MAX; half += 1) {
    const physical = gpa(value + half * FOUR_GIB);
    const target = view.describePhysical(physical);
    if (target.kind === 'nothing' && target.above === undefined) break;
    if (target.kind !== 'ram') continue;
    const evidence =
      pointer.holder.startsWith('ERDP') && inEventRing(known, physical)
        ? 'the event ring segment'
        : recogniseSurely(view, physical, pointer.target);
    if (evidence === undefined) continue;
    return { kind: 'truncated', full: BigInt(physical), physical, virtual: false, evidence, certainty: 'certain' };
  }
  return undefined;
}

function holeVerdict(input: ClassifyInput, hole: PhysicalTarget, firstMissing: number | bigint): Verdict {
  const virtual = asVirtual(input);
  if (virtual !== undefined) return virtual;
  const maps = directMaps(input.view, input.known, input.site);
  // With a kernel in the last 2 GiB, translating twice and cutting to 32 bits give the same number; the cut is the commoner.
  const truncated = asTruncated(input, maps);
  if (truncated?.certainty === 'certain') return truncated;
  return (
    asDoubleTranslated(input, maps) ??
    truncated ?? { kind: 'outside', hole: hole.kind === 'nothing' ? hole : EMPTY_HOLE, firstMissing }
  );
}

/** The verdict on one pointer. `failure` is the access that the machine refused, when the device has tried already. */
export function classify(input: ClassifyInput, failure?: AccessFailure): Verdict {
  const { view, pointer } = input;
  if (pointer.value === 0) return { kind: 'null' };
  const start = busToGpa(pointer.value);
  if (start === undefined) return holeVerdict(input, EMPTY_HOLE, pointer.value);
  const target = view.describePhysical(start);
  switch (target.kind) {
    case 'nothing':
      return holeVerdict(input, target, start);
    case 'mmio':
      return { kind: 'mmio', region: target.region, start: target.start, last: target.last };
    case 'rom':
      return pointer.write ? { kind: 'rom', region: target.region } : { kind: 'ok' };
    default:
      return ramVerdict(input, start, failure);
  }
}

function ramVerdict(input: ClassifyInput, start: Gpa, failure: AccessFailure | undefined): Verdict {
  const { view, pointer } = input;
  const truncated = answeredButTruncated(input);
  if (truncated !== undefined) return truncated;
  const last = gpa(start + Math.max(pointer.size, 1) - 1);
  const end = view.describePhysical(last);
  if (end.kind === 'mmio') return { kind: 'mmio', region: end.region, start: end.start, last: end.last };
  if (end.kind === 'nothing') {
    const beyond = end.below === undefined ? last : end.below.last + 1;
    return { kind: 'outside', hole: end, firstMissing: Math.max(beyond, start) };
  }
  if (failure === undefined) return { kind: 'ok' };
  return failedInside(view, failure);
}

/** The pointer itself is good, but an access that started from it was refused: judge the access's own address. */
function failedInside(view: GuestView, failure: AccessFailure): Verdict {
  const address = busToGpa(failure.address);
  const missing = address === undefined ? failure.address : address + failure.offset;
  const target = address === undefined ? EMPTY_HOLE : view.describePhysical(gpa(Number(missing)));
  switch (target.kind) {
    case 'mmio':
      return { kind: 'mmio', region: target.region, start: target.start, last: target.last };
    case 'rom':
      return { kind: 'rom', region: target.region };
    case 'nothing':
      return { kind: 'outside', hole: target, firstMissing: missing };
    default:
      return { kind: 'ok' };
  }
}
