// Real gateways in front of the whole server: what a caller of the composed graph gets, and how often we are asked for it.

import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { statementsDuring } from '../../support/statements.ts';
import { composers } from './compose.ts';
import { gateways, type Gateway } from './gateways.ts';
import { imagesSdl, serveImages, type ImagesSubgraph } from './images-subgraph.ts';
import { serveRegway, type Regway } from './regway.ts';

let regway: Regway;
let images: ImagesSubgraph;
const secret = 'the-password-that-stays-secret';
const sdl = readFileSync(new URL('../../../schema/subgraph.graphql', import.meta.url), 'utf8');

beforeAll(async () => {
  regway = await serveRegway();
  images = await serveImages('r3.example');
  for (let number = 0; number < 10; number += 1) await created(`r${number}.example`);
});

afterAll(async () => {
  await images.close();
  await regway.close();
});

async function created(registry: string): Promise<void> {
  const document =
    'mutation ($input: CreateRegistryInput!) { createRegistry(input: $input, validate: false) { errors { message } } }';
  const answer = await regway.send(regway.tokens.ADMIN, document, {
    input: { registry, username: 'robot', password: secret },
  });
  expect(answer).toEqual({ data: { createRegistry: { errors: [] } } });
}

function supergraph(composer: keyof typeof composers): string {
  return composers[composer]([
    { name: 'regway', url: regway.url, sdl },
    { name: 'images', url: images.url, sdl: imagesSdl },
  ]);
}

interface Answer {
  readonly data?: Record<string, unknown> | null;
  readonly errors?: readonly {
    readonly message: string;
    readonly path?: readonly (string | number)[];
    readonly extensions?: Readonly<Record<string, unknown>>;
  }[];
}

