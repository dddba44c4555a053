// Validates native credentials of clouds: issues a login, reports that as a step of its own, and lets the registry validate the login.

import { isSuccess, type ValidationReport, type ValidationStep } from '../../core/registry/report.ts';
import type { CheckOptions, CheckTarget, Credential, Validator } from '../../core/validation/validator.ts';
import type { CloudCache } from './cache.ts';
import { CloudFailure } from './failure.ts';
import type { CloudType, IssueLogin, Minting } from './provider.ts';
import { failedReport } from './report.ts';

interface Parts {
  /** Validates static credentials. */
  readonly validator: Validator;
  /** The logins of pulls. One that the registry has just accepted replaces the cached one of the registry. */
  readonly cache: CloudCache;
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
  { validator, cache, issueLogin, now }: Parts,
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
  if (failed) return failedReport(issuing, [step], now());
  const login = { username: issuing.username, password: issuing.secret };
  const report = await validator.check({ ...target, type: 'DOCKER_V2' }, login, options);
  if (options.stored !== undefined && isSuccess(report.outcome)) cache.put(options.stored, issuing);
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
