// AES-NI (Intel SDM Vol. 2; FIPS 197). The state is 16 bytes, column by column.

import { FAULTED, NEXT, UOP_IMM } from './constants';
import { getDst, setDst, source128, xmmDst } from './sse-operands';

const SBOX: u32 = <u32>memory.data<u8>([
  99, 124, 119, 123, 242, 107, 111, 197, 48, 1, 103, 43, 254, 215, 171, 118,
  202, 130, 201, 125, 250, 89, 71, 240, 173, 212, 162, 175, 156, 164, 114, 192,
  183, 253, 147, 38, 54, 63, 247, 204, 52, 165, 229, 241, 113, 216, 49, 21,
  4, 199, 35, 195, 24, 150, 5, 154, 7, 18, 128, 226, 235, 39, 178, 117,
  9, 131, 44, 26, 27, 110, 90, 160, 82, 59, 214, 179, 41, 227, 47, 132,
  83, 209, 0, 237, 32, 252, 177, 91, 106, 203, 190, 57, 74, 76, 88, 207,
  208, 239, 170, 251, 67, 77, 51, 133, 69, 249, 2, 127, 80, 60, 159, 168,
  81, 163, 64, 143, 146, 157, 56, 245, 188, 182, 218, 33, 16, 255, 243, 210,
  205, 12, 19, 236, 95, 151, 68, 23, 196, 167, 126, 61, 100, 93, 25, 115,
  96, 129, 79, 220, 34, 42, 144, 136, 70, 238, 184, 20, 222, 94, 11, 219,
  224, 50, 58, 10, 73, 6, 36, 92, 194, 211, 172, 98, 145, 149, 228, 121,
  231, 200, 55, 109, 141, 213, 78, 169, 108, 86, 244, 234, 101, 122, 174, 8,
  186, 120, 37, 46, 28, 166, 180, 198, 232, 221, 116, 31, 75, 189, 139, 138,
  112, 62, 181, 102, 72, 3, 246, 14, 97, 53, 87, 185, 134, 193, 29, 158,
  225, 248, 152, 17, 105, 217, 142, 148, 155, 30, 135, 233, 206, 85, 40, 223,
  140, 161, 137, 13, 191, 230, 66, 104, 65, 153, 45, 15, 176, 84, 187, 22,
]);
const INVERSE_SBOX: u32 = <u32>memory.data<u8>([
  82, 9, 106, 213, 48, 54, 165, 56, 191, 64, 163, 158, 129, 243, 215, 251,
  124, 227, 57, 130, 155, 47, 255, 135, 52, 142, 67, 68, 196, 222, 233, 203,
  84, 123, 148, 50, 166, 194, 35, 61, 238, 76, 149, 11, 66, 250, 195, 78,
  8, 46, 161, 102, 40, 217, 36, 178, 118, 91, 162, 73, 109, 139, 209, 37,
  114, 248, 246, 100, 134, 104, 152, 22, 212, 164, 92, 204, 93, 101, 182, 146,
  108, 112, 72, 80, 253, 237, 185, 218, 94, 21, 70, 87, 167, 141, 157, 132,
  144, 216, 171, 0, 140, 188, 211, 10, 247, 228, 88, 5, 184, 179, 69, 6,
  208, 44, 30, 143, 202, 63, 15, 2, 193, 175, 189, 3, 1, 19, 138, 107,
  58, 145, 17, 65, 79, 103, 220, 234, 151, 242, 207, 206, 240, 180, 230, 115,
  150, 172, 116, 34, 231, 173, 53, 133, 226, 249, 55, 232, 28, 117, 223, 110,
  71, 241, 26, 113, 29, 41, 197, 137, 111, 183, 98, 14, 170, 24, 190, 27,
  252, 86, 62, 75, 198, 210, 121, 32, 154, 219, 192, 254, 120, 205, 90, 244,
  31, 221, 168, 51, 136, 7, 199, 49, 177, 18, 16, 89, 39, 128, 236, 95,
  96, 81, 127, 169, 25, 181, 74, 13, 45, 229, 122, 159, 147, 201, 156, 239,
  160, 224, 59, 77, 174, 42, 245, 176, 200, 235, 187, 60, 131, 83, 153, 97,
  23, 43, 4, 126, 186, 119, 214, 38, 225, 105, 20, 99, 85, 33, 12, 125,
]);
const STATE_IN: u32 = <u32>memory.data(16, 16);
const STATE_OUT: u32 = <u32>memory.data(16, 16);

