/** Write hooks (QEMU: ioeventfd): a matching write wakes somebody and never reaches the register callback. */

export interface WriteHookMatch {
  /** Offset in the region. A write matches only when it begins exactly here. */
  readonly offset: number;
  /** Bytes of the write; 0 matches every size. */
  readonly size: number;
  /**
   * Only this value (up to 2^53) matches, as the guest writes it, whatever the device's endianness; `undefined`: every
   * value does. Ignored when `size` is 0.
   */
  readonly data?: number;
}

export interface WriteHook extends WriteHookMatch {
  readonly notify: () => void;
}

/** The first hook that a write of `size` bytes at `offset` wakes, or `undefined`. */
export function matchingHook(
  hooks: readonly WriteHook[],
  offset: number,
  size: number,
  low: number,
  high: number,
): WriteHook | undefined {
  for (const hook of hooks) {
    if (hook.offset !== offset) continue;
    if (hook.size === 0) return hook;
    if (hook.size !== size) continue;
    if (hook.data === undefined || hook.data === high * 2 ** 32 + low) return hook;
  }
  return undefined;
}
