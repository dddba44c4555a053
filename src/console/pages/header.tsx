// Renders the bar at the top of every screen: navigation, theme, the signed-in principal, and signing out.

import { useState } from 'react';
import { Button } from 'react-aria-components';
import type { Principal } from '../api/client.ts';
import { AddressLink } from '../components/controls.tsx';
import { screens, useAddress } from '../shared/location.ts';
import { maySeeRegistries } from './no-registries.tsx';
import { applyTheme, storeTheme, storedTheme, themes } from '../shared/theme.ts';

const themeLabels = { system: 'Theme: system', light: 'Theme: light', dark: 'Theme: dark' } as const;

/** The bar at the top. @param principal null if no one is signed in. */
export function Header({
  principal,
  onSignOut,
}: {
  readonly principal: Principal | null;
  readonly onSignOut: () => void;
}) {
  return (
    <header className="top">
      <AddressLink to="/" className="brand">
        <Logo />
        Regway
      </AddressLink>
      <span className="crumbs">System / Configuration</span>
      {principal !== null && maySeeRegistries(principal) && <Screens principal={principal} />}
      <span className="spacer" />
      <ThemeButton />
      <a className="quiet-link" href="/graphql">
        GraphiQL
      </a>
      {principal !== null && (
        <>
          <span className="who" title={principal.subject}>
            {principal.account} · {principal.role}
          </span>
          <Button className="button" onPress={onSignOut}>
            Sign out
          </Button>
        </>
      )}
    </header>
  );
}

/** Links to the screens that the role may see. */
function Screens({ principal }: { readonly principal: Principal }) {
  const { path } = useAddress();
  const links = [
    ['/', 'Registries'],
    [screens.tokens, 'Tokens'],
    [screens.audit, 'Audit'],
    ...(principal.role === 'ADMIN' ? [[screens.accounts, 'Accounts'] as const] : []),
  ] as const;
  const current = links.find(([to]) => to === path)?.[0] ?? '/';
  return (
    <nav className="screens" aria-label="Screens">
      {links.map(([to, name]) => (
        <AddressLink key={to} to={to} isCurrent={to === current}>
          {name}
        </AddressLink>
      ))}
    </nav>
  );
}

function ThemeButton() {
  const [theme, setTheme] = useState(storedTheme);
  const next = themes[(themes.indexOf(theme) + 1) % themes.length] ?? 'system';
  const change = (): void => {
    storeTheme(next);
    applyTheme(next);
    setTheme(next);
  };
  return (
    <Button className="button" onPress={change}>
      {themeLabels[theme]}
    </Button>
  );
}

function Logo() {
  return (
    <svg viewBox="0 0 32 32" width="28" height="28" aria-hidden="true">
      <rect width="32" height="32" rx="7" fill="#0b62a8" />
      <path
        d="M9 24V8h8a5 5 0 0 1 0 10H9m8 0 6 6"
        fill="none"
        stroke="#fff"
        strokeWidth="3.5"
        strokeLinecap="round"
        strokeLinejoin="round"
      />
    </svg>
  );
}
