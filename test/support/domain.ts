// Opens the domain over a real database and a real sealer, with a scripted validator; over all replicas where several share the database.

import { join } from 'node:path';
import type { Caller, Login, Principal, Role } from '../../src/core/authz/principal.ts';
import type { Pulls, PullSettings } from '../../src/core/pulls/pull.ts';
import type { PullTokenMinter } from '../../src/core/pulls/upstream-token.ts';
import type { CredentialUse } from '../../src/core/pulls/usage/uses.ts';
import type { ValidationOutcome, ValidationReport, ValidationStep } from '../../src/core/registry/report.ts';
import { Secret } from '../../src/core/shared/secret.ts';
import type { CheckTarget, Credential, Validator } from '../../src/core/validation/validator.ts';
import { createNewHosts } from '../../src/server/ops/new-hosts.ts';
import { loadKeyring } from '../../src/encryption/keyring.ts';
import { createDatabase, openStores, type TestDatabase } from './database.ts';
import { inTurn } from './in-turn.ts';
import { createReplica, type Replica, type ReplicaParts } from './replica.ts';
import { makeTemporaryDirectory } from './temporary/directory.ts';

/** The default of the setting, in milliseconds. */
export const rotationWindowMs = 24 * 60 * 60 * 1000;

/** The request of one validation. */
export interface AskedCheck {
  readonly target: CheckTarget;
  readonly username: string;
  readonly password: string;
}

/** The responses of the domain's surroundings. A test may change them at any time. */
interface Script {
  /** The response of the registries' token servers. */
  mint: PullTokenMinter['mint'];
  /** The outcome of the next validations. */
  outcome: ValidationOutcome;
  /** Runs before a validation returns, to race with it. */
  meanwhile: (() => Promise<unknown>) | undefined;
  /** The rate limit of validations for a subject: 0, or the milliseconds to wait. Defaults to no limit. */
  takeValidation: (subject: string) => number | Promise<number>;
  /** The same for an account. */
  takeAccountValidation: (account: string) => number | Promise<number>;
  /** Who stands behind a login; everybody does unless a test says otherwise. */
  resolveLogin: (login: Login) => Promise<Principal | undefined>;
  /** The time that the domain sees; it does not move by itself. */
  time: Date;
  /** How far the wall clock was set; `time` includes it. */
  setMs: number;
}

/** The calls to the domain's surroundings. */
interface Records {
  /** Every recorded use of a credential. */
  readonly uses: CredentialUse[];
  /** Every validation that reached the upstream. */
  readonly asked: AskedCheck[];
  /** Every report that was passed to the metrics. */
  readonly observed: ValidationReport[];
}

/** The use cases and the store of all replicas: each call goes to the next of them. */
export interface TestDomain extends Script, Records, Replica {
  /** The servers that share the database: one on SQLite, two on PostgreSQL. */
  readonly replicas: readonly [Replica, ...Replica[]];
  /** The pulls of one replica: a pull begins and ends on one server, and only that server remembers a rejection. */
  readonly pulls: Pulls;
  readonly keyringFile: string;
  /** As `TestDatabase.rows`. */
  readonly rows: TestDatabase['rows'];
  /** Runs every pending timer. */
  passTime(): void;
  close(): Promise<void>;
}

/** Returns a report with this outcome, as a validator would. */
export function reportOf(outcome: ValidationOutcome, steps: readonly ValidationStep[] = []): ValidationReport {
  return {
    outcome,
    message: `The outcome was ${outcome}.`,
    advice: outcome === 'TLS_UNTRUSTED' ? [{ kind: 'ALLOW_UNVERIFIED_TLS' }] : [],
    retryable: false,
    retryAfter: null,
    realmHost: null,
    checkedAt: 1_700_000_000_000,
    durationMs: 5,
    steps,
  };
}

