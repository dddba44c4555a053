// How a new token is printed: alone on its line for scripts, as JSON, or with its facts for a person.

export const tokenOutputs = ['table', 'json', 'id'] as const;
export type TokenOutput = (typeof tokenOutputs)[number];

interface TokenFacts {
  readonly role: string;
  readonly account: string;
  readonly output: TokenOutput;
}

/** Writes the token to standard output. It cannot be shown again. */
export function printToken(token: string, { role, account, output }: TokenFacts): void {
  process.stdout.write(`${format(token, role, account, output)}\n`);
}

function format(token: string, role: string, account: string, output: TokenOutput): string {
  switch (output) {
    case 'id':
      return token;
    case 'json':
      return JSON.stringify({ token, role, account });
    case 'table':
      return `Role:     ${role}\nAccount:  ${account}\nToken:    ${token}\nKeep it now: it is stored as a hash and cannot be shown again.`;
  }
}
