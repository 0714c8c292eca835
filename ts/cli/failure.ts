/** How the command ends badly: one line with a code on standard error, exit status 1, and never a value. */
import { PspError } from '../errors.ts';
import { showName } from './text.ts';

/** Every exit status but 0. The text of `psp --help` has them too. */
export const EXIT_STATUS = {
  /** One line `psp: CODE: ...` on standard error says why. */
  failed: 1,
  /** `diff`: the two sessions are not the same. */
  different: 2,
  /** `merge --strict`: a person should look at something. */
  conflict: 2,
  /** `validate`: the file is no valid session. */
  invalid: 3,
} as const;

/** A failure of the command itself: wrong use, a file that cannot be read. The message is shown as it is. */
export class CliFailure extends Error {
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'CliFailure';
    this.code = code;
  }
}

/** A wrong use of the command line. Never echoes an argument: someone may have put a key there. */
export function usage(message: string): CliFailure {
  return new CliFailure('USAGE', `${message}; see psp --help`);
}

/** The line for any error. What is none of ours shows its name only: the platform's messages may quote what they worked on. */
export function describeFailure(error: unknown): string {
  // One line whatever the message repeats: a file may have a line end in its name, and so may a database.
  if (error instanceof CliFailure || error instanceof PspError) return `psp: ${error.code}: ${showName(error.message, 500)}`;
  return `psp: UNEXPECTED: ${error instanceof Error ? error.name : 'something that is no error'}; this is a mistake of psp itself`;
}
