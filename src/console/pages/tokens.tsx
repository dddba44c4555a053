// Shows the API tokens: lists, creates, and revokes them.

import { useState } from 'react';
import { Button } from 'react-aria-components';
import { type Principal, run, runWithId } from '../api/client.ts';
import { RevokeTokenDocument, type TokenFragment, TokensDocument } from '../api/operations.ts';
import { useRequest } from '../api/use-request.ts';
import { Ago, FailureNote, Notice, PageHeading, TableFrame, Toggle } from '../components/controls.tsx';
import { ConfirmDialog } from '../components/dialog.tsx';
import { NextPager } from '../components/next-pager.tsx';
import { go, screens } from '../shared/location.ts';
import { TokenDialog } from './token-dialog.tsx';

/** The page of the API tokens. @param query the query part of the address: cursor, and whether revoked and expired tokens are shown. */
export function TokensPage({ principal, query }: { readonly principal: Principal; readonly query: string }) {
  const parameters = new URLSearchParams(query);
  const [after, includeInactive] = [parameters.get('after'), parameters.get('inactive') === 'true'];
  const { answer, failure, reload } = useRequest(query, (signal) =>
    run(TokensDocument, { after, includeInactive }, signal),
  );
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
      <Toggle
        label="Show inactive tokens"
        help={includeInactive ? 'Revoked and expired tokens are shown too.' : 'Revoked and expired tokens are hidden.'}
        isOn={includeInactive}
        onChange={(isOn) => show(isOn)}
      />
      <Notice sentence={notice} />
      {failure !== null && <FailureNote failure={failure} />}
      {answer === null ? (
        failure === null && <p className="faint loading">Loading…</p>
      ) : (
        <>
          <Tokens tokens={answer.tokens?.nodes ?? []} onRevoke={setRevoked} />
          <NextPager
            noun={['token', 'tokens']}
            nodes={answer.tokens?.nodes ?? []}
            pageInfo={answer.tokens?.pageInfo ?? null}
            isFirst={after === null}
            onShow={(next) => show(includeInactive, next)}
          />
        </>
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

function show(includeInactive: boolean, after: string | null = null): void {
  const parameters = new URLSearchParams();
  if (includeInactive) parameters.set('inactive', 'true');
  if (after !== null) parameters.set('after', after);
  go(`${screens.tokens}${parameters.size === 0 ? '' : `?${parameters}`}`);
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
