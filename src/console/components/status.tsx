// Renders the last validation outcome of a registry, and whether its certificate is verified, in one line.

import { Ago, Sign } from './controls.tsx';
import type { RowFragment } from '../api/operations.ts';
import { outcomeTone, outcomeLabels } from '../shared/words.ts';

/** Shows the outcome and age of the last validation. */
export function Status({ validation }: { readonly validation: RowFragment['lastValidation'] }) {
  if (validation === null)
    return (
      <span className="status">
        <Sign tone="neutral" /> <span>Never validated</span>
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

/** Shows whether the registry's certificate is verified, as a warning if it is not. */
export function TlsMark({ isVerified }: { readonly isVerified: boolean }) {
  return isVerified ? (
    <span className="status">
      <Sign tone="good" /> <span className="nowrap">Verified</span>
    </span>
  ) : (
    <span
      className="status"
      title="Any certificate is accepted: anyone who can impersonate the registry could receive the password."
    >
      <Sign tone="warning" /> <span className="nowrap">Not verified</span>
    </span>
  );
}
