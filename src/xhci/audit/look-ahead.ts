/** The pointers that stand in the TRBs of a ring from its dequeue pointer on. */
import { type BusAddress, busFromWords, offsetBus } from '../../base/address.ts';
import type { ConsumerRing } from '../rings/consumer-ring.ts';
import type { Endpoint } from '../slots/endpoint.ts';
import { Structure, type StructureRule } from '../spec/structures.ts';
import {
  AddressDevice,
  ConfigureEndpoint,
  DataStage,
  EvaluateContext,
  Isoch,
  Link,
  Normal,
  SetTrDequeuePointer,
  TRB_BYTES,
} from '../spec/trbs.ts';
import type { PeekMemory } from './peek.ts';

/** One segment of 4 KiB, the size that drivers give their rings: its Link TRB is found before anybody walks over it. */
const LOOK_AHEAD_TRBS_MAX = 256;
const CYCLE = 1;
const TOGGLE_CYCLE = 1 << 1;
const IMMEDIATE_DATA = 1 << 6;
const DIRECTION_IN = 1 << 16;
/** Bits that a Link TRB may have set in words 2 and 3 (§6.4.4.1): anything else only looks like one. */
const LINK_STATUS_RESERVED = 0x003f_ffff;
const LINK_CONTROL_RESERVED = 0xffff_03cc;

export interface FoundPointer {
  readonly rule: StructureRule;
  readonly holder: string;
  readonly storedAt: BusAddress;
  readonly written: BusAddress;
  readonly size: number;
  readonly write: boolean;
}

/**
 * Walks at most 256 TRBs. Those that software has handed over are read in full; behind them only a Link TRB counts,
 * because it will be walked over one day.
 */
export function lookAhead(
  memory: PeekMemory,
  ring: ConsumerRing,
  from: { readonly dequeue: BusAddress; readonly cycle: 0 | 1 },
  endpoint: Endpoint | undefined,
): FoundPointer[] {
  const found: FoundPointer[] = [];
  let at = from.dequeue;
  let { cycle } = from;
  let owned = true;
  for (let index = 0; index < LOOK_AHEAD_TRBS_MAX; index += 1) {
    const words = memory.words(at, 4);
    if (words === undefined) return found;
    const control = words[3]!;
    if ((control & CYCLE) !== cycle) owned = false;
    const type = (control >>> 10) & 0x3f;
    if (type === Link.type && (owned || looksLikeLink(words))) {
      found.push(linkPointer(ring, at, words, endpoint));
      if (!owned) return found;
      if ((control & TOGGLE_CYCLE) !== 0) cycle = cycle === 1 ? 0 : 1;
      at = ring.linkTarget(words);
      continue;
    }
    if (owned) {
      const pointer = endpoint === undefined ? commandPointer(ring, at, words) : bufferPointer(endpoint, at, words);
      if (pointer !== undefined) found.push(pointer);
    }
    at = offsetBus(at, TRB_BYTES);
  }
  return found;
}

function looksLikeLink(words: Uint32Array): boolean {
  return (
    (words[2]! & LINK_STATUS_RESERVED) === 0 && (words[3]! & LINK_CONTROL_RESERVED) === 0 && (words[0]! & 0xf) === 0
  );
}

function linkPointer(
  ring: ConsumerRing,
  storedAt: BusAddress,
  words: Uint32Array,
  endpoint: Endpoint | undefined,
): FoundPointer {
  const rule = endpoint === undefined ? Structure.commandRing : Structure.transferRing;
  return {
    // A Link TRB's pointer is 16-byte aligned on either ring (§6.4.4.1).
    rule: { ...rule, alignment: TRB_BYTES },
    holder: `Link TRB of the ${ring.purpose.ring ?? 'ring'}`,
    storedAt,
    written: busFromWords(words[0]!, words[1]!),
    size: TRB_BYTES,
    write: false,
  };
}

function commandPointer(ring: ConsumerRing, storedAt: BusAddress, words: Uint32Array): FoundPointer | undefined {
  const type = (words[3]! >>> 10) & 0x3f;
  const { contextSize } = ring.host.personality;
  const written = busFromWords(words[0]!, words[1]!);
  if (type === AddressDevice.type || type === EvaluateContext.type || type === ConfigureEndpoint.type) {
    const name =
      type === AddressDevice.type
        ? 'Address Device'
        : type === EvaluateContext.type
          ? 'Evaluate Context'
          : 'Configure Endpoint';
    const holder = `Input Context Pointer of the ${name} Command`;
    const contexts = type === ConfigureEndpoint.type ? 33 : 3;
    return { rule: Structure.inputContext, holder, storedAt, written, size: contextSize * contexts, write: false };
  }
  if (type === SetTrDequeuePointer.type) {
    const holder = 'New TR Dequeue Pointer of the Set TR Dequeue Pointer Command';
    const pointer = busFromWords(words[0]! & ~0xf, words[1]!);
    return { rule: Structure.transferRing, holder, storedAt, written: pointer, size: TRB_BYTES, write: false };
  }
  return undefined;
}

function bufferPointer(endpoint: Endpoint, storedAt: BusAddress, words: Uint32Array): FoundPointer | undefined {
  const control = words[3]!;
  const type = (control >>> 10) & 0x3f;
  if (type !== Normal.type && type !== DataStage.type && type !== Isoch.type) return undefined;
  const size = words[2]! & 0x1_ffff;
  if ((control & IMMEDIATE_DATA) !== 0 || size === 0) return undefined;
  const write = endpoint.dci === 1 ? (control & DIRECTION_IN) !== 0 : endpoint.isIn;
  const name = type === DataStage.type ? 'Data Stage' : type === Isoch.type ? 'Isoch' : 'Normal';
  const holder = `${name} TRB of ${endpoint.ring.purpose.ring ?? 'the ring'}`;
  return { rule: Structure.dataBuffer, holder, storedAt, written: busFromWords(words[0]!, words[1]!), size, write };
}
