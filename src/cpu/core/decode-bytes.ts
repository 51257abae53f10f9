// The decoder's window on the instruction's bytes. Valid during one decodeInstruction.

let cursor: u32 = 0;
let limit: u32 = 0;

/** The instruction is not over at the end of the window. */
export let ranOut: bool = false;

/** Starts at the byte at `from`; `to` is the first byte that may not be read. */
export function openWindow(from: u32, to: u32): void {
  cursor = from;
  limit = to;
  ranOut = false;
}

/** Address of the next byte. */
@inline
export function position(): u32 {
  return cursor;
}

/** The next byte without taking it; 0 at the end of the window. */
@inline
export function peek(): u32 {
  if (cursor >= limit) {
    ranOut = true;
    return 0;
  }
  return load<u8>(cursor);
}
@inline
export function byte(): u32 {
  if (cursor >= limit) {
    ranOut = true;
    return 0;
  }
  return load<u8>(cursor++);
}
export function word(): u32 {
  const low = byte();
  return low | (byte() << 8);
}
export function dword(): u32 {
  const low = word();
  return low | (word() << 16);
}
export function qword(): u64 {
  const low = <u64>dword();
  return low | (<u64>dword() << 32);
}
