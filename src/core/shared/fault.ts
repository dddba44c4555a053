// Describes a fault of ours for the log: names, codes and frames tell where it broke. Messages are left out, since drivers print parameters in them.

export interface FaultFields {
  readonly errorName: string;
  readonly errorCode?: string;
  readonly stack: string;
  readonly cause?: FaultFields;
}

/** What may be logged of anything that was thrown. */
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

/** The code that Node, drivers and libraries give their errors, such as `ECONNREFUSED`; undefined for what has none. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** One word for the log: the code, else the name. */
export function codeOrNameOf(error: unknown): string {
  return codeOf(error) ?? (error instanceof Error ? error.name : 'unknown');
}

/** The stack without its message: a message may hold lines that look like frames, so it is cut away as a whole. */
function framesOf({ message, stack = '' }: Error): string {
  const start = stack.indexOf(message);
  return start < 0 ? '' : stack.slice(start + message.length).trimStart();
}
