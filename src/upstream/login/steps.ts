// Records the steps of one conversation with a registry: which one is running, how each ended, and how long it took.

import type { ValidationStep, ValidationStepKind, ValidationStepStatus } from '../../core/registry/report.ts';

export interface Steps {
  /** The steps that have ended, oldest first. */
  readonly finished: readonly ValidationStep[];
  /** Starts a step; its duration counts from here. */
  start(kind: ValidationStepKind): void;
  /** Finishes the running step, if there is one. */
  finish(status: ValidationStepStatus, message: string): void;
  /** Returns the running step, or undefined between two steps. */
  running(): ValidationStepKind | undefined;
}

/** Creates a record without steps. @param onStep Called as each step finishes; undefined reports to no one. */
export function createSteps(onStep: ((step: ValidationStep) => void) | undefined): Steps {
  const finished: ValidationStep[] = [];
  let current: { kind: ValidationStepKind; startedMs: number } | undefined;
  return {
    finished,
    running: () => current?.kind,
    start(kind) {
      current = { kind, startedMs: performance.now() };
    },
    finish(status, message) {
      if (current === undefined) return;
      const durationMs = Math.round(performance.now() - current.startedMs);
      const step = { kind: current.kind, status, message, durationMs };
      current = undefined;
      finished.push(step);
      onStep?.(step);
    },
  };
}
