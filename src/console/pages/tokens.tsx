// Shows the API tokens: lists, creates, and revokes them.

import { useState } from 'react';
import { Button } from 'react-aria-components';
import { type Principal, run, runWithId } from '../api/client.ts';
import { RevokeTokenDocument, type TokenFragment, TokensDocument } from '../api/operations.ts';
import { useRequest } from '../api/use-request.ts';
import { Ago, FailureNote, Note, PageHeading, TableFrame } from '../components/controls.tsx';
import { ConfirmDialog } from '../components/dialog.tsx';
import { TokenDialog } from './token-dialog.tsx';

/** The page of the API tokens. */
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
          Create token
        </Button>
      </div>
      <p className="lead">
        API tokens authenticate programs that manage registries or pull images. A token's value is shown once, when you
        create it.
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
        <ConfirmDialog
          title="Revoke token"
          action="Revoke token"
          onClose={() => setRevoked(null)}
          onDone={() => close(`Revoked ${nameOf(revoked)}.`)}
          send={async () => {
            const [{ revokeToken }, requestId] = await runWithId(RevokeTokenDocument, { id: revoked.id });
            return [revokeToken.errors, requestId];
          }}
        >
          <p>
            From the next request on, <strong className="break">{nameOf(revoked)}</strong> is rejected. This cannot be
            undone; to restore access, create another token.
          </p>
        </ConfirmDialog>
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
            {stateOf(token) === 'Active' && (
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

function stateOf({ revokedAt, expiresAt }: TokenFragment): 'Active' | 'Revoked' | 'Expired' {
  if (revokedAt !== null) return 'Revoked';
  return expiresAt !== null && Date.parse(expiresAt) <= Date.now() ? 'Expired' : 'Active';
}
