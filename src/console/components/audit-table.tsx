// Audit events as people read them: when, who, what, to which thing, and how it ended.

import type { EventFragment } from '../api/operations.ts';
import { actionLabels, resultLabel } from '../shared/words.ts';
import { Ago, TableFrame } from './controls.tsx';

export function AuditTable({
  events,
  isOfOneThing = false,
}: {
  readonly events: readonly EventFragment[];
  readonly isOfOneThing?: boolean;
}) {
  return (
    <TableFrame
      label="Audit events"
      titles={['When', 'Who', 'What', ...(isOfOneThing ? [] : ['Which', 'Account']), 'Outcome', 'Request']}
    >
      {events.map(({ seq, at, actor, account, action, target, targetText, outcome, requestId }) => (
        <tr key={seq}>
          <td>
            <Ago time={at} />
          </td>
          <td>{actor}</td>
          <td className="nowrap">{actionLabels[action]}</td>
          {!isOfOneThing && (
            <>
              <td className="break" title={target}>
                {targetText}
              </td>
              <td>{account}</td>
            </>
          )}
          <td>{resultLabel(outcome)}</td>
          <td>
            <code>{requestId}</code>
          </td>
        </tr>
      ))}
    </TableFrame>
  );
}