/** ShiftRows and SubBytes, or their inverses, from STATE_IN to STATE_OUT: row r moves by r columns. */
@inline
function substituteRows(box: u32, direction: u32): void {
  for (let i: u32 = 0; i < 16; i++) {
    const row = i & 3;
    const from = ((i + row * 4 * direction) & 12) | row;
    store<u8>(STATE_OUT + i, load<u8>(box + <u32>load<u8>(STATE_IN + from)));
  }
}

/** Every byte times x in GF(2^8). */
@inline
function doubled(value: v128): v128 {
  const carries = v128.and(i8x16.shr_s(value, 7), i8x16.splat(0x1b));
  return v128.xor(i8x16.shl(value, 1), carries);
}
/** Every column turned by one, two or three rows up. */
@inline
function turned1(a: v128): v128 {
  return v128.shuffle<i8>(a, a, 1, 2, 3, 0, 5, 6, 7, 4, 9, 10, 11, 8, 13, 14, 15, 12);
}
@inline
function turned2(a: v128): v128 {
  return v128.shuffle<i8>(a, a, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13);
}

/** 2a + 3b + c + d for each row. */
function mixColumns(a: v128): v128 {
  const b = turned1(a);
  const sum = v128.xor(a, b);
  // 2a + 2b + b + (c + d), with c and d two rows further down.
  return v128.xor(v128.xor(doubled(sum), b), turned2(sum));
}

/** The inverse is MixColumns after adding 4(a + c) to a and c, and 4(b + d) to b and d. */
function inverseMixColumns(a: v128): v128 {
  const twice = doubled(doubled(v128.xor(a, turned2(a))));
  return mixColumns(v128.xor(a, twice));
}

export function aesenc(u: u32): i32 {
  const key = source128(u);
  if (!key) return FAULTED;
  v128.store(STATE_IN, getDst(u));
  substituteRows(SBOX, 1);
  return setDst(u, v128.xor(mixColumns(v128.load(STATE_OUT)), v128.load(key)));
}
export function aesenclast(u: u32): i32 {
  const key = source128(u);
  if (!key) return FAULTED;
  v128.store(STATE_IN, getDst(u));
  substituteRows(SBOX, 1);
  return setDst(u, v128.xor(v128.load(STATE_OUT), v128.load(key)));
}
export function aesdec(u: u32): i32 {
  const key = source128(u);
  if (!key) return FAULTED;
  v128.store(STATE_IN, getDst(u));
  substituteRows(INVERSE_SBOX, 3);
  return setDst(u, v128.xor(inverseMixColumns(v128.load(STATE_OUT)), v128.load(key)));
}
export function aesdeclast(u: u32): i32 {
  const key = source128(u);
  if (!key) return FAULTED;
  v128.store(STATE_IN, getDst(u));
  substituteRows(INVERSE_SBOX, 3);
  return setDst(u, v128.xor(v128.load(STATE_OUT), v128.load(key)));
}
export function aesimc(u: u32): i32 {
  const from = source128(u);
  return from ? setDst(u, inverseMixColumns(v128.load(from))) : FAULTED;
}

function substituteWord(value: u32): u32 {
  let result: u32 = 0;
  for (let shift: u32 = 0; shift < 32; shift += 8) {
    result |= <u32>load<u8>(SBOX + ((value >> shift) & 0xff)) << shift;
  }
  return result;
}

/** Words 1 and 3 of the source substituted, and the same rotated and with the round constant. */
export function aeskeygenassist(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  const constant = load<u32>(u, UOP_IMM) & 0xff;
  const low = substituteWord(load<u32>(from, 4));
  const high = substituteWord(load<u32>(from, 12));
  const to = xmmDst(u);
  store<u32>(to, low);
  store<u32>(to, rotr<u32>(low, 8) ^ constant, 4);
  store<u32>(to, high, 8);
  store<u32>(to, rotr<u32>(high, 8) ^ constant, 12);
  return NEXT;
}

/** Halves chosen by bits 0 and 4 of imm8, multiplied without carries. */
export function pclmulqdq(u: u32): i32 {
  const from = source128(u);
  if (!from) return FAULTED;
  const selector = load<u32>(u, UOP_IMM);
  const a = load<u64>(xmmDst(u) + (selector & 1) * 8);
  let b = load<u64>(from + ((selector >> 4) & 1) * 8);
  let low: u64 = 0;
  let high: u64 = 0;
  while (b) {
    const shift = ctz<u64>(b);
    low ^= a << shift;
    if (shift) high ^= a >> (64 - shift);
    b &= b - 1;
  }
  store<u64>(xmmDst(u), low);
  store<u64>(xmmDst(u), high, 8);
  return NEXT;
}
