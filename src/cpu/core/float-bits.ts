// IEEE 754 bit patterns (Intel SDM Vol. 1 4.2, 4.8): T is u32 for float, u64 for double.

@inline
export function infinity<T>(): T {
  return sizeof<T>() == 4 ? <T>0x7f80_0000 : <T>0x7ff0_0000_0000_0000;
}
@inline
export function signBit<T>(): T {
  return <T>((<T>1) << <T>(sizeof<T>() * 8 - 1));
}
@inline
export function quietBit<T>(): T {
  return sizeof<T>() == 4 ? <T>0x40_0000 : <T>0x8_0000_0000_0000;
}
/** The NaN of an invalid operation: negative and quiet. */
@inline
export function defaultNan<T>(): T {
  return <T>(infinity<T>() | signBit<T>() | quietBit<T>());
}
@inline
export function magnitude<T>(bits: T): T {
  return <T>(bits & ~signBit<T>());
}
@inline
export function isNan<T>(bits: T): bool {
  return magnitude<T>(bits) > infinity<T>();
}
@inline
export function isSignalling<T>(bits: T): bool {
  return isNan<T>(bits) && !(bits & quietBit<T>());
}
@inline
export function isDenormal<T>(bits: T): bool {
  return magnitude<T>(bits) != 0 && (bits & infinity<T>()) == 0;
}
@inline
export function toNumber<T>(bits: T): f64 {
  return sizeof<T>() == 4 ? <f64>reinterpret<f32>(<u32>bits) : reinterpret<f64>(<u64>bits);
}
@inline
export function fromF64<T>(value: f64): T {
  return sizeof<T>() == 4 ? <T>reinterpret<u32>(<f32>value) : <T>reinterpret<u64>(value);
}

/** A NaN made quiet. */
@inline
export function quieted<T>(bits: T): T {
  return <T>(bits | quietBit<T>());
}

/** The next representable value in a direction. `bits` is finite or infinite, not NaN. */
export function neighbour<T>(bits: T, up: bool): T {
  if (magnitude<T>(bits) == 0) return up ? <T>1 : <T>(signBit<T>() | <T>1);
  const negative = (bits & signBit<T>()) != 0;
  return up != negative ? <T>(bits + 1) : <T>(bits - 1);
}

// --- Exponents ---------------------------------------------------------------------------------------------------------

@inline
export function exponentBits<T>(): T {
  return <T>(sizeof<T>() == 4 ? 23 : 52);
}
@inline
export function smallestNormal<T>(): T {
  return <T>(<T>1 << exponentBits<T>());
}
@inline
export function bias<T>(): i32 {
  return sizeof<T>() == 4 ? 127 : 1023;
}

/** Exponent of a finite number other than 0, as if the format had all exponents. */
export function exponentOf<T>(bits: T): i32 {
  const field = <i32>(magnitude<T>(bits) >> exponentBits<T>());
  if (field) return field - bias<T>();
  const leading = <i32>(clz<T>(magnitude<T>(bits)));
  return 1 - bias<T>() - (leading - (<i32>(sizeof<T>() * 8) - 1 - <i32>exponentBits<T>()));
}
/** The same number with exponent 0: 1 to 2, and its sign. */
export function normalised<T>(bits: T): T {
  const size = magnitude<T>(bits);
  const shift = <T>max<i32>(0, 1 - bias<T>() - exponentOf<T>(bits));
  const fraction = <T>((size << shift) & (smallestNormal<T>() - 1));
  return <T>((bits & signBit<T>()) | fraction | (<T>bias<T>() << exponentBits<T>()));
}
/** `bits` (1 to 2) times 2 to a power that is not positive; too small a power leaves the least there is, which rounds alike. */
export function scaled<T>(bits: T, power: i32): T {
  const field = max<i32>(1, bias<T>() + power);
  return <T>((bits & ~infinity<T>()) | (<T>field << exponentBits<T>()));
}
