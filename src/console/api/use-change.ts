// Runs a change on the server from a component and keeps its state: whether it is running, and the failure with its request ID.

import { useState } from 'react';
import type { FailureFragment } from './operations.ts';
import { type Failure, useFailures } from './use-request.ts';

/** Sends the change; returns the errors of its payload and the request ID. */
export type SendChange = () => Promise<readonly [readonly FailureFragment[], string | null]>;

/** The state of a change, and the function that sends it. */
export interface Change {
  readonly failure: Failure | null;
  readonly isBusy: boolean;
  /** Sends the change; returns whether it succeeded. */
  readonly start: (send: SendChange) => Promise<boolean>;
}

/** Returns the state of one kind of change, and the function that sends it. */
export function useChange(): Change {
  const [failure, setFailure] = useState<Failure | null>(null);
  const [isBusy, setBusy] = useState(false);
  const toFailure = useFailures();
  const start = async (send: SendChange): Promise<boolean> => {
    setBusy(true);
    const newFailure = await send().then(
      ([[error], requestId]) => (error === undefined ? null : { message: error.message, requestId }),
      toFailure,
    );
    setFailure(newFailure);
    setBusy(false);
    return newFailure === null;
  };
  return { failure, isBusy, start };
}
