// Validates native credentials of clouds: issues a login, reports that as a step of its own, and lets the registry validate the login.

import type { ValidationReport, ValidationStep } from '../../core/registry/report.ts';
import type { CheckOptions, CheckTarget, Credential, Validator } from '../../core/validation/validator.ts';
import { CloudFailure } from './failure.ts';
import type { CloudType, IssueLogin, Minting } from './provider.ts';

interface Parts {
  /** Validates static credentials. */
  readonly validator: Validator;
  readonly issueLogin: IssueLogin;
  readonly now: () => Date;
}

/** Creates a validator that passes static credentials to the inner one, and issues a new login for every check of a cloud identity. */
export function createCloudValidator(parts: Parts): Validator {
  return {
    check: (target, credential, options = {}) =>
      target.type === 'DOCKER_V2'
        ? parts.validator.check(target, credential, options)
        : checkNative(parts, { ...target, type: target.type }, credential, options),
  };
}

async function checkNative(
  { validator, issueLogin, now }: Parts,
  target: CheckTarget & { readonly type: CloudType },
  credential: Credential,
  options: CheckOptions,
): Promise<ValidationReport> {
  const startedMs = performance.now();
  const elapsedMs = (): number => Math.round(performance.now() - startedMs);
  const issuing = await tryIssueLogin(issueLogin, target, credential, options.signal);
  const failed = issuing instanceof CloudFailure;
  const step: ValidationStep = {
    kind: 'TOKEN',
    status: failed ? 'FAILED' : 'PASSED',
    message: issuing.message,
    durationMs: elapsedMs(),
  };
  options.onStep?.(step);
  if (failed) return failedReport(issuing, step, now());
  const login = { username: issuing.username, password: issuing.secret };
  const report = await validator.check({ ...target, type: 'DOCKER_V2' }, login, options);
  return { ...report, steps: [step, ...report.steps], durationMs: elapsedMs() };
}

async function tryIssueLogin(
  issueLogin: IssueLogin,
  target: CheckTarget & { readonly type: CloudType },
  credential: Credential,
  signal: AbortSignal | undefined,
): Promise<Minting | CloudFailure> {
  try {
    return await issueLogin(target, credential, signal);
  } catch (error) {
    if (error instanceof CloudFailure) return error;
    throw error;
  }
}

function failedReport({ message, hint, retryable }: CloudFailure, step: ValidationStep, now: Date): ValidationReport {
  const { durationMs } = step;
  return {
    outcome: 'NATIVE_CREDENTIAL_ERROR',
    message,
    hint,
    retryable,
    retryAfter: null,
    realmHost: null,
    checkedAt: now.getTime(),
    durationMs,
    steps: [step],
  };
}
