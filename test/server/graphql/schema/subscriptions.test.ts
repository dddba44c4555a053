// registryChanged and registryValidated over Server-Sent Events, to a stock client and to plain HTTP.

import { createClient } from 'graphql-sse';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { jsonHeaders, openEndpoint, type TestEndpoint } from '../harness.ts';

let endpoint: TestEndpoint;

beforeEach(async () => {
  endpoint = await openEndpoint();
});

afterEach(async () => {
  endpoint.domain.subscriptions.end();
  await endpoint.close();
});

const changed = 'subscription { registryChanged { kind registryId registry { registry lastValidation { outcome } } } }';
const create = (registry: string) =>
  endpoint.send(
    `mutation { createRegistry(input: { registry: "${registry}", username: "u", password: "hunter2" }) { registry { id } errors { code } } }`,
  );

const open = (query: string, signal: AbortSignal | null = null) =>
  fetch(endpoint.url, {
    method: 'POST',
    headers: { ...jsonHeaders('READ_WRITE'), accept: 'text/event-stream' },
    body: JSON.stringify({ query }),
    signal,
  });

/** Each server counts for itself. */
const maxStreams = () => 10 * endpoint.domain.replicas.length;

/** Reads until the text has what is looked for. */
async function readUntil(response: Response, wanted: RegExp): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if (wanted.test(text)) break;
  }
  return text;
}

test('a stock client hears of a registry that is created once it listens', async () => {
  const client = createClient({ url: endpoint.url, headers: { authorization: 'Bearer READ_WRITE' } });
  const messages = client.iterate({ query: changed });
  // The client does not say when it listens.
  const created: Promise<unknown>[] = [];
  const creating = setInterval(() => void created.push(create(`a${created.length}.example`)), 100);
  const { value } = await messages.next();
  clearInterval(creating);
  await Promise.all(created);
  client.dispose();
  expect(value).toMatchObject({
    data: { registryChanged: { kind: 'CREATED', registry: { lastValidation: { outcome: 'VALID' } } } },
  });
});

test('the answer begins when the stream listens, so that nothing after it is missed', async () => {
  const [changes, validations] = [
    await open(changed),
    await open('subscription { registryValidated { registry { registry } validation { outcome } } }'),
  ];
  expect([changes.headers.get('content-type'), changes.headers.get('cache-control')]).toEqual([
    'text/event-stream',
    'no-store',
  ]);
  await create('a.example');
  expect(await readUntil(changes, /"kind":"CREATED"/)).toContain('"registry":"a.example"');
  expect(await readUntil(validations, /"outcome":"VALID"/)).toContain('"registry":"a.example"');
});

test('a quiet stream says from its beginning that it is alive', async () => {
  expect(await readUntil(await open(changed), /^:\n\n/)).toMatch(/^:/);
});

test('clients that hang up make room for others', async () => {
  const hangUps = Array.from({ length: maxStreams() }, () => new AbortController());
  await Promise.all(hangUps.map(({ signal }) => open(changed, signal)));
  for (const hangUp of hangUps) hangUp.abort();
  await create('a.example');
  const isOpen = async (): Promise<boolean> => {
    const hangUp = new AbortController();
    const text = await readUntil(await open(changed, hangUp.signal), /^:|TOO_MANY/);
    hangUp.abort();
    return !text.includes('TOO_MANY');
  };
  await expect.poll(isOpen).toBe(true);
});

test('one stream too many is an error that says so, and reveals nothing else', async () => {
  await Promise.all(Array.from({ length: maxStreams() }, () => open(changed)));
  expect(await (await open(changed)).text()).toMatch(/"code":"RATE_LIMITED".*"reason":"TOO_MANY_STREAMS"/);
});

test('a login that ends, ends its stream with an error', async () => {
  const response = await open(changed);
  endpoint.domain.resolveLogin = async () => undefined;
  endpoint.domain.passTime();
  const text = await response.text();
  expect(text).toMatch(/"code":"UNAUTHENTICATED"/);
  expect(text.trimEnd()).toMatch(/event: complete\ndata:$/);
});
