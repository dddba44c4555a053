// API tokens: which there are, when each was last used, making one, and revoking one.

import { useState } from 'react';
import { Button } from 'react-aria-components';
import { type Principal, run, runWithId } from '../api/client.ts';
import { RevokeTokenDocument, type TokenFragment, TokensDocument } from '../api/operations.ts';
import { useRequest } from '../api/use-request.ts';
import { Ago, FailureNote, Note, PageHeading, TableFrame } from '../components/controls.tsx';
import { QuestionDialog } from '../components/dialog.tsx';
import { TokenDialog } from './token-dialog.tsx';

export function TokensPage({ principal }: { readonly principal: Principal }) {
  const { answer, failure, reload } = useRequest('tokens', (signal) => run(TokensDocument, {}, signal));
  const [isAdding, setAdding] = useState(false);
  const [revoked, setRevoked] = useState<TokenFragment | null>(null);
  const [notice, setNotice] = useState<string | null>(null);
  const close = (sentence: string | null): void => {
    setAdding(false);
    setRevoked(null);
    setNotice(sentence);
    reload();
  };
  return (
    <>
      <div className="page-head">
        <PageHeading title="API tokens" />
        <Button className="button primary" onPress={() => setAdding(true)}>
          New token
        </Button>
      </div>
      <p className="lead">
        A token logs in programs: those that manage registries, and those that pull. Its text is shown once, when it is
        made.
      </p>
      {notice !== null && (
        <Note tone="good">
          <p>{notice}</p>
        </Note>
      )}
      {failure !== null && <FailureNote failure={failure} />}
      {answer === null ? (
        failure === null && <p className="faint loading">Loading…</p>
      ) : (
        <Tokens tokens={answer.tokens} onRevoke={setRevoked} />
      )}
      {isAdding && <TokenDialog principal={principal} onClose={() => close(null)} />}
      {revoked !== null && (
        <QuestionDialog
          title="Revoke token"
          action="Revoke"
          onClose={() => setRevoked(null)}
          onDone={() => close(`Revoked ${nameOf(revoked)}.`)}
          ask={async () => {
            const [{ revokeToken }, requestId] = await runWithId(RevokeTokenDocument, { id: revoked.id });
            return [revokeToken.errors, requestId];
          }}
        >
          <p>
            Whatever uses <strong className="break">{nameOf(revoked)}</strong> is refused from now on. This cannot be
            undone; make another token instead.
          </p>
        </QuestionDialog>
      )}
    </>
  );
}

function Tokens({
  tokens,
  onRevoke,
}: {
  readonly tokens: readonly TokenFragment[];
  readonly onRevoke: (token: TokenFragment) => void;
}) {
  return (
    <TableFrame
      label="API tokens"
      titles={['Name', 'Role', 'Account', 'Images', 'Created', 'Last used', 'Expires', 'State', 'Actions']}
    >
      {tokens.map((token) => (
        <tr key={token.id}>
          <td>
            {token.name}
            <br />
            <code className="faint">rgw_{token.id}…</code>
          </td>
          <td>{token.role}</td>
          <td>{token.account}</td>
          <td>
            {token.images === null ? (
              <span className="faint">no limit</span>
            ) : (
              token.images.map((image) => (
                <code key={image} className="line">
                  {image}
                </code>
              ))
            )}
          </td>
          <td>
            <Ago time={token.createdAt} />
          </td>
          <td>
            <Ago time={token.lastUsedAt} none="never" />
          </td>
          <td>
            <Ago time={token.expiresAt} none="never" />
          </td>
          <td>{stateOf(token)}</td>
          <td className="actions">
            {stateOf(token) === 'In force' && (
              <Button
                className="button small danger"
                aria-label={`Revoke ${nameOf(token)}`}
                onPress={() => onRevoke(token)}
              >
                Revoke
              </Button>
            )}
          </td>
        </tr>
      ))}
    </TableFrame>
  );
}

function nameOf({ name, id }: TokenFragment): string {
  return `${name || 'the token'} (rgw_${id}…)`;
}

function stateOf({ revokedAt, expiresAt }: TokenFragment): 'In force' | 'Revoked' | 'Expired' {
  if (revokedAt !== null) return 'Revoked';
  return expiresAt !== null && Date.parse(expiresAt) <= Date.now() ? 'Expired' : 'In force';
}
