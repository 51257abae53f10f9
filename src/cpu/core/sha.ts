// SHA extensions (Intel SDM Vol. 2; FIPS 180-4). Words stand in the xmm registers highest first.

import { FAULTED, NEXT, UOP_IMM, XMM } from './constants';
import { source128, xmmDst } from './sse-operands';

const RESULT: u32 = <u32>memory.data(16, 16);

@inline
function finish(u: u32): i32 {
  v128.store(xmmDst(u), v128.load(RESULT));
  return NEXT;
}

// --- SHA-1 ---------------------------------------------------------------------------------------------------------------

function roundConstant(group: u32): u32 {
  return group == 0 ? 0x5a82_7999 : group == 1 ? 0x6ed9_eba1 : group == 2 ? 0x8f1b_bcdc : 0xca62_c1d6;
}
function mixed(group: u32, b: u32, c: u32, d: u32): u32 {
  if (group == 0) return (b & c) ^ (~b & d);
  return group == 2 ? (b & c) ^ (b & d) ^ (c & d) : b ^ c ^ d;
}

/** Four rounds; the first word of the source already holds E. */
export function sha1rnds4(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  const group = load<u32>(u, UOP_IMM) & 3;
  const to = xmmDst(u);
  let a = load<u32>(to, 12);
  let b = load<u32>(to, 8);
  let c = load<u32>(to, 4);
  let d = load<u32>(to);
  let e: u32 = 0;
  for (let i: u32 = 0; i < 4; i++) {
    const next = mixed(group, b, c, d) + rotl<u32>(a, 5) + load<u32>(from + 12 - i * 4) + e + roundConstant(group);
    e = d;
    d = c;
    c = rotl<u32>(b, 30);
    b = a;
    a = next;
  }
  store<u32>(to, a, 12);
  store<u32>(to, b, 8);
  store<u32>(to, c, 4);
  store<u32>(to, d);
  return NEXT;
}

export function sha1nexte(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  const e = rotl<u32>(load<u32>(xmmDst(u), 12), 30);
  v128.store(RESULT, v128.load(from));
  store<u32>(RESULT, load<u32>(RESULT, 12) + e, 12);
  return finish(u);
}

export function sha1msg1(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  const to = xmmDst(u);
  store<u32>(RESULT, load<u32>(from, 8) ^ load<u32>(to));
  store<u32>(RESULT, load<u32>(from, 12) ^ load<u32>(to, 4), 4);
  store<u32>(RESULT, load<u32>(to) ^ load<u32>(to, 8), 8);
  store<u32>(RESULT, load<u32>(to, 4) ^ load<u32>(to, 12), 12);
  return finish(u);
}

export function sha1msg2(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  const to = xmmDst(u);
  const w16 = rotl<u32>(load<u32>(to, 12) ^ load<u32>(from, 8), 1);
  store<u32>(RESULT, w16, 12);
  store<u32>(RESULT, rotl<u32>(load<u32>(to, 8) ^ load<u32>(from, 4), 1), 8);
  store<u32>(RESULT, rotl<u32>(load<u32>(to, 4) ^ load<u32>(from), 1), 4);
  store<u32>(RESULT, rotl<u32>(load<u32>(to) ^ w16, 1));
  return finish(u);
}

// --- SHA-256 ---------------------------------------------------------------------------------------------------------------

/** Two rounds: C, D, G, H in the destination, A, B, E, F in the source, two words plus constants in xmm0. */
export function sha256rnds2(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  const to = xmmDst(u);
  let a = load<u32>(from, 12);
  let b = load<u32>(from, 8);
  let c = load<u32>(to, 12);
  let d = load<u32>(to, 8);
  let e = load<u32>(from, 4);
  let f = load<u32>(from);
  let g = load<u32>(to, 4);
  let h = load<u32>(to);
  for (let i: u32 = 0; i < 8; i += 4) {
    const first =
      ((e & f) ^ (~e & g)) + (rotr<u32>(e, 6) ^ rotr<u32>(e, 11) ^ rotr<u32>(e, 25)) + load<u32>(XMM + i) + h;
    const second = ((a & b) ^ (a & c) ^ (b & c)) + (rotr<u32>(a, 2) ^ rotr<u32>(a, 13) ^ rotr<u32>(a, 22));
    h = g;
    g = f;
    f = e;
    e = d + first;
    d = c;
    c = b;
    b = a;
    a = first + second;
  }
  store<u32>(to, a, 12);
  store<u32>(to, b, 8);
  store<u32>(to, e, 4);
  store<u32>(to, f);
  return NEXT;
}

export function sha256msg1(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  const to = xmmDst(u);
  for (let i: u32 = 0; i < 4; i++) {
    const next = i == 3 ? load<u32>(from) : load<u32>(to + i * 4, 4);
    const sigma = rotr<u32>(next, 7) ^ rotr<u32>(next, 18) ^ (next >>> 3);
    store<u32>(RESULT + i * 4, load<u32>(to + i * 4) + sigma);
  }
  return finish(u);
}

export function sha256msg2(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  const to = xmmDst(u);
  for (let i: u32 = 0; i < 4; i++) {
    const past = i < 2 ? load<u32>(from + 8 + i * 4) : load<u32>(RESULT + (i - 2) * 4);
    const sigma = rotr<u32>(past, 17) ^ rotr<u32>(past, 19) ^ (past >>> 10);
    store<u32>(RESULT + i * 4, load<u32>(to + i * 4) + sigma);
  }
  return finish(u);
}
