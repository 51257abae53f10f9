// The block cache: decoded blocks by address, mode and backing; which pages hold code; dropping what was overwritten.
//
// A block is found by its offset in the code segment, its backing address and MODE. Its key says for which generation of the
// address mapping it was last found, so that a branch may enter it without translating again.

import {
  BLOCK_BACKING, BLOCK_BACKING2, BLOCK_BYTES, BLOCK_COUNT, BLOCK_ENTRIES, BLOCK_HEADER, BLOCK_KEY, BLOCK_MODE, BLOCK_NEXT,
  BLOCK_ORIGIN, BLOCK_PAGE_NEXT, BLOCK_PAGE_NEXT2, BLOCK_RIP, BLOCK_TABLE, CODE_GRANULES, MODE, OP_LEAVE, PAGE_CODE,
  PAGE_FLAGS, SITES_MAX, SITE_HASH, SITE_TABLE, TLB_EXEC, UOP_ARENA, UOP_ARENA_END, UOP_OP, UOP_SIZE,
  BLOCK_INSTRUCTIONS_MAX, CODE_LIMIT, FAULT, LEAVE_BLOCK,
} from './constants';
import { fetchPointer, inScratch } from './mmu';
import { chainKey, codeAddress, codeMappingChanged, currentBlock, keyOfNow, noteCodePage } from './run-state';
import { protectCodePage, slotOf } from './tlb';

const HASH_ENTRIES: u32 = 0x1_0000;
const PAGE_HEADS: u32 = BLOCK_TABLE + HASH_ENTRIES * 4;
/** Buckets of pages with code; pages 1 GiB apart share one. */
const PAGE_HEAD_ENTRIES: u32 = 0x4_0000;
const JUMP_CACHE: u32 = PAGE_HEADS + PAGE_HEAD_ENTRIES * 4;
const JUMP_CACHE_ENTRIES: u32 = 0x1000;
const TABLES_END: u32 = JUMP_CACHE + JUMP_CACHE_ENTRIES * 4;
/** Room of the largest block, its extra µop included. */
const BLOCK_ROOM: u32 = BLOCK_HEADER + (BLOCK_INSTRUCTIONS_MAX + 1) * UOP_SIZE;

/** Where the shortened copy for the end of a slice stands: at the front of the arena. */
export const SHORT_BLOCK: u32 = UOP_ARENA;
/** Block for code that cannot be cached. */
export const UNCACHED_BLOCK: u32 = UOP_ARENA + BLOCK_ROOM;
const ARENA_FIRST: u32 = (UOP_ARENA + 2 * BLOCK_ROOM + 63) & ~63;

let arenaNext: u32 = ARENA_FIRST;
/** Blocks now in the cache, and how often the cache was emptied because the arena was full. */
export let blockCount: u32 = 0;
export let arenaFlushes: u32 = 0;

@inline
function hashOf(backing: u32): u32 {
  return BLOCK_TABLE + (((backing ^ (backing >>> 16)) & (HASH_ENTRIES - 1)) << 2);
}
@inline
function pageHead(page: u32): u32 {
  return PAGE_HEADS + ((page & (PAGE_HEAD_ENTRIES - 1)) << 2);
}
@inline
function jumpSlot(rip: u64): u32 {
  const low = <u32>rip;
  return JUMP_CACHE + (((low ^ (low >>> 12)) & (JUMP_CACHE_ENTRIES - 1)) << 2);
}

/** A block that may start at `rip`; the caller compares. 0 reads as a block with no key. */
@inline
export function jumpCacheLookup(rip: u64): u32 {
  return load<u32>(jumpSlot(rip));
}

/** Empties the cache. Only between blocks. */
export function flushBlocks(): void {
  memory.fill(BLOCK_TABLE, 0, TABLES_END - BLOCK_TABLE);
  arenaNext = ARENA_FIRST;
  blockCount = 0;
  codeMappingChanged();
}

/** First free byte of the arena, with room for a block of any size; empties the cache if there is none. */
export function reserveBlock(): u32 {
  if (arenaNext + BLOCK_ROOM > UOP_ARENA_END) {
    arenaFlushes++;
    flushBlocks();
  }
  return arenaNext;
}

/** First address of the next page; outside of 64-bit code, addresses wrap at 4 GiB. */
@inline
export function nextPage(linear: u64): u64 {
  const next = (linear & ~0xfff) + 0x1000;
  return load<u64>(CODE_LIMIT) == ~0 ? next : next & 0xffff_ffff;
}

/** Whether an offset lies within the code segment; in 64-bit code a fetch checks that the address is canonical. */
@inline
export function withinCode(rip: u64): bool {
  return rip <= load<u64>(CODE_LIMIT);
}

