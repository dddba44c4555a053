// Reads the issuers that the settings name, before anything is opened: a mistake in them changes nothing.

import { readFileSync } from 'node:fs';
import type { IssuerSettings } from '../../server/auth/oidc/settings.ts';
import { ConfigRefused, type Config } from '../config.ts';

/**
 * None where the settings name none.
 * @throws ConfigRefused naming every mistake.
 */
export async function readIssuers({ oidcIssuers, publicUrl }: Config): Promise<readonly IssuerSettings[]> {
  if (oidcIssuers === undefined) return [];
  const { IssuersRefused, parseIssuers } = await import('../../server/auth/oidc/settings.ts');
  try {
    const issuers = parseIssuers(oidcIssuers, (path) => readFileSync(path, 'utf8'));
    if (publicUrl === undefined && issuers.some(({ signIn }) => signIn !== undefined)) {
      throw new IssuersRefused(['at signIn: set REGWAY_PUBLIC_URL, the address to which the issuer sends people back']);
    }
    return issuers;
  } catch (error) {
    if (error instanceof IssuersRefused) throw new ConfigRefused(error.mistakes.map((mistake) => `REGWAY_OIDC_ISSUERS, ${mistake}.`));
    throw error;
  }
}
