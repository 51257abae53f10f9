/** What is wrong with a command's flags, in our words: Stricli finds it, we say it, with the next step on a second line. */
import {
  ArgumentScannerError,
  type EnumValidationError,
  type FlagNotFoundError,
  formatMessageForArgumentScannerError,
  type UnsatisfiedFlagError,
} from '@stricli/core';
import { UsageError } from './usage-error.ts';

/** One line, or two: the complaint, and what to write instead. */
export function complaintAbout(error: unknown): string {
  if (!(error instanceof ArgumentScannerError)) return error instanceof Error ? error.message : String(error);
  return formatMessageForArgumentScannerError(error, {
    FlagNotFoundError: ({ input, corrections }: FlagNotFoundError) => {
      const [guess] = corrections;
      const suggestion = guess === undefined ? '' : ` (did you mean "${dashed(guess)}"?)`;
      return `there is no flag ${dashed(input)}${suggestion}`;
    },
    AliasNotFoundError: ({ input }) => `there is no flag -${input}`,
    EnumValidationError: ({ externalFlagName, input, values }: EnumValidationError) =>
      `${dashed(externalFlagName)} ${input}: there is no "${input}"\ngive one of: ${values.join(', ')}`,
    UnsatisfiedFlagError: ({ externalFlagName }: UnsatisfiedFlagError) => `${dashed(externalFlagName)} needs a value`,
    UnexpectedFlagError: ({ externalFlagName }) => `${dashed(externalFlagName)} is given twice`,
    UnexpectedPositionalError: ({ input }) => `"${input}" is one argument too many`,
    UnsatisfiedPositionalError: ({ placeholder }) => `${placeholder} is missing`,
    ArgumentParseError: ({ externalFlagNameOrPlaceholder: name, exception }) => {
      const message = exception instanceof Error ? exception.message : String(exception);
      const hint = exception instanceof UsageError && exception.hint !== undefined ? `\n${exception.hint}` : '';
      return `${dashed(name)}: ${message}${hint}`;
    },
  });
}

function dashed(name: string): string {
  return name.startsWith('-') ? name : `--${name}`;
}
