// Signing in: with an API token, which is exchanged for a session cookie and then forgotten by the page, or at an issuer.

import { type FormEvent, useEffect, useState } from 'react';
import { Button, Input, Link } from 'react-aria-components';
import { type Principal, RequestFailure, signIn, type SignInMethod, fetchSignInMethods } from '../api/client.ts';
import { failureOf } from '../api/use-request.ts';
import { FailureNote, Field, PageHeading } from '../components/controls.tsx';

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
        <SignInMethods />
        <Field
          label="API token"
          value={token}
          onChange={setToken}
          isRequired
          autoFocus
          help={
            <>
              The first start printed one. More are made with <code>regway token create</code>.
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

/** Nothing where the server knows no issuer, or cannot be asked: the token's field says so then. */
export function SignInMethods() {
  const [ways, setWays] = useState<readonly SignInMethod[]>([]);
  useEffect(() => {
    fetchSignInMethods().then(setWays, () => undefined);
  }, []);
  if (ways.length === 0) return null;
  return (
    <>
      {ways.map(({ name, path }) => (
        <Link key={path} className="button" href={path}>
          Sign in with {name}
        </Link>
      ))}
      <p className="faint">or</p>
    </>
  );
}

/** What the server writes into the address. */
const sentences: ReadonlyMap<string, string> = new Map([
  ['cancelled', 'You were not signed in: it was cancelled or refused there.'],
  ['expired', 'This sign-in took too long, or was begun in another browser or tab. Try again.'],
  [
    'unknown',
    'You were signed in there, but that gives you no account and role here. Ask the administrator of this server.',
  ],
]);

/** A sign-in that failed, by the word for it in the address. */
export function signInFailure(word: string): RequestFailure {
  return new RequestFailure(
    'UNAUTHENTICATED',
    sentences.get(word) ?? 'Signing in there did not work. Try again later; the log of this server has the reason.',
    null,
  );
}