describe.each(Object.entries(gateways))('%s', (name, start) => {
  let gateway: Gateway;
  const seen: string[] = [];

  beforeAll(async () => {
    gateway = await start(supergraph(name === 'Hive Gateway' ? 'The Guild' : 'Apollo'));
  });

  afterAll(() => gateway.close());

  async function ask(
    query: string,
    token: string | null = regway.tokens.ADMIN,
    variables: object = {},
  ): Promise<Answer> {
    const headers = {
      'content-type': 'application/json',
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
    };
    const text = await (
      await fetch(gateway.url, { method: 'POST', headers, body: JSON.stringify({ query, variables }) })
    ).text();
    seen.push(text);
    return JSON.parse(text) as Answer;
  }

  const codes = ({ errors = [] }: Answer) => [...new Set(errors.map(({ extensions }) => extensions?.['code']))];

  test('an image of another subgraph has the registry that a pull of it uses', async () => {
    const answer = await ask(
      '{ containerImages(first: 3) { nodes { reference sizeBytes host tag registry { registry username lastValidation { outcome } } } pageInfo { hasNextPage } } }',
    );
    expect(answer.errors).toBeUndefined();
    expect(answer.data).toMatchObject({
      containerImages: {
        nodes: [0, 1, 2].map((number) => ({
          reference: `r${number}.example/team/app-${number}:1`,
          sizeBytes: expect.any(Number),
          host: `r${number}.example`,
          tag: '1',
          registry: { registry: `r${number}.example`, username: 'robot', lastValidation: { outcome: 'SKIPPED' } },
        })),
      },
    });
  });

  test('an image of Regway has the fields of the other subgraph', async () => {
    const answer = await ask(
      '{ image(reference: "r1.example/a:2") { registry { registry } sizeBytes status owner { role } } }',
    );
    expect(answer).toEqual({
      data: { image: { registry: { registry: 'r1.example' }, sizeBytes: 14, status: 'OK', owner: { role: 'OWNER' } } },
    });
  });

  test('a registry that another subgraph names by its text is ours', async () => {
    const answer = await ask('{ deployments { name mirror { registry username secureConnection } account { name } } }');
    expect(answer).toEqual({
      data: {
        deployments: [
          {
            name: 'shop',
            mirror: { registry: 'r3.example', username: 'robot', secureConnection: true },
            account: { name: 'shop' },
          },
        ],
      },
    });
  });

  test('fifty images over ten registries are one request to us and at most three statements', async () => {
    const before = await regway.requests();
    let answer: Answer = {};
    const statements = await statementsDuring(async () => {
      answer = await ask(
        '{ containerImages(first: 50) { nodes { reference registry { id registry lastValidation { outcome } } candidates { matched } } } }',
      );
    });
    expect(answer.errors).toBeUndefined();
    const registry = {
      id: expect.stringMatching(/^reg_/),
      registry: expect.stringMatching(/^r\d\.example$/),
      lastValidation: { outcome: 'SKIPPED' },
    };
    expect(answer.data).toMatchObject({
      containerImages: { nodes: Array.from({ length: 50 }, () => ({ registry, candidates: [{ matched: true }] })) },
    });
    expect(await regway.requests()).toBe(before + 1);
    expect(statements).toHaveLength(3);
  });

  test('a mutation through the gateway answers with its payload, and its errors are data there too', async () => {
    const document =
      'mutation ($input: CreateRegistryInput!) { createRegistry(input: $input, validate: false) { registry { id } errors { code field } } }';
    const answer = await ask(document, regway.tokens.READ_WRITE, {
      input: { registry: 'r1.example', username: 'robot', password: secret },
    });
    expect(answer).toEqual({
      data: { createRegistry: { registry: null, errors: [{ code: 'ALREADY_EXISTS', field: ['input', 'registry'] }] } },
    });
  });

  const imagesWithRegistry = '{ containerImages(first: 2) { nodes { reference registry { registry } } } }';

  test.each([
    ['nobody', null, 'UNAUTHENTICATED', /^Authentication required/],
    ['a token whose role may not', 'READ_ONLY', 'FORBIDDEN', /^The role READ_ONLY does not allow /],
  ] as const)(
    '%s gets the images of the other subgraph, null for the registry, and the code',
    async (_, role, code, message) => {
      const answer = await ask(imagesWithRegistry, role === null ? null : regway.tokens[role]);
      expect(answer.data).toEqual({
        containerImages: {
          nodes: [0, 1].map((number) => ({ reference: `r${number}.example/team/app-${number}:1`, registry: null })),
        },
      });
      expect(codes(answer)).toEqual([code]);
      expect(answer.errors?.[0]?.message).toMatch(message);
    },
  );

  test('a token that may only pull sees which registry an image uses, and is refused the list', async () => {
    expect((await ask(imagesWithRegistry, regway.tokens.PULL)).errors).toBeUndefined();
    expect(codes(await ask('{ registries { totalCount } }', regway.tokens.PULL))).toEqual(['FORBIDDEN']);
  });

  test('a bad reference has its code, and the good ones next to it are resolved', async () => {
    const answer = await ask(
      '{ bad: containerImage(reference: "Bad//Name") { sizeBytes registry { registry } } good: containerImage(reference: "r2.example/a") { registry { registry } } }',
    );
    expect(answer.data).toEqual({
      bad: { sizeBytes: 9, registry: null },
      good: { registry: { registry: 'r2.example' } },
    });
    expect(codes(answer)).toEqual(['INVALID_REFERENCE']);
    expect(codes(await ask('{ image(reference: "Bad//Name") { tag } }'))).toEqual(['INVALID_REFERENCE']);
  });

  test('a rejected token is UNAUTHENTICATED, and our address stays inside', async () => {
    const rejected = `${regway.tokens.ADMIN.slice(0, -4)}0000`;
    for (const query of [imagesWithRegistry, '{ registries { totalCount } }']) {
      const answer = await ask(query, rejected);
      expect(codes(answer)).toEqual(['UNAUTHENTICATED']);
      expect(JSON.stringify(answer)).not.toContain(new URL(regway.url).host);
    }
  });

  test('a password that fits nowhere is not repeated', async () => {
    const document = 'mutation ($input: CreateRegistryInput!) { createRegistry(input: $input) { errors { code } } }';
    const answer = await ask(document, regway.tokens.ADMIN, {
      input: { registry: 'Bad//Name', username: 'a:b', password: secret },
    });
    expect(answer.data).toMatchObject({ createRegistry: { errors: [{ code: expect.any(String) }] } });
  });

  test('an image outlives its registry', async () => {
    const query = '{ containerImage(reference: "gone.example/a:1") { sizeBytes registry { id } } }';
    await created('gone.example');
    const id = /reg_\w+/.exec(JSON.stringify(await ask(query)))?.[0];
    expect(
      await ask('mutation ($id: ID!) { deleteRegistry(id: $id) { deletedId } }', regway.tokens.ADMIN, { id }),
    ).toEqual({ data: { deleteRegistry: { deletedId: id } } });
    expect(await ask(query)).toEqual({ data: { containerImage: { sizeBytes: 16, registry: null } } });
  });

  test('no secret and no token crossed, in any answer of this suite', () => {
    expect(seen.length).toBeGreaterThan(10);
    for (const forbidden of [secret, ...Object.values(regway.tokens)])
      expect(seen.filter((text) => text.includes(forbidden))).toEqual([]);
  });
});

// Apollo's gateway for Node runs no subscriptions.
test('through Hive Gateway the steps of a check arrive one by one', async () => {
  const gateway = await gateways['Hive Gateway'](supergraph('The Guild'));
  const query =
    'subscription ($input: CreateRegistryInput!) { registryCheck(input: $input) { step { kind } report { outcome } } }';
  const headers = {
    'content-type': 'application/json',
    accept: 'text/event-stream',
    authorization: `Bearer ${regway.tokens.ADMIN}`,
  };
  const variables = { input: { registry: '127.0.0.1:1', username: 'robot', password: secret } };
  const text = await (
    await fetch(gateway.url, { method: 'POST', headers, body: JSON.stringify({ query, variables }) })
  ).text();
  await gateway.close();
  const messages = [...text.matchAll(/^data: (\{.*)$/gm)].map(([, data = '']) => JSON.parse(data) as unknown);
  const step = (kind: string) => ({ data: { registryCheck: { step: { kind }, report: null } } });
  expect(messages).toEqual([
    step('RESOLVE'),
    step('CONNECT'),
    { data: { registryCheck: { step: null, report: { outcome: 'UNREACHABLE' } } } },
  ]);
  expect(text).not.toContain(secret);
});
