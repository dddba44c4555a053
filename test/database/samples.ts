// Rows for the store's tests: valid, and different in every field that matters to the test.

import { createHmac, createSecretKey } from 'node:crypto';
import type { StoredToken } from '../../src/core/accounts/store.ts';
import type { AuditMac } from '../../src/core/audit/chain.ts';
import type { AuditEvent } from '../../src/core/audit/event.ts';
import type { DataKeyRow } from '../../src/core/passwords/key-store.ts';
import type { Registry } from '../../src/core/registry/registry.ts';
import type { ValidationReport } from '../../src/core/registry/report.ts';
import type { PageQuery } from '../../src/core/registry/store.ts';

const start = Date.UTC(2026, 0, 2, 3, 4, 5, 678);

/** The first part of a list, larger than any in these tests. */
export const wholeList = { after: null, before: null, forward: true, limit: 2_000 } as const;

export function sampleRegistry(number: number, change: Partial<Registry> = {}): Registry {
  const repository = `team/app-${number}`;
  return {
    id: `reg_${String(number).padStart(32, '0')}`,
    account: 'admin',
    registry: `registry.example:5000/${repository}`,
    host: 'registry.example:5000',
    repository,
    name: `Registry ${number}`,
    type: 'DOCKER_V2',
    username: `robot-${number}`,
    secureConnection: true,
    trustedRealm: null,
    probeRepository: null,
    lastValidation: null,
    version: 1,
    secretVersion: 1,
    pendingSince: null,
    previousUsableUntil: null,
    createdAt: new Date(start + number),
    updatedAt: new Date(start + number),
    ...change,
  };
}

export function sampleEvent(change: Partial<AuditEvent> = {}): AuditEvent {
  return {
    at: new Date(start),
    actor: 'token:tester',
    account: 'admin',
    action: 'registry.create',
    target: 'reg_1',
    targetText: 'registry.example:5000/team/app-1',
    outcome: 'DONE',
    requestId: 'request-1',
    ...change,
  };
}

/** The audit chain's, under a key that every test has. */
export const sampleMac: AuditMac = Object.assign(
  (text: string) => createHmac('sha256', 'a key for tests').update(text).digest('hex'),
  { key: createSecretKey('a key for tests', 'utf8') },
);

export function sampleReport(change: Partial<ValidationReport> = {}): ValidationReport {
  return {
    outcome: 'VALID',
    message: 'The registry accepted the credential.',
    hint: null,
    retryable: false,
    retryAfter: null,
    realmHost: 'auth.example',
    checkedAt: start,
    durationMs: 12,
    steps: [{ kind: 'PING', status: 'PASSED', message: 'It answered – 401 “Bearer”.', durationMs: 3 }],
    ...change,
  };
}

export function sampleToken(id: string, change: Partial<StoredToken> = {}): StoredToken {
  return {
    id,
    account: 'admin',
    role: 'READ_WRITE',
    name: 'build server',
    secretHash: new Uint8Array(32).fill(7),
    images: null,
    createdAt: new Date(start),
    expiresAt: null,
    revokedAt: null,
    lastUsedAt: null,
    ...change,
  };
}

export function sampleKey(id: number): DataKeyRow {
  return {
    id,
    rootKeyId: '0123456789abcdef',
    wrapped: new Uint8Array([0, 255, id % 256]),
    state: 'ACTIVE',
    createdAt: new Date(start),
  };
}

export function pageQuery(change: Partial<PageQuery> = {}): PageQuery {
  return {
    account: 'admin',
    filter: {},
    field: 'REGISTRY',
    direction: 'ASC',
    after: null,
    before: null,
    forward: true,
    limit: 101,
    ...change,
  };
}

/** A sealed password of the usual size. */
export function sampleSealed(fill = 1): Uint8Array {
  return new Uint8Array(129).fill(fill);
}
