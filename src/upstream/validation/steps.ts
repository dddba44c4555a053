// The steps of one check: which one runs, how each ended, how long it took.

import type { ValidationStep, ValidationStepKind, ValidationStepStatus } from '../../core/registry/report.ts';
import type { ConnectionPhase } from '../transport/connector.ts';

export interface Steps {
  readonly steps: readonly ValidationStep[];
  /** Starts a step; its time runs from here. */
  enter(kind: ValidationStepKind): void;
  /** Ends the running step, if one runs. */
  end(status: ValidationStepStatus, message: string): void;
  /** The running step. */
  current(): ValidationStepKind | undefined;
}

/** @param onStep Called as each step ends. */
export function createTrail(onStep: ((step: ValidationStep) => void) | undefined): Steps {
  const steps: ValidationStep[] = [];
  let running: { kind: ValidationStepKind; startedMs: number } | undefined;
  return {
    steps,
    current: () => running?.kind,
    enter(kind) {
      running = { kind, startedMs: performance.now() };
    },
    end(status, message) {
      if (running === undefined) return;
      const step = {
        kind: running.kind,
        status,
        message,
        durationMs: Math.round(performance.now() - running.startedMs),
      };
      running = undefined;
      steps.push(step);
      onStep?.(step);
    },
  };
}

/** What the steps of the first connection say. */
export interface ConnectionWords {
  /** `host:port` that is dialled. */
  readonly address: string;
  readonly isLiteral: boolean;
  readonly verifyCertificate: boolean;
}

/** Records the first connection of a check, and no later one: each phase counts only right after the one before. */
export function recordPhase(trail: Steps, phase: ConnectionPhase, words: ConnectionWords): void {
  if (phase === 'RESOLVING' && trail.current() === undefined && trail.steps.length === 0) trail.enter('RESOLVE');
  if (phase === 'CONNECTING' && trail.current() === 'RESOLVE') {
    if (words.isLiteral) trail.end('SKIPPED', 'The host is an address; there is no name to look up.');
    else trail.end('PASSED', 'The name is known.');
    trail.enter('CONNECT');
  }
  if (phase === 'SECURING' && trail.current() === 'CONNECT') {
    trail.end('PASSED', `Connected to ${words.address}.`);
    trail.enter('TLS');
  }
  if (phase === 'READY' && trail.current() === 'TLS') {
    if (words.verifyCertificate) trail.end('PASSED', 'The certificate is valid for this host.');
    else trail.end('WARNED', 'Encrypted, but the certificate was not verified: secureConnection is false.');
    trail.enter('PING');
  }
}
