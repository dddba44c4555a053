// Loads data from the server into a component: the answer, the failure, and a function that loads it again.

import { createContext, useCallback, useContext, useEffect, useState } from 'react';
import { RequestFailure } from './client.ts';

/** The state of loaded data. */
export interface Loaded<Answer> {
  /** The latest answer; the previous one stays until the new one arrives. */
  readonly answer: Answer | null;
  readonly failure: RequestFailure | null;
  readonly isLoading: boolean;
  readonly reload: () => void;
}

/** A failure to show: the message and the request ID, if the server answered. */
export interface Failure {
  readonly message: string;
  readonly requestId: string | null;
}

/** Called when the server reports that the session has ended. */
export const SessionEnded = createContext<() => void>(() => undefined);

/** Loads again whenever `key` changes. An answer for an earlier key is discarded. */
export function useRequest<Answer>(key: string, load: (signal: AbortSignal) => Promise<Answer>): Loaded<Answer> {
  const [state, setState] = useState<Omit<Loaded<Answer>, 'reload'>>({ answer: null, failure: null, isLoading: true });
  const [round, setRound] = useState(0);
  const toFailure = useFailures();
  useEffect(() => {
    const controller = new AbortController();
    setState((before) => ({ ...before, isLoading: true }));
    load(controller.signal).then(
      (answer) => controller.signal.aborted || setState({ answer, failure: null, isLoading: false }),
      (error: unknown) => {
        if (controller.signal.aborted) return;
        const failure = toFailure(error);
        setState((before) => ({ ...before, failure, isLoading: false }));
      },
    );
    return () => controller.abort();
    // `load` is a new function in every render; `key` identifies what it loads.
    // oxlint-disable-next-line react-hooks/exhaustive-deps
  }, [key, round]);
  return { ...state, reload: useCallback(() => setRound((before) => before + 1), []) };
}

/** Returns a function that converts a thrown value to a failure to show, and calls `SessionEnded` if the session has ended. */
export function useFailures(): (error: unknown) => RequestFailure {
  const sessionEnded = useContext(SessionEnded);
  return useCallback(
    (error) => {
      const failure = failureOf(error);
      if (failure.code === 'UNAUTHENTICATED') sessionEnded();
      return failure;
    },
    [sessionEnded],
  );
}

/** Converts a thrown value to a failure to show. */
export function failureOf(error: unknown): RequestFailure {
  return error instanceof RequestFailure
    ? error
    : new RequestFailure('INTERNAL', 'Internal error in the console. Reload the page and try again.', null);
}
