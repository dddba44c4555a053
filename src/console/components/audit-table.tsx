// Renders audit events as a table.

import type { EventFragment } from '../api/operations.ts';
import { actionLabels, resultLabel } from '../shared/words.ts';
import { Ago, TableFrame } from './controls.tsx';

/** A table of audit events. */
export function AuditTable({
  events,
  isOfOneResource = false,
}: {
  readonly events: readonly EventFragment[];
  /** Omits the columns of resource and account, which are the same in every row. */
  readonly isOfOneResource?: boolean;
}) {
  return (
    <TableFrame
      label="Audit events"
      titles={['Time', 'Actor', 'Action', ...(isOfOneResource ? [] : ['Resource', 'Account']), 'Outcome', 'Request ID']}
    >
      {events.map(({ seq, at, actor, account, action, target, targetText, outcome, requestId }) => (
        <tr key={seq}>
          <td>
            <Ago time={at} />
          </td>
          <td>{actor}</td>
          <td className="nowrap">{actionLabels[action]}</td>
          {!isOfOneResource && (
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
