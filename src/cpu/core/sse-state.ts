// MXCSR and FXSAVE/FXRSTOR (Intel SDM Vol. 2; the image is table 3-43). ST0 comes first, as in FSAVE.

import {
  FAULTED, FORM_SIZE, MODE, MODE_CODE_64, MODE_CODE_SIZE_MASK, MXCSR, MXCSR_MASK, NEXT, UOP_FORM, X87, X87_CONTROL,
  X87_LAST_CS, X87_LAST_DATA, X87_LAST_DS, X87_LAST_IP, X87_LAST_OPCODE, X87_STATUS, X87_TAG, XMM,
} from './constants';
import { effective, readAt, readBlock, storable, writeAt, writeBlock } from './operands';
import { CR4_OSFXSR, cr4, GP, raise } from './state';
import { setControlWord } from './x87-environment';
import { topOfStack, updateSummary } from './x87-state';

const IMAGE: u32 = <u32>memory.data(512, 16);
/** Bytes that FXSAVE writes: the rest of the 512 is left as it is. */
const IMAGE_BYTES: u32 = 416;
/** All of an FXSAVE area, with the part that is left to software: processors ask for its pages too. */
const AREA_BYTES: u32 = 512;

export function ldmxcsr(u: u32): i32 {
  const from = readAt<u32>(u, effective(u, 4));
  if (!from) return FAULTED;
  return setMxcsr(load<u32>(from)) ? NEXT : FAULTED;
}

export function stmxcsr(u: u32): i32 {
  return writeAt<u32>(u, effective(u, 4), load<u32>(MXCSR)) ? NEXT : FAULTED;
}

/** A bit outside the mask is #GP(0). */
export function setMxcsr(value: u32): bool {
  if (value & ~load<u32>(MXCSR_MASK)) {
    raise(GP, 0, true);
    return false;
  }
  store<u32>(MXCSR, value);
  return true;
}

@inline
function vectorBytes(): u32 {
  // Outside of 64-bit mode there are eight xmm registers; without CR4.OSFXSR none is saved.
  if (!(cr4() & CR4_OSFXSR)) return 0;
  return (load<u32>(MODE) & MODE_CODE_SIZE_MASK) == MODE_CODE_64 ? 256 : 128;
}

// --- The legacy image --------------------------------------------------------------------------------------------------

/** Puts the x87 part into the first 160 bytes of an image at `image`; `wide`: 64-bit pointers (REX.W). */
export function saveX87Image(image: u32, wide: bool): void {
  store<u16>(image, <u16>load<u32>(X87_CONTROL));
  store<u16>(image, <u16>load<u32>(X87_STATUS), 2);
  store<u16>(image, <u16>load<u32>(X87_TAG), 4);
  store<u16>(image, <u16>load<u32>(X87_LAST_OPCODE), 6);
  store<u64>(image, load<u64>(X87_LAST_IP), 8);
  store<u64>(image, load<u64>(X87_LAST_DATA), 16);
  if (!wide) {
    store<u32>(image, load<u32>(X87_LAST_CS), 12);
    store<u32>(image, load<u32>(X87_LAST_DS), 20);
  }
  const top = topOfStack();
  for (let i: u32 = 0; i < 8; i++) memory.copy(image + 32 + i * 16, X87 + ((top + i) & 7) * 16, 16);
}

/** Takes the x87 part of an image. Reserved bits are ignored; ES and B follow from the flags. */
export function loadX87Image(image: u32, wide: bool): void {
  setControlWord(load<u16>(image));
  store<u32>(X87_STATUS, load<u16>(image, 2));
  store<u32>(X87_TAG, load<u8>(image, 4));
  store<u32>(X87_LAST_OPCODE, load<u16>(image, 6) & 0x7ff);
  store<u64>(X87_LAST_IP, wide ? load<u64>(image, 8) : <u64>load<u32>(image, 8));
  store<u64>(X87_LAST_DATA, wide ? load<u64>(image, 16) : <u64>load<u32>(image, 16));
  store<u32>(X87_LAST_CS, wide ? 0 : load<u16>(image, 12));
  store<u32>(X87_LAST_DS, wide ? 0 : load<u16>(image, 20));
  const top = topOfStack();
  for (let i: u32 = 0; i < 8; i++) {
    const slot = X87 + ((top + i) & 7) * 16;
    store<u64>(slot, load<u64>(image + 32 + i * 16));
    store<u64>(slot, load<u16>(image + 40 + i * 16), 8);
  }
  updateSummary();
}

export function fxsave(u: u32): i32 {
  const address = effective(u, 512);
  if (address & 15) {
    raise(GP, 0, true);
    return FAULTED;
  }
  const bytes: u32 = 160 + vectorBytes();
  memory.fill(IMAGE, 0, IMAGE_BYTES);
  saveX87Image(IMAGE, (load<u8>(u, UOP_FORM) & FORM_SIZE) == 3);
  store<u32>(IMAGE, load<u32>(MXCSR), 24);
  store<u32>(IMAGE, load<u32>(MXCSR_MASK), 28);
  memory.copy(IMAGE + 160, XMM, vectorBytes());
  // In pieces: a block store is at most 64 bytes. All of it is checked before any of it is written.
  if (!storable(u, address, AREA_BYTES)) return FAULTED;
  for (let at: u32 = 0; at < bytes; at += 64) {
    if (!writeBlock(u, address + at, min<u32>(64, bytes - at), IMAGE + at)) return FAULTED;
  }
  return NEXT;
}

export function fxrstor(u: u32): i32 {
  const address = effective(u, 512);
  if (address & 15) {
    raise(GP, 0, true);
    return FAULTED;
  }
  for (let at: u32 = 0; at < AREA_BYTES; at += 64) {
    const from = readBlock(u, address + at, 64);
    if (!from) return FAULTED;
    memory.copy(IMAGE + at, from, 64);
  }
  if (cr4() & CR4_OSFXSR && !setMxcsr(load<u32>(IMAGE, 24))) return FAULTED;
  loadX87Image(IMAGE, (load<u8>(u, UOP_FORM) & FORM_SIZE) == 3);
  memory.copy(XMM, IMAGE + 160, vectorBytes());
  return NEXT;
}
