// The audit event: who did what to which thing, with which outcome. It never holds the input.

import type { Caller, Principal } from '../authz/principal.ts';

export const auditActions = [
  'registry.create',
  'registry.update',
  'registry.delete',
  'registry.validate',
  'registry.password_rotated',
  'registry.secret_unreadable',
  'token.create',
  'token.revoke',
  'account.create',
  'account.disable',
  'account.enable',
  'audit.adopt',
  'keys.rotate_data',
  'keys.rotate_root',
] as const;
export type AuditAction = (typeof auditActions)[number];

export interface AuditEvent {
  readonly at: Date;
  readonly actor: string;
  readonly account: string;
  readonly action: AuditAction;
  /** Id of the thing acted on. */
  readonly target: string;
  /** Its readable name, such as the registry text. */
  readonly targetText: string;
  /** One word: `DONE`, a validation outcome, `PENDING` for an update whose password waits, or which password became current: `PENDING` or `PREVIOUS`. */
  readonly outcome: string;
  readonly requestId: string;
}

/** Builds the event of one change. */
export function auditEvent(
  caller: Caller & { readonly principal: Principal },
  action: AuditAction,
  target: { readonly id: string; readonly account: string; readonly registry: string },
  at: Date,
  outcome = 'DONE',
): AuditEvent {
  return {
    at,
    actor: caller.principal.subject,
    account: target.account,
    action,
    target: target.id,
    targetText: target.registry,
    outcome,
    requestId: caller.requestId,
  };
}
