/**
 * The three kinds of address that a PC has, as three types that do not mix: mixing them is the very mistake this
 * product finds in drivers.
 *
 * - {@link Gpa}: a guest-physical address, what stands on the memory bus. A `number`, exact below 2^52
 *   (Intel SDM Vol. 3A, MAXPHYADDR <= 52).
 * - {@link BusAddress}: what a device puts on PCI. Usually equal to a `Gpa`, but it comes straight out of guest memory,
 *   so all 64 bits can be set: a `number` below 2^52 and a `bigint` from there up (which no memory ever answers).
 * - {@link Gva}: a linear (virtual) address of the guest's CPU, all 64 bits: a `bigint`, used only at the edges
 *   (diagnosis, debugger, reports). Inside the processor core it is an i64.
 */
declare const kind: unique symbol;

export type Gpa = number & { readonly [kind]: 'gpa' };
export type BusAddress = (number | bigint) & { readonly [kind]: 'bus' };
export type Gva = bigint & { readonly [kind]: 'gva' };

/** First value that is not a physical address: 2^52 (Intel SDM Vol. 3A 4.1.4, MAXPHYADDR). */
export const PHYSICAL_ADDRESS_LIMIT = 2 ** 52;

/** A physical address from a number that is known to be one. Use {@link gpaFromWords} for what a guest decides. */
export function gpa(value: number): Gpa {
  return value as Gpa;
}

/** A linear address; the value is cut to 64 bits. */
export function gva(value: bigint): Gva {
  return BigInt.asUintN(64, value) as Gva;
}

/** A 64-bit pointer read from guest memory as two words, or `undefined` if no physical bus could decode it. */
export function gpaFromWords(low: number, high: number): Gpa | undefined {
  const value = (high >>> 0) * 2 ** 32 + (low >>> 0);
  return value < PHYSICAL_ADDRESS_LIMIT ? (value as Gpa) : undefined;
}

/** A 64-bit pointer that a device was given, as two 32-bit words. Every value is legal here; none is lost. */
export function busFromWords(low: number, high: number): BusAddress {
  const top = high >>> 0;
  if (top < 0x10_0000) return (top * 2 ** 32 + (low >>> 0)) as BusAddress;
  return ((BigInt(top) << 32n) | BigInt(low >>> 0)) as BusAddress;
}

/** A bus address from any non-negative integer up to 2^64 - 1. */
export function bus(value: number | bigint): BusAddress {
  if (typeof value === 'number') return value as BusAddress;
  const cut = BigInt.asUintN(64, value);
  return (cut < 0x10_0000_0000_0000n ? Number(cut) : cut) as BusAddress;
}

/** The address `bytes` further on (negative: back), wrapping at 2^64 as a device's adder does. */
export function offsetBus(address: BusAddress, bytes: number): BusAddress {
  if (typeof address === 'number') {
    const sum = address + bytes;
    if (sum >= 0 && sum < PHYSICAL_ADDRESS_LIMIT) return sum as BusAddress;
  }
  return bus(BigInt(address) + BigInt(bytes));
}

/** The physical address behind a bus address when nothing translates in between, or `undefined` from 2^52 up. */
export function busToGpa(address: BusAddress): Gpa | undefined {
  return typeof address === 'number' ? (address as number as Gpa) : undefined;
}

/** The low 32 bits of a bus address. */
export function busLow(address: BusAddress): number {
  return typeof address === 'number' ? address >>> 0 : Number(BigInt.asUintN(32, address));
}

/** The high 32 bits of a bus address. */
export function busHigh(address: BusAddress): number {
  return typeof address === 'number' ? Math.floor(address / 2 ** 32) : Number((address as bigint) >> 32n);
}

/** Lower-case, unpadded, prefixed: the one way an address is written in anything a person reads ("0x2e3080"). */
export function hex(value: number | bigint): string {
  return value < 0 ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`;
}

/** Fixed-width lower-case hex without prefix, as QEMU's traces print it. `value` must not be negative. */
export function hexPadded(value: number | bigint, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}
