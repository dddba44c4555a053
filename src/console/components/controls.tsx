// The small parts that every screen is made of: links, fields, switches, signs of success and failure, times.

import { type MouseEvent, type ReactNode, type Ref, useEffect, useRef } from 'react';
import { FieldError, Input, Label, Switch, Text, TextField } from 'react-aria-components';
import type { Failure } from '../api/use-request.ts';
import { go, hasMoved } from '../shared/location.ts';
import { exactTime, relativeTime } from '../shared/time.ts';
import type { Tone } from '../shared/words.ts';

/** A link within the console; with a modifier key the browser opens it as it does any other. */
export function AddressLink({
  to,
  className,
  isCurrent = false,
  children,
}: {
  readonly to: string;
  readonly className?: string;
  readonly isCurrent?: boolean;
  readonly children: ReactNode;
}) {
  const follow = (event: MouseEvent): void => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey || event.button !== 0) return;
    event.preventDefault();
    go(to);
  };
  return (
    <a href={to} className={className ?? 'link'} onClick={follow} {...(isCurrent && { 'aria-current': 'page' })}>
      {children}
    </a>
  );
}

interface FieldProps {
  readonly label: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
  readonly help?: ReactNode;
  /** What is wrong with the value, in a sentence. */
  readonly error?: string | undefined;
  readonly isRequired?: boolean;
  readonly isDisabled?: boolean;
  readonly placeholder?: string;
  readonly autoFocus?: boolean;
  /** Instead of a line of text. It gets label and description by itself. */
  readonly children?: ReactNode;
  readonly inputRef?: Ref<HTMLInputElement>;
}

export function Field({
  label,
  value,
  onChange,
  help,
  error,
  isRequired = false,
  isDisabled = false,
  placeholder = '',
  autoFocus = false,
  children,
  inputRef,
}: FieldProps) {
  return (
    <TextField
      className="field"
      value={value}
      onChange={onChange}
      isRequired={isRequired}
      isDisabled={isDisabled}
      isInvalid={error !== undefined}
      validationBehavior="aria"
      autoFocus={autoFocus}
    >
      <Label>
        {label}
        {isRequired && (
          <span className="required" aria-hidden="true">
            {' '}
            *
          </span>
        )}
      </Label>
      {children ?? (
        <Input
          {...(inputRef === undefined ? {} : { ref: inputRef })}
          placeholder={placeholder}
          autoComplete="off"
          autoCapitalize="none"
          spellCheck={false}
        />
      )}
      {help !== undefined && <Text slot="description">{help}</Text>}
      <FieldError>{error}</FieldError>
    </TextField>
  );
}

interface ChoiceProps<Value extends string> {
  readonly label: string;
  readonly value: Value | '';
  readonly onChange: (value: Value | '') => void;
  readonly options: Readonly<Partial<Record<Value, string>>>;
  /** The words for no choice at all; without them there is always one. */
  readonly none?: string;
  readonly help?: ReactNode;
}

/** The browser's own list: it is usable on every device and by every aid. */
export function Choice<Value extends string>({ label, value, onChange, options, none, help }: ChoiceProps<Value>) {
  return (
    <label className="field">
      <span>{label}</span>
      <select value={value} onChange={(event) => onChange(event.target.value as Value | '')}>
        {none !== undefined && <option value="">{none}</option>}
        {(Object.keys(options) as Value[]).map((option) => (
          <option key={option} value={option}>
            {options[option]}
          </option>
        ))}
      </select>
      {help !== undefined && <span className="help">{help}</span>}
    </label>
  );
}

interface ToggleProps {
  readonly label: string;
  readonly help: string;
  readonly isOn: boolean;
  readonly onChange: (isOn: boolean) => void;
}

export function Toggle({ label, help, isOn, onChange }: ToggleProps) {
  const id = `help-${label.replaceAll(' ', '-')}`;
  return (
    <div className="toggle">
      <Switch isSelected={isOn} onChange={onChange} aria-describedby={id}>
        <span className="track" aria-hidden="true" />
        {label}
      </Switch>
      <span className="help" id={id}>
        {help}
      </span>
    </div>
  );
}

const signs: Readonly<Record<Tone, string>> = {
  good: 'M3.5 8.5l3 3 6-7',
  warning: 'M8 3.5v5.5M8 12v.5',
  bad: 'M4 4l8 8M12 4l-8 8',
  neutral: 'M4 8h8',
};

/** A sign that says by shape and colour how good something is; the words stand beside it. */
export function Sign({ tone }: { readonly tone: Tone }) {
  return (
    <svg className={`sign ${tone}`} viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
      <path
        d={signs[tone]}
        fill="none"
        stroke="currentColor"
        strokeWidth="2"
        strokeLinecap="round"
        strokeLinejoin="round"
      />
    </svg>
  );
}

export function Note({ tone, children }: { readonly tone: Tone; readonly children: ReactNode }) {
  return (
    <div className={`note ${tone}`} role={tone === 'bad' ? 'alert' : 'status'}>
      <Sign tone={tone} />
      <div>{children}</div>
    </div>
  );
}

/** A failure in words, with what to tell to whoever runs the server. */
export function FailureNote({ failure }: { readonly failure: Failure }) {
  return (
    <Note tone="bad">
      <p>{failure.message}</p>
      {failure.requestId !== null && (
        <p className="help">
          Request id: <code>{failure.requestId}</code>
        </p>
      )}
    </Note>
  );
}

/** How long ago; the exact time on hover and for aids, or beside it where there is room. */
export function Ago({
  time,
  none = '',
  isExact = false,
}: {
  readonly time: string | null;
  readonly none?: string;
  readonly isExact?: boolean;
}) {
  if (time === null) return <span className="faint">{none}</span>;
  if (isExact)
    return (
      <time dateTime={time}>
        {exactTime(time)} <span className="faint">({relativeTime(time, Date.now())})</span>
      </time>
    );
  return (
    <time dateTime={time} title={exactTime(time)}>
      {relativeTime(time, Date.now())}
    </time>
  );
}

/** @param isBreakable for a long word without spaces, which may be cut anywhere. */
export function PageHeading({
  title,
  isBreakable = false,
}: {
  readonly title: string;
  readonly isBreakable?: boolean;
}) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · Regway`;
  }, [title]);
  // A page of its own would begin at its top; whoever hears the screen or uses the keyboard expects the same here (WCAG 2.4.3).
  useEffect(() => {
    if (hasMoved()) heading.current?.focus();
  }, []);
  return (
    <h1 ref={heading} tabIndex={-1} {...(isBreakable && { className: 'break' })}>
      {title}
    </h1>
  );
}

interface TableFrameProps {
  /** What the table holds, for who cannot see it. */
  readonly label: string;
  readonly titles: readonly string[];
  readonly children: ReactNode;
}

export function TableFrame({ label, titles, children }: TableFrameProps) {
  return (
    <div className="table-frame" role="region" aria-label={label} tabIndex={0}>
      <table className="plain" aria-label={label}>
        <thead>
          <tr>
            {titles.map((title) => (
              <th key={title} scope="col">
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}