/** Opens a domain on its own database. */
export async function openDomain(pullSettings: PullSettings = { anonymousAllowed: true }): Promise<TestDomain> {
  const database = await createDatabase();
  const keyringFile = join(makeTemporaryDirectory('keyring', 'memory'), 'keyring');
  const keyring = await loadKeyring(keyringFile, { createIfMissing: true });
  const waiting: (() => void)[] = [];
  const state: Script & Records = { ...initialScript(), uses: [], asked: [], observed: [] };
  const parts: ReplicaParts = { ...scriptedParts(state, waiting), pullSettings };
  const [first, ...others] = await openStores(database);
  const replicas: [Replica, ...Replica[]] = [await createReplica(first, keyring, parts)];
  for (const other of others) replicas.push(await createReplica(other, keyring, parts));
  await database.untilListening();
  return Object.assign(state, joined(replicas), {
    replicas,
    keyringFile,
    rows: (sql: string) => database.rows(sql),
    passTime: () => waiting.splice(0).forEach((run) => run()),
    async close() {
      await Promise.all(replicas.map(({ store }) => store.close()));
      await database.close();
    },
  });
}

function initialScript(): Script {
  return {
    mint: async () => ({ token: new Secret('upstream-token'), expiresAt: new Date('2026-01-02T03:09:05Z') }),
    outcome: 'VALID',
    meanwhile: undefined,
    takeValidation: () => 0,
    takeAccountValidation: () => 0,
    resolveLogin: async (login) => ({ ...login, images: null }),
    time: new Date('2026-01-02T03:04:05Z'),
    setMs: 0,
  };
}

function scriptedParts(state: Script & Records, waiting: (() => void)[]): Omit<ReplicaParts, 'pullSettings'> {
  let ids = 0;
  return {
    validator: scriptedValidator(state),
    validationRateLimit: { consume: async (subject) => state.takeValidation(subject) },
    accountValidationRateLimit: { consume: async (account) => state.takeAccountValidation(account) },
    minter: { mint: (source, signal) => state.mint(source, signal) },
    ledger: { record: (use) => void state.uses.push(use) },
    newHosts: createNewHosts(),
    observeValidation: (report) => void state.observed.push(report),
    resolveLogin: (login) => state.resolveLogin(login),
    setTimer(run) {
      waiting.push(run);
      return () => undefined;
    },
    now: () => state.time,
    monotonicMs: () => state.time.getTime() - state.setMs,
    newId: () => `reg_${String((ids += 1)).padStart(32, '0')}`,
    isOwnHost: (host) => host === 'regway.test:4000',
    rotationWindowMs,
  };
}

/** Joins the replicas: notifications reach all of them, and a close ends all of them. */
function joined(replicas: TestDomain['replicas']): Replica {
  const [{ store, sealer, pulls }] = replicas;
  const { notifications } = store;
  const { registries, subscriptions, useCases, ...others } = inTurn(replicas, ['close', 'abandon', 'end']);
  return { registries, subscriptions, useCases, store: { ...others.store, notifications }, sealer, pulls };
}

function scriptedValidator(state: Script & Records): Validator {
  return {
    check: async (target: CheckTarget, credential: Credential, options = {}) => {
      const { host, repository, type, secureConnection, trustedRealm, probeRepository } = target;
      state.asked.push({
        target: { host, repository, type, secureConnection, trustedRealm, probeRepository },
        username: credential.username,
        password: credential.password.reveal(),
      });
      const step: ValidationStep = { kind: 'PING', status: 'PASSED', message: 'It answered.', durationMs: 1 };
      options.onStep?.(step);
      await state.meanwhile?.();
      return reportOf(state.outcome, [step]);
    },
  };
}

/** A caller of this role. */
export function callerOf(role: Role, account = 'admin', more: Partial<Principal> = {}): Caller {
  return {
    principal: { subject: `token:${role.toLowerCase()}`, account, role, images: null, expiresAt: null, ...more },
    requestId: 'test-request',
  };
}

/** An unauthenticated caller. */
export const stranger: Caller = { principal: undefined, requestId: 'test-request' };
