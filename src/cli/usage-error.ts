/** Something that the person at the keyboard can mend: printed as a sentence and the next command, exit 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';

  constructor(
    /** What and why, no full stop. */
    message: string,
    /** What to do next. */
    readonly hint?: string,
  ) {
    super(message);
  }
}