/** The decoded block for `rip`, which lies within the code segment, if it is cached; 0: not decoded yet, or the fetch faults (the fault is then pending). */
export function lookupBlock(rip: u64): u32 {
  const linear = codeAddress(rip);
  const backing = fetchPointer(linear);
  if (!backing) return 0;
  const mode = load<u32>(MODE);
  // Bytes that the segment's limit leaves, less one; a block decoded under a larger limit may be too long now.
  const room = load<u64>(CODE_LIMIT) - rip;
  for (let block = load<u32>(hashOf(backing)); block; block = load<u32>(block, BLOCK_NEXT)) {
    if (load<u32>(block, BLOCK_BACKING) != backing) continue;
    if (load<u64>(block, BLOCK_RIP) != rip || load<u32>(block, BLOCK_MODE) != mode) continue;
    if (<u64>load<u32>(block, BLOCK_BYTES) - 1 > room) continue;
    const second = load<u32>(block, BLOCK_BACKING2);
    if (second) {
      const found = fetchPointer(nextPage(linear));
      if (!found) return 0;
      if (found != second) continue;
    }
    validate(block, rip);
    return block;
  }
  return 0;
}

/** No block may be entered by a key that it has from before generations began again at 1. */
export function forgetKeys(): void {
  for (let i: u32 = 0; i < HASH_ENTRIES; i++) {
    for (let block = load<u32>(BLOCK_TABLE + (i << 2)); block; block = load<u32>(block, BLOCK_NEXT)) {
      store<u32>(block, 0, BLOCK_KEY);
    }
  }
}

/** The block may be entered by branches from now on, until the mapping changes. */
function validate(block: u32, rip: u64): void {
  store<u32>(block, keyOfNow(), BLOCK_KEY);
  store<u32>(block, load<u32>(block, BLOCK_ENTRIES) + 1, BLOCK_ENTRIES);
  store<u32>(jumpSlot(rip), block);
  const linear = codeAddress(rip);
  noteCodePage(linear);
  if (load<u32>(block, BLOCK_BACKING2)) noteCodePage(nextPage(linear));
}

/** For branches: a cached block without side effects; the run loop does everything else. */
export function findBlock(rip: u64): u32 {
  const cached = load<u32>(jumpSlot(rip));
  if (load<u64>(cached, BLOCK_RIP) == rip && load<u32>(cached, BLOCK_KEY) == chainKey) return cached;
  // A second page, if there is one, may fault too: only the run loop handles that.
  const block = withinCode(rip) && execEntry(codeAddress(rip)) ? lookupBlock(rip) : 0;
  if (!block) store<u32>(FAULT, 0);
  return block;
}

/** True when the fetch at a linear address would hit the TLB: a miss may fault, and that is the run loop's business. */
@inline
function execEntry(linear: u64): bool {
  return load<u64>(load<u32>(TLB_EXEC) + slotOf(linear)) == (linear & ~0xfff);
}

/** Adds a block whose header is complete, decoded at {@link reserveBlock}, to the cache. `end`: first byte after it. */
export function insertBlock(block: u32, end: u32): void {
  const backing = load<u32>(block, BLOCK_BACKING);
  const hash = hashOf(backing);
  store<u32>(block, load<u32>(hash), BLOCK_NEXT);
  store<u32>(hash, block);
  arenaNext = (end + 63) & ~63;
  blockCount++;
  const second = load<u32>(block, BLOCK_BACKING2);
  const bytes = load<u32>(block, BLOCK_BYTES);
  const inFirst = min<u32>(bytes, 0x1000 - (backing & 0xfff));
  enlist(block, backing, inFirst, BLOCK_PAGE_NEXT);
  if (second) enlist(block, second, bytes - inFirst, BLOCK_PAGE_NEXT2);
  validate(block, load<u64>(block, BLOCK_RIP));
}

/** Puts the block in its page's list and marks the page and the 64-byte granules it covers. */
function enlist(block: u32, backing: u32, bytes: u32, link: u32): void {
  const page = backing >>> 12;
  const head = pageHead(page);
  // Both pages may share a list (mapped to one frame, or far apart): once is enough.
  if (load<u32>(head) != block) {
    store<u32>(block + link, load<u32>(head));
    store<u32>(head, block);
  }
  const granules = CODE_GRANULES + page * 8;
  const flags = PAGE_FLAGS + page;
  if (!(load<u8>(flags) & PAGE_CODE)) {
    store<u8>(flags, load<u8>(flags) | PAGE_CODE);
    protectCodePage(page << 12);
  }
  store<u64>(granules, load<u64>(granules) | granuleMask(backing & 0xfff, bytes));
}

@inline
function granuleMask(offset: u32, bytes: u32): u64 {
  const first = offset >>> 6;
  const last = (offset + bytes - 1) >>> 6;
  return (~(<u64>0) >> (63 - (last - first))) << first;
}

/** The bytes at a backing address, `size` (at least 1) within any pages, were written: drops the blocks they held. */
export function dropCode(pointer: u32, size: u32): void {
  let at = pointer;
  let rest = size;
  while (rest) {
    const inPage = min<u32>(rest, 0x1000 - (at & 0xfff));
    dropInPage(at, inPage);
    at += inPage;
    rest -= inPage;
  }
}

