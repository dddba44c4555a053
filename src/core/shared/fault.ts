// Describes an internal error for the log by its names, codes, and stack frames. Omits messages, because drivers print parameters in them.

/** The loggable part of an error and of its causes. */
export interface FaultFields {
  readonly errorName: string;
  readonly errorCode?: string;
  /** The frames only; empty if there are none. */
  readonly stack: string;
  readonly cause?: FaultFields;
}

/** Returns the loggable fields of anything that was thrown. For a value that is not an `Error`, only its type. */
export function faultFields(fault: unknown): FaultFields {
  if (!(fault instanceof Error)) return { errorName: typeof fault, stack: '' };
  const { name, cause } = fault;
  const errorCode = codeOf(fault);
  return {
    errorName: name,
    ...(errorCode === undefined ? {} : { errorCode }),
    stack: framesOf(fault),
    ...(cause === undefined ? {} : { cause: faultFields(cause) }),
  };
}

/** Returns the code that Node, drivers, and libraries set on their errors, such as `ECONNREFUSED`, or undefined if absent. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** Returns one word for the log: the code of an error, else its name, else `unknown`. */
export function codeOrNameOf(error: unknown): string {
  return codeOf(error) ?? (error instanceof Error ? error.name : 'unknown');
}

/** Returns the stack without its message. The message is removed as a whole, because it may contain lines that look like frames. */
function framesOf({ message, stack = '' }: Error): string {
  const start = stack.indexOf(message);
  return start < 0 ? '' : stack.slice(start + message.length).trimStart();
}
