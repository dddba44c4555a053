// A check of a login as the server runs it: its steps as they end, then the report.

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

/** The messages of one check on the server, which stops when the signal does. */
type Progress = (signal: AbortSignal) => AsyncIterable<CheckSubscription['registryCheck']>;

export interface Check extends State {
  /** Runs it instead of the one before; gives the report, or null when there is none. */
  start(progress: Progress): Promise<ReportFragment | null>;
  /** Shows a report that came otherwise. */
  show(report: ReportFragment): void;
  clear(): void;
}

const idle: State = { steps: [], report: null, failure: null, isRunning: false };
const cutShort: Failure = {
  message: 'The connection to the server ended before the check did. Check again.',
  requestId: null,
};

export function useCheck(): Check {
  const [state, setState] = useState(idle);
  const controller = useRef<AbortController | null>(null);
  const meet = useFailures();
  // Hanging up stops the check on the server.
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
      show(() => ({ report, failure: report === null ? cutShort : null, isRunning: false }));
      return report;
    } catch (error) {
      if (!signal.aborted) {
        const failure = meet(error);
        show(() => ({ failure, isRunning: false }));
      }
      return null;
    }
  };
  return { ...state, start, show: (report) => setState({ ...idle, report }), clear: () => setState(idle) };
}

/** Checks what the form says; the stored login of `stored` while no new password is given. */
export function checkForm(stored: FactsFragment | null, form: FormState): Progress {
  if (stored !== null && !sendsPassword(stored, form)) return checkStored(stored.id);
  return async function* (signal) {
    const variables = { input: createInputOf(form), secureConnection: !form.allowSelfSigned };
    for await (const { registryCheck } of stream(CheckDocument, variables, signal)) yield registryCheck;
  };
}

/** Checks the stored login of a registry; the server records the outcome. */
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
