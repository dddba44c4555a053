// The audit trail: a page of its events, and the events of one registry.

import type { ChainedEvent } from '../../../core/audit/chain.ts';
import { type AuditAction, auditActions } from '../../../core/audit/event.ts';
import { builder, connectionOf, pageOfRows } from './builder.ts';
import { RegistryNode } from './registry.ts';

const actionDescriptions: Readonly<Record<AuditAction, string>> = {
  'registry.create': 'A registry was created.',
  'registry.update': 'A registry was updated.',
  'registry.delete': 'A registry was deleted.',
  'registry.validate': 'A stored credential was validated.',
  'registry.password_rotated':
    'The registry rejected the current password in a pull and accepted an alternate one, which is now current.',
  'registry.secret_unreadable':
    'A stored password could not be decrypted, because its record was modified outside Regway.',
  'token.create': 'An API token was created.',
  'token.revoke': 'An API token was revoked.',
  'account.create': 'An account was created.',
  'account.disable': 'An account was disabled.',
  'account.enable': 'An account was re-enabled.',
  'keys.rotate_data': 'The passwords were re-encrypted with a new data key.',
  'keys.rotate_root': 'The data keys were rewrapped with a new root key.',
  'audit.adopt': 'Events recorded before the audit chain existed were added to it.',
  'audit.archive': 'Old events were moved to an archive file. The target is the SHA-256 of the file.',
};

const AuditActionEnum = builder.enumType('RegwayAuditAction', {
  description: 'The action that an audit event records.',
  values: Object.fromEntries(
    auditActions.map((action) => [
      action.toUpperCase().replace('.', '_'),
      { value: action, description: actionDescriptions[action] },
    ]),
  ),
});

const AuditEventType = builder.objectRef<ChainedEvent>('RegwayAuditEvent').implement({
  description:
    'An audit trail entry: who did what to which resource, when, and with what outcome. Request input is never recorded.',
  fields: (t) => ({
    seq: t.float({ description: 'The position in the trail: 1, 2, 3, and so on.', resolve: ({ seq }) => seq }),
    at: t.expose('at', { type: 'DateTime', description: 'When it happened.' }),
    actor: t.exposeString('actor', {
      description:
        'Who did it: the subject of a principal, `cli` for the command line on the data directory, or `regway` for the server itself.',
    }),
    action: t.field({ type: AuditActionEnum, description: 'What was done.', resolve: ({ action }) => action }),
    account: t.exposeString('account', { description: 'The account that owns the resource.' }),
    target: t.exposeString('target', { description: 'The ID of the resource, which may no longer exist.' }),
    targetText: t.exposeString('targetText', {
      description: 'The human-readable name of the resource at that time, such as the registry pattern.',
    }),
    outcome: t.exposeString('outcome', {
      description:
        '`DONE`; the outcome of a validation; `PENDING` for an update that stored a pending password; or, for a password rotation, the password that became current: `PENDING` or `PREVIOUS`.',
    }),
    requestId: t.exposeString('requestId', {
      description: 'The `X-Request-Id` of the request, which is also in the log.',
    }),
  }),
});

const AuditFilterInput = builder.inputType('RegwayAuditFilter', {
  description: 'Filters the audit trail. All given conditions must match.',
  fields: (t) => ({
    actor: t.string({ description: 'Only events by this exact subject.' }),
    action: t.field({ type: AuditActionEnum, description: 'Only events with this action.' }),
    target: t.string({ description: 'Only events on the resource with this ID.' }),
    account: t.string({
      description:
        'Only events in this account. Defaults to your own, and for admins to all accounts; only admins can name another.',
    }),
    since: t.field({ type: 'DateTime', description: 'Only events at or after this time.' }),
    until: t.field({ type: 'DateTime', description: 'Only events before this time.' }),
  }),
});

builder.queryField('auditEvents', (t) =>
  t.connection(
    {
      type: AuditEventType,
      description:
        'Lists the audit trail, newest first, one page at a time. A page has 50 events by default and at most 100. Admins see every account, others their own.',
      extensions: pageOfRows(),
      args: { filter: t.arg({ type: AuditFilterInput, description: 'The conditions that every event must match.' }) },
      resolve: async (_root, args, { auditTrail, caller }) => connectionOf(await auditTrail.list(caller, args)),
    },
    { name: 'RegwayAuditEventConnection', description: 'One page of the audit trail.' },
    { name: 'RegwayAuditEventEdge', description: 'An audit event and its cursor.' },
  ),
);

builder.objectField(RegistryNode, 'auditEvents', (t) =>
  t.field({
    type: [AuditEventType],
    nullable: { list: true, items: false },
    description:
      'The audit events of this registry, newest first. Callers with the role PULL get null and a FORBIDDEN error for this field only.',
    extensions: pageOfRows(20),
    args: {
      first: t.arg.int({
        defaultValue: 20,
        description: 'The maximum number of events to return. Defaults to 20; at most 100.',
      }),
    },
    resolve: async (registry, args, { auditTrail, caller }) => [...(await auditTrail.of(caller, registry, args))],
  }),
);
