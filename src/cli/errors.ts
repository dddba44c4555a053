// What ends a command early: a sentence for the person and the exit code for the script.

/** Exit codes of every command. 130 is what shells give for a program that Ctrl-C ended. */
export const exitCodes = { done: 0, refused: 1, usageError: 2, notReachable: 3, canceled: 130 } as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** Ends a command. `answer` is what `-o json` prints instead of a result. */
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

/** The command line itself is at fault; nothing was sent. */
export function usageError(message: string): CommandFailure {
  return new CommandFailure(exitCodes.usageError, message);
}

/** No Regway server answered. */
export function notReachable(message: string): CommandFailure {
  return new CommandFailure(exitCodes.notReachable, message);
}

/** The server answered and said no. */
export function refused(message: string, answer?: object): CommandFailure {
  return new CommandFailure(exitCodes.refused, message, answer);
}
