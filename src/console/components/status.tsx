// The last outcome of a registry in one line: sign, words, age.

import { Ago, Sign } from './controls.tsx';
import type { RowFragment } from '../api/operations.ts';
import { outcomeTone, outcomeLabels } from '../shared/words.ts';

export function Status({ validation }: { readonly validation: RowFragment['lastValidation'] }) {
  if (validation === null)
    return (
      <span className="status">
        <Sign tone="neutral" /> <span>Never checked</span>
      </span>
    );
  return (
    <span className="status" title={validation.message}>
      <Sign tone={outcomeTone(validation.outcome)} />
      <span className="nowrap">
        {outcomeLabels[validation.outcome]}{' '}
        <span className="faint age">
          <Ago time={validation.checkedAt} />
        </span>
      </span>
    </span>
  );
}

/** Whether certificates are verified; a warning where they are not. */
export function TlsMark({ isVerified }: { readonly isVerified: boolean }) {
  return isVerified ? (
    <span className="status">
      <Sign tone="good" /> <span className="nowrap">Verified</span>
    </span>
  ) : (
    <span
      className="status"
      title="Any certificate is accepted: the password could reach somebody who poses as the registry."
    >
      <Sign tone="warning" /> <span className="nowrap">Not verified</span>
    </span>
  );
}
