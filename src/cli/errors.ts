// Errors that end a command early, each with a message for the user and an exit code for scripts.

/** Exit codes of every command. Shells report 130 for a program that Ctrl-C ended. */
export const exitCodes = { done: 0, refused: 1, usageError: 2, notReachable: 3, canceled: 130 } as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** Ends a command. With `-o json`, `answer` is printed instead of a result. */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure';
  readonly exitCode: ExitCode;
  readonly answer: object | undefined;

  constructor(exitCode: ExitCode, message: string, answer?: object) {
    super(message);
    this.exitCode = exitCode;
    this.answer = answer;
  }
}

/** Creates the error for a wrong command line (exit status 2). Nothing was sent. */
export function usageError(message: string): CommandFailure {
  return new CommandFailure(exitCodes.usageError, message);
}

/** Creates the error for a server that did not answer as Regway does (exit status 3). */
export function notReachable(message: string): CommandFailure {
  return new CommandFailure(exitCodes.notReachable, message);
}

/** Creates the error for a request that the server rejected (exit status 1). */
export function refused(message: string, answer?: object): CommandFailure {
  return new CommandFailure(exitCodes.refused, message, answer);
}
