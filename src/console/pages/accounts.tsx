// Shows the accounts to admins: lists, creates, disables, and re-enables them.

import { type FormEvent, useState } from 'react';
import { Button } from 'react-aria-components';
import { run, runWithId } from '../api/client.ts';
import {
  type AccountFragment,
  AccountsDocument,
  CreateAccountDocument,
  DisableAccountDocument,
  EnableAccountDocument,
} from '../api/operations.ts';
import { useChange } from '../api/use-change.ts';
import { useRequest } from '../api/use-request.ts';
import { Ago, FailureNote, Field, Notice, PageHeading, TableFrame } from '../components/controls.tsx';
import { ConfirmDialog } from '../components/dialog.tsx';
import { NextPager } from '../components/next-pager.tsx';
import { go, screens } from '../shared/location.ts';

/** The built-in account, which cannot be disabled. */
const adminAccount = 'admin';

/** The page of the accounts. @param query the query part of the address: the cursor. */
export function AccountsPage({ query }: { readonly query: string }) {
  const after = new URLSearchParams(query).get('after');
  const { answer, failure, reload } = useRequest(query, (signal) => run(AccountsDocument, { after }, signal));
  const [disabled, setDisabled] = useState<AccountFragment | null>(null);
  const [notice, setNotice] = useState<string | null>(null);
  const enabling = useChange();
  const done = (sentence: string): void => {
    setDisabled(null);
    setNotice(sentence);
    reload();
  };
  const enable = async ({ name }: AccountFragment): Promise<void> => {
    const isDone = await enabling.start(async () => {
      const [{ enableAccount }, requestId] = await runWithId(EnableAccountDocument, { name });
      return [enableAccount.errors, requestId];
    });
    if (isDone) done(`Enabled ${name}.`);
  };
  return (
    <>
      <PageHeading title="Accounts" />
      <p className="lead">
        Each account has its own registries and tokens, which no other account can see. Admins can access all accounts.
      </p>
      <Notice sentence={notice} />
      {[failure, enabling.failure].map((shown, index) => shown !== null && <FailureNote key={index} failure={shown} />)}
      <NewAccount onDone={done} />
      {answer === null ? (
        failure === null && <p className="faint loading">Loading…</p>
      ) : (
        <>
          <Accounts
            accounts={answer.accounts?.nodes ?? []}
            onDisable={setDisabled}
            onEnable={(account) => void enable(account)}
          />
          <NextPager
            noun={['account', 'accounts']}
            nodes={answer.accounts?.nodes ?? []}
            pageInfo={answer.accounts?.pageInfo ?? null}
            isFirst={after === null}
            onShow={(next) =>
              go(`${screens.accounts}${next === null ? '' : `?${new URLSearchParams({ after: next })}`}`)
            }
          />
        </>
      )}
      {disabled !== null && (
        <ConfirmDialog
          title="Disable account"
          action="Disable account"
          onClose={() => setDisabled(null)}
          onDone={() => done(`Disabled ${disabled.name}.`)}
          send={async () => {
            const [{ disableAccount }, requestId] = await runWithId(DisableAccountDocument, { name: disabled.name });
            return [disableAccount.errors, requestId];
          }}
        >
          <p>
            From the next request on, all tokens, logins, and sessions of{' '}
            <strong className="break">{disabled.name}</strong> are rejected, and no pull uses its registries. Nothing is
            deleted; you can enable the account again.
          </p>
        </ConfirmDialog>
      )}
    </>
  );
}

function NewAccount({ onDone }: { readonly onDone: (sentence: string) => void }) {
  const [name, setName] = useState('');
  const { failure, isBusy, start } = useChange();
  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    const isDone = await start(async () => {
      const [{ createAccount }, requestId] = await runWithId(CreateAccountDocument, { name: name.trim() });
      return [createAccount.errors, requestId];
    });
    if (!isDone) return;
    onDone(`Created ${name.trim()}.`);
    setName('');
  };
  return (
    <>
      <form className="inline-form" onSubmit={(event) => void submit(event)} noValidate>
        <Field label="New account" value={name} onChange={setName} />
        <Button type="submit" className="button" isDisabled={isBusy || name.trim() === ''}>
          Create account
        </Button>
      </form>
      {failure !== null && <FailureNote failure={failure} />}
    </>
  );
}

interface AccountsProps {
  readonly accounts: readonly AccountFragment[];
  readonly onDisable: (account: AccountFragment) => void;
  readonly onEnable: (account: AccountFragment) => void;
}

function Accounts({ accounts, onDisable, onEnable }: AccountsProps) {
  return (
    <TableFrame label="Accounts" titles={['Name', 'Created', 'State', 'Actions']}>
      {accounts.map((account) => (
        <tr key={account.name}>
          <td>{account.name}</td>
          <td>
            <Ago time={account.createdAt} />
          </td>
          <td>
            {account.disabledAt === null ? (
              'Active'
            ) : (
              <>
                Disabled <Ago time={account.disabledAt} />
              </>
            )}
          </td>
          <td className="actions">
            {account.disabledAt !== null && (
              <Button className="button small" aria-label={`Enable ${account.name}`} onPress={() => onEnable(account)}>
                Enable
              </Button>
            )}
            {account.disabledAt === null && account.name !== adminAccount && (
              <Button
                className="button small danger"
                aria-label={`Disable ${account.name}`}
                onPress={() => onDisable(account)}
              >
                Disable
              </Button>
            )}
          </td>
        </tr>
      ))}
    </TableFrame>
  );
}