function dropInPage(pointer: u32, size: u32): void {
  const page = pointer >>> 12;
  if (!(load<u8>(PAGE_FLAGS + page) & PAGE_CODE)) return;
  const granules = CODE_GRANULES + page * 8;
  if (!(load<u64>(granules) & granuleMask(pointer & 0xfff, size))) return;
  let left: u64 = 0;
  // `link` is the address of the word that leads to `block`.
  let link = pageHead(page);
  while (load<u32>(link)) {
    const block = load<u32>(link);
    const next = nextInList(block, page);
    const isDead = load<u32>(block, BLOCK_MODE) == DEAD_MODE;
    if (isDead || overlaps(block, pointer, size)) {
      store<u32>(link, load<u32>(next));
      if (!isDead) dropBlock(block);
    } else {
      left |= granulesIn(block, page);
      link = next;
    }
  }
  store<u64>(granules, left);
  if (left == 0) {
    store<u8>(PAGE_FLAGS + page, load<u8>(PAGE_FLAGS + page) & ~(<u8>PAGE_CODE));
  }
}

/** Bytes of a block on its first page. */
@inline
function bytesInFirst(block: u32): u32 {
  return min<u32>(load<u32>(block, BLOCK_BYTES), 0x1000 - (load<u32>(block, BLOCK_BACKING) & 0xfff));
}

function overlaps(block: u32, pointer: u32, size: u32): bool {
  const first = load<u32>(block, BLOCK_BACKING);
  const inFirst = bytesInFirst(block);
  if (first < pointer + size && pointer < first + inFirst) return true;
  const second = load<u32>(block, BLOCK_BACKING2);
  return second != 0 && second < pointer + size && pointer < second + load<u32>(block, BLOCK_BYTES) - inFirst;
}

/** The 64-byte granules of `page` that a block covers. */
function granulesIn(block: u32, page: u32): u64 {
  const first = load<u32>(block, BLOCK_BACKING);
  const inFirst = bytesInFirst(block);
  let mask: u64 = 0;
  if (first >>> 12 == page) mask |= granuleMask(first & 0xfff, inFirst);
  const second = load<u32>(block, BLOCK_BACKING2);
  if (second != 0 && second >>> 12 == page) mask |= granuleMask(0, load<u32>(block, BLOCK_BYTES) - inFirst);
  return mask;
}

/** Which link of a block belongs to the list of `page`'s bucket. */
function nextInList(block: u32, page: u32): u32 {
  const bucket = pageHead(page);
  return pageHead(load<u32>(block, BLOCK_BACKING) >>> 12) == bucket ? block + BLOCK_PAGE_NEXT : block + BLOCK_PAGE_NEXT2;
}

/** MODE of a dropped block: never a processor's, so that no lookup finds it. */
const DEAD_MODE: u32 = 0xffffffff;

/** Takes a block out of the hash and makes it unenterable; if it is running, it is left after this instruction. */
function dropBlock(block: u32): void {
  const hash = hashOf(load<u32>(block, BLOCK_BACKING));
  let link = hash;
  while (load<u32>(link) && load<u32>(link) != block) link = load<u32>(link) + BLOCK_NEXT;
  if (load<u32>(link)) store<u32>(link, load<u32>(block, BLOCK_NEXT));
  store<u32>(block, DEAD_MODE, BLOCK_MODE);
  store<u32>(block, 0, BLOCK_KEY);
  blockCount--;
  const running = currentBlock;
  if (running && (running == block || load<u32>(running, BLOCK_ORIGIN) == block)) {
    // Its remaining µops are stale. Each leaves; a link to the block itself no longer has the key.
    const count = load<u32>(running, BLOCK_COUNT);
    for (let i: u32 = 0; i <= count; i++) store<u16>(running + BLOCK_HEADER + i * UOP_SIZE, <u16>OP_LEAVE, UOP_OP);
    // A REP that overwrites itself stops behind this iteration: what stands there now goes on.
    store<u32>(LEAVE_BLOCK, 1);
  }
}

// --- Sites -----------------------------------------------------------------------------------------------------------

const SITE_HASH_ENTRIES: u32 = 0x20_0000;
/** Longest search in the site hash: beyond it, the site is not kept (0, "unknown"). */
const SITE_PROBES_MAX: u32 = 16;
let siteCount: u32 = 1;

/** Number of an instruction address in the site table, 1 and up; 0 when the table is full. */
export function siteOf(address: u64): u32 {
  const mixed = address * 0x9e37_79b9_7f4a_7c15;
  let slot = <u32>(mixed >> 43) & (SITE_HASH_ENTRIES - 1);
  for (let i: u32 = 0; i < SITE_PROBES_MAX; i++) {
    const at = SITE_HASH + (slot << 2);
    const site = load<u32>(at);
    if (site == 0) {
      if (siteCount >= SITES_MAX) return 0;
      store<u32>(at, siteCount);
      store<u64>(SITE_TABLE + siteCount * 8, address);
      return siteCount++;
    }
    if (load<u64>(SITE_TABLE + site * 8) == address) return site;
    slot = (slot + 1) & (SITE_HASH_ENTRIES - 1);
  }
  return 0;
}
