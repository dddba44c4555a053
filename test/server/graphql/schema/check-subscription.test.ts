// registryCheck and registryRecheck over Server-Sent Events: each step as it ends, the report last, and a validation that stops when its client disconnects.

import { createClient } from 'graphql-sse';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Registries } from '../../../../src/core/registries/registries.ts';
import { Secret } from '../../../../src/core/shared/secret.ts';
import type { ValidationStep } from '../../../../src/core/registry/report.ts';
import { callerOf, reportOf } from '../../../support/domain.ts';
import { jsonHeaders, openEndpoint, type TestEndpoint } from '../harness.ts';

let endpoint: TestEndpoint;

beforeEach(async () => {
  endpoint = await openEndpoint();
});

afterEach(() => endpoint.close());

const query =
  'subscription ($input: CreateRegistryInput!) { registryCheck(input: $input) { step { kind status } report { outcome } } }';
const variables = { input: { registry: 'a.example', username: 'u', password: 'hunter2' } };
const stepOf = (kind: ValidationStep['kind']): ValidationStep => ({
  kind,
  status: 'PASSED',
  message: 'Went well.',
  durationMs: 1,
});
const steps = [stepOf('RESOLVE'), stepOf('CONNECT'), stepOf('TLS')];

const subscribe = (init: RequestInit = {}, token: 'ADMIN' | 'PULL' | null = 'ADMIN') =>
  fetch(endpoint.url, {
    method: 'POST',
    headers: { ...jsonHeaders(token), accept: 'text/event-stream' },
    body: JSON.stringify({ query, variables }),
    ...init,
  });

/** The data of the `next` events of a whole stream. */
const messagesOf = (text: string): unknown[] =>
  [...text.matchAll(/^event: next\ndata: (.*)$/gm)].map(([, data = '']) => JSON.parse(data));

test('each step arrives when it ends, before the check is over', async () => {
  const gates = steps.map(() => Promise.withResolvers<void>());
  endpoint.overrides.check = async (_caller, _input, _settings, onStep) => {
    for (const [index, step] of steps.entries()) {
      onStep?.(step);
      await gates[index]?.promise;
    }
    return reportOf('VALID', steps);
  };
  const response = await subscribe();
  expect(response.headers.get('content-type')).toBe('text/event-stream');
  expect([response.headers.get('cache-control'), response.headers.get('x-accel-buffering')]).toEqual([
    'no-store',
    'no',
  ]);
  let text = '';
  let seen = 0;
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    // The validation continues only after its step was read here: a server that holds steps back would never finish.
    for (; seen < messagesOf(text).length; seen += 1) gates[seen]?.resolve();
  }
  expect(messagesOf(text)).toEqual([
    ...steps.map(({ kind, status }) => ({ data: { registryCheck: { step: { kind, status }, report: null } } })),
    { data: { registryCheck: { step: null, report: { outcome: 'VALID' } } } },
  ]);
  expect(text.trimEnd()).toMatch(/event: complete\ndata:$/);
});

test('steps that end together all arrive, in order', async () => {
  endpoint.overrides.check = async (_caller, _input, _settings, onStep) => {
    for (const step of steps) onStep?.(step);
    return reportOf('TIMEOUT', steps);
  };
  expect(messagesOf(await (await subscribe()).text())).toHaveLength(steps.length + 1);
});

test('a stock client of the protocol reads it', async () => {
  const client = createClient({ url: endpoint.url, headers: { authorization: 'Bearer ADMIN' } });
  const received: unknown[] = [];
  for await (const message of client.iterate({ query, variables })) received.push(message);
  client.dispose();
  expect(received.at(-1)).toEqual({ data: { registryCheck: { step: null, report: { outcome: 'VALID' } } } });
});

