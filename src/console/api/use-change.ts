// Asking the server for a change: whether it is under way, and what went wrong with it, in words and with the id of the request.

import { useState } from 'react';
import type { FailureFragment } from './operations.ts';
import { type Failure, useFailures } from './use-request.ts';

/** Asks for the change; gives what the server has against it, and the id of the request. */
export type Ask = () => Promise<readonly [readonly FailureFragment[], string | null]>;

export interface Change {
  readonly failure: Failure | null;
  readonly isBusy: boolean;
  /** True when it was done. */
  readonly start: (ask: Ask) => Promise<boolean>;
}

export function useChange(): Change {
  const [failure, setFailure] = useState<Failure | null>(null);
  const [isBusy, setBusy] = useState(false);
  const meet = useFailures();
  const start = async (ask: Ask): Promise<boolean> => {
    setBusy(true);
    const met = await ask().then(
      ([[error], requestId]) => (error === undefined ? null : { message: error.message, requestId }),
      meet,
    );
    setFailure(met);
    setBusy(false);
    return met === null;
  };
  return { failure, isBusy, start };
}
