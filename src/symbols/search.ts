/** Index of the last value that is not above `wanted` in an ascending list; -1 when all are. */
export function lastNotAbove<T extends number | bigint>(values: ArrayLike<T>, wanted: T): number {
  let [low, high] = [0, values.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (values[middle]! <= wanted) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
