/** A broken promise of ours: a guest can never cause one (docs/style: guest mistakes are values). */
export class InternalError extends Error {
  override readonly name = 'InternalError';
}

/** Names an invariant of the emulator itself. Never call it on anything that a guest, a file or a flag decides. */
export function assert(condition: unknown, invariant: string): asserts condition {
  if (!condition) throw new InternalError(invariant);
}

/** The last arm of an exhaustive `switch`: a compile error when a case is missing, an {@link InternalError} at run time. */
export function unreachable(value: never): never {
  throw new InternalError(`unreachable case ${String(value)}`);
}
