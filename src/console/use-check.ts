// Testing a connection from the form: its steps as they end, then the report.

import { useEffect, useRef, useState } from 'react';
import { runWithId, stream } from './client.ts';
import type { Failure } from './controls.tsx';
import { createInputOf, sendsPassword, type FormState } from './form-state.ts';
import { CheckDocument, ValidateDocument, type FactsFragment, type ReportFragment, type StepFragment } from './operations.ts';
import { useFailures } from './use-request.ts';

interface State {
  readonly steps: readonly StepFragment[];
  readonly report: ReportFragment | null;
  readonly failure: Failure | null;
  readonly isRunning: boolean;
}

export interface Check extends State {
  start(form: FormState): Promise<void>;
  /** Shows a report that came otherwise. */
  show(report: ReportFragment): void;
  clear(): void;
}

const idle: State = { steps: [], report: null, failure: null, isRunning: false };

/** @param stored the registry that is changed; its stored login is tested while no new password is given. */
export function useCheck(stored: FactsFragment | null): Check {
  const [state, setState] = useState(idle);
  const controller = useRef<AbortController | null>(null);
  const meet = useFailures();
  // Hanging up stops the check on the server.
  useEffect(() => () => controller.current?.abort(), []);
  const start = async (form: FormState): Promise<void> => {
    controller.current?.abort();
    const { signal } = (controller.current = new AbortController());
    setState({ ...idle, isRunning: true });
    try {
      const end = stored !== null && !sendsPassword(stored, form) ? await validateStored(stored.id) : await watch(form, signal, (step) => setState((before) => ({ ...before, steps: [...before.steps, step] })));
      if (!signal.aborted) setState((before) => ({ ...before, ...end, isRunning: false }));
    } catch (error) {
      if (signal.aborted) return;
      const failure = meet(error);
      setState((before) => ({ ...before, failure, isRunning: false }));
    }
  };
  return { ...state, start, show: (report) => setState({ ...idle, report }), clear: () => setState(idle) };
}

type End = Pick<State, 'report' | 'failure'>;

async function watch(form: FormState, signal: AbortSignal, onStep: (step: StepFragment) => void): Promise<End> {
  for await (const { registryCheck } of stream(CheckDocument, { input: createInputOf(form), secureConnection: !form.allowSelfSigned }, signal)) {
    if (registryCheck.step !== null) onStep(registryCheck.step);
    if (registryCheck.report !== null) return { report: registryCheck.report, failure: null };
  }
  return { report: null, failure: { message: 'The connection to the server ended before the check did. Test again.', requestId: null } };
}

async function validateStored(id: string): Promise<End> {
  const [{ validateRegistry }, requestId] = await runWithId(ValidateDocument, { id });
  const [error] = validateRegistry.errors;
  return { report: validateRegistry.validation, failure: error === undefined ? null : { message: error.message, requestId } };
}
