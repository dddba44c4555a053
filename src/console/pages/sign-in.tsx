// Signing in: with an API token, which is exchanged for a session cookie and then forgotten by the page, or at an issuer.

import { useState, type FormEvent } from 'react';
import { Button, Input } from 'react-aria-components';
import { signIn, type Principal, type RequestFailure } from '../api/client.ts';
import { FailureNote, Field } from '../components/controls.tsx';
import { PageHeading } from '../components/page-heading.tsx';
import { SignInWays } from './sign-in-ways.tsx';
import { failureOf } from '../api/use-request.ts';

interface SignInPageProps {
  /** Why one has to sign in, where there is a reason. */
  readonly failure: RequestFailure | null;
  readonly onSignedIn: (principal: Principal) => void;
}

export function SignInPage({ failure: reason, onSignedIn }: SignInPageProps) {
  const [token, setToken] = useState('');
  const [failure, setFailure] = useState(reason);
  const [isBusy, setBusy] = useState(false);
  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    try {
      onSignedIn(await signIn(token));
    } catch (error) {
      setFailure(failureOf(error));
      setBusy(false);
    }
  };
  return (
    <main className="sign-in">
      <form className="card" onSubmit={(event) => void submit(event)}>
        <PageHeading title="Sign in" />
        <SignInWays />
        <Field label="API token" value={token} onChange={setToken} isRequired autoFocus help={<>The first start printed one. More are made with <code>regway token create</code>.</>}>
          <Input type="password" placeholder="rgw_…" autoComplete="current-password" spellCheck={false} />
        </Field>
        {failure !== null && <FailureNote failure={failure} />}
        <Button type="submit" className="button primary" isDisabled={isBusy || token.trim() === ''}>{isBusy ? 'Signing in…' : 'Sign in'}</Button>
      </form>
    </main>
  );
}
