// Runs a validation on the server and reports its steps as they finish, then the result.

import { useEffect, useRef, useState } from 'react';
import { stream } from '../api/client.ts';
import { createInputOf, sendsPassword, type FormState } from './form-state.ts';
import {
  CheckDocument,
  RecheckDocument,
  type CheckSubscription,
  type FactsFragment,
  type ReportFragment,
  type StepFragment,
} from '../api/operations.ts';
import { type Failure, useFailures } from '../api/use-request.ts';

interface State {
  readonly steps: readonly StepFragment[];
  readonly report: ReportFragment | null;
  readonly failure: Failure | null;
  readonly isRunning: boolean;
}

/** Starts one check and yields its messages. Aborting the signal stops the check on the server. */
type Progress = (signal: AbortSignal) => AsyncIterable<CheckSubscription['registryCheck']>;

/** The state of a check, and the functions that control it. */
export interface Check extends State {
  /** Aborts a running check and starts this one. Returns the report, or null if the check failed or was aborted. */
  start(progress: Progress): Promise<ReportFragment | null>;
  /** Shows a report from another source, such as a failed change. */
  show(report: ReportFragment): void;
  clear(): void;
}

const idle: State = { steps: [], report: null, failure: null, isRunning: false };
const connectionLost: Failure = {
  message: 'The connection to the server was lost before the validation finished. Try again.',
  requestId: null,
};

/** Returns the state of a check and the functions that control it. */
export function useCheck(): Check {
  const [state, setState] = useState(idle);
  const controller = useRef<AbortController | null>(null);
  const toFailure = useFailures();
  // Closing the connection stops the check on the server.
  useEffect(() => () => controller.current?.abort(), []);
  const start = async (progress: Progress): Promise<ReportFragment | null> => {
    controller.current?.abort();
    const { signal } = (controller.current = new AbortController());
    const show = (change: (before: State) => Partial<State>): void => {
      if (!signal.aborted) setState((before) => ({ ...before, ...change(before) }));
    };
    setState({ ...idle, isRunning: true });
    try {
      const report = await lastReport(progress(signal), (step) => show(({ steps }) => ({ steps: [...steps, step] })));
      show(() => ({ report, failure: report === null ? connectionLost : null, isRunning: false }));
      return report;
    } catch (error) {
      if (!signal.aborted) {
        const failure = toFailure(error);
        show(() => ({ failure, isRunning: false }));
      }
      return null;
    }
  };
  return { ...state, start, show: (report) => setState({ ...idle, report }), clear: () => setState(idle) };
}

/** Checks the values of the form, or the stored credential of `stored` if the form sends no password. */
export function checkForm(stored: FactsFragment | null, form: FormState): Progress {
  if (stored !== null && !sendsPassword(stored, form)) return checkStored(stored.id);
  return async function* (signal) {
    const variables = { input: createInputOf(form), secureConnection: !form.allowSelfSigned };
    for await (const { registryCheck } of stream(CheckDocument, variables, signal)) yield registryCheck;
  };
}

/** Validates the stored credential of a registry. The server stores the outcome. */
export function checkStored(id: string): Progress {
  return async function* (signal) {
    for await (const { registryRecheck } of stream(RecheckDocument, { id }, signal)) yield registryRecheck;
  };
}

async function lastReport(
  messages: AsyncIterable<CheckSubscription['registryCheck']>,
  onStep: (step: StepFragment) => void,
): Promise<ReportFragment | null> {
  for await (const { step, report } of messages) {
    if (step !== null) onStep(step);
    if (report !== null) return report;
  }
  return null;
}
