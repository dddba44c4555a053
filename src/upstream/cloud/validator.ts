// A validator for the native credentials of clouds: mints a login, says how that went as a step of its own, and lets the registry judge it.

import type { ValidationReport, ValidationStep } from '../../core/registry/report.ts';
import type { CheckOptions, CheckTarget, Credential, Validator } from '../../core/validation/validator.ts';
import { CloudFailure } from './failure.ts';
import type { CloudType, IssueLogin, Minting } from './provider.ts';

interface Parts {
  /** Judges static logins. */
  readonly validator: Validator;
  readonly mint: IssueLogin;
  readonly now: () => Date;
}

/** Static logins go to the inner validator untouched; identities of a cloud are minted anew for every check. */
export function createCloudValidator(parts: Parts): Validator {
  return {
    check: (target, credential, options = {}) =>
      target.type === 'DOCKER_V2'
        ? parts.validator.check(target, credential, options)
        : checkNative(parts, { ...target, type: target.type }, credential, options),
  };
}

async function checkNative(
  { validator, mint, now }: Parts,
  target: CheckTarget & { readonly type: CloudType },
  credential: Credential,
  options: CheckOptions,
): Promise<ValidationReport> {
  const startedMs = performance.now();
  const elapsedMs = (): number => Math.round(performance.now() - startedMs);
  const minting = await tryMint(mint, target, credential, options.signal);
  const failed = minting instanceof CloudFailure;
  const step: ValidationStep = {
    kind: 'TOKEN',
    status: failed ? 'FAILED' : 'PASSED',
    message: minting.message,
    durationMs: elapsedMs(),
  };
  options.onStep?.(step);
  if (failed) return refusedReport(minting, step, now());
  const login = { username: minting.username, password: minting.secret };
  const report = await validator.check({ ...target, type: 'DOCKER_V2' }, login, options);
  return { ...report, steps: [step, ...report.steps], durationMs: elapsedMs() };
}

async function tryMint(
  mint: IssueLogin,
  target: CheckTarget & { readonly type: CloudType },
  credential: Credential,
  signal: AbortSignal | undefined,
): Promise<Minting | CloudFailure> {
  try {
    return await mint(target, credential, signal);
  } catch (error) {
    if (error instanceof CloudFailure) return error;
    throw error;
  }
}

function refusedReport({ message, hint, retryable }: CloudFailure, step: ValidationStep, now: Date): ValidationReport {
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
