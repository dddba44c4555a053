// Provides the basic controls of every screen: links, fields, switches, status icons, notes, times, and table frames.

import { type MouseEvent, type ReactNode, type Ref, useEffect, useRef } from 'react';
import { FieldError, Input, Label, Switch, Text, TextField } from 'react-aria-components';
import type { Failure } from '../api/use-request.ts';
import { go, hasMoved } from '../shared/location.ts';
import { exactTime, relativeTime } from '../shared/time.ts';
import type { Tone } from '../shared/words.ts';

/** A link within the console. With a modifier key, the browser opens it like any other link. */
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
  /** The problem with the value, as a sentence. */
  readonly error?: string | undefined;
  readonly isRequired?: boolean;
  readonly isDisabled?: boolean;
  readonly placeholder?: string;
  readonly autoFocus?: boolean;
  /** The input to show instead of a single line of text. React Aria connects it to the label and the description. */
  readonly children?: ReactNode;
  readonly inputRef?: Ref<HTMLInputElement>;
}

/** A labeled text field with help and an error. */
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
  /** The label of the empty choice. If omitted, a value is always selected. */
  readonly none?: string;
  readonly help?: ReactNode;
}

/** A native select, because it works on every device and with every assistive technology. */
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

/** A labeled switch with help. */
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

/** Renders an icon whose shape and color show the severity. Hidden from screen readers, because the text next to it says the same. */
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

/** A message with the color and icon of its severity. Screen readers announce it. */
export function Note({ tone, children }: { readonly tone: Tone; readonly children: ReactNode }) {
  return (
    <div className={`note ${tone}`} role={tone === 'bad' ? 'alert' : 'status'}>
      <Sign tone={tone} />
      <div>{children}</div>
    </div>
  );
}

/** The note of what was done; nothing if nothing was. */
export function Notice({ sentence }: { readonly sentence: string | null }) {
  if (sentence === null) return null;
  return (
    <Note tone="good">
      <p>{sentence}</p>
    </Note>
  );
}

/** A failure with the request ID, which the operator needs to find it in the log. */
export function FailureNote({ failure }: { readonly failure: Failure }) {
  return (
    <Note tone="bad">
      <p>{failure.message}</p>
      {failure.requestId !== null && (
        <p className="help">
          Request ID: <code>{failure.requestId}</code>
        </p>
      )}
    </Note>
  );
}

/** A relative time. The exact time is in its title, or next to it if `isExact`. */
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

/** Renders the page heading and sets the document title. @param isBreakable whether a long word may break anywhere. */
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
  // Focus moves to the heading as on a full page load, so that keyboards and screen readers start at the top (WCAG 2.4.3).
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
  /** The accessible name of the table. */
  readonly label: string;
  readonly titles: readonly string[];
  readonly children: ReactNode;
}

/** A table in a frame that scrolls and can be focused by keyboard. */
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
