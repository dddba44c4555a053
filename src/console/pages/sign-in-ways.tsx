// Signing in elsewhere: a link for each issuer that the server knows, and words for a sign-in that came back without a login.

import { useEffect, useState } from 'react';
import { Link } from 'react-aria-components';
import { RequestFailure, signInWays, type SignInWay } from '../api/client.ts';

/** Nothing where the server knows no issuer, or cannot be asked: the token's field says so then. */
export function SignInWays() {
  const [ways, setWays] = useState<readonly SignInWay[]>([]);
  useEffect(() => {
    signInWays().then(setWays, () => undefined);
  }, []);
  if (ways.length === 0) return null;
  return (
    <>
      {ways.map(({ name, path }) => (
        <Link key={path} className="button" href={path}>Sign in with {name}</Link>
      ))}
      <p className="faint">or</p>
    </>
  );
}

/** What the server writes into the address. */
const sentences: ReadonlyMap<string, string> = new Map([
  ['cancelled', 'You were not signed in: it was cancelled or refused there.'],
  ['expired', 'This sign-in took too long, or was begun in another browser or tab. Try again.'],
  ['unknown', 'You were signed in there, but that gives you no account and role here. Ask the administrator of this server.'],
]);

/** A sign-in that failed, by the word for it in the address. */
export function signInFailure(word: string): RequestFailure {
  return new RequestFailure('UNAUTHENTICATED', sentences.get(word) ?? 'Signing in there did not work. Try again later; the log of this server has the reason.', null);
}
