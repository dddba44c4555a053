// The audit trail: a page of events for those who may list registries, and what was done to one registry.

import { auditActions, type AuditAction } from '../../../core/audit/event.ts';
import type { ChainedEvent } from '../../../core/audit/chain.ts';
import type { AuditPage } from '../../../core/audit/trail.ts';
import { builder } from './builder.ts';
import { RegistryNode } from './registry.ts';

const actionDescriptions: Readonly<Record<AuditAction, string>> = {
  'registry.create': 'A registry was stored.',
  'registry.update': 'A registry was changed.',
  'registry.delete': 'A registry was deleted.',
  'registry.validate': 'A stored credential was checked with its registry.',
  'registry.password_rotated': 'The registry refused the current password in a pull and took the other one, which is current now.',
  'registry.secret_unreadable': 'A stored password did not open: its record was changed outside Regway.',
  'token.create': 'An API token was made.',
  'token.revoke': 'An API token was ended.',
  'account.create': 'An account was made.',
  'account.disable': 'An account was locked out.',
  'account.enable': 'An account was let in again.',
  'keys.rotate_data': 'The passwords were sealed anew under another data key.',
  'keys.rotate_root': 'The keys of the database were wrapped anew under another root key.',
  'audit.adopt': 'Events from before the audit chain were taken into it.',
};

const AuditActionEnum = builder.enumType('RegwayAuditAction', {
  description: 'What was done.',
  values: Object.fromEntries(auditActions.map((action) => [action.toUpperCase().replace('.', '_'), { value: action, description: actionDescriptions[action] }])),
});

const AuditEventType = builder.objectRef<ChainedEvent>('RegwayAuditEvent').implement({
  description: 'Who did what to which thing, when, and how it ended. It never holds what was sent.',
  fields: (t) => ({
    seq: t.float({ description: 'Its place in the trail: 1, 2, 3 …', resolve: ({ seq }) => seq }),
    at: t.expose('at', { type: 'DateTime', description: 'When.' }),
    actor: t.exposeString('actor', { description: 'Who: the subject of a principal, `cli` for the command line on the data directory, `regway` for the server itself.' }),
    action: t.field({ type: AuditActionEnum, description: 'What.', resolve: ({ action }) => action }),
    account: t.exposeString('account', { description: 'The account of the thing.' }),
    target: t.exposeString('target', { description: 'Which thing: its id. It may be gone.' }),
    targetText: t.exposeString('targetText', { description: 'Its readable name then, such as the registry text.' }),
    outcome: t.exposeString('outcome', { description: '`DONE`; the outcome of a validation; `PENDING` for an update whose new password waits; or which password became current, `PENDING` or `PREVIOUS`.' }),
    requestId: t.exposeString('requestId', { description: 'The `X-Request-Id` of the request, under which the log has it.' }),
  }),
});

const AuditFilterInput = builder.inputType('RegwayAuditFilter', {
  description: 'Narrows the trail. All that is given must hold.',
  fields: (t) => ({
    actor: t.string({ description: 'By exactly this one.' }),
    action: t.field({ type: AuditActionEnum, description: 'Only this.' }),
    target: t.string({ description: 'To the thing with this id.' }),
    account: t.string({ description: 'In another account than your own; for admins, who see every account without it.' }),
    since: t.field({ type: 'DateTime', description: 'From this moment on.' }),
    until: t.field({ type: 'DateTime', description: 'Before this moment.' }),
  }),
});

builder.queryField('auditEvents', (t) =>
  t.connection(
    {
      type: AuditEventType,
      description: 'The audit trail, the newest first, a page at a time: 50 unless you say otherwise, 100 at most. Admins see every account, others their own.',
      args: { filter: t.arg({ type: AuditFilterInput, description: 'Narrows the trail.' }) },
      resolve: async (_root, args, { auditReading, caller }) => connection(await auditReading.list(caller, args)),
    },
    { name: 'RegwayAuditEventConnection', description: 'One page of the audit trail.' },
    { name: 'RegwayAuditEventEdge', description: 'An event and its place in the list.' },
  ),
);

builder.objectField(RegistryNode, 'auditEvents', (t) =>
  t.field({
    type: [AuditEventType],
    nullable: { list: true, items: false },
    description: 'What was done to this registry, the newest first. Those who see it only because a pull uses it (the role PULL) get null and the error FORBIDDEN, here alone.',
    args: { first: t.arg.int({ defaultValue: 20, description: 'This many at most; 20 unless you say otherwise, 100 at most.' }) },
    resolve: async (registry, args, { auditReading, caller }) => [...(await auditReading.of(caller, registry, args))],
  }),
);

function connection(page: AuditPage) {
  const edges = page.nodes.map((node) => ({ node, cursor: page.cursorOf(node) }));
  return {
    edges,
    pageInfo: { hasNextPage: page.hasNextPage, hasPreviousPage: page.hasPreviousPage, startCursor: edges.at(0)?.cursor ?? null, endCursor: edges.at(-1)?.cursor ?? null },
  };
}
