// Defines the audit event: who did what to which resource, when, and with which outcome. It never contains request input.

import type { Caller, Principal } from '../authz/principal.ts';

/** Every action that the audit trail records. Part of the format of the chain. */
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
  'audit.archive',
  'keys.rotate_data',
  'keys.rotate_root',
] as const;
export type AuditAction = (typeof auditActions)[number];

/** One entry of the audit trail. */
export interface AuditEvent {
  readonly at: Date;
  /** The subject of the principal who acted. */
  readonly actor: string;
  readonly account: string;
  readonly action: AuditAction;
  /** The ID of the resource. */
  readonly target: string;
  /** The readable name of the resource, such as the registry pattern. */
  readonly targetText: string;
  /** One word: `DONE`, a validation outcome, `PENDING` for an update with a pending password, or the password that became current: `PENDING` or `PREVIOUS`. */
  readonly outcome: string;
  readonly requestId: string;
}

/** Returns the event of one change of a registry. The outcome defaults to `DONE`. */
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