test('a client that hangs up stops the check', async () => {
  const aborted = Promise.withResolvers<void>();
  const started = Promise.withResolvers<void>();
  endpoint.overrides.check = ((caller, _input, _settings, onStep) => {
    onStep?.(stepOf('RESOLVE'));
    started.resolve();
    return new Promise((_resolve, reject) => {
      caller.signal?.().addEventListener('abort', () => {
        aborted.resolve();
        reject(new Error('aborted'));
      });
    });
  }) satisfies Registries['check'];
  const hangUp = new AbortController();
  const response = await subscribe({ signal: hangUp.signal });
  const reading = response.text().catch(() => 'hung up');
  await started.promise;
  hangUp.abort();
  await aborted.promise;
  expect(await reading).toBe('hung up');
});

test('an answer that was read whole aborts nothing', async () => {
  await (await subscribe()).text();
  expect(endpoint.calls[0]?.caller.signal?.().aborted).toBe(false);
});

test.each([
  ['no login', null, 'UNAUTHENTICATED'],
  ['a role that may not', 'PULL', 'FORBIDDEN'],
] as const)('%s is an error in the stream, and no check runs', async (_who, token, code) => {
  const text = await (await subscribe({}, token)).text();
  expect(messagesOf(text)).toMatchObject([{ errors: [{ extensions: { code } }] }]);
  expect(endpoint.domain.asked).toEqual([]);
});

test('an input that is wrong is an error in the stream', async () => {
  const body = JSON.stringify({ query, variables: { input: { ...variables.input, registry: 'not a registry' } } });
  expect(messagesOf(await (await subscribe({ body })).text())).toMatchObject([
    { errors: [{ extensions: { code: 'INVALID_REGISTRY', field: ['input', 'registry'] } }] },
  ]);
});

test('a fault in the middle is masked, and ends the stream', async () => {
  endpoint.overrides.check = async (_caller, _input, _settings, onStep) => {
    onStep?.(stepOf('RESOLVE'));
    throw new Error('hunter2');
  };
  const text = await (await subscribe()).text();
  expect(messagesOf(text)).toMatchObject([
    { data: { registryCheck: { report: null } } },
    { errors: [{ extensions: { code: 'INTERNAL_SERVER_ERROR', requestId: 'request-1' } }] },
  ]);
  expect(text).not.toContain('hunter2');
  expect(endpoint.log.join()).not.toContain('hunter2');
});

test('without a stream to write to, the check does not start', async () => {
  const answer = await endpoint.send(query, variables);
  expect([answer.status, answer.body.errors?.[0]?.extensions['code']]).toEqual([406, 'NOT_ACCEPTABLE']);
  expect(endpoint.calls).toEqual([]);
});

const recheck = 'subscription ($id: ID!) { registryRecheck(id: $id) { step { kind } report { outcome } } }';

/** Asks with this id, as an admin. */
const subscribeToRecheck = (id: string) => subscribe({ body: JSON.stringify({ query: recheck, variables: { id } }) });

test('a recheck sends its steps, and is recorded before the report is sent', async () => {
  const { domain } = endpoint;
  const admin = callerOf('ADMIN');
  const { registry } = await domain.registries.create(
    admin,
    { ...variables.input, password: new Secret('hunter2') },
    { secureConnection: true, validate: false },
  );
  domain.outcome = 'INVALID_CREDENTIALS';
  const messages = messagesOf(await (await subscribeToRecheck(registry.id)).text());
  expect(messages.at(-1)).toEqual({
    data: { registryRecheck: { step: null, report: { outcome: 'INVALID_CREDENTIALS' } } },
  });
  expect((await domain.registries.get(admin, { id: registry.id }))?.lastValidation?.outcome).toBe(
    'INVALID_CREDENTIALS',
  );
});

test('a recheck of a missing registry is an error in the stream', async () => {
  expect(messagesOf(await (await subscribeToRecheck('reg_made-up')).text())).toMatchObject([
    { errors: [{ extensions: { code: 'NOT_FOUND' } }] },
  ]);
});
