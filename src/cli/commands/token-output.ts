// How tokens are printed: a new one alone on its line for scripts or with its facts; stored ones as a table, as JSON, or as ids.

import type { TokenFacts } from '../context.ts';
import type { Output } from '../registry/output.ts';
import { tablePrinter, type Column } from '../terminal/table.ts';
import { jsonText, printable, resultWidth } from '../terminal/terminal.ts';

interface NewTokenFacts {
  readonly role: string;
  readonly account: string;
  readonly output: Output;
}

const columns: readonly Column<TokenFacts>[] = [
  { heading: 'ID', text: ({ id }) => id },
  { heading: 'NAME', text: ({ name }) => name },
  { heading: 'ROLE', text: ({ role }) => role },
  { heading: 'ACCOUNT', text: ({ account }) => account },
  { heading: 'IMAGES', text: ({ images }) => images?.join(', ') ?? '-' },
  { heading: 'CREATED', text: ({ createdAt }) => day(createdAt) },
  { heading: 'EXPIRES', text: ({ expiresAt }) => day(expiresAt) },
  { heading: 'LAST USED', text: ({ lastUsedAt }) => day(lastUsedAt) },
  { heading: 'REVOKED', text: ({ revokedAt }) => day(revokedAt) },
];

/** Writes a new token to standard output. It cannot be shown again. */
export function printToken(token: string, { role, account, output }: NewTokenFacts): void {
  process.stdout.write(`${formatNew(token, role, account, output)}\n`);
}

/** Stored tokens, with the line end of the last one. */
export function formatTokens(tokens: readonly TokenFacts[], output: Output): string {
  switch (output) {
    case 'id':
      return tokens.map(({ id }) => `${printable(id)}\n`).join('');
    case 'json':
      return `${jsonText(tokens.map(tokenJson))}\n`;
    case 'table':
      return `${tablePrinter(columns, resultWidth())(tokens)}\n`;
  }
}

/** One stored token, with its line end. */
export function formatToken(token: TokenFacts, output: Output): string {
  return output === 'json' ? `${jsonText(tokenJson(token))}\n` : formatTokens([token], output);
}

/** The keys that scripts rely on; the hash stays where it is. */
function tokenJson({ id, name, role, account, images, createdAt, expiresAt, revokedAt, lastUsedAt }: TokenFacts): object {
  return { id, name, role, account, images, createdAt, expiresAt, revokedAt, lastUsedAt };
}

function day(date: Date | null): string {
  return date?.toISOString().slice(0, 10) ?? '-';
}

function formatNew(token: string, role: string, account: string, output: Output): string {
  switch (output) {
    case 'id':
      return printable(token);
    case 'json':
      return JSON.stringify({ token, role, account });
    case 'table':
      return `Role:     ${role}\nAccount:  ${printable(account)}\nToken:    ${printable(token)}\nKeep it now: it is stored as a hash and cannot be shown again.`;
  }
}
