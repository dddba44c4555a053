// Renders the console: the signed-in role decides which pages exist, and the address decides which one is shown.

import { useCallback, useEffect, useState } from 'react';
import { type Principal, RequestFailure, signIn, signOut, whoAmI } from './api/client.ts';
import { failureOf, SessionEnded } from './api/use-request.ts';
import { FailureNote } from './components/controls.tsx';
import { AccountsPage } from './pages/accounts.tsx';
import { AuditPage } from './pages/audit.tsx';
import { Header } from './pages/header.tsx';
import { maySeeRegistries, NoRegistries } from './pages/no-registries.tsx';
import { RegistriesPage } from './pages/registries.tsx';
import { RegistryPage } from './pages/registry.tsx';
import { signInFailure, SignInPage } from './pages/sign-in.tsx';
import { TokensPage } from './pages/tokens.tsx';
import { registryIdOf, screens, useAddress } from './shared/location.ts';

interface Session {
  readonly principal: Principal | null;
  /** Whether the server has already reported who is signed in. */
  readonly isKnown: boolean;
  readonly failure: RequestFailure | null;
}

/** The whole console. Shows the sign-in page until a session exists. */
export function App() {
  const [{ principal, isKnown, failure }, setSession] = useState<Session>({
    principal: null,
    isKnown: false,
    failure: null,
  });
  useEffect(() => {
    openSession().then(
      (known) => setSession({ principal: known, isKnown: true, failure: null }),
      (error: unknown) => setSession({ principal: null, isKnown: true, failure: failureOf(error) }),
    );
  }, []);
  const ended = useCallback(() => {
    setSession({
      principal: null,
      isKnown: true,
      failure: new RequestFailure('UNAUTHENTICATED', 'Your session has ended. Sign in again to continue.', null),
    });
  }, []);
  const leave = async (): Promise<void> => {
    const left = await signOut().then(() => null, failureOf);
    setSession((before) =>
      left === null ? { principal: null, isKnown: true, failure: null } : { ...before, failure: left },
    );
  };
  if (!isKnown) return null;
  return (
    <SessionEnded value={ended}>
      <Header principal={principal} onSignOut={() => void leave()} />
      {principal === null ? (
        <SignInPage
          failure={failure}
          onSignedIn={(known) => setSession({ principal: known, isKnown: true, failure: null })}
        />
      ) : (
        <main>
          {failure !== null && <FailureNote failure={failure} />}
          <Page principal={principal} />
        </main>
      )}
    </SessionEnded>
  );
}

function Page({ principal }: { readonly principal: Principal }) {
  const { path, query } = useAddress();
  if (!maySeeRegistries(principal)) return <NoRegistries role={principal.role} />;
  if (path === screens.tokens) return <TokensPage principal={principal} query={query} />;
  if (path === screens.audit) return <AuditPage query={query} />;
  if (path === screens.accounts && principal.role === 'ADMIN') return <AccountsPage query={query} />;
  const id = registryIdOf(path);
  return id === null ? <RegistriesPage query={query} /> : <RegistryPage key={id} id={id} />;
}

/**
 * Restores the session, or signs in with the token of a link (`#token=…`). First removes that token, and the failure
 * code of an identity provider (`#sign-in=…`), from the address, so that neither stays in the browser history.
 * @throws RequestFailure.
 */
async function openSession(): Promise<Principal | null> {
  const fragment = new URLSearchParams(location.hash.slice(1));
  const [token, failed] = [fragment.get('token'), fragment.get('sign-in')];
  if (token !== null || failed !== null) history.replaceState(null, '', location.pathname + location.search);
  if (token !== null) return signIn(token);
  const known = await whoAmI();
  if (known === null && failed !== null) throw signInFailure(failed);
  return known;
}
