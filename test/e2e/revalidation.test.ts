// Checks on schedule against a real registry whose password changes: the outcome turns, and the old password is sent once more and never again.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { publishChanges } from '../../src/core/registry/events.ts';
import { startRevalidation, type Revalidation } from '../../src/core/validation/revalidation.ts';
import { Secret } from '../../src/core/shared/secret.ts';
import { createValidator } from '../../src/upstream/validation/validator.ts';
import { callerOf, openDomain, type TestDomain } from '../support/domain.ts';
import { alice, startBasicRegistry, type PasswordRegistry } from './support/registries.ts';
import { refusedLoginsIn } from './support/registry-log.ts';

/** The shortest interval that can be set. */
const everyMs = 3_600_000;
const writer = callerOf('READ_WRITE');

let registry: PasswordRegistry;
let domain: TestDomain;
const validator = createValidator({
  loopbackAllowed: true,
  egressAllow: [],
  egressDeny: [],
  plainHttpHosts: [],
  extraCa: undefined,
  now: () => domain.time,
});
const faults: unknown[] = [];

beforeAll(async () => {
  registry = await startBasicRegistry([alice]);
  domain = await openDomain();
});

afterAll(async () => {
  await validator.close();
  await domain?.close();
  await registry?.stop();
});

/** Restarts the schedule, as a new server does: the due registries follow from the stored rows. */
function startSchedule(): Revalidation {
  const { store, sealer } = domain;
  return startRevalidation({
    registries: publishChanges(store.registries, store.notifications),
    access: store.access,
    sealer,
    validator,
    now: () => domain.time,
    observeValidation: () => undefined,
    everyMs,
    setTimer: () => () => undefined,
    monotonicMs: () => performance.now(),
    newRequestId: () => 'sweep',
    onFailure: (fault) => faults.push(fault),
  });
}

async function sweepAfter(hours: number): Promise<void> {
  domain.time = new Date(domain.time.getTime() + hours * everyMs);
  const schedule = startSchedule();
  await schedule.sweep();
  await schedule.close();
}

test('a password that was changed at the registry is sent once, until its new one is stored', async () => {
  const { registry: stored } = await domain.registries.create(
    writer,
    { registry: registry.host, username: alice.username, password: new Secret(alice.password) },
    { secureConnection: false, validate: true },
  );
  const outcome = async () => (await domain.registries.get(writer, { id: stored.id }))?.lastValidation?.outcome;
  const refused = () => refusedLoginsIn(registry.log());
  await sweepAfter(2);
  expect([await outcome(), refused()]).toEqual(['VALID', []]);

  const changed = { ...alice, password: 'another-password' };
  registry.setUsers([changed]);
  // Anonymous requests are refused too, so only those with a name count.
  for (let time = 0; time < 5; time += 1) await sweepAfter(48);
  expect(await outcome()).toBe('INVALID_CREDENTIALS');
  expect(refused()).toEqual([alice.username]);
  const events = await domain.useCases.auditTrail.of(writer, stored, {});
  expect(events.map(({ actor, action, outcome: ended }) => [actor, action, ended])).toEqual([
    ['system:revalidation', 'registry.validate', 'INVALID_CREDENTIALS'],
    [writer.principal?.subject, 'registry.create', 'VALID'],
  ]);

  await domain.registries.update(
    writer,
    stored.id,
    { password: new Secret(changed.password) },
    { secureConnection: false, validate: true },
  );
  await sweepAfter(48);
  expect([await outcome(), refused(), faults]).toEqual(['VALID', [alice.username], []]);
});
