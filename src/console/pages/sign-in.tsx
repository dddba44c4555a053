// Signs in with an API token, which is exchanged for a session cookie and not stored by the page, or at an identity provider.

import { type FormEvent, useEffect, useState } from 'react';
import { Button, Input, Link } from 'react-aria-components';
import { type Principal, RequestFailure, signIn, type SignInMethod, fetchSignInMethods } from '../api/client.ts';
import { failureOf } from '../api/use-request.ts';
import { FailureNote, Field, PageHeading } from '../components/controls.tsx';

interface SignInPageProps {
  /** The reason for signing in again, or null on the first visit. */
  readonly failure: RequestFailure | null;
  readonly onSignedIn: (principal: Principal) => void;
}

/** The page that signs in. */
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
        <SignInMethods />
        <Field
          label="API token"
          value={token}
          onChange={setToken}
          isRequired
          autoFocus
          help={
            <>
              The first start printed one. To create another, run <code>regway token create</code>.
            </>
          }
        >
          <Input type="password" placeholder="rgw_…" autoComplete="current-password" spellCheck={false} />
        </Field>
        {failure !== null && <FailureNote failure={failure} />}
        <Button type="submit" className="button primary" isDisabled={isBusy || token.trim() === ''}>
          {isBusy ? 'Signing in…' : 'Sign in'}
        </Button>
      </form>
    </main>
  );
}

/** Links to the identity providers. Empty if the server has none or cannot be reached; signing in then shows the failure. */
export function SignInMethods() {
  const [methods, setMethods] = useState<readonly SignInMethod[]>([]);
  useEffect(() => {
    fetchSignInMethods().then(setMethods, () => undefined);
  }, []);
  if (methods.length === 0) return null;
  return (
    <>
      {methods.map(({ name, path }) => (
        <Link key={path} className="button" href={path}>
          Sign in with {name}
        </Link>
      ))}
      <p className="faint">or</p>
    </>
  );
}

/** Maps the failure codes that the server writes into the address (`#sign-in=…`) to messages. */
const failureMessages: ReadonlyMap<string, string> = new Map([
  ['cancelled', 'Sign-in was canceled or denied by the identity provider.'],
  ['expired', 'Sign-in timed out or was started in another browser or tab. Try again.'],
  [
    'unknown',
    'You are signed in at the identity provider, but it grants you no account and role in Regway. Ask your administrator.',
  ],
]);

/** Returns the failure to show for a failure code in the address. */
export function signInFailure(code: string): RequestFailure {
  return new RequestFailure(
    'UNAUTHENTICATED',
    failureMessages.get(code) ?? 'Sign-in failed. Try again later; the server log has the reason.',
    null,
  );
}
