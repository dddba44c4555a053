// Renders a validation report: the steps with their durations, the result, the hint, and a button for each suggested fix.

import { Button } from 'react-aria-components';
import { Ago, Sign } from '../components/controls.tsx';
import type { SuggestedFix } from './form-state.ts';
import type { ReportFragment, StepFragment } from '../api/operations.ts';
import { duration } from '../shared/time.ts';
import { hintOf } from '../shared/advice.ts';
import { outcomeTone, outcomeLabels, statusTones, statusLabels, stepLabels } from '../shared/words.ts';

/** The steps that have finished. While the validation is running, the last line says so. */
export function Steps({
  steps,
  isRunning = false,
}: {
  readonly steps: readonly StepFragment[];
  readonly isRunning?: boolean;
}) {
  return (
    <ol className="steps" aria-label="Steps" aria-live="polite">
      {steps.map(({ kind, status, message, durationMs }) => (
        <li key={kind}>
          <Sign tone={statusTones[status]} />
          <span className="step-kind">
            {stepLabels[kind]} <span className="visually-hidden">({statusLabels[status]})</span>
          </span>
          <span className="step-message">{message}</span>
          <span className="step-time">{status === 'SKIPPED' ? '' : duration(durationMs)}</span>
        </li>
      ))}
      {isRunning && (
        <li>
          <span className="spinner" aria-hidden="true" />
          <span className="step-kind">Validating…</span>
        </li>
      )}
    </ol>
  );
}

interface ValidationResultProps {
  readonly report: ReportFragment;
  /** The suggested fixes, and the function that applies one to the form. */
  readonly fixes?: readonly SuggestedFix[];
  readonly onFix?: (fix: SuggestedFix) => void;
}

/** The result of a validation, with the hint and a button for each suggested fix. */
export function ValidationResult({ report, fixes = [], onFix }: ValidationResultProps) {
  const { outcome, message, durationMs, checkedAt, retryAfter } = report;
  const hint = hintOf(report);
  const tone = outcomeTone(outcome);
  return (
    <div className={`note ${tone}`} role={report.valid ? 'status' : 'alert'}>
      <Sign tone={tone} />
      <div>
        <p>
          <strong>{outcomeLabels[outcome]}</strong> <code>{outcome}</code>
        </p>
        <p>{message}</p>
        {hint !== null && <p>{hint}</p>}
        {retryAfter !== null && (
          <p>
            Try again <Ago time={retryAfter} />.
          </p>
        )}
        <p className="help">
          {outcome === 'SKIPPED' ? 'Stored' : `Took ${duration(durationMs)},`} <Ago time={checkedAt} />
        </p>
        {onFix !== undefined &&
          fixes.map((fix) => (
            <Button key={fix.label} className="button" onPress={() => onFix(fix)}>
              {fix.label}
            </Button>
          ))}
      </div>
    </div>
  );
}
