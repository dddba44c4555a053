// The domain over a real SQLite file and a real seal, with a validator that answers as a test tells it to.

import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Caller, Login, Principal, Role } from '../../src/core/access.ts';
import type { CheckTarget, Credential, CredentialUse, PullTokenMinter, Sealer, Validator } from '../../src/core/ports.ts';
import { createPullConfigs } from '../../src/core/pull-config.ts';
import { createPullTokens } from '../../src/core/pull-token.ts';
import { createPulls, type Pulls, type PullSettings } from '../../src/core/pull.ts';
import { createRegistries, type Registries } from '../../src/core/registries.ts';
import { Secret } from '../../src/core/secret.ts';
import { hidePast } from '../../src/core/past-passwords.ts';
import { tellChanges } from '../../src/core/registry-events.ts';
import { createUses } from '../../src/core/uses.ts';
import { createWatching, type Watching } from '../../src/core/watch.ts';
import type { ValidationOutcome, ValidationReport, ValidationStep } from '../../src/core/validation.ts';
import type { UseCases } from '../../src/graphql/builder.ts';
import { openAuditMac } from '../../src/seal/audit-key.ts';
import { loadKeyring } from '../../src/seal/keyring.ts';
import { createSealer } from '../../src/seal/seal.ts';
import { createAdministration } from '../../src/wiring/administration.ts';
import { openStore, type Store } from '../../src/store/store.ts';

/** As the setting has it unless it says otherwise. */
export const rotationWindowMs = 24 * 60 * 60 * 1000;

/** What one check was asked. */
export interface AskedCheck {
  readonly target: CheckTarget;
  readonly username: string;
  readonly password: string;
}

export interface TestDomain {
  /** Everything that the GraphQL face serves. */
  readonly useCases: UseCases;
  /** What the token servers of registries answer. */
  mint: PullTokenMinter['mint'];
  readonly registries: Registries;
  readonly pulls: Pulls;
  /** Every use of a credential that was noted. */
  readonly uses: CredentialUse[];
  readonly store: Store;
  readonly sealer: Sealer;
  readonly databaseFile: string;
  /** Every check that reached the upstream. */
  readonly asked: AskedCheck[];
  /** Every report that metrics were told of. */
  readonly observed: ValidationReport[];
  /** The next checks end with this outcome. */
  outcome: ValidationOutcome;
  /** Run before a check answers, to race with it. */
  meanwhile: (() => Promise<unknown>) | undefined;
  /** What the budget of validations says to a subject: 0, or milliseconds to wait. Unlimited unless a test limits it. */
  takeValidation: (subject: string) => number | Promise<number>;
  /** Who stands behind a login; everybody does unless a test says otherwise. */
  recall: (login: Login) => Promise<Principal | undefined>;
  /** Runs what waits for its time. */
  passTime(): void;
  readonly watching: Watching;
  /** The time that the domain sees; it does not move by itself. */
  time: Date;
  close(): Promise<void>;
}

/** A report with this outcome, as a validator would give it. */
export function reportOf(outcome: ValidationOutcome, steps: readonly ValidationStep[] = []): ValidationReport {
  return { outcome, message: `The outcome was ${outcome}.`, hint: null, retryable: false, retryAfter: null, realmHost: null, checkedAt: 1_700_000_000_000, durationMs: 5, steps };
}

/** Opens a domain in a directory of its own. */
export async function openDomain(pullSettings: PullSettings = { anonymousAllowed: true }): Promise<TestDomain> {
  const directory = mkdtempSync(join(tmpdir(), 'regway-domain-'));
  const databaseFile = join(directory, 'regway.db');
  const store = await openStore({ url: databaseFile, migrationsDir: fileURLToPath(new URL('../../drizzle/', import.meta.url)) });
  const keyring = await loadKeyring(join(directory, 'keyring'), { createIfMissing: true });
  const sealer = await createSealer({ keyring, keys: store.keys });
  await store.audit.start(await openAuditMac({ keyring, keys: store.keys }));
  const waiting: (() => void)[] = [];
  const asked: AskedCheck[] = [];
  const uses: CredentialUse[] = [];
  const observed: ValidationReport[] = [];
  const observeValidation = (report: ValidationReport) => void observed.push(report);
  const now = () => domain.time;
  const stored = hidePast(tellChanges(store.registries, store.notices), { now, rotationWindowMs });
  let ids = 0;
  const validator = scriptedValidator((check) => asked.push(check), () => domain);
  const domain: Omit<TestDomain, 'useCases' | 'watching'> = {
    mint: async () => ({ token: new Secret('upstream-token'), expiresAt: new Date('2026-01-02T03:09:05Z') }),
    store,
    sealer,
    databaseFile,
    asked,
    uses,
    observed,
    outcome: 'VALID',
    meanwhile: undefined,
    takeValidation: () => 0,
    recall: async (login) => ({ ...login, images: null }),
    passTime: () => waiting.splice(0).forEach((run) => run()),
    time: new Date('2026-01-02T03:04:05Z'),
    close: () => store.close(),
    pulls: createPulls({ registries: stored, access: store.access, sealer, now, validator, observeValidation, rotationWindowMs, ledger: { record: (use) => void uses.push(use) } }, pullSettings),
    registries: createRegistries({
      registries: stored,
      access: store.access,
      sealer,
      validator,
      rotationWindowMs,
      validationBudget: { take: async (subject) => domain.takeValidation(subject) },
      now,
      newId: () => `reg_${String((ids += 1)).padStart(32, '0')}`,
      observeValidation,
    }),
  };
  const endpoint = () => new URL('https://regway.example');
  const { registries, pulls } = domain;
  const schedule = (run: () => void) => {
    waiting.push(run);
    return () => undefined;
  };
  const watching = createWatching({ registries: stored, access: store.access, notices: store.notices, recall: (login) => domain.recall(login), schedule });
  const pullTokens = createPullTokens({ pulls, minter: { mint: (source, signal) => domain.mint(source, signal) }, endpoint });
  const useCases = { registries, uses: createUses({ uses: store.uses }), watching, pullTokens, pullConfigs: createPullConfigs({ endpoint }), ...createAdministration(store, now) };
  return Object.assign(domain, { watching, useCases });
}

function scriptedValidator(record: (check: AskedCheck) => void, domain: () => Pick<TestDomain, 'meanwhile' | 'outcome'>): Validator {
  return {
    check: async (target: CheckTarget, credential: Credential, options = {}) => {
      const { host, repository, type, secureConnection, trustedRealm, probeRepository } = target;
      record({ target: { host, repository, type, secureConnection, trustedRealm, probeRepository }, username: credential.username, password: credential.password.reveal() });
      const step: ValidationStep = { kind: 'PING', status: 'PASSED', message: 'It answered.', durationMs: 1 };
      options.onStep?.(step);
      await domain().meanwhile?.();
      return reportOf(domain().outcome, [step]);
    },
  };
}

/** A caller of this role. */
export function callerOf(role: Role, account = 'admin', more: Partial<Principal> = {}): Caller {
  return { principal: { subject: `token:${role.toLowerCase()}`, account, role, images: null, expiresAt: null, ...more }, requestId: 'test-request' };
}

/** A caller who did not log in. */
export const stranger: Caller = { principal: undefined, requestId: 'test-request' };
