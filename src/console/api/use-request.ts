// Loading something from the server into a component: what it is, what went wrong, and how to load it again.

import { createContext, useCallback, useContext, useEffect, useState } from 'react';
import { RequestFailure } from './client.ts';

export interface Loaded<Answer> {
  /** The newest answer; that of the question before stays until the new one is there. */
  readonly answer: Answer | null;
  readonly failure: RequestFailure | null;
  readonly isLoading: boolean;
  readonly reload: () => void;
}

/** What can be shown of a failure. */
export interface Failure {
  readonly message: string;
  readonly requestId: string | null;
}

/** Called when the server no longer knows the session. */
export const SessionEnded = createContext<() => void>(() => undefined);

/** Loads whenever `key` changes; an answer that comes too late is dropped. */
export function useRequest<Answer>(key: string, load: (signal: AbortSignal) => Promise<Answer>): Loaded<Answer> {
  const [state, setState] = useState<Omit<Loaded<Answer>, 'reload'>>({ answer: null, failure: null, isLoading: true });
  const [round, setRound] = useState(0);
  const meet = useFailures();
  useEffect(() => {
    const controller = new AbortController();
    setState((before) => ({ ...before, isLoading: true }));
    load(controller.signal).then(
      (answer) => controller.signal.aborted || setState({ answer, failure: null, isLoading: false }),
      (error: unknown) => {
        if (controller.signal.aborted) return;
        const failure = meet(error);
        setState((before) => ({ ...before, failure, isLoading: false }));
      },
    );
    return () => controller.abort();
    // `load` is made anew at every drawing; `key` says when it means something else.
    // oxlint-disable-next-line react-hooks/exhaustive-deps
  }, [key, round]);
  return { ...state, reload: useCallback(() => setRound((before) => before + 1), []) };
}

/** Gives a function that makes of whatever was thrown something that can be shown; where the session has ended, that is told first. */
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

/** Whatever was thrown, as something that can be shown. */
export function failureOf(error: unknown): RequestFailure {
  return error instanceof RequestFailure
    ? error
    : new RequestFailure('INTERNAL', 'The console met a fault of its own. Reload the page and try again.', null);
}
